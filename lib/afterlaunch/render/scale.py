"""Limits of an axis of months that a month long gone cannot flatten: what lies far beyond is drawn at the edge."""

from __future__ import annotations

import math
from collections.abc import Iterable

# Earlier months further out than so many times the height of what has to be seen are drawn at the edge.
FAR = 2.0


def limits_without_far_months(earlier: Iterable[float], shown: Iterable[float]) -> tuple[float, float]:
    """Return the lowest and highest value of an axis.

    Parameters
    ----------
    earlier : iterable of float
        Values of earlier months; nan is left out.
    shown : iterable of float
        What has to be seen whole: this month and its interval, usual range, target.

    Examples
    --------
    >>> limits_without_far_months([0.7, 0.8, 10.0, 0.7], shown=[0.75, 0.6, 1.0])
    (0.6, 1.0)
    >>> limits_without_far_months([0.7, 1.6], shown=[0.75, 0.6, 1.0])
    (0.6, 1.6)
    """
    wanted = [value for value in shown if not math.isnan(value)]
    known = [value for value in earlier if not math.isnan(value)]
    # Half of the months are seen at any rate, so that a single one sets no scale where nothing else does.
    middle = sorted(known)[len(known) // 4 : max(1, len(known) - len(known) // 4)]
    lowest, highest = min((*wanted, *middle)), max((*wanted, *middle))
    reach = FAR * (highest - lowest)
    near = [value for value in known if lowest - reach <= value <= highest + reach] if reach else known
    return min((lowest, *near)), max((highest, *near))
