"""Months small enough to work out by hand: profiles made of rows, outcomes made of counts by score."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import numpy as np

from afterlaunch.drift_evidence import DriftEvidence, OutcomeMonth, SegmentMonths
from afterlaunch.health_counts import SCORE_GRID
from afterlaunch.health_measures import Resampling
from afterlaunch.health_report import Labels
from afterlaunch.profiles import MonthProfile, NumberCounts, NumberGrid, RowSample, TextCounts, VersionScores
from afterlaunch.windows import Window

LAST_MONTH = Window.parse("2024-01")
WHOLE = NumberGrid(exponent=0, whole=True)
LABELS = Labels(model="toy", title="Toy model")
RESAMPLING = Resampling(n_resamples=200, seed=1)
LOW, HIGH = 0.2, 0.6
"""The two scores of the toy model: of ``load`` 0, and of ``load`` 1, which is an alert."""
WOBBLE = (0, 8, -8, 4, -4, 0, 8, -8, 4, -4, 0, 0)
"""By how much better than usual each month ranks (:func:`outcome_month`)."""


def windows(n_months):
    """Return the months up to the last one."""
    return LAST_MONTH.previous(n_months - 1).months_until(LAST_MONTH)


def toy_profile(window, *, score, numbers=None, texts=None, alert=None, version="v1", grid=WHOLE):
    """Count rows, given as one value a row: nan (of numbers) and None (of texts) are missing.

    The sample holds all rows. An alert is a score of 0.5 or more unless it is said.
    """
    score = np.asarray(score, np.float64)
    alert = score >= 0.5 if alert is None else np.asarray(alert, np.bool_)
    versions = np.broadcast_to(np.asarray(version), score.shape).astype(str)
    cells = {
        name: np.floor(np.asarray(values, np.float64) / grid.width)
        for name, values in (numbers or {}).items()
    }
    codes = {
        name: np.array(["" if one is None else f"={one}" for one in rows])
        for name, rows in (texts or {}).items()
    }
    return MonthProfile(
        window=window,
        n=score.size,
        grids=dict.fromkeys(cells, grid),
        numbers={name: _number_counts(one) for name, one in cells.items()},
        texts={name: text_counts(Counter(rows)) for name, rows in (texts or {}).items()},
        scores={
            str(name): _version_scores(score[versions == name], alert[versions == name])
            for name in np.unique(versions)
        },
        sample=RowSample(
            score=score, decision=alert.astype(np.float64), version=versions, inputs={**cells, **codes}
        ),
    )


def _number_counts(cells):
    values, n = np.unique(cells[~np.isnan(cells)], return_counts=True)
    return NumberCounts(cells=values.astype(np.int64), n=n, n_missing=int(np.isnan(cells).sum()))


def text_counts(n_by_text, *, n_other=0):
    """Return counts of texts as a profile keeps them; None counts the missing ones."""
    known = sorted((-n, text) for text, n in n_by_text.items() if text is not None)
    return TextCounts(
        texts=tuple(text for _, text in known),
        n=np.array([-n for n, _ in known], dtype=np.int64),
        n_other=n_other,
        n_missing=n_by_text.get(None, 0),
    )


def _version_scores(score, alert):
    bins, places = np.unique(SCORE_GRID.index(score), return_inverse=True)
    return VersionScores(
        bins=bins,
        n=np.bincount(places, minlength=bins.size),
        n_alerts=np.bincount(places, weights=alert, minlength=bins.size).astype(np.int64),
        sum_score=float(score.sum()),
    )


def laid_out(n_by_value, n):
    """Return one value a row: so many rows of each, the rest of ``n`` has the last value."""
    rows = [value for value, count in n_by_value.items() for _ in range(count)]
    return rows + [next(reversed(n_by_value))] * (n - len(rows))


def load_month(window, n_high, *, n=1000, kind=None, more=None, version="v1", scale=1):
    """Return a month of the toy model, which looks at ``load`` alone: ``n_high`` of ``n`` rows are 1, the others 0.

    ``kind`` (a text, rows by value) and ``more`` (numbers, one value a row) do not go with ``load``. ``scale``
    repeats every row.
    """
    random = np.random.default_rng(n_high)
    load = np.repeat([0.0, 1.0], [n - n_high, n_high])
    texts = {} if kind is None else {"kind": list(random.permutation(np.array(laid_out(kind, n), object)))}
    return toy_profile(
        window,
        score=np.tile(np.where(load == 1, HIGH, LOW), scale),
        numbers={name: np.tile(rows, scale) for name, rows in {"load": load, **(more or {})}.items()},
        texts={name: rows * scale for name, rows in texts.items()},
        version=version,
    )


def load_months(n_high, **given):
    """Return months of the toy model, the last one is January 2024."""
    return tuple(
        load_month(window, n, **given) for window, n in zip(windows(len(n_high)), n_high, strict=True)
    )


def toy_outcomes(window, *, negative, positive, n_days=20, versions=("v1",), by_day=None):
    """Return a month's judged rows from counts by score, shared out over the days as ``by_day`` says."""
    share = np.full(n_days, 1 / n_days) if by_day is None else np.asarray(by_day, np.float64)
    counts = np.zeros((2, SCORE_GRID.n_bins))
    total = 0.0
    for side, given in enumerate((negative, positive)):
        for score, n in given.items():
            counts[side, SCORE_GRID.index([score])[0]] += n
            total += score * n
    return OutcomeMonth(
        window=window,
        versions=versions,
        n_negative=np.outer(share, counts[0]),
        n_positive=np.outer(share, counts[1]),
        sum_score=share * total,
    )


def outcome_month(window, *, better=0, factor=1.0, **given):
    """Return 1,200 judged rows, 400 with the outcome; ROC AUC is 0.7 and grows by ``better`` / 1,600.

    A positive ranks above a negative in 0.8 x 0.6 of the pairs and ties in 0.8 x 0.4 + 0.2 x 0.6 of them.
    """
    return toy_outcomes(
        window,
        negative={0.2: 640 + better, 0.6: 160 - better},
        positive={0.2: 160 * factor, 0.6: 240 * factor},
        **given,
    )


def toy_segment(value, *, n_positive, sum_score, n=None, column="region"):
    """Return a segment's judged rows by month."""
    return SegmentMonths(
        column=column,
        value=value,
        n=np.asarray(np.full(len(n_positive), 1000) if n is None else n, np.float64),
        n_positive=np.asarray(n_positive, np.float64),
        sum_score=np.asarray(sum_score, np.float64),
    )


def toy_evidence(profiles, outcomes=(), segments=(), *, allowed=None):
    """Return evidence on the last of some months."""
    window = profiles[-1].window
    return DriftEvidence(
        window=window,
        profiles=tuple(profiles),
        outcomes=tuple(outcomes),
        segments=tuple(segments),
        as_of=window.end + dt.timedelta(days=1),
        outcomes_complete_until=outcomes[-1].window.end if outcomes else None,
        allowed=allowed or {},
    )
