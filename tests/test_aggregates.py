import numpy as np
import pandas as pd
import pytest

from afterlaunch.aggregates import Cut, Key, Total, aggregate, count_where, exact_sum, query_text
from afterlaunch.engine import DuckDB, Source

MONTH = Key(name="month", sql="date_trunc('month', at_time)")
REGION = Key(name="region_key", sql="coalesce(region, '(missing)')")
N = Total(name="n", sql="count(*)")


@pytest.fixture
def rows(engine, tmp_path):
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "at_time": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 90, 5000), unit="D"),
            "region": random.choice(["north", "south", None], 5000),
            "x": random.normal(size=5000),
        }
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    engine.read(Source(path="rows.parquet"), "toy_rows", root=tmp_path)
    return frame


def test_one_query_gives_what_separate_group_bys_give(engine, rows):
    cuts = (
        Cut(keys=(MONTH,), totals=(N, count_where("n_high", "x > 1"))),
        Cut(keys=(MONTH, REGION), totals=(N, exact_sum("sum_x", "x"))),
    )
    by_month, by_both = aggregate(engine, "toy_rows", cuts)
    month = rows["at_time"].dt.to_period("M")
    assert by_month["n"].tolist() == rows.groupby(month).size().tolist()
    assert by_month["n_high"].tolist() == (rows["x"] > 1).groupby(month).sum().tolist()
    expected = rows.groupby([month, rows["region"].fillna("(missing)")])["x"].sum()
    assert by_both["sum_x"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)
    assert by_both["n"].sum() == by_month["n"].sum() == 5000


def test_a_null_key_belongs_to_no_group(engine, rows):
    only_south = Key(name="south", sql="CASE WHEN region = 'south' THEN region END")
    kept, by_month = aggregate(
        engine, "toy_rows", (Cut(keys=(only_south,), totals=(N,)), Cut(keys=(MONTH,), totals=(N,)))
    )
    assert kept["south"].tolist() == ["south"]
    assert kept["n"].tolist() == [(rows["region"] == "south").sum()]
    assert by_month["n"].sum() == len(rows)


def test_cuts_that_want_the_same_totals_share_one_query(engine, rows, monkeypatch):
    asked = []
    answer = engine.query
    monkeypatch.setattr(engine, "query", lambda sql: asked.append(sql) or answer(sql))
    high = count_where("n_high", "x > 1")
    cuts = (
        Cut(keys=(MONTH,), totals=(N,)),
        Cut(keys=(MONTH,), totals=(high,)),
        Cut(keys=(REGION,), totals=(N,)),
    )
    by_month, by_month_high, by_region = aggregate(engine, "toy_rows", cuts)
    assert len(asked) == 2
    assert by_month["n"].sum() == by_region["n"].sum() == 5000
    assert by_month_high["n_high"].sum() == (rows["x"] > 1).sum()


def test_partial_sums_add_up_to_the_whole(engine, rows):
    cut = (Cut(keys=(REGION,), totals=(N, exact_sum("sum_x", "x"))),)
    (whole,) = aggregate(engine, "toy_rows", cut)
    parts = [aggregate(engine, "toy_rows", cut, where=f"month(at_time) = {m}")[0] for m in (1, 2, 3)]
    added = pd.concat(parts).groupby("region_key", as_index=False).sum()
    assert added["n"].tolist() == whole["n"].tolist()
    assert added["sum_x"].to_numpy() == pytest.approx(whole["sum_x"].to_numpy(), abs=1e-9)


def test_sums_do_not_depend_on_the_order_of_rows_or_threads(rows, tmp_path):
    sums = set()
    for seed, threads in ((1, 1), (2, 2), (3, 2)):
        rows.sample(frac=1, random_state=seed).to_parquet(tmp_path / f"{seed}.parquet", row_group_size=100)
        engine = DuckDB(threads=threads)
        engine.read(Source(path=f"{seed}.parquet"), "toy_rows", root=tmp_path)
        (total,) = aggregate(engine, "toy_rows", (Cut(keys=(REGION,), totals=(exact_sum("sum_x", "x"),)),))
        sums.add(tuple(total["sum_x"]))
        engine.close()
    assert len(sums) == 1


def test_two_meanings_of_one_name_are_refused():
    cuts = (Cut(keys=(MONTH,), totals=(N,)), Cut(keys=(MONTH,), totals=(Total(name="n", sql="sum(x)"),)))
    with pytest.raises(ValueError, match=r"^'n' is declared twice, as count\(\*\) and as sum\(x\)\.$"):
        query_text("toy_rows", cuts)
