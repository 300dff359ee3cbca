"""The 28 inputs of the drift worlds and the fixed model that scores them.

Every number is a rising function of a standard normal, so that "0.3 standard deviations up" means the same for all of
them, and so that the share of each cell is known without drawing a row. Nine inputs carry the score; the model
never changes, and as it was made so are the outcomes: in a quiet month a score is the outcome's probability.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from afterlaunch.profiles import NumberGrid

OPEN = math.inf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number:
    """A number input: ``value`` and its inverse ``latent`` lead from a standard normal and back.

    ``whole`` values are rounded down and kept within ``low`` and ``high``. A ``twin`` is an earlier input that this one
    is correlated with (``rho``).
    """

    value: Callable
    latent: Callable
    missing: float = 0.0
    whole: bool = False
    low: float = -OPEN
    high: float = OPEN
    twin: str = ""
    rho: float = 0.0

    def draw(self, z):
        """Return the values of standard normals."""
        values = self.value(z)
        return np.clip(np.floor(values), self.low, self.high) if self.whole else values

    def standardised(self, values):
        """Return where values lie among the values of quiet months, in standard deviations of the normal behind."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.latent(values + 0.5 if self.whole else values)

    def cells(self, grid: NumberGrid):
        """Return the cells that nearly all values lie in, and the normals at the edges between them."""
        ends = self.draw(np.array([-6.0, 6.0])) / grid.width
        cells = np.arange(math.floor(ends[0]), math.floor(ends[1]) + 1)
        inner = self.latent(cells[1:] * grid.width)
        return cells, np.concatenate([[-OPEN], inner, [OPEN]])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Category:
    """A text input: the share of each level, and what the model adds to the log-odds for it."""

    shares: Mapping[str, float]
    effects: Mapping[str, float] = dataclasses.field(default_factory=dict)
    missing: float = 0.0

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(self.shares)

    @property
    def probabilities(self):
        shares = np.array(list(self.shares.values()))
        return shares / shares.sum()


def normal(mean, sd, **more):
    return Number(value=lambda z: mean + sd * z, latent=lambda v: (v - mean) / sd, **more)


def skewed(mean, sd, *, offset=0.0, **more):
    """Log-normal."""
    return Number(
        value=lambda z: np.exp(mean + sd * z) + offset,
        latent=lambda v: (np.log(np.maximum(v - offset, 1e-300)) - mean) / sd,
        **more,
    )


def heavy(scale, **more):
    """Symmetrical around 0, with tails far out."""
    return Number(value=lambda z: scale * np.sinh(z), latent=lambda v: np.arcsinh(v / scale), **more)


def even(**more):
    """Even between 0 and 1."""
    return Number(value=special.ndtr, latent=special.ndtri, **more)


def zipf(stem, n, *, power=1.3):
    return {f"{stem}_{i + 1:02d}": (i + 1.0) ** -power for i in range(n)}


