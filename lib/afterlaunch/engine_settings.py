"""Which engine a model.yaml asks for: DuckDB with its share of the machine, or Spark behind a master's address."""

from __future__ import annotations

import dataclasses
import re
import socket
from typing import Literal

from afterlaunch.errors import DataError, did_you_mean
from afterlaunch.schema import FieldsError, shown

_HOST = r"(?:\[[0-9a-fA-F:]+\]|[^\s/:;,\[\]]+)"
_PORT = r"(?:\d{1,5}|\$\{\w+\})"
_MASTERS = {
    "local": re.compile(r"local(\[([1-9]\d*|\*)\])?"),
    "spark": re.compile(rf"spark://{_HOST}:{_PORT}(,{_HOST}:{_PORT})*"),
    "sc": re.compile(rf"sc://{_HOST}(:{_PORT})?(/(;\S*)?)?"),
}
_ALLOWED = 'local, "local[2]", "local[*]", spark://host:port or sc://host:port'
# Where Spark Connect listens when its address names no port.
_CONNECT_PORT = 15002
# pyspark itself would ask an address that does not answer again for a minute or, as sc://, for ten.
_PATIENCE_S = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Which engine reads a model's data: ``engine`` in its model.yaml.

    Parameters
    ----------
    name : str
        ``duckdb``, inside the process, or ``spark``, for what one machine cannot scan.
    memory_limit : str, optional
        For duckdb: how much memory it may take, ``"2GB"`` when left out; the rest is spilled to a folder of its own.
    threads : int, optional
        For duckdb: its threads; 0, or left out, leaves the choice to DuckDB.
    master : str, optional
        For spark: where it runs. ``local``, ``"local[2]"`` (threads) or ``"local[*]"`` on this machine;
        ``spark://host:port`` on a cluster that this process drives; ``sc://host:port`` behind Spark Connect, with its
        parameters after ``/;``. ``${NAME}`` is replaced by the environment variable NAME, so that no token stands in a
        file. Left out: the session that runs in this process already, otherwise ``"local[2]"``.

    Examples
    --------
    >>> EngineSettings(name="spark", master="spork://desk:7077")
    Traceback (most recent call last):
    afterlaunch.schema.FieldsError: master: got 'spork://desk:7077', allowed is local, "local[2]", "local[*]", \
spark://host:port or sc://host:port. Did you mean 'spark://desk:7077'?
    """

    name: Literal["duckdb", "spark"] = "duckdb"
    memory_limit: str | None = None
    threads: int | None = None
    master: str | None = None

    def __post_init__(self) -> None:
        problems = self._duckdb_problems() if self.name == "duckdb" else self._spark_problems()
        if problems:
            raise FieldsError(problems)

    def _duckdb_problems(self) -> dict[str, str]:
        problems = {}
        if self.master is not None:
            problems["master"] = (
                f"got {_public(self.master)}, but only spark has a master. Add name: spark, or leave it out."
            )
        if self.threads is not None and self.threads < 0:
            problems["threads"] = f"got {self.threads}, allowed is 0 or more; 0 leaves the choice to DuckDB."
        return problems

    def _spark_problems(self) -> dict[str, str]:
        problems = {
            name: f"got {shown(given)}, but this is for duckdb: {where}. Leave it out, or write name: duckdb."
            for name, given, where in (
                ("memory_limit", self.memory_limit, "Spark's memory is set where Spark is started"),
                ("threads", self.threads, 'spark takes its threads from the master, such as "local[4]"'),
            )
            if given is not None
        }
        if self.master is not None and not is_master(self.master):
            meant = did_you_mean(self.master, _with_other_schemes(self.master))
            problems["master"] = f"got {_public(self.master)}, allowed is {_ALLOWED}.{meant}"
        return problems


def is_master(master: str) -> bool:
    """Return whether a text is the address of a Spark that this library can start or reach.

    Examples
    --------
    >>> [is_master(text) for text in ("local[2]", "spark://desk:7077", "sc://desk", "yarn", "spark://desk")]
    [True, True, True, False, False]
    """
    return any(pattern.fullmatch(master) for pattern in _MASTERS.values())


def check_answers(master: str) -> None:
    """Ask whether somebody listens at a master's address; at one of them where it names several.

    Raises
    ------
    DataError
        When nobody does within seconds.
    """
    problem = ""
    for host, port in _addresses(master):
        try:
            with socket.create_connection((host, port), timeout=_PATIENCE_S):
                return
        except (OSError, OverflowError) as error:
            problem = str(error)
    if problem:
        raise DataError(
            f"Spark at {_public(master)} did not answer: {problem}. Check that it runs and that its address is right: "
            "`engine.master` in the model's model.yaml."
        )


def _addresses(master: str) -> list[tuple[str, int]]:
    """Return the hosts and ports of a master; none of a local one."""
    _, _, rest = master.partition("://")
    found = [re.fullmatch(rf"({_HOST})(?::(\d+))?", place) for place in rest.split("/")[0].split(",")]
    return [(match[1].strip("[]"), int(match[2] or _CONNECT_PORT)) for match in found if match]


def _with_other_schemes(master: str) -> list[str]:
    """Return what an address may have meant whose scheme is none; where the scheme is one, its rest is wrong."""
    given = master.partition(";")[0]
    scheme = re.split(r"[:\[]", given)[0]
    others = [name + given.removeprefix(scheme) for name in _MASTERS if scheme not in _MASTERS]
    return [other for other in others if is_master(other)]


def _public(master: str) -> str:
    """Return a master as a message shows it: without its parameters, one of which may be a token."""
    return shown(master.split(";", maxsplit=1)[0])
