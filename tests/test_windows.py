import datetime as dt

import pytest

from afterlaunch.errors import ParameterError
from afterlaunch.windows import Window


def test_a_month_is_half_open():
    september = Window.parse("2013-09")
    assert (september.start, september.end, september.n_days) == (
        dt.date(2013, 9, 1),
        dt.date(2013, 10, 1),
        30,
    )
    assert september.contains(dt.date(2013, 9, 30))
    assert not september.contains(dt.date(2013, 10, 1))


@pytest.mark.parametrize(
    "text", ["2013-13", "2013-00", "2013-9", "13-09", "September", "", "2013-09-01", "0000-01"]
)
def test_what_is_not_a_month_is_refused_with_the_way_to_write_one(text):
    with pytest.raises(ParameterError) as refused:
        Window.parse(text)
    assert str(refused.value) == (
        f'Period {text!r} is not a month. Write the year and the month as YYYY-MM, such as "2013-09".'
    )


def test_months_before_cross_the_year():
    assert Window.parse("2013-02").previous(3).label == "2012-11"
    assert Window.parse("2013-01").previous().label == "2012-12"
    assert Window.parse("2013-12").previous(12).label == "2012-12"


def test_a_period_of_months_is_titled_by_its_ends():
    period = Window.of_months(Window.parse("2013-04"), Window.parse("2013-08"))
    assert (period.title, period.label, period.n_days) == (
        "April 2013 to August 2013",
        "2013-04 to 2013-08",
        153,
    )
    assert Window.of_months(Window.parse("2013-04"), Window.parse("2013-04")).title == "April 2013"


def test_periods_overlap_only_when_they_share_a_day():
    may, june = Window.parse("2013-05"), Window.parse("2013-06")
    assert not may.overlaps(june)
    assert may.overlaps(Window.of_months(may, june))


def test_an_empty_period_is_refused():
    with pytest.raises(
        ParameterError, match=r"^Window 'x' ends on 2013-01-01, not after its start 2013-01-01\. Give"
    ):
        Window(start=dt.date(2013, 1, 1), end=dt.date(2013, 1, 1), label="x")
