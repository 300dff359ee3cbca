"""Business KPIs as ratios of sums over cases, written by the team as small formulas.

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
    """A business number: ``per`` times the sum of ``numerator`` over the sum of ``denominator``.

    Parameters
    ----------
    name, title : str
        Stable name and the title people read.
    numerator, denominator : str
        Formulas over one case, such as ``"decision * outcome"`` and ``"1"``.
    unit : str
        Such as ``"share"`` or ``"USD per 1,000 flights"``.
    direction : Direction
        Which way is better.
    bounds : Range
        Where values can lie at all, such as 0 and above: a usual range is not shown beyond.
    """

    name: str
    title: str
    numerator: str
    denominator: str
    unit: str
    direction: Direction
    per: float = 1.0
    bounds: Range = ANYWHERE
    decimals: int = 3

    def __post_init__(self) -> None:
        for role in ("numerator", "denominator"):
            formula_names(getattr(self, role))


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
