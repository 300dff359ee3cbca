import datetime as dt

import pytest

from afterlaunch.errors import ParameterError
from afterlaunch.model_version import ModelVersion

GIVEN = {
    "name": "v1",
    "threshold": 0.5,
    "trained_from": dt.date(2013, 1, 1),
    "trained_until": dt.date(2013, 3, 31),
}


def test_the_last_training_day_belongs_to_the_training_window():
    trained = ModelVersion(**GIVEN).trained
    assert trained.contains(dt.date(2013, 3, 31))
    assert not trained.contains(dt.date(2013, 4, 1))


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        (
            {"name": "v1'; DROP"},
            r"^Version name \"v1'; DROP\" may hold letters, digits and \. _ \+ - only\. Rename it\.$",
        ),
        (
            {"threshold": 1.2},
            r"^Version 'v1' has threshold 1\.2; scores lie in 0 to 1, so give a threshold there\.$",
        ),
        (
            {"trained_until": dt.date(2012, 1, 1)},
            r"was trained until 2012-01-01, before it began on 2013-01-01\. Swap",
        ),
    ],
)
def test_a_version_that_cannot_be_is_refused(changed, match):
    with pytest.raises(ParameterError, match=match):
        ModelVersion(**(GIVEN | changed))
