"""A simulated claims desk, screened by an AI over two years, with everything that went wrong after its launch.

The AI was fast in staging and slow in production, so people clicked twice and got two answers, or gave up; edge
cases came that it had never seen; a retrained version had better precision and cost money. All of it is planted, with
an answer key, so that a report can be held against the truth. Nothing here is real.

``python -m afterlaunch.examples.claims_screening`` writes the world to ``data/claims_screening``.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from afterlaunch.errors import AfterlaunchError, ParameterError
from afterlaunch.examples import desk_claims, desk_kpis, desk_requests, desk_tickets
from afterlaunch.examples.desk_claims import Columns, Scorer, Size, day_number, draw_claims
from afterlaunch.examples.desk_events import NAMES, Plan
from afterlaunch.examples.desk_requests import Answers
from afterlaunch.examples.desk_ticket_texts import OTHER
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import numpy.typing as npt

N_MONTHS: Final = 24
MAX_SCALE: Final = 100.0
DEFAULT_FOLDER: Final = Path("data/claims_screening")
V2_LIVE_FROM: Final = "2025-08"
N_SHADOW_MONTHS: Final = 7
"""In the last months of the world the other version scores all claims, too, and nobody sees it."""
SEEN_FROM: Final = np.datetime64("2026-01-06")
"""The tables are as they stood on this morning: what came later is not in them."""
# Claims are drawn in chunks of whole days, so that memory stays bounded at any scale.
_CHUNK_CLAIMS: Final = 150_000
_CLAIM_ID: Final = 10_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """What is simulated.

    Parameters
    ----------
    scale : float
        1 is about 20,000 claims a month; above 0, at most 100.
    seed : int
        The same seed gives the same world.
    n_months : int
        Months from January 2024 on, 1 to 24.
    plan : Plan
        Which events happen.
    """

    scale: float = 1.0
    seed: int = 2
    n_months: int = N_MONTHS
    plan: Plan = dataclasses.field(default_factory=Plan.of)

    def __post_init__(self) -> None:
        if not 0 < self.scale <= MAX_SCALE:
            raise ParameterError(f"scale is {self.scale}; give a number above 0, at most {MAX_SCALE:g}.")
        if not 1 <= self.n_months <= N_MONTHS:
            raise ParameterError(f"months is {self.n_months}; give 1 to {N_MONTHS}.")
        if self.seed < 0:
            raise ParameterError(f"seed is {self.seed}; give 0 or more.")

    @property
    def size(self) -> Size:
        """Scale and seed."""
        return Size(scale=self.scale, seed=self.seed)

    @property
    def months(self) -> tuple[str, ...]:
        """The months, oldest first."""
        last = Window.parse("2026-01")
        every = [last.previous(k).label for k in range(N_MONTHS, 0, -1)]
        return tuple(every[: self.n_months])


def months_of(world: World) -> Iterator[tuple[str, dict[str, pa.Table]]]:
    """Yield the world's tables piece by piece, each with its month: bounded in memory at any scale."""
    scorers = trained_versions()
    n_claims = 0
    for month in world.months:
        for days in _chunks(month, world):
            piece = _piece(days, month, world, scorers, first_id=_CLAIM_ID + n_claims)
            n_claims += piece["scoring_log"].num_rows
            yield month, piece


@functools.cache
def trained_versions() -> Mapping[str, Scorer]:
    """Train both versions on claims of their training months; they are the same whatever the world."""
    return {
        "v1": _trained("v1", desk_claims.V1_TRAINED),
        "v2": _trained("v2", desk_claims.V2_TRAINED),
    }


def _trained(name: str, window: Window) -> Scorer:
    months = np.arange(np.datetime64(window.start, "M"), np.datetime64(window.end, "M"))
    size = Size(scale=desk_claims.N_TRAINING_ROWS / len(months) / desk_claims.CLAIMS_A_MONTH)
    drawn = [draw_claims(_days(str(month)), Plan.of(), size) for month in months]
    rows = {column: np.concatenate([part[column] for part in drawn]) for column in drawn[0]}
    return desk_claims.train(name, rows)


def _days(month: str) -> npt.NDArray[np.datetime64]:
    window = Window.parse(month)
    days: npt.NDArray[np.datetime64] = np.arange(np.datetime64(window.start), np.datetime64(window.end))
    return days


def _chunks(month: str, world: World) -> list[npt.NDArray[np.datetime64]]:
    days = _days(month)
    n_chunks = min(len(days), int(np.ceil(desk_claims.CLAIMS_A_MONTH * world.scale / _CHUNK_CLAIMS)))
    return np.array_split(days, n_chunks)


