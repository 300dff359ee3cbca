"""What several test modules build on."""

from __future__ import annotations

import pytest

from afterlaunch.engine import DuckDB


@pytest.fixture
def engine():
    duckdb = DuckDB(memory_limit="500MB", threads=2)
    yield duckdb
    duckdb.close()
