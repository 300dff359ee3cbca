import re

import pytest

from afterlaunch.errors import ParameterError
from afterlaunch.findings import Direction
from afterlaunch.kpis import DecisionValues, Kpi, formula_names, formula_sql
from afterlaunch.ranges import Range

SQL = "SELECT month, value, n FROM kpi_days"


def kpi(**given):
    return Kpi(name="k", title="K", unit="share", direction=Direction.HIGHER, **given)


def refused(message):
    return pytest.raises(ParameterError, match=f"^{re.escape(message)}$")


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


# --- KPIs of SQL --------------------------------------------------------------------------------------------------


def test_a_kpi_is_of_formulas_or_of_sql():
    by_formulas, by_sql = kpi(numerator="outcome", denominator="1", per=1_000), kpi(sql=SQL)
    assert (by_formulas.sql, by_formulas.per) == ("", 1_000)
    assert (by_sql.numerator, by_sql.denominator, by_sql.per) == ("", "", 1.0)
    assert by_formulas.bounds == by_sql.bounds == Range()


@pytest.mark.parametrize(
    "sql",
    [
        SQL,
        SQL.lower(),
        f"  \n{SQL}\n",
        f"{SQL};",
        f"{SQL} ; \n",
        f"WITH days AS ({SQL}) SELECT * FROM days",
        f"with days as ({SQL}) select * from days;",
    ],
)
def test_one_select_is_sql_of_a_kpi(sql):
    assert kpi(sql=sql).sql == sql


@pytest.mark.parametrize(
    "sql",
    [
        f"{SQL}; {SQL}",
        f"{SQL}; DROP VIEW cases",
        "DROP VIEW cases",
        "INSERT INTO kpi_days VALUES (1)",
        "COPY cases TO 'cases.csv'",
        "ATTACH 'other.duckdb'",
        "PRAGMA database_list",
        "SET memory_limit = '1TB'",
        "month, value, n FROM kpi_days",
        ";",
        "   ",
    ],
)
def test_several_selects_or_none_are_refused(sql):
    with refused("its sql is not one SELECT. Write a single SELECT that returns month, value and n."):
        kpi(sql=sql)


@pytest.mark.parametrize(
    "formulas",
    [
        {"numerator": "outcome"},
        {"denominator": "1"},
        {"numerator": "outcome", "denominator": "1"},
        {"per": 1_000},
    ],
)
def test_sql_and_formulas_at_once_are_refused(formulas):
    with refused("it has sql and formulas (numerator, denominator, per). Keep one of the two."):
        kpi(sql=SQL, **formulas)


@pytest.mark.parametrize("formulas", [{}, {"numerator": "outcome"}, {"denominator": "1"}])
def test_neither_sql_nor_both_formulas_are_refused(formulas):
    with refused(
        "it has neither sql nor both formulas. Give numerator and denominator, or sql that returns month, value and n."
    ):
        kpi(**formulas)


def test_the_sql_of_a_kpi_is_not_read_as_a_formula():
    assert kpi(sql="SELECT f(x) AS month, 'y' AS value, 1 AS n").sql.startswith("SELECT f(x)")


# --- what decisions are worth -------------------------------------------------------------------------------------


def test_what_decisions_are_worth_is_told_by_four_formulas():
    values = DecisionValues(
        unit="CHF", true_positive="gain - cost", false_positive="-cost", false_negative="-gain * score"
    )
    assert values.formulas == {
        "true_positive": "gain - cost",
        "false_positive": "-cost",
        "false_negative": "-gain * score",
        "true_negative": "0",
    }


def test_a_case_that_passes_is_worth_nothing_unless_said_otherwise():
    values = DecisionValues(unit="CHF", true_positive="52", false_positive="-8")
    assert (values.false_negative, values.true_negative) == ("0", "0")


@pytest.mark.parametrize("role", ["true_positive", "false_positive", "false_negative", "true_negative"])
@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (
            "f(x)",
            (
                "Formula 'f(x)' holds 'f(x)'; allowed are names, numbers, + - * /, one comparison and brackets. "
                "Write it with these."
            ),
        ),
        ("gain *", "Formula 'gain *' cannot be read. Write arithmetic, such as 'decision * outcome'."),
        ("", "Formula '' cannot be read. Write arithmetic, such as 'decision * outcome'."),
    ],
)
def test_each_of_the_four_formulas_is_checked_when_it_is_made(role, formula, message):
    formulas = {"true_positive": "52", "false_positive": "-8"} | {role: formula}
    with refused(message):
        DecisionValues(unit="CHF", **formulas)


def test_formulas_of_decisions_mean_in_the_engine_what_they_say(engine):
    values = DecisionValues(
        unit="CHF", true_positive="gain - cost", false_positive="-cost", true_negative="amount / 100"
    )
    found = {
        name: value_of(engine, formula, decision=1, outcome=1, score="0.5e0", f_1=250)
        for name, formula in values.formulas.items()
    }
    assert found == {
        "true_positive": 52.0,
        "false_positive": -8.0,
        "false_negative": 0.0,
        "true_negative": 2.5,
    }