def _piece(
    days: npt.NDArray[np.datetime64],
    month: str,
    world: World,
    scorers: Mapping[str, Scorer],
    *,
    first_id: int,
) -> dict[str, pa.Table]:
    plan, size, place = world.plan, world.size, day_number(days[0])
    claims = draw_claims(days, plan, size)
    answers = Answers(
        scores={name: scorer.score(claims) for name, scorer in scorers.items()},
        thresholds={name: scorer.threshold for name, scorer in scorers.items()},
        logged=_logged_versions(claims, month, plan, size, place),
    )
    requests = desk_requests.draw_requests(claims, answers, plan, size, place)
    tickets = desk_tickets.draw_tickets(claims, requests, answers, plan, size, place=place, first_id=first_id)
    return {
        "scoring_log": _scoring_log(claims, answers, first_id),
        "outcomes": _outcomes(claims, first_id),
        "shadow_scores": _shadow_scores(
            answers, first_id, is_shadowed=month in world.months[-N_SHADOW_MONTHS:]
        ),
        "requests": _requests(requests, desk_requests.draw_staging(days, size, place), first_id, place),
        **_tickets(tickets, place),
        "kpi_days": pa.table(desk_kpis.draw_days(claims, answers, plan, size, place=place)),
    }


def _logged_versions(claims: Columns, month: str, plan: Plan, size: Size, place: int) -> npt.NDArray[Any]:
    n = len(claims["scored_at"])
    if plan.has("mixed_versions", month):
        is_new = size.generator(6, place).random(n) < desk_requests.MIXED_SHARE
        return np.where(is_new, "v2", "v1")
    is_live = "large_claims_missed" in plan.names and month >= V2_LIVE_FROM
    return np.full(n, "v2" if is_live else "v1")


