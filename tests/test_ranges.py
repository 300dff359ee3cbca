import pytest

from afterlaunch.errors import ParameterError
from afterlaunch.ranges import Range


def test_bounds_belong_to_the_range_and_open_sides_never_end():
    assert Range(lower=1, upper=2).contains(1)
    assert Range(lower=1, upper=2).contains(2)
    assert not Range(lower=1, upper=2).contains(2.000001)
    assert Range(upper=0).contains(-1e300)
    assert Range().contains(0)


def test_an_empty_range_is_refused():
    with pytest.raises(
        ParameterError, match=r"^Range from 2 to 1 is empty\. Give a lower bound that is not above"
    ):
        Range(lower=2, upper=1)
