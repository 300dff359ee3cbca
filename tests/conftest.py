"""What several test modules build on."""

from __future__ import annotations

import signal

import pytest

from afterlaunch.engine import DuckDB

# A job in the background of a shell inherits an ignored SIGINT, and so would the processes that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def engine():
    duckdb = DuckDB(memory_limit="500MB", threads=2)
    yield duckdb
    duckdb.close()
