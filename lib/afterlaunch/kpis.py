"""Business KPIs: ratios of sums over cases, written as small formulas, or SQL over the team's own KPI tables.

A formula is arithmetic over the case's ``decision``, ``outcome`` and ``score``, its number features and named
amounts. It is parsed, never executed: what is not arithmetic is refused.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Mapping

from afterlaunch.contract import number_literal
from afterlaunch.errors import ParameterError, did_you_mean
from afterlaunch.findings import Direction
from afterlaunch.ranges import Range

_OPERATORS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "=",
    ast.NotEq: "<>",
}
ANYWHERE = Range()
CASE_NAMES = ("decision", "outcome", "score")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kpi:
    """A business number, by formulas or by SQL.

    Parameters
    ----------
    name, title : str
        Stable name and the title people read.
    numerator, denominator : str
        Formulas over one case, such as ``"decision * outcome"`` and ``"1"``: the KPI is ``per`` times the sum of the
        one over the sum of the other.
    sql : str
        Instead of formulas: a SELECT over the model's KPI tables that returns ``month`` (a day of it, or text such as
        ``"2025-01"``), ``value`` and ``n``, one row a month.
    unit : str
        Such as ``"share"`` or ``"USD per 1,000 flights"``.
    direction : Direction
        Which way is better.
    bounds : Range
        Where values can lie at all, such as 0 and above: a usual range is not shown beyond.
    """

    name: str
    title: str
    unit: str
    direction: Direction
    numerator: str = ""
    denominator: str = ""
    sql: str = ""
    per: float = 1.0
    bounds: Range = ANYWHERE
    decimals: int = 3

    def __post_init__(self) -> None:
        if self.sql:
            _check_sql(self)
            return
        if not self.numerator or not self.denominator:
            raise ParameterError(
                "it has neither sql nor both formulas. Give numerator and denominator, or sql that returns month, "
                "value and n."
            )
        for role in ("numerator", "denominator"):
            formula_names(getattr(self, role))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecisionValues:
    """What a decision about one case is worth, by what turned out: four formulas, as in :class:`Kpi`.

    Parameters
    ----------
    unit : str
        Of the values, such as ``"CHF"``.
    true_positive, false_positive : str
        Of an alert that was right, and of one that was not: a review costs something in both.
    false_negative, true_negative : str
        Of a case that passed although the outcome happened, and of one that passed rightly.
    """

    unit: str
    true_positive: str
    false_positive: str
    false_negative: str = "0"
    true_negative: str = "0"

    def __post_init__(self) -> None:
        for formula in self.formulas.values():
            formula_names(formula)

    @property
    def formulas(self) -> Mapping[str, str]:
        """The four formulas by name."""
        return {
            "true_positive": self.true_positive,
            "false_positive": self.false_positive,
            "false_negative": self.false_negative,
            "true_negative": self.true_negative,
        }


def _check_sql(kpi: Kpi) -> None:
    if kpi.numerator or kpi.denominator or kpi.per != 1.0:
        raise ParameterError("it has sql and formulas (numerator, denominator, per). Keep one of the two.")
    text = kpi.sql.strip().rstrip(";").strip()
    if not text.lower().startswith(("select", "with")) or ";" in text:
        raise ParameterError(
            "its sql is not one SELECT. Write a single SELECT that returns month, value and n."
        )


def formula_names(formula: str) -> frozenset[str]:
    """Return the names that a formula uses.

    Raises
    ------
    ParameterError
        When it is not arithmetic over names and numbers.

    Examples
    --------
    >>> sorted(formula_names("60 * decision * outcome"))
    ['decision', 'outcome']
    """
    names: set[str] = set()

    def remember(name: str) -> str:
        names.add(name)
        return name

    _compile(_parsed(formula), formula, remember)
    return frozenset(names)


def formula_sql(formula: str, *, amounts: Mapping[str, float], columns: Mapping[str, str]) -> str:
    """Compile a formula to SQL over a scoring log's view.

    Parameters
    ----------
    formula : str
        See :class:`Kpi`.
    amounts : mapping of str to float
        Named amounts of the model file.
    columns : mapping of str to str
        The log's features and their names in the view.

    Raises
    ------
    ParameterError
        When a name is neither a role, an amount nor a feature.

    Examples
    --------
    >>> formula_sql("gain * outcome", amounts={"gain": 60.0}, columns={})
    '(60.0e0 * CAST(outcome AS DOUBLE))'
    """

    def named(name: str) -> str:
        if name in amounts:
            return number_literal(amounts[name])
        if name in CASE_NAMES:
            return f"CAST({name} AS DOUBLE)"
        if name in columns:
            return f"CAST({columns[name]} AS DOUBLE)"
        known = (*CASE_NAMES, *amounts, *columns)
        raise ParameterError(
            f"Formula {formula!r} names {name!r}; known are {', '.join(known)}.{did_you_mean(name, known)}"
        )

    return _compile(_parsed(formula), formula, named)


def _parsed(formula: str) -> ast.expr:
    try:
        return ast.parse(formula, mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ParameterError(
            f"Formula {formula!r} cannot be read. Write arithmetic, such as 'decision * outcome'."
        ) from error


def _compile(node: ast.expr, formula: str, named: Callable[[str], str]) -> str:
    match node:
        case ast.Constant(value=bool() | str()):
            pass
        case ast.Constant(value=int() | float() as value):
            return number_literal(value)
        case ast.Name(id=name):
            return named(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{_compile(operand, formula, named)})"
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATORS:
            sign = _OPERATORS[type(operation)]
            return f"({_compile(left, formula, named)} {sign} {_compile(right, formula, named)})"
        case ast.Compare(left=left, ops=[comparison], comparators=[right]) if (
            type(comparison) in _COMPARISONS
        ):
            sign = _COMPARISONS[type(comparison)]
            sides = f"{_compile(left, formula, named)} {sign} {_compile(right, formula, named)}"
            return f"(CASE WHEN {sides} THEN 1e0 ELSE 0e0 END)"
    raise ParameterError(
        f"Formula {formula!r} holds {ast.unparse(node)!r}; allowed are names, numbers, + - * /, one comparison and "
        "brackets. Write it with these."
    )
