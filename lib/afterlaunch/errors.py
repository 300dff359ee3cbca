"""The errors a user can meet: one small family, each message with a next step.

Every message names the thing, the value that was got, what is allowed and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AfterlaunchError(Exception):
    """Base of every error that Afterlaunch raises on purpose."""

    exit_code = 1


class ParameterError(AfterlaunchError):
    """A parameter, setting or configuration file is not usable."""

    exit_code = 2


class DataError(AfterlaunchError):
    """The data that came in cannot carry the analysis asked of it."""

    exit_code = 3


class RunError(AfterlaunchError):
    """A notebook run did not end well."""

    exit_code = 1


class BusyError(AfterlaunchError):
    """Another run of the same report holds the lock."""

    exit_code = 75


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest allowed name, or an empty string.

    Examples
    --------
    >>> did_you_mean("perod", ["period", "model"])
    " Did you mean 'period'?"
    >>> did_you_mean("zzz", ["period", "model"])
    ''
    """
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
