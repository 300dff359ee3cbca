import pytest

from afterlaunch.errors import ParameterError
from afterlaunch.findings import Direction
from afterlaunch.kpis import Kpi, formula_names, formula_sql


def value_of(engine, formula, **row):
    columns = ", ".join(f"{value} AS {name}" for name, value in row.items())
    sql = formula_sql(
        formula, amounts={"gain": 60.0, "cost": 8.0}, columns={"claim amount": "f_0", "amount": "f_1"}
    )
    return engine.query(f"SELECT {sql} AS value FROM (SELECT {columns}) AS row")["value"].iloc[0]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("gain * decision * outcome - cost * decision", 52.0),
        ("decision / 4", 0.25),
        ("-(outcome + 1) * 2", -4.0),
        ("(amount > 100) * amount", 250.0),
        ("(amount <= 100)", 0.0),
        ("(decision == outcome)", 1.0),
        ("1e-3", 0.001),
    ],
)
def test_a_formula_means_in_the_engine_what_it_says(engine, formula, expected):
    assert value_of(engine, formula, decision=1, outcome=1, score="0.5e0", f_1=250) == pytest.approx(expected)


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os')",
        "outcome.real",
        "[1]",
        "'x'",
        "decision if outcome else 1",
        "outcome ** 2",
        "1 < 2 < 3",
        "True",
    ],
)
def test_what_is_not_arithmetic_is_refused(formula):
    with pytest.raises(
        ParameterError, match=r"allowed are names, numbers, \+ - \* /, one comparison and brackets"
    ):
        formula_names(formula)


def test_a_formula_that_cannot_be_read_is_refused():
    with pytest.raises(
        ParameterError, match=r"^Formula 'decision \*' cannot be read\. Write arithmetic, such as"
    ):
        formula_names("decision *")


def test_an_unknown_name_is_refused_with_the_closest_one():
    with pytest.raises(ParameterError) as refused:
        formula_sql("decison * 2", amounts={"gain": 1.0}, columns={"amount": "f_0"})
    assert str(refused.value) == (
        "Formula 'decison * 2' names 'decison'; known are decision, outcome, score, gain, amount. "
        "Did you mean 'decision'?"
    )


def test_a_kpi_checks_both_of_its_formulas_when_it_is_made():
    with pytest.raises(ParameterError, match=r"^Formula 'f\(x\)' holds 'f\(x\)'"):
        Kpi(name="k", title="K", numerator="1", denominator="f(x)", unit="share", direction=Direction.HIGHER)
