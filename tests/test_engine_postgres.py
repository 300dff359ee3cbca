"""A real PostgreSQL server on a socket of its own, read through ADBC; skipped where no server is installed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from afterlaunch.engine import Source
from afterlaunch.errors import DataError

# Debian keeps it where the PATH of a plain user does not lead.
RUNUSER = shutil.which("runuser", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "runuser"
SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
pytestmark = pytest.mark.skipif(not SERVERS, reason="no PostgreSQL server is installed")


def as_server_user(*command):
    # The server refuses to run as root; Debian's package brings a user for it.
    return (RUNUSER, "-u", "postgres", "--", *command) if os.geteuid() == 0 else command


@pytest.fixture(scope="module")
def url():
    tools = SERVERS[-1]
    with tempfile.TemporaryDirectory(prefix="al-pg-", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        cluster = f"{folder}/cluster"

        def call(*command):
            subprocess.run(command, check=True, capture_output=True, cwd=folder)

        call(*as_server_user(f"{tools}/initdb", "-D", cluster, "-U", "reader", "-A", "trust"))
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        # The server keeps what it inherits open: a log file instead of our pipe, or this call never ends.
        start = as_server_user(
            f"{tools}/pg_ctl", "-D", cluster, "-o", options, "-w", "-l", f"{folder}/log", "start"
        )
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        try:
            table = (
                'CREATE TABLE "scored claims" AS SELECT i AS id, i::float8 / 1000 AS score, '
                "CASE WHEN i % 2 = 0 THEN 'v1' END AS version, now()::timestamp AS scored "
                "FROM generate_series(1, 1000) i"
            )
            call(f"{tools}/psql", "-h", folder, "-U", "reader", "-d", "postgres", "-q", "-c", table)
            yield f"postgresql://reader@/postgres?host={folder}"
        finally:
            call(*as_server_user(f"{tools}/pg_ctl", "-D", cluster, "-m", "immediate", "stop"))


def test_a_table_in_postgresql_is_read(engine, tmp_path, url):
    kinds = engine.read(Source(path=url, table="scored claims"), "arriving", root=tmp_path)
    assert kinds == {"id": "integer", "score": "number", "version": "text", "scored": "instant"}
    seen = engine.query(
        "SELECT count(*) AS n, count(version) AS n_versions, max(score) AS top FROM arriving"
    ).iloc[0]
    assert seen.tolist() == [1000, 500, 1.0]


def test_a_missing_table_is_refused_with_the_tables_there_are(engine, tmp_path, url):
    with pytest.raises(DataError, match=r"^Table 'scored_claims' is not in .*; there are: scored claims\."):
        engine.read(Source(path=url, table="scored_claims"), "arriving", root=tmp_path)