def _logged(answers: Answers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    by = [answers.logged == name for name in answers.scores]
    score = np.select(by, list(answers.scores.values()))
    return score, score >= np.select(by, list(answers.thresholds.values()))


def _instants(values: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(values, pa.timestamp("us"))


def _scoring_log(claims: Columns, answers: Answers, first_id: int) -> pa.Table:
    score, alert = _logged(answers)
    columns = {
        "claim_id": pa.array(first_id + np.arange(len(score))),
        "scored_at": _instants(claims["scored_at"]),
        "model_version": pa.array(answers.logged),
        "score": pa.array(score),
        "alert": pa.array(alert),
        **{name: pa.array(claims[name], from_pandas=True) for name in desk_claims.FEATURES},
    }
    return pa.table(columns)


def _outcomes(claims: Columns, first_id: int) -> pa.Table:
    is_known = claims["outcome_at"] < _us(SEEN_FROM)
    return pa.table(
        {
            "claim_id": pa.array((first_id + np.arange(len(is_known)))[is_known]),
            "irregular": pa.array(claims["irregular"][is_known].astype(np.int8)),
            "known_at": _instants(claims["outcome_at"][is_known]),
        }
    )


def _us(day: np.datetime64) -> int:
    return int(day.astype("datetime64[us]").astype(np.int64))


def _shadow_scores(answers: Answers, first_id: int, *, is_shadowed: bool) -> pa.Table:
    """Return what the other version says of each claim; no row where it does not run in the shadow."""
    n = len(answers.logged) if is_shadowed else 0
    other = np.where(answers.logged[:n] == "v1", "v2", "v1")
    score = np.select(
        [other == name for name in answers.scores], [s[:n] for s in answers.scores.values()], 0.0
    )
    return pa.table(
        {
            "claim_id": pa.array(first_id + np.arange(n)),
            "model_version": pa.array(other.astype("U2")),
            "score": pa.array(score.astype(np.float64)),
        }
    )


def _requests(production: Columns, staging: Columns, first_id: int, place: int) -> pa.Table:
    """Return production and staging one below the other; in staging nobody waits and nothing is decided."""
    n, n_staging = len(production["claim"]), len(staging["arrived_at"])

    def stacked(in_production: object, in_staging: object = None) -> pa.Array:
        first = (
            in_production
            if isinstance(in_production, pa.Array)
            else pa.array(in_production, from_pandas=True)
        )
        if in_staging is None:
            return pa.concat_arrays([first, pa.nulls(n_staging, first.type)])
        second = np.full(n_staging, in_staging) if isinstance(in_staging, str) else in_staging
        return pa.concat_arrays([first, pa.array(second, first.type, from_pandas=True)])

    ids = np.concatenate([production["click"], n + np.arange(n_staging)]) + 1_000_000 * (place + 1)
    timed = ("latency_ms", *(f"{name}_ms" for name in desk_requests.STAGES))
    answered = ("first_feedback_ms", "waited_ms", "was_shown", "score", "decision")
    return pa.table(
        {
            "request_id": _trace_ids(ids),
            "environment": stacked(np.repeat("production", n), "staging"),
            "arrived_at": _instants(np.concatenate([production["arrived_at"], staging["arrived_at"]])),
            "endpoint": stacked(production["endpoint"], staging["endpoint"]),
            "host": stacked(production["host"], "staging-01"),
            "model_version": stacked(production["model_version"], "v1"),
            "user_id": stacked(_names("reviewer-", production["user"] + 1)),
            "claim_id": stacked(first_id + production["claim"]),
            "status": stacked(production["status"], "ok"),
            **{name: stacked(production[name], staging[name]) for name in timed},
            **{name: stacked(production[name]) for name in answered},
        }
    )


def _trace_ids(numbers: npt.NDArray[np.int64]) -> pa.Array:
    """Return 32 hexadecimal digits for each number, as tracers write them; different numbers never share them."""
    odd = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)
    mixed = numbers.astype(np.uint64)[:, None] * odd
    nibbles = (mixed.view(np.uint8)[:, :, None] >> np.array([4, 0], dtype=np.uint8)) & 15
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[nibbles.reshape(len(numbers), 32)]
    return pa.array(np.ascontiguousarray(digits).view("S32").ravel()).cast(pa.string())


def _names(prefix: str, numbers: npt.NDArray[np.int64]) -> pa.Array:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def _tickets(tickets: Columns, place: int) -> dict[str, pa.Table]:
    """Return the tickets that had come by the snapshot's morning, and what people said of those they read."""
    is_in = tickets["received_at"] < _us(SEEN_FROM)
    is_read, theme, label = (tickets[name][is_in] for name in ("is_labelled", "theme", "label"))
    ids = _names("T-", (1_000_000 * (place + 1) + np.arange(len(is_in)))[is_in])
    claim = tickets["claim_id"][is_in]
    all_tickets = {
        "ticket_id": ids,
        "received_at": _instants(tickets["received_at"][is_in]),
        "claim_id": pa.array(claim, mask=claim < 0),
        "text": pa.array(tickets["text"][is_in], pa.string()),
    }
    labels = {
        "ticket_id": ids,
        "about_ai": pa.array(label.astype(np.int8)),
        "theme": pa.array(theme, pa.string(), mask=~label | (theme == OTHER)),
    }
    return {"tickets": pa.table(all_tickets), "ticket_labels": pa.table(labels).filter(pa.array(is_read))}


def answer_key(world: World) -> dict[str, Any]:
    """Return everything that is planted, with months, size and the finding that should name it."""
    return {
        "simulated": True,
        "scale": world.scale,
        "seed": world.seed,
        "months": [world.months[0], world.months[-1]],
        "events": [
            dataclasses.asdict(event) for event in world.plan.events if event.months[0] in world.months
        ],
        "background": sorted(world.plan.names & {"seasonality", "slow_drift"}),
    }


def write(world: World, folder: Path, *, progress: bool = False) -> None:
    """Write the world's tables and its answer key into a folder, in full or not at all.

    Parameters
    ----------
    world : World
        What is simulated.
    folder : pathlib.Path
        Made anew: what was there before is replaced at the end.
    progress : bool
        Whether to show a progress bar on stderr.
    """
    from tqdm import tqdm

    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with tqdm(total=len(world.months), desc="claims desk", unit="month", disable=not progress) as bar:
            with _Writer(partial) as writer:
                for month, piece in months_of(world):
                    if writer.month not in ("", month):
                        bar.update()
                    writer.add(month, piece)
            bar.update()
        key = json.dumps(answer_key(world), indent=1, ensure_ascii=False)
        (partial / "answer_key.json").write_text(key + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


# One file a month for the large tables, one for all months for the others.
_BY_MONTH: Final = ("scoring_log", "requests")


class _Writer:
    """Appends pieces to Parquet files, each piece a row group."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, pq.ParquetWriter] = {}
        self.month = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._open.values():
            writer.close()

    def add(self, month: str, piece: dict[str, pa.Table]) -> None:
        if month != self.month:
            for name in _BY_MONTH:
                if name in self._open:
                    self._open.pop(name).close()
            self.month = month
        for name, table in piece.items():
            if name not in self._open:
                self._open[name] = self._started(name, table.schema)
            self._open[name].write_table(table)

    def _started(self, name: str, schema: pa.Schema) -> pq.ParquetWriter:
        path = (
            self._folder / name / f"{self.month}.parquet"
            if name in _BY_MONTH
            else self._folder / f"{name}.parquet"
        )
        path.parent.mkdir(exist_ok=True)
        return pq.ParquetWriter(path, schema, compression="zstd", compression_level=3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate the world and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m afterlaunch.examples.claims_screening",
        description="Simulate a claims desk over two years and write its tables and the answer key.",
        epilog=f"Events and background: {', '.join(NAMES)}.",
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder to write into (%(default)s)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="1 is 20,000 claims a month; at most 100 (%(default)s)"
    )
    parser.add_argument(
        "--months", type=int, default=N_MONTHS, help="months from January 2024 on (%(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=World.seed, help="the same seed gives the same world (%(default)s)"
    )
    for option, means in (
        ("--plant", "only this event"),
        ("--no-plant", "all but this event; 'all' for none"),
    ):
        parser.add_argument(
            option, action="append", default=[], metavar="NAME", help=f"{means}; may be repeated"
        )
    given = parser.parse_args(arguments)
    try:
        plan = Plan.of(plant=given.plant, no_plant=given.no_plant)
        world = World(scale=given.scale, seed=given.seed, n_months=given.months, plan=plan)
        write(world, given.out, progress=True)
    except AfterlaunchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stderr.write(f"wrote {given.out}: simulated, with the answer key in answer_key.json\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
