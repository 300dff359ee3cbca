"""Support tickets written by hand for the tests: 56 about the AI, each with its theme, and 70 about other things.

Those who are let down by the AI seldom name it; many others write "AI", "model", "score", "slow" or "wrong"
about something else. Written before the words of :class:`afterlaunch.tickets.Wording`, by the same author:
figures measured on them flatter the rules.
"""

ABOUT_AI = {
    "wrong verdict": (
        (
            "Cracked windscreen put in the suspicious pile again. It is a stone chip with a photo from the garage. "
            "Please have someone look at what the automatic check is doing."
        ),
        "The suggestion said reject, I paid it anyway after one phone call. Third time this week.",
        "0.91 for a stolen bicycle with police report, receipt and two witnesses? Come on.",
        (
            "Water damage, 40 photos, plumber's bill, and the system decided it was a duplicate. The other one is the "
            "upstairs neighbour!"
        ),
        "screening let through a claim dated before the policy even started. any trainee would see that",
        "Your bot turned down my hail claim although the whole village was hit on the same evening.",
        "It keeps marking dental bills from Dr. Brunner as fraud. He has been a trusted partner for ten years.",
        "Recommendation to decline a broken phone because 'no proof of purchase'. The proof is page 2 of the PDF.",
        "Since Tuesday nearly every travel claim gets the red label. I override nine out of ten.",
        "The model is off with vintage cars: it thinks a 1967 Beetle cannot be worth CHF 30,000.",
        (
            "Three burst pipes in one frozen valley and every one of them is called implausible. Did nobody tell the "
            "thing that it was minus 18?"
        ),
    ),
    "contradictory answers": (
        "Pressed check twice on the same file, first green, then red. Which one do I believe?",
        "On Monday it said pay, today it says investigate, and nobody touched the claim.",
        "My colleague Ms. Rossi gets low risk and I get high risk for the identical claim. How is that possible?",
        "The recommendation changed its mind after I reopened the case, nothing else was different.",
        "I uploaded the invoice again by mistake and the result went from 12 to 78 points.",
        (
            "Same storm, same street, same roof. One neighbour accepted, the other one refused by the automatic check. "
            "We look ridiculous."
        ),
        "Answers differ between the app and the desktop for claim CLM-2024-00817. One of the two must be wrong.",
        "Put the same question to the assistant two times and got two opposite replies.",
        (
            "Last month these would have gone straight through, now they all land on my desk. Did someone move the "
            "goalposts?"
        ),
    ),
    "too slow": (
        (
            "I wait eight seconds for every suggestion now, it used to be instant. With 120 files a day I have stopped "
            "waiting."
        ),
        (
            "The little wheel 'reviewing your document' turned for two minutes and then nothing came. I decided by "
            "myself."
        ),
        "Mornings between 9 and 10 the risk result takes forever, so we click on without it.",
        "No score came back for the last 15 claims, only 'please be patient'.",
        "It thinks so long that the customer on the phone hangs up.",
        "Screening hangs on files with many pictures. Had to close the browser.",
        "Is the assessment running on a toaster? Clicked again and again, half a minute each.",
        "Timed out waiting for the recommendation, again. We have a queue of people here.",
    ),
    "unexplained": (
        "Why is this one flagged? There is no reason shown and I have to tell the customer something.",
        "I cannot explain to Mr Keller why his claim was held back, the screen only says 'elevated risk'.",
        "73. Seventy-three what? Out of what? Because of what?",
        "The reasons under the result are gibberish: 'feature_12 high'. Nobody at the desk understands that.",
        "A broker demands to know why we declined and all I have is a red dot.",
        "It says 'unusual pattern' for everything. Try telling that to a person who fell off a ladder.",
        "We used to see which documents were looked at. Now it is a black box.",
        "Please tell us what moves the number. We are signing decisions that we don't understand.",
    ),
    "unfair to a group": (
        (
            "Everyone from our Romanian community office gets extra checks. It looks like the names are enough to "
            "trigger it."
        ),
        "All of my older customers are sent to manual review, the younger ones sail through.",
        "Why are claims from postcode 4057 always red? Honest people live there too.",
        (
            "Women coming back from maternity leave get their disability claims questioned by the system, men never. "
            "I went through thirty."
        ),
        "Taxi drivers are treated as crooks by this thing.",
        "The scoring seems biased against people who write in French, their files always need a second look.",
        "People without a smartphone are punished: paper claims come out 20 points worse.",
    ),
    "wrong document": (
        "It read the dentist's bill as a car repair estimate and asked for a licence plate.",
        "The amount it took from the receipt is the phone number of the shop.",
        (
            "The automatic reading mixed up two customers: the summary in the Weber file is about somebody else's "
            "kitchen fire."
        ),
        "It summarised the attachment from 2011 instead of the one that came yesterday.",
        "A handwritten letter was recognised as an empty page and the claim was closed as incomplete.",
        "Dates swapped: 03/04 was taken as 4 March, so it thinks the accident was before the cover began.",
        "AI pulled the total from a different invoice in the bundle, off by a factor of ten.",
    ),
    "other": (
        (
            "Nobody asked us whether we want a machine to judge our work. Can it be switched off for the complaints "
            "team?"
        ),
        "The assistant answered a customer in a tone that I would not use with my dog.",
        "I overrode it with a comment, the comment is gone, and tomorrow it will make the same mistake.",
        "I don't trust the traffic light any more, and neither does my team.",
        "The algorithm wants every single file sent to an expert. We have two experts.",
        "Half of us ignore the coloured boxes by now. Worth thinking about before you roll it out to Zurich.",
    ),
}

