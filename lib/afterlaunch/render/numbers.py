"""Numbers as people read them: the one place where a number becomes text."""

from __future__ import annotations

import dataclasses
import math

from afterlaunch.findings import Measurement
from afterlaunch.ranges import Range
from afterlaunch.rates import UsualRange

NOT_MEASURED = "not measured"
MINUS = "−"
# Units that are written right after each number; any other unit is said once, beside the title or at the end.
_SHORT_UNITS = {
    "share": " %",
    "difference of shares": " pp",
    "pp": " pp",
    "ms": " ms",
    "s": " s",
    "score": "",
    "ratio": "",
    "count": "",
}
_IN_HUNDREDTHS = ("share", "difference of shares")
# No value of these can be below zero, so no limit is shown there.
_NEVER_NEGATIVE = ("share", "ms", "s", "count", "days", "rows per day", "per 1,000")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """How numbers of one unit are written.

    Parameters
    ----------
    unit : str
        ``"share"`` (0 to 1, written as a percentage), ``"pp"``, ``"ms"``, ``"s"``, ``"score"``, ``"ratio"``,
        ``"count"``, or words such as ``"USD per 1,000 flights"``.
    decimals : int
        Digits after the point as shown; a share of 0.1234 with one decimal is 12.3 %.

    Examples
    --------
    >>> NumberFormat(unit="share", decimals=1).short(0.1234)
    '12.3 %'
    >>> NumberFormat(unit="EUR", decimals=0).full(-1234.5)
    '−1,234 EUR'
    """

    unit: str
    decimals: int

    @property
    def long_unit(self) -> str:
        """The unit when it is too long to stand in every cell, otherwise empty."""
        return "" if self.unit in _SHORT_UNITS else self.unit

    def number(self, value: float) -> str:
        """Write a value without its unit; nan is ``"not measured"``."""
        return plain(100 * value if self.unit in _IN_HUNDREDTHS else value, decimals=self.decimals)

    def short(self, value: float) -> str:
        """Write a value with its unit where that is a sign of a few letters."""
        return NOT_MEASURED if math.isnan(value) else self.number(value) + _SHORT_UNITS.get(self.unit, "")

    def full(self, value: float) -> str:
        """Write a value with its whole unit."""
        if math.isnan(value) or not self.long_unit:
            return self.short(value)
        number = self.number(value)
        unit = "day" if (number, self.unit) == ("1", "days") else self.unit
        return f"{number} {unit}"

    def signed(self, value: float) -> str:
        """Write a difference: with a plus or a minus, zero without.

        Examples
        --------
        >>> NumberFormat(unit="share", decimals=1).signed(0.012)
        '+1.2 pp'
        """
        plus = "+" if value > 0 and not _is_zero(self.number(value)) else ""
        return plus + self.of_differences.short(value)

    @property
    def of_differences(self) -> NumberFormat:
        """The format of differences: two shares differ by percentage points."""
        return dataclasses.replace(self, unit="difference of shares") if self.unit == "share" else self

    def span(self, lower: float, upper: float) -> str:
        """Write a range, such as ``0.62 – 0.71``; with a negative bound the dash becomes ``to``."""
        between = " to " if MINUS in self.number(lower) + self.number(upper) else " – "
        return f"{self.number(lower)}{between}{self.short(upper)}"

    def usual(self, usual_range: UsualRange) -> str:
        """Write a usual range; a limit that lies where no value can be moves to where values begin or end."""
        lower, upper = usual_range.lower, usual_range.upper
        lower = max(lower, 0.0) if self.unit in _NEVER_NEGATIVE else lower
        return self.span(lower, min(upper, 1.0) if self.unit == "share" else upper)

    def target(self, bounds: Range) -> str:
        """Write what a target allows: ``at least 0.70``, ``at most 5.0 %``, or a range; open is ``any``."""
        if bounds.lower is not None and bounds.upper is not None:
            return self.span(bounds.lower, bounds.upper)
        if bounds.lower is not None:
            return f"at least {self.short(bounds.lower)}"
        return "any" if bounds.upper is None else f"at most {self.short(bounds.upper)}"

    def interval(self, lower: float | None, upper: float | None) -> str:
        """Write the two ends of an interval, such as ``0.70 to 0.72``; empty without one."""
        if lower is None or upper is None or math.isnan(lower) or math.isnan(upper):
            return ""
        return f"{self.number(lower)} to {self.short(upper)}"

    def measured(self, measurement: Measurement) -> str:
        """Write a measurement with its interval, or the reason why there is no value.

        Examples
        --------
        >>> auc = Measurement(measure="roc_auc", subject="May", value=0.714, unit="score", n=90, ci_lower=0.7,
        ...                   ci_upper=0.72)
        >>> NumberFormat(unit="score", decimals=2).measured(auc)
        '0.71 (95 % interval 0.70 to 0.72)'
        """
        if not measurement.is_known:
            return why_not_measured(measurement)
        interval = self.interval(measurement.ci_lower, measurement.ci_upper)
        value = self.full(measurement.value)
        return f"{value} (95 % interval {interval})" if interval else value


def plain(value: float, *, decimals: int) -> str:
    """Write a number with thousands separators and a real minus sign; a rounded zero has no sign.

    Examples
    --------
    >>> plain(-1234.56, decimals=1), plain(-0.001, decimals=2), plain(float("nan"), decimals=1)
    ('−1,234.6', '0.00', 'not measured')
    """
    if math.isnan(value):
        return NOT_MEASURED
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{abs(value):,.{decimals}f}"
    return text if value >= 0 or _is_zero(text) else MINUS + text


def _is_zero(text: str) -> bool:
    return not any(digit in text for digit in "123456789")


def count(n: int) -> str:
    """Write a count.

    Examples
    --------
    >>> count(26903)
    '26,903'
    """
    return plain(n, decimals=0)


def percent(share: float, *, decimals: int = 0) -> str:
    """Write a share as a percentage; what is not quite nothing, or not quite all, is not rounded to it.

    Examples
    --------
    >>> percent(0.104), percent(0.0004), percent(0.9999), percent(1.0)
    ('10 %', 'under 1 %', 'over 99 %', '100 %')
    """
    step = 10.0**-decimals
    if 0 < share < step / 200:
        return f"under {plain(step, decimals=decimals)} %"
    if 1 - step / 200 < share < 1:
        return f"over {plain(100 - step, decimals=decimals)} %"
    return NumberFormat(unit="share", decimals=decimals).short(share)


def p_value(p: float) -> str:
    """Write a p-value.

    Examples
    --------
    >>> p_value(0.0321), p_value(0.0001)
    ('0.032', 'under 0.001')
    """
    return "under 0.001" if p < 0.001 else plain(p, decimals=3)


def bare_reason(measurement: Measurement) -> str:
    """Return why a measurement has no value, without saying again that it has none."""
    return measurement.reason.removeprefix(f"{NOT_MEASURED}: ")


def why_not_measured(measurement: Measurement) -> str:
    """Say that a measurement has no value, and why.

    Examples
    --------
    >>> why_not_measured(Measurement(measure="p95", subject="May", value=float("nan"), unit="ms", n=0,
    ...                              reason="no request log configured"))
    'not measured: no request log configured'
    """
    return f"{NOT_MEASURED}: {bare_reason(measurement)}"