# The model uses the first seven; each twin but `load` is ignored.
NUMBERS: dict[str, Number] = {
    "amount": skewed(6.0, 0.9),
    "income": skewed(10.5, 0.6, missing=0.05),
    "tenure": skewed(1.6, 0.8, whole=True),
    "distance": normal(50.0, 12.0, missing=0.02),
    "temperature": normal(12.0, 8.0, missing=0.01),
    "speed": normal(80.0, 15.0),
    "load": normal(0.6, 0.15, twin="speed", rho=0.6),
    "invoice": skewed(5.5, 1.0, missing=0.03, twin="amount", rho=0.8),
    "humidity": normal(60.0, 12.0, missing=0.10, twin="temperature", rho=-0.6),
    "age": normal(45.5, 14.0, whole=True),
    "n_calls": skewed(0.3, 0.9, whole=True),
    "weight": normal(70.0, 15.0, missing=0.30),
    "height": normal(172.0, 9.0, missing=0.30, twin="weight", rho=0.5),
    "pressure": normal(1013.0, 9.0, missing=0.15),
    "volume": skewed(2.0, 1.3),
    "ratio": even(missing=0.04),
    "balance": heavy(2_000.0),
    "n_visits": skewed(-0.3, 1.0, whole=True),
    "delay": skewed(1.0, 0.7, offset=-2.0, missing=0.08),
    "rating": normal(3.9, 1.1, whole=True, low=1, high=5, missing=0.20),
}
CATEGORIES: dict[str, Category] = {
    "channel": Category(
        shares={"web": 0.45, "phone": 0.20, "branch": 0.15, "partner": 0.195, "fax": 0.005},
        effects={"web": -0.25, "phone": 0.80, "branch": -0.45, "partner": 0.10, "fax": 0.30},
    ),
    "product": Category(
        shares={"basic": 0.50, "plus": 0.30, "premium": 0.18, "legacy": 0.02},
        effects={"basic": 0.15, "plus": -0.35, "premium": 0.20, "legacy": 0.60},
        missing=0.01,
    ),
    "region": Category(
        shares=zipf("region", 12, power=0.8),
        effects={f"region_{i + 1:02d}": 0.35 * (-1) ** i for i in range(12)},
        missing=0.02,
    ),
    "agent": Category(shares=zipf("agent", 60)),
    "weekday_plan": Category(shares={"mon": 0.3, "wed": 0.3, "fri": 0.38, "sun": 0.02}),
    "colour": Category(shares=zipf("colour", 9), missing=0.12),
    "flag": Category(shares={"no": 0.93, "yes": 0.07}),
    "source": Category(shares={"A": 0.6, "B": 0.397, "C": 0.003}, missing=0.05),
}
INPUTS: tuple[str, ...] = (*NUMBERS, *CATEGORIES)
REACH = 3.5
"""The model sees no further than this many standard deviations out."""
EFFECTS: dict[str, Callable] = {
    "amount": lambda z: 0.55 * z,
    "income": lambda z: -0.45 * z,
    "tenure": lambda z: -0.45 * np.tanh(z),
    "distance": lambda z: 0.42 * z,
    "temperature": lambda z: 0.22 * (z**2 - 1),
}
OF_MISSING = {"income": 0.1, "distance": 0.8, "temperature": 0.0}
PAIR = ("speed", "load")
BASE_LOGIT = -2.3
STEPS_PER_LOGIT = 160
"""Log-odds are spread over cells this fine where no rows are drawn: four to a bin of the score grid."""
N_CELLS = 32 * STEPS_PER_LOGIT
MIDDLES = (np.arange(N_CELLS) + 0.5) / STEPS_PER_LOGIT - 16


def seen(name, values):
    """Return what the model makes of a number: standard deviations, no further out than it sees."""
    return np.clip(NUMBERS[name].standardised(values), -REACH, REACH)


def number_effect(name, values):
    """Return what one number input adds to the log-odds."""
    effect = EFFECTS[name](seen(name, values))
    return np.where(np.isnan(values), OF_MISSING[name], effect) if name in OF_MISSING else effect


def pair_effect(first, second):
    """Return what speed and load add to the log-odds, each and together."""
    one, other = seen(PAIR[0], first), seen(PAIR[1], second)
    return 0.3 * one + 0.3 * other + 0.15 * (one * other - NUMBERS[PAIR[1]].rho)


def category_effects(name, levels):
    """Return what each level adds to the log-odds, nothing if the model has not met it; last, for a missing value."""
    return np.array([*(CATEGORIES[name].effects.get(level, 0.0) for level in levels), 0.0])


def log_odds(numbers, codes, levels):
    """Return the log-odds of rows: values of the numbers, and codes of the levels (-1: missing) of the texts."""
    total = BASE_LOGIT + pair_effect(*(numbers[name] for name in PAIR))
    for name in EFFECTS:
        total = total + number_effect(name, numbers[name])
    for name, category in CATEGORIES.items():
        if category.effects:
            total = total + category_effects(name, levels[name])[codes[name]]
    return total


