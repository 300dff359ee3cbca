"""Constructed worlds in which it is known what happened: what drift analysis is judged by.

A :class:`DriftWorld` is a scoring model's year in which nothing happens but what is :class:`Planted` in the last month.
Its evidence comes in three ways that know nothing of each other: counted here from drawn rows; read by the real reader
from the same rows as a log; and, for months of a million rows, drawn as counts without drawing rows.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special

from afterlaunch.drift_evidence import DriftEvidence, OutcomeMonth, SegmentMonths
from afterlaunch.engine import Source
from afterlaunch.health_counts import SCORE_GRID
from afterlaunch.health_report import Labels
from afterlaunch.model_version import ModelVersion
from afterlaunch.profiles import MonthProfile, NumberCounts, RowSample, TextCounts, VersionScores
from afterlaunch.scoring_log import Columns, LogSetup, OutcomeTable
from afterlaunch.windows import Window
from drift_model import (
    CATEGORIES,
    INPUTS,
    MIDDLES,
    NUMBERS,
    STEPS_PER_LOGIT,
    grids,
    log_odds,
    number_effect,
    score_cells,
    threshold,
    threshold_cell,
)

N_SAMPLE = 4_000
LAST_MONTH = Window.parse("2024-01")
SEGMENT = "channel"
LATE_DAYS = 45
IN_DAYS = 2
VERSION = ModelVersion(
    name="v1",
    threshold=threshold(),
    trained_from=dt.date(2019, 1, 1),
    trained_until=dt.date(2019, 12, 31),
)
# Months differ a little even when nothing happens; every number here is multiplied by the world's wobble.
SD_OF_MEANS = 0.02
SD_OF_MISSING = 0.05
SD_OF_SHARES = 0.03
SD_OF_MONTHS = 0.02
SD_OF_DAYS = 0.12
STREAMS = {"month": 1, "rows": 2}
LABELS = Labels(model="world", title="Constructed world")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planted:
    """What happens in a month; nothing unless it is said.

    Parameters
    ----------
    shifts : mapping of str to float
        Numbers whose values move, in standard deviations.
    rho : mapping of str to float
        Twins whose correlation with their input is another one.
    lost : mapping of str to float
        Inputs that arrive without a value more often: the share that is missing then. What is lost still counts for
        the outcome, which follows the truth.
    new_category : tuple of str, str, float
        A text input, the level that comes, and the share of the rows that it takes from all others. Its outcomes come
        more often (``0.8`` on the log-odds), which the model cannot know.
    factor : mapping of str to float
        Numbers that arrive multiplied.
    renamed : mapping of str to tuple of str and str
        A text input's level that arrives under another name.
    outcome_shift : float
        Log-odds that the outcome gains at equal score.
    reversed_input : str
        A number that changes the outcome the other way round; the scores do not know.
    season : mapping of str to float
        Numbers that swing over the year by so many standard deviations; highest in January. It is no event of one
        month: the whole of the world has it.
    """

    shifts: Mapping[str, float] = dataclasses.field(default_factory=dict)
    rho: Mapping[str, float] = dataclasses.field(default_factory=dict)
    lost: Mapping[str, float] = dataclasses.field(default_factory=dict)
    new_category: tuple[str, str, float] | None = None
    factor: Mapping[str, float] = dataclasses.field(default_factory=dict)
    renamed: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    outcome_shift: float = 0.0
    reversed_input: str = ""
    season: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def is_shifts_only(self) -> bool:
        """Whether a month can be drawn as counts."""
        return self == Planted(shifts=self.shifts)


QUIET = Planted()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MonthState:
    """How a month differs from the others by itself: shifts, shares that are missing, shares of levels, outcomes."""

    shifts: Mapping[str, float]
    missing: Mapping[str, float]
    probabilities: Mapping[str, np.ndarray]
    n_by_day: np.ndarray
    outcome_by_day: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Drawn rows of a month, as the model saw them: codes of levels are -1 where a text is missing."""

    day: np.ndarray
    numbers: Mapping[str, np.ndarray]
    codes: Mapping[str, np.ndarray]
    levels: Mapping[str, tuple[str, ...]]
    score: np.ndarray
    outcome: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CountedOutcomes:
    """A month's outcomes, and for each level of the segment column: rows, outcomes that happened, sum of the scores."""

    counts: OutcomeMonth
    by_level: Mapping[str, tuple[float, float, float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftWorld:
    """Months of a model in which one thing is planted, or nothing.

    Parameters
    ----------
    seed : int
        Of everything: a month is the same in every world of one seed, whatever the other months are.
    n_rows : int
        Rows of each month.
    n_months : int
        The judged month, January 2024, and those before it.
    planted : Planted
        What happens.
    since : int
        In how many months, up to the last one, it does.
    outcomes_in : bool
        Whether the last month's outcomes are known; otherwise they come 45 days late.
    wobble : float
        How much months and days differ by themselves: 1 is mild, 0 not at all.
    """

    seed: int = 0
    n_rows: int = 20_000
    n_months: int = 13
    planted: Planted = QUIET
    since: int = 1
    outcomes_in: bool = True
    wobble: float = 1.0

    @property
    def months(self) -> tuple[Window, ...]:
        """The months, oldest first."""
        return LAST_MONTH.previous(self.n_months - 1).months_until(LAST_MONTH)

    @property
    def as_of(self) -> dt.date:
        """The day before which everything was known."""
        return LAST_MONTH.end + dt.timedelta(days=LATE_DAYS if self.outcomes_in else 0)

    @property
    def complete_until(self) -> dt.date:
        """First day whose outcomes are not complete."""
        delay = IN_DAYS if self.outcomes_in else LATE_DAYS
        return min(self.as_of - dt.timedelta(days=delay), LAST_MONTH.end)

    def planted_in(self, month: Window) -> Planted:
        """Return what happens in a month."""
        is_in = month.start >= LAST_MONTH.previous(self.since - 1).start
        planted = self.planted if is_in else QUIET
        swing = math.cos(2 * math.pi * (month.start.month - 1) / 12)
        moved = {name: sd * swing for name, sd in self.planted.season.items()}
        return dataclasses.replace(planted, shifts=dict(planted.shifts) | moved, season={})

    def generator(self, month: Window, stream: str):
        """Return the random numbers of one month."""
        place = month.start.year * 12 + month.start.month
        return np.random.default_rng([self.seed, place, STREAMS[stream]])

    def state(self, month: Window) -> MonthState:
        """Return how a month differs from the others by itself."""
        random, planted = self.generator(month, "month"), self.planted_in(month)
        # Every other input stays where it is.
        means = SD_OF_MEANS * random.normal(size=len(NUMBERS)) * (np.arange(len(NUMBERS)) % 2 == 0)
        # No further: a share of missing values that jumps out of its usual range would be news, not wobble.
        lost = np.exp(self.wobble * SD_OF_MISSING * np.clip(random.normal(size=len(INPUTS)), -2, 2))
        inputs = NUMBERS | CATEGORIES
        tilts = {name: SD_OF_SHARES * random.normal(size=len(one.levels)) for name, one in CATEGORIES.items()}
        days = [month.start + dt.timedelta(days=day) for day in range(month.n_days)]
        by_weekday = np.array([0.6 if day.weekday() >= 5 else 1.0 for day in days])
        month_effect = SD_OF_MONTHS * random.normal()
        day_effects = SD_OF_DAYS * random.normal(size=len(days))
        return MonthState(
            shifts={
                name: self.wobble * mean + planted.shifts.get(name, 0.0)
                for name, mean in zip(NUMBERS, means, strict=True)
            },
            missing={name: inputs[name].missing * more for name, more in zip(INPUTS, lost, strict=True)},
            probabilities={
                name: special.softmax(np.log(CATEGORIES[name].probabilities) + self.wobble * tilt)
                for name, tilt in tilts.items()
            },
            n_by_day=random.multinomial(self.n_rows, by_weekday / by_weekday.sum()),
            outcome_by_day=self.wobble * (month_effect + day_effects) + planted.outcome_shift,
        )

    # --- rows ---------------------------------------------------------------------------------------------------

    def rows(self, month: Window) -> Rows:
        """Draw the rows of a month."""
        state, planted, random = self.state(month), self.planted_in(month), self.generator(month, "rows")
        n = self.n_rows
        normals: dict[str, np.ndarray] = {}
        for name, number in NUMBERS.items():
            rho = planted.rho.get(name, number.rho)
            fresh = random.standard_normal(n)
            normals[name] = (
                rho * normals[number.twin] + math.sqrt(1 - rho**2) * fresh if number.twin else fresh
            )
        numbers = {name: NUMBERS[name].draw(z + state.shifts[name]) for name, z in normals.items()}
        codes = {
            name: np.searchsorted(np.cumsum(p)[:-1], random.random(n), "right")
            for name, p in state.probabilities.items()
        }
        for name, share in state.missing.items():
            _empty(numbers, codes, name, share, random)
        levels = {name: category.levels for name, category in CATEGORIES.items()}
        truth = log_odds(numbers, codes, levels)
        if planted.reversed_input:
            truth = truth - 2 * number_effect(planted.reversed_input, numbers[planted.reversed_input])
        truth = truth + _break(numbers, codes, levels, planted, state=state, random=random)
        # As logs hold scores, and as far as the reader's sums are exact.
        score = np.round(special.expit(log_odds(numbers, codes, levels)), 9)
        day = np.repeat(np.arange(month.n_days), state.n_by_day)
        outcome = random.random(n) < special.expit(truth + state.outcome_by_day[day])
        return Rows(day=day, numbers=numbers, codes=codes, levels=levels, score=score, outcome=outcome)

    def evidence(self, *, use_grids=None) -> DriftEvidence:
        """Count the rows of all months; ``use_grids`` replaces the cells of the numbers."""
        counted = [self.counted_month(month, use_grids=use_grids) for month in self.months]
        profiles, outcomes = zip(*counted, strict=True)
        return self.evidence_of(profiles, outcomes)

    def counted_month(self, month: Window, *, use_grids=None) -> tuple[MonthProfile, CountedOutcomes]:
        """Draw the rows of a month and count them."""
        rows = self.rows(month)
        profile = counted_profile(month, rows, use_grids or grids(), seed=self.seed)
        return profile, counted_outcomes(month, rows)

    def evidence_of(self, profiles, outcomes) -> DriftEvidence:
        """Return the evidence on the last of some months, from those outcomes of theirs that are complete."""
        judged = [month for month in outcomes if month.counts.window.end <= self.complete_until]
        window = profiles[-1].window
        return DriftEvidence(
            window=window,
            profiles=tuple(profiles),
            outcomes=tuple(month.counts for month in judged),
            segments=_segments([month.by_level for month in judged]),
            as_of=self.as_of,
            outcomes_complete_until=min(self.complete_until, window.end),
        )

    # --- counts without rows ------------------------------------------------------------------------------------

    def drawn_month(self, month: Window) -> tuple[MonthProfile, CountedOutcomes]:
        """Draw the counts of a month, whose sizes then cost nothing; shifts are all that can be planted.

        Each input's counts, the scores and the outcomes have exactly the distribution of counted rows, and so have the
        sampled rows; they only do not share their chance, as counts of the same rows would.
        """
        planted, state = self.planted_in(month), self.state(month)
        assert planted.is_shifts_only
        random = self.generator(month, "rows")
        few = dataclasses.replace(self, n_rows=N_SAMPLE)
        sample = counted_profile(month, few.rows(month), grids(), seed=self.seed).sample
        by_level = self._drawn_scores(state, random)
        by_cell = sum(n for n, _ in by_level.values())
        positive = sum(n_positive for _, n_positive in by_level.values())
        profile = MonthProfile(
            window=month,
            n=self.n_rows,
            grids=grids(),
            numbers={name: self._drawn_number(name, state, random) for name in NUMBERS},
            texts={name: self._drawn_text(name, state, random) for name in CATEGORIES},
            scores={VERSION.name: _scores_of_cells(by_cell.sum(axis=0))},
            sample=sample,
        )
        outcomes = OutcomeMonth(
            window=month,
            versions=(VERSION.name,),
            n_negative=_bins_of_cells(by_cell - positive),
            n_positive=_bins_of_cells(positive),
            sum_score=by_cell @ special.expit(MIDDLES),
        )
        score = special.expit(MIDDLES)
        return profile, CountedOutcomes(
            counts=outcomes,
            by_level={
                level: (n.sum(), n_positive.sum(), (n @ score).sum())
                for level, (n, n_positive) in by_level.items()
            },
        )

    def drawn_evidence(self) -> DriftEvidence:
        """Draw the counts of all months."""
        return self.evidence_of(*zip(*(self.drawn_month(month) for month in self.months), strict=True))

    def _drawn_scores(self, state, random):
        """Draw rows, and outcomes that happened, by day and cell of log-odds, for each level of the segment column."""
        shares = state.probabilities[SEGMENT]
        n_by_level = np.array([random.multinomial(n, shares) for n in state.n_by_day])
        outcome_share = special.expit(MIDDLES + state.outcome_by_day[:, None])
        drawn = {}
        for place, level in enumerate(CATEGORIES[SEGMENT].levels):
            inside = state.probabilities | {SEGMENT: np.eye(shares.size)[place]}
            cells = score_cells(state.shifts, state.missing, inside)
            by_cell = np.array([random.multinomial(n, cells) for n in n_by_level[:, place]])
            drawn[level] = by_cell, random.binomial(by_cell, outcome_share)
        return drawn

    def _drawn_number(self, name, state, random) -> NumberCounts:
        cells, edges = _cells_of(name)
        n_missing = random.binomial(self.n_rows, state.missing[name])
        shares = np.diff(special.ndtr(edges - state.shifts[name]))
        n = random.multinomial(self.n_rows - n_missing, shares / shares.sum())
        return NumberCounts(cells=cells[n > 0], n=n[n > 0], n_missing=int(n_missing))

    def _drawn_text(self, name, state, random) -> TextCounts:
        n_missing = random.binomial(self.n_rows, state.missing[name])
        n = random.multinomial(self.n_rows - n_missing, state.probabilities[name])
        return _text_counts(CATEGORIES[name].levels, n, n_missing)

    # --- the same rows as a log ---------------------------------------------------------------------------------

    def log(self) -> pd.DataFrame:
        """Return the rows of all months as a log, with the outcomes and when they are known."""
        parts = [_log_of(month, self.rows(month), self.generator(month, "month")) for month in self.months]
        log = pd.concat(parts, ignore_index=True)
        log.insert(0, "case", np.arange(len(log)))
        delay = IN_DAYS if self.outcomes_in else LATE_DAYS
        return log.assign(known_at=log["at"] + pd.Timedelta(days=delay))

    def write(self, folder) -> LogSetup:
        """Write the log and its outcomes as Parquet files and return how to read them."""
        log = self.log()
        log.drop(columns=["outcome", "known_at"]).to_parquet(folder / "log.parquet", index=False)
        log[["case", "outcome", "known_at"]].to_parquet(folder / "outcomes.parquet", index=False)
        return LogSetup(
            source=Source(path="log.parquet"),
            columns=Columns(
                id="case",
                scored_at="at",
                score="score",
                decision="alert",
                model_version="version",
                features=INPUTS,
                segments=(SEGMENT,),
            ),
            versions={VERSION.name: VERSION},
            outcomes=OutcomeTable(
                source=Source(path="outcomes.parquet"), id="case", outcome="outcome", outcome_at="known_at"
            ),
            outcome_delay_days=IN_DAYS if self.outcomes_in else LATE_DAYS,
        )


def _empty(numbers, codes, name, share, random) -> None:
    """Take the values away from a share of the rows."""
    if share > 0:
        values = numbers if name in numbers else codes
        lost = random.random(values[name].size) < share
        values[name] = np.where(lost, np.nan if name in numbers else -1, values[name])


def _break(numbers, codes, levels, planted, *, state, random):
    """Spoil the inputs on their way to the model, and return what the outcomes' log-odds gain by it."""
    for name, share in planted.lost.items():
        usual = state.missing[name]
        _empty(numbers, codes, name, (share - usual) / (1 - usual), random)
    for name, factor in planted.factor.items():
        numbers[name] = numbers[name] * factor
    for name, (before, after) in planted.renamed.items():
        levels[name] = tuple(after if level == before else level for level in levels[name])
    if planted.new_category is None:
        return 0.0
    name, level, share = planted.new_category
    is_new = random.random(codes[name].size) < share
    codes[name] = np.where(is_new, len(levels[name]), codes[name])
    levels[name] = (*levels[name], level)
    return 0.8 * is_new


# --- counting rows ------------------------------------------------------------------------------------------------


def counted_profile(month: Window, rows: Rows, use_grids, *, seed) -> MonthProfile:
    """Count rows, and choose a sample of them, without any SQL."""
    random = np.random.default_rng([seed, month.start.year, month.start.month])
    chosen = np.sort(random.permutation(rows.score.size)[:N_SAMPLE])
    cells = {name: np.floor(values / use_grids[name].width) for name, values in rows.numbers.items()}
    return MonthProfile(
        window=month,
        n=rows.score.size,
        grids=use_grids,
        numbers={name: _number_counts(one) for name, one in cells.items()},
        texts={
            name: _text_counts(
                rows.levels[name],
                np.bincount(codes[codes >= 0], minlength=len(rows.levels[name])),
                (codes < 0).sum(),
            )
            for name, codes in rows.codes.items()
        },
        scores={VERSION.name: _scores_of_rows(rows.score)},
        sample=RowSample(
            score=rows.score[chosen],
            decision=(rows.score[chosen] >= VERSION.threshold).astype(np.float64),
            version=np.full(chosen.size, VERSION.name),
            inputs={name: one[chosen] for name, one in cells.items()}
            | {name: _marked(rows, name)[rows.codes[name][chosen]] for name in rows.codes},
        ),
    )


def _marked(rows: Rows, name):
    """Return the levels as samples hold them: behind an equals sign, and last, for -1, a missing one."""
    return np.array([*(f"={level}" for level in rows.levels[name]), ""])


def _number_counts(cells) -> NumberCounts:
    known = cells[~np.isnan(cells)].astype(np.int64)
    values, n = np.unique(known, return_counts=True)
    return NumberCounts(cells=values, n=n, n_missing=int(cells.size - known.size))


def _text_counts(levels, n, n_missing) -> TextCounts:
    places = sorted(np.flatnonzero(n).tolist(), key=lambda place: (-n[place], levels[place]))
    return TextCounts(
        texts=tuple(levels[place] for place in places),
        n=np.array(n)[places],
        n_other=0,
        n_missing=int(n_missing),
    )


def _scores_of_rows(score) -> VersionScores:
    n = np.bincount(SCORE_GRID.index(score), minlength=SCORE_GRID.n_bins)
    alerts = np.bincount(SCORE_GRID.index(score[score >= VERSION.threshold]), minlength=SCORE_GRID.n_bins)
    bins = np.flatnonzero(n)
    return VersionScores(bins=bins, n=n[bins], n_alerts=alerts[bins], sum_score=math.fsum(score))


def counted_outcomes(month: Window, rows: Rows) -> CountedOutcomes:
    """Count a month's outcomes by day and bin of the score grid, and by level of the segment column."""
    shape = (month.n_days, SCORE_GRID.n_bins)
    place = rows.day * SCORE_GRID.n_bins + SCORE_GRID.index(rows.score)
    negative, positive = (
        np.bincount(place[rows.outcome == side], minlength=shape[0] * shape[1]).reshape(shape)
        for side in (False, True)
    )
    codes, levels = rows.codes[SEGMENT], rows.levels[SEGMENT]
    sums = np.array(
        [np.bincount(codes, weights, len(levels)) for weights in (None, rows.outcome * 1.0, rows.score)]
    )
    return CountedOutcomes(
        counts=OutcomeMonth(
            window=month,
            versions=(VERSION.name,),
            n_negative=negative.astype(np.float64),
            n_positive=positive.astype(np.float64),
            sum_score=np.bincount(rows.day, rows.score, minlength=month.n_days),
        ),
        by_level={level: tuple(sums[:, i].tolist()) for i, level in enumerate(levels) if sums[0, i]},
    )


def _segments(months) -> tuple[SegmentMonths, ...]:
    """Put the months of each level side by side."""
    found = []
    for level in sorted({level for month in months for level in month}):
        n, n_positive, sum_score = np.array([month.get(level, (0.0, 0.0, 0.0)) for month in months]).T
        found.append(
            SegmentMonths(column=SEGMENT, value=level, n=n, n_positive=n_positive, sum_score=sum_score)
        )
    return tuple(found)


@functools.cache
def _cells_of(name):
    return NUMBERS[name].cells(grids()[name])


def _bins_of_cells(counts):
    a_bin = STEPS_PER_LOGIT // SCORE_GRID.steps_per_logit
    return counts.reshape(*counts.shape[:-1], -1, a_bin).sum(axis=-1).astype(np.float64)


def _scores_of_cells(by_cell) -> VersionScores:
    alerts = np.where(np.arange(by_cell.size) >= threshold_cell(), by_cell, 0)
    n, n_alerts = (_bins_of_cells(counts).astype(np.int64) for counts in (by_cell, alerts))
    bins = np.flatnonzero(n)
    sum_score = float(by_cell @ special.expit(MIDDLES))
    return VersionScores(bins=bins, n=n[bins], n_alerts=n_alerts[bins], sum_score=sum_score)


def _log_of(month: Window, rows: Rows, random) -> pd.DataFrame:
    at = pd.Timestamp(month.start) + pd.to_timedelta(
        rows.day * 86_400 + random.integers(0, 86_400, rows.day.size), unit="s"
    )
    texts = {
        name: np.array([*levels, None], dtype=object)[rows.codes[name]]
        for name, levels in rows.levels.items()
    }
    return pd.DataFrame(
        {
            "at": at.astype("datetime64[us]"),
            "score": rows.score,
            "alert": rows.score >= VERSION.threshold,
            "version": VERSION.name,
            "outcome": rows.outcome.astype("int64"),
        }
        | dict(rows.numbers)
        | texts
    )
