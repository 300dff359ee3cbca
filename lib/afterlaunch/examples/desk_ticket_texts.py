"""What people write to the support of the simulated desk: sentences with gaps, by theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

WRONG_VERDICT: Final = "wrong verdict"
CONTRADICTORY: Final = "contradictory answers"
TOO_SLOW: Final = "too slow"
UNEXPLAINED: Final = "unexplained"
UNFAIR: Final = "unfair to a group"
WRONG_DOCUMENT: Final = "wrong document"
OTHER: Final = "other"

GAPS: Final[Mapping[str, Sequence[str]]] = {
    "tool": (
        "the suggestion", "the score", "the flag", "the automatic check", "the screening", "the system",
        "the traffic light", "the recommendation", "the assistant", "the tool", "the red marker", "the AI",
    ),
    "claim": ("claim", "case", "file", "dossier"),
    "thing": ("a broken windscreen", "a stolen bicycle", "a water leak", "a missed flight", "a cracked phone",
              "a dented door", "a lost suitcase", "a hail damage", "a burnt battery", "a flooded cellar"),
    "who": ("Mr Keller", "Mrs Rossi", "Ms Favre", "Mr Ammann", "Mrs Brunner", "Mr Silva", "Ms Huber"),
    "greet": ("Hello,", "Hi team,", "Good morning,", "Dear support,", "Hi,", "", "", ""),
    "bye": ("Regards, Anna Meier", "Thanks, Peter", "Best, L. Berger", "Kind regards, Sofia Conti", "Thank you", "",
            "", ""),
    "again": ("again", "for the third time this week", "since Monday", "once more", "today", ""),
    "desk": ("the Basel desk", "the Geneva desk", "our team", "the motor team", "the branch office"),
    "feel": ("This costs me half a day.", "Please look into it.", "I had to override it by hand.", "Not helpful.",
             "My colleagues see the same.", "The customer is upset.", "How can I trust this?", "", ""),
}  # fmt: skip

ABOUT_AI: Final[Mapping[str, Sequence[str]]] = {
    WRONG_VERDICT: (
        "{tool} marked {claim} {number} of {who} as suspicious although everything is documented",
        "{claim} {number}: {tool} is plainly wrong, this is {thing} and nothing else",
        "{tool} let {claim} {number} pass, and it was irregular as anybody can see",
        "honest customer, clean papers, and still {tool} says review for {number}",
        "{number} is flagged red {again}, I checked it twice and there is nothing wrong with it",
        "why is {thing} of {who} treated as fraud, {tool} got it wrong {again}",
        "another false alarm on {number}, the third one from {desk} {again}",
        "{tool} missed an obvious case, {number}, invoices for {thing} that never happened",
        "{number} was stopped and should not have been, {thing} is covered and documented",
        "nothing is wrong with {claim} {number}, please let it through",
        "wrong decision on {number}, {who} did nothing but report {thing}",
    ),
    CONTRADICTORY: (
        "I opened {claim} {number} twice and got two different answers",
        "{number}: first green, a minute later red, nothing was changed in between",
        "{tool} changed its mind on {claim} {number} when I clicked again",
        "my colleague sees review for {number} and I see pay out, which one is right",
        "same {claim}, same papers, another result after reload: {number}",
        "{tool} contradicts itself {again}, see {number}",
    ),
    TOO_SLOW: (
        "waiting ages for {tool} on {number}, I gave up and decided by myself",
        "the answer for {number} takes forever {again}",
        "{tool} hangs every Monday morning, five seconds and more for one {claim}",
        "I clicked three times because nothing came back for {number}",
        "it is so slow {again} that {desk} no longer uses it",
        "spinning wheel for {number}, then an error instead of a result",
        "{claim} {number} does not open for half a minute {again}",
    ),
    UNEXPLAINED: (
        "{tool} says review for {number} and gives no reason whatsoever",
        "what am I supposed to tell {who}, there is no explanation for the red mark on {number}",
        "no idea why {number} needs a second look, {tool} does not say",
        "I need a reason for {claim} {number}, a number alone is not one",
        "customer of {number} asks why and I cannot answer, nothing is shown",
        "why was {claim} {number} stopped, {who} wants to know",
    ),
    UNFAIR: (
        "{tool} picks on customers from abroad, see {number} and the ones before",
        "it is always the young drivers that are stopped, {number} is one more",
        "why do claims that come through the app get red so often, {number} for example",
        "older customers are checked twice as often, {who} complained about {number}",
    ),
    WRONG_DOCUMENT: (
        "{tool} reads the invoice of another customer into {claim} {number}",
        "the papers shown for {number} belong to somebody else, the result is useless",
        "it took the hotel bill for a repair bill in {number}",
        "wrong attachment was judged for {claim} {number}, mine shows {thing}",
        "{number}: the amount was taken from the wrong page, so the verdict is nonsense",
        "two documents were mixed up in {number} and now it says irregular",
    ),
}  # fmt: skip

NOT_ABOUT_AI: Final[Sequence[str]] = (
    "how do I reset my password, I am locked out {again}",
    "please change the address of {who} in {claim} {number}",
    "printer on the second floor does not work {again}",
    "the customer of {number} sent the invoice for {thing}, where do I upload it",
    "I need access to the archive for {desk}",
    "payment of {number} was booked twice, please reverse it",
    "phone line of {desk} is dead {again}",
    "where do I find the form for {thing}",
    "invoice for the AI add-on came to the wrong cost centre",
    "training on the new screening rules: is there a second date for {desk}",
    "please close {claim} {number}, {who} has withdrawn",
    "the letter for {who} went to the old address, {number}",
    "my monitor flickers {again}",
    "the limit for {desk} is too low to pay {number}",
    "bank details of {who} are wrong in {number}",
    "can somebody translate the report about {thing}, it is in Italian",
    "holiday list: {who} stands in for me until Friday",
    "the export to the accounting system failed {again}",
    "{claim} {number} shows the wrong broker",
    "which deductible holds for {thing} under the old contract",
    "copy of the police report for {number} is missing",
    "the new colleague at {desk} needs a badge",
    "when does the system go down for maintenance this weekend",
    "the score board in the canteen shows last year's numbers",
    "please explain the new bonus level of {who}",
    "model year of the car in {number} is not the one in the contract",
    "the system is slow {again}, even the mail takes ages",
    "wrong amount paid for {number}, the table says another one",
    "why was {claim} {number} refused by {desk}, {who} complains",
    "two different letters went to {who} about {number}",
    "the archive shows the wrong document for {number}",
    "{claim} {number} does not open {again}, something with my rights",
    "{who} is not happy with the decision of {desk} on {thing}",
    "I do not understand the new form for {thing}, is there an explanation",
    "please check {number}, the expert says {thing} is not covered",
    "no answer from {desk} about {number} for two weeks",
)
# What people add although it is not what they write about: some of it names the AI and praises it.
ASIDES: Final[Sequence[str]] = (
    "By the way, {tool} was right about {thing} last week.",
    "{tool} is fine, this is about something else.",
    "I know {tool} is not to blame here.",
    "Wrong department? Then please pass it on.",
    "It was slow on the phone, so I write.",
    "Why is there no reason given in the letter to {who}?",
    "The printer is broken, too.",
    "And I still wait for my new badge.",
    "The address of {who} has changed as well.",
    "Payment of {number} is due on Friday.",
)
PORTAL_OUTAGE: Final[Sequence[str]] = (
    "customers cannot log in to the portal {again}",
    "the portal shows a blank page after the upload of {number}",
    "{who} gets an error message when sending papers through the portal",
    "portal is down, customers send everything by mail to {desk}",
    "no confirmation after the upload of photos, {who} called twice about {number}",
)
