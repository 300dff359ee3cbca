"""Calendar periods: the months that a report is about, and the ones before them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

from afterlaunch.errors import ParameterError

_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Window:
    """A half-open calendar period: ``start`` is inside, ``end`` is not.

    Parameters
    ----------
    start, end : datetime.date
        First day of the period, and the first day after it.
    label : str
        Its short name, such as ``"2013-09"``.
    """

    start: dt.date
    end: dt.date
    label: str

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ParameterError(
                f"Window {self.label!r} ends on {self.end}, not after its start {self.start}. "
                "Give an end later than the start."
            )

    @classmethod
    def parse(cls, text: str) -> Window:
        """Return the month that ``"YYYY-MM"`` names.

        Raises
        ------
        ParameterError
            When the text is not a month of the calendar.

        Examples
        --------
        >>> Window.parse("2013-12").end
        datetime.date(2014, 1, 1)
        """
        match = _MONTH.fullmatch(text) if isinstance(text, str) else None
        if not match or not 1 <= int(match[2]) <= 12 or not 1 <= int(match[1]) <= 9998:
            raise ParameterError(
                f'Period {text!r} is not a month. Write the year and the month as YYYY-MM, such as "2013-09".'
            )
        return cls.month(int(match[1]), int(match[2]))

    @classmethod
    def month(cls, year: int, month: int) -> Window:
        """Return one calendar month."""
        start = dt.date(year, month, 1)
        end = dt.date(year + month // 12, month % 12 + 1, 1)
        return cls(start=start, end=end, label=f"{year:04d}-{month:02d}")

    @classmethod
    def of_months(cls, first: Window, last: Window) -> Window:
        """Return the period from the first month to the last, both included."""
        label = first.label if first == last else f"{first.label} to {last.label}"
        return cls(start=first.start, end=last.end, label=label)

    @classmethod
    def month_of(cls, day: dt.date) -> Window:
        """Return the calendar month that a day lies in.

        Examples
        --------
        >>> Window.month_of(dt.date(2013, 9, 30)).label
        '2013-09'
        """
        return cls.month(day.year, day.month)

    @classmethod
    def of_days(cls, first: dt.date, last: dt.date) -> Window:
        """Return the period from the first day to the last, both included."""
        return cls(start=first, end=last + dt.timedelta(days=1), label=f"{first} to {last}")

    @property
    def n_days(self) -> int:
        """Number of days in the period."""
        return (self.end - self.start).days

    @property
    def title(self) -> str:
        """The period as people say it.

        Examples
        --------
        >>> Window.parse("2013-09").title
        'September 2013'
        """
        last = self.end - dt.timedelta(days=1)
        if (last.year, last.month) == (self.start.year, self.start.month):
            return f"{self.start:%B} {self.start.year}"
        return f"{self.start:%B} {self.start.year} to {last:%B} {last.year}"

    def previous(self, n_months: int = 1) -> Window:
        """Return the calendar month that lies ``n_months`` before the one this period starts in.

        Examples
        --------
        >>> Window.parse("2013-01").previous().label
        '2012-12'
        """
        months = self.start.year * 12 + self.start.month - 1 - n_months
        return Window.month(months // 12, months % 12 + 1)

    def months_until(self, last: Window) -> tuple[Window, ...]:
        """Return the calendar months from the one this period starts in to another, both included.

        Examples
        --------
        >>> [month.label for month in Window.parse("2013-11").months_until(Window.parse("2014-01"))]
        ['2013-11', '2013-12', '2014-01']
        """
        months = [last]
        while months[0].start > self.start:
            months.insert(0, months[0].previous())
        return tuple(months)

    def contains(self, day: dt.date) -> bool:
        """Tell whether a day lies in the period."""
        return self.start <= day < self.end

    def overlaps(self, other: Window) -> bool:
        """Tell whether two periods share a day."""
        return self.start < other.end and other.start < self.end