OTHER = (
    # The AI is named, and is not what the ticket is about.
    "Please send the invoice for the AI add-on to the new cost centre.",
    "Invoice for the AI add-on shows 14 seats, we have 11. Wrong since January.",
    "When is the next AI training for new joiners? I missed the one in March.",
    "The slides of the AI webinar are not in the shared folder.",
    "Do we get the AI module with the basic licence or does it cost extra?",
    "Our works council asks for the contract annex about the AI, can you send it again?",
    "Customer drives a Tesla Model 3 and the vehicle list only knows models up to 2018.",
    "Which model of scanner do you recommend for the Basel office?",
    "The chat bot window covers the phone number on the public website.",
    "Who signs off the model risk questionnaire for the auditors this year?",
    # The words of a complaint, about something else.
    "The page with my open cases takes forever to load.",
    "Login is so slow today that I was thrown out twice.",
    "Printing of letters is slow since the move to the new server.",
    "The system is slow in all branches this morning, even the address book.",
    "Search results come in a different order every time I look.",
    "VPN drops every ten minutes, I have been waiting for help since Thursday.",
    "Wrong address on the letter to Mrs Huber, the right one is in the master data.",
    "I entered the wrong amount in claim 20931 and cannot change it any more.",
    "Two of my colleagues have the same user number. That makes no sense.",
    "Why do I have to change my password every 30 days?",
    "The exchange rate in the travel form is wrong, it shows the one of last week.",
    "Payment went out twice for the same invoice, please stop the second one.",
    "The hotline let me wait for 25 minutes and then cut me off.",
    "It is unfair that the Geneva team gets the new screens first.",
    "The totals in the monthly Excel export contradict the dashboard.",
    "Street names with an accent come out as gibberish in the PDF.",
    "Different spelling of the same garage in the partner list, three entries.",
    # Suggestion, score, flag, check, recommendation: the words, not the AI.
    "I have a suggestion: a dark mode for those who work at night.",
    "The credit score field in the broker portal is read-only, I need to edit it.",
    "Please flag invoice 55-2013 as paid.",
    "Address field suggests the wrong street when I type the postcode.",
    "Can you check whether the letter of 12.03.2024 left the house?",
    "The customer asks for a letter of recommendation for her new landlord.",
    "Our satisfaction score for the quarter is missing on the wall screen.",
    "Where do I find the form for a second opinion by our doctor?",
    "The country flag next to the phone field shows Austria for Australian numbers.",
    "Please set up a shared mailbox for the assistants in Lausanne.",
    # Plain office life.
    "Please reset my password, the account is locked.",
    "New phone, how do I move the authenticator?",
    "The IBAN CH93 0076 2011 6238 5295 7 is refused although the bank says it exists.",
    "I need access to the archive of 2009 for a court case.",
    "Printer on the third floor is out of toner.",
    "The mouse pointer disappears when I connect the second screen.",
    "Could you add Sandra Frei to the distribution list of the liability team?",
    "Attachment larger than 20 MB cannot be uploaded.",
    "The search does not find claims older than five years.",
    "How do I reopen a closed file? The button is grey.",
    "Calendar invitations arrive an hour late since the clocks changed.",
    "My name is spelled Mueller in the directory and should be Müller.",
    "Please delete the test user that I created yesterday.",
    "The form for hail damage has no field for the roof area.",
    "We need the German version of the privacy notice.",
    "Headset crackles in calls, the cable is fine.",
    "Can the letter template for partial payments get the new logo?",
    "The new coffee machine trips the fuse.",
    "Scanner puts the pages upside down.",
    "I left my badge at home, who lets me in?",
    "The export to the accounting system stopped at 02:10 with code 500.",
    "Customer portal shows the old premium for policy KV-88213-A.",
    "Please unlock claim 2024/118, my colleague went on holiday with the file open.",
    "The deadline reminder for appeals came after the deadline.",
    "Where is the list of holidays for the Zurich office?",
    "The signature pad in branch 14 does not react.",
    "Please merge the duplicate customers Anna Meier and Anna Meyer.",
    "Zip files from the police cannot be opened.",
    "Could the mail merge sort by canton?",
    "The broker Tobias Lang changed his bank details, form attached.",
    "Translation of the claim form into Italian has a typo on page 3.",
    "I would like to change my working hours in the tool from June.",
    "Screen goes black after ten minutes, can that be made longer?",
)

TEXTS = tuple(text for texts in ABOUT_AI.values() for text in texts) + OTHER
LABELS = tuple(True for texts in ABOUT_AI.values() for _ in texts) + (False,) * len(OTHER)
THEMES = tuple(theme for theme, texts in ABOUT_AI.items() for _ in texts) + (None,) * len(OTHER)