@functools.cache
def grids() -> dict[str, NumberGrid]:
    """Return the grid of every number, as 4,000 rows of a quiet month make it."""
    nodes = special.ndtri((np.arange(4_000) + 0.5) / 4_000)
    return {name: NumberGrid.fitting(number.draw(nodes)) for name, number in NUMBERS.items()}


@functools.cache
def threshold_cell() -> int:
    """Return the first cell of log-odds that is an alert: about every tenth row of a quiet month."""
    above = np.cumsum(score_cells({}, {}, {})[::-1])[::-1]
    cell = int(np.argmin(np.abs(above - 0.10)))
    # Amid a bin of the score grid, so that a bin can hold rows with and without an alert.
    return cell + (2 - cell) % 4


def threshold() -> float:
    """Return the score from which on a row is an alert."""
    return float(special.expit(threshold_cell() / STEPS_PER_LOGIT - 16))


def score_cells(shifts, missing, probabilities):
    """Return the share of rows in each cell of log-odds, without drawing a row.

    Inputs do not depend on each other but for pairs, so the log-odds are a sum of independent parts, and their
    distribution is the parts' distributions folded into each other.

    Parameters
    ----------
    shifts : mapping of str to float
        By how many standard deviations a number's normals moved.
    missing : mapping of str to float
        Share of missing values, where it is not the usual one.
    probabilities : mapping of str to ndarray
        Shares of a category's levels, where they are not the usual ones.
    """
    folded = np.fft.rfft(_spread(*_pair_part(shifts)))
    for name in EFFECTS:
        folded *= np.fft.rfft(_spread(*_number_part(name, shifts.get(name, 0.0), missing)))
    for name, category in CATEGORIES.items():
        if category.effects:
            folded *= np.fft.rfft(_spread(*_category_part(name, missing, probabilities)))
    cells = np.roll(np.fft.irfft(folded, N_CELLS), round((BASE_LOGIT + 16) * STEPS_PER_LOGIT))
    cells = np.maximum(cells, 0.0)
    return cells / cells.sum()


def _number_part(name, shift, missing):
    number = NUMBERS[name]
    nodes = special.ndtri((np.arange(2_000) + 0.5) / 2_000) + shift
    effects = number_effect(name, number.draw(nodes))
    lost = missing.get(name, number.missing)
    weights = np.append(np.full(effects.size, (1 - lost) / effects.size), lost)
    return np.append(effects, OF_MISSING.get(name, 0.0)), weights


def _pair_part(shifts):
    nodes = special.ndtri((np.arange(250) + 0.5) / 250)
    first, second = np.meshgrid(nodes, nodes)
    rho = NUMBERS[PAIR[1]].rho
    second = rho * first + math.sqrt(1 - rho**2) * second
    moved = [z + shifts.get(name, 0.0) for name, z in zip(PAIR, (first, second), strict=True)]
    effects = pair_effect(*(NUMBERS[name].draw(z) for name, z in zip(PAIR, moved, strict=True))).ravel()
    return effects, np.full(effects.size, 1 / effects.size)


def _category_part(name, missing, probabilities):
    category = CATEGORIES[name]
    lost = missing.get(name, category.missing)
    shares = probabilities.get(name, category.probabilities)
    return category_effects(name, category.levels), np.append((1 - lost) * shares, lost)


def _spread(effects, weights):
    """Spread weights over the cells so that their mean stays; cell 0 is an effect of 0."""
    places = effects * STEPS_PER_LOGIT
    lower = np.floor(places).astype(np.int64)
    upper_part = places - lower
    spread = np.bincount(lower % N_CELLS, weights * (1 - upper_part), N_CELLS)
    return spread + np.bincount((lower + 1) % N_CELLS, weights * upper_part, N_CELLS)
