"""The contract that every notebook keeps, read from its source alone: nothing is executed here."""

from __future__ import annotations

import ast
import builtins
import copy
import dataclasses
import re
import typing
from pathlib import Path

import nbformat
import pytest

from afterlaunch.params import PARAMETERS, load_parameters, model_names

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
STEMS = sorted({*PARAMETERS, *(path.stem for path in NOTEBOOKS.glob("*.ipynb"))})

MOST_CELLS = 25
MOST_LINES = 8
MOST_CODE_CELLS_IN_A_ROW = 3
PARAMETER_LINE = re.compile(
    r"(?P<name>[a-z][a-z0-9_]*): (?P<type>str|int|float|bool|list) = (?P<value>[^=#]+?)  # (?P<help>[^=]+)"
)
BANNED = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "def",
    ast.Lambda: "lambda",
    ast.ClassDef: "class",
    ast.For: "a loop",
    ast.AsyncFor: "a loop",
    ast.While: "a loop",
    ast.ListComp: "a loop",
    ast.SetComp: "a loop",
    ast.DictComp: "a loop",
    ast.GeneratorExp: "a loop",
    ast.Try: "try",
    ast.TryStar: "try",
}
BANNED_CALLS = {"print", "exec", "eval", "get_ipython", "exit", "quit"}


@pytest.mark.parametrize("stem", STEMS)
def test_a_notebook_keeps_every_rule(stem):
    assert broken_rules(read(stem)) == []


@pytest.mark.parametrize("stem", STEMS)
def test_the_parameters_cell_the_class_and_the_yaml_name_the_same_parameters(stem):
    in_cell = [(parameter.name, parameter.type) for parameter in parameters_of(read(stem))]
    hints = typing.get_type_hints(PARAMETERS[stem])
    in_class = [(field.name, hints[field.name]) for field in dataclasses.fields(PARAMETERS[stem])]
    plain = {name: typing.get_origin(kind) or kind for name, kind in in_class}

    assert [name for name, _ in in_cell] == [name for name, _ in in_class]
    assert dict(in_cell) == {name: list if kind is tuple else kind for name, kind in plain.items()}
    for model in models_with(stem):
        written = (ROOT / "params" / model / f"{stem}.yaml").read_text(encoding="utf-8")
        assert re.findall(r"^(\w+):", written, flags=re.MULTILINE) == [name for name, _ in in_cell]


@pytest.mark.parametrize("stem", STEMS)
def test_the_defaults_in_the_parameters_cell_are_those_of_the_class_and_of_its_models_yaml(stem):
    in_cell = {parameter.name: parameter.value for parameter in parameters_of(read(stem))}
    in_class = {
        field.name: field.default
        for field in dataclasses.fields(PARAMETERS[stem])
        if field.default is not dataclasses.MISSING
    }
    in_yaml = dataclasses.asdict(load_parameters(stem, in_cell["model"], {}, ROOT))

    assert {name: in_cell[name] for name in in_class} == in_class
    assert in_cell == {
        name: list(value) if isinstance(value, tuple) else value for name, value in in_yaml.items()
    }


@pytest.mark.parametrize("stem", STEMS)
def test_every_models_yaml_of_a_notebook_is_accepted(stem):
    models = models_with(stem)
    assert models, f"No model has parameters for {stem}: write params/<model>/{stem}.yaml."
    for model in models:
        assert load_parameters(stem, model, {}, ROOT).model == model


@pytest.mark.parametrize("stem", STEMS)
def test_one_stem_names_the_notebook_its_module_its_test_and_its_parameters(stem):
    assert stem in PARAMETERS, f"notebooks/{stem}.ipynb has no class in afterlaunch.params.PARAMETERS."
    places = [f"notebooks/{stem}.ipynb", f"lib/afterlaunch/{stem}.py", f"tests/test_{stem}.py"]
    assert [place for place in places if not (ROOT / place).is_file()] == []


# --- the rules themselves: a clean toy notebook, and one way to break each rule


def markdown(text):
    return nbformat.v4.new_markdown_cell(text)


def code(source, *tags):
    cell = nbformat.v4.new_code_cell(source)
    if tags:
        cell.metadata["tags"] = list(tags)
    return cell


def toy_notebook():
    notebook = nbformat.v4.new_notebook(
        cells=[
            markdown("# Is the toy still useful?\nFor whoever plays with it."),
            code('model: str = "toy"  # the folder under params/\nn: int = 3  # how many', "parameters"),
            code("from afterlaunch import monthly_health\nlast = n - 1", "setup"),
            markdown("## This run"),
            code("monthly_health"),
        ]
    )
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def test_a_notebook_that_keeps_the_rules_breaks_none():
    assert broken_rules(toy_notebook()) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    return 1", "cell 4 holds def: move it into the library"),
        ("class A:\n    x = 1", "cell 4 holds class: move it into the library"),
        ("for i in n:\n    i", "cell 4 holds a loop: move it into the library"),
        ("while n:\n    n", "cell 4 holds a loop: move it into the library"),
        ("[i for i in n]", "cell 4 holds a loop: move it into the library"),
        ("f = lambda: 1", "cell 4 holds lambda: move it into the library"),
        ("try:\n    n\nexcept ValueError:\n    n", "cell 4 holds try: move it into the library"),
        ("print(n)", "cell 4 calls print(): show a value by naming it"),
        ("import os", "cell 4 imports: only the cell tagged setup does"),
        ("%matplotlib inline", "cell 4 is not plain Python: no magic, no shell"),
        ("!ls", "cell 4 is not plain Python: no magic, no shell"),
        ("\n".join(f"n{i}" for i in range(9)), "cell 4 has 9 code lines: at most 8"),
    ],
)
def test_a_code_cell_that_does_not_only_call_is_found(source, expected):
    notebook = toy_notebook()
    notebook.cells[4].source = source

    assert broken_rules(notebook) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("n = 3  # how many", "cell 1, 'n = 3  # how many': write `name: type = value  # help`"),
        ("n: int = 3", "cell 1, 'n: int = 3': write `name: type = value  # help`"),
        ("n: int | None = 3  # x", "cell 1, 'n: int | None = 3  # x': write `name: type = value  # help`"),
        ("n: int = 3  # n = 3", "cell 1, 'n: int = 3  # n = 3': write `name: type = value  # help`"),
        ('n: str = "a=b"  # x', "cell 1, 'n: str = \"a=b\"  # x': write `name: type = value  # help`"),
        ("n: int = m + 1  # x", "cell 1, 'n: int = m + 1  # x': the value must be a literal of its type"),
        ("n: int = 3.5  # x", "cell 1, 'n: int = 3.5  # x': the value must be a literal of its type"),
        ("n: int = True  # x", "cell 1, 'n: int = True  # x': the value must be a literal of its type"),
    ],
)
def test_a_parameter_that_papermill_would_not_read_is_found(line, expected):
    notebook = toy_notebook()
    notebook.cells[1].source = line

    assert broken_rules(notebook) == [expected]


def _add_cells(notebook):
    notebook.cells += [markdown("A sentence.") for _ in range(21)]


def _no_tag(notebook):
    del notebook.cells[1].metadata["tags"]


def _late_setup(notebook):
    notebook.cells[2], notebook.cells[4] = notebook.cells[4], notebook.cells[2]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_add_cells, ["26 cells: at most 25"]),
        (lambda n: n.cells[4].update(execution_count=1), ["cell 4 keeps an execution count: run nbstripout"]),
        (
            lambda n: n.cells[4].update(outputs=[nbformat.v4.new_output("stream", text="3")]),
            ["cell 4 keeps outputs: run nbstripout"],
        ),
        (lambda n: n.cells[4].update(id="same") or n.cells[3].update(id="same"), ["cell ids repeat: same"]),
        (lambda n: n.update(nbformat_minor=4), ["format 4.4 has no cell ids: save as 4.5 or later"]),
        (lambda n: n.metadata.pop("kernelspec"), ["the kernel is None: python3 is allowed"]),
        (
            lambda n: n.metadata.update(papermill={}),
            ["the notebook keeps papermill's notes of a run: remove them"],
        ),
        (
            lambda n: n.cells[3].update(source="# Another"),
            ["2 headings of the first level: exactly one, in the first cell"],
        ),
        (
            lambda n: n.cells.pop(0),
            [
                "0 headings of the first level: exactly one, in the first cell",
                "the first cell is not the question: it opens with `# `",
            ],
        ),
        (
            lambda n: n.cells[3].update(source="AUC rose by 3 %."),
            ["cell 3 holds a typed result '3 %': let the library say it"],
        ),
        (
            _no_tag,
            ["0 cells are tagged parameters: exactly one", "the first code cells are not parameters, setup"],
        ),
        (_late_setup, ["the first code cells are not parameters, setup"]),
        (
            lambda n: n.cells.extend(code(f"n + {i}") for i in range(3)),
            ["cell 7 is code cell number 4 in a row: put a sentence before it"],
        ),
    ],
)
def test_a_notebook_out_of_shape_is_found(spoil, expected):
    notebook = copy.deepcopy(toy_notebook())
    spoil(notebook)

    assert broken_rules(notebook) == expected


# --- reading ---------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    name: str
    type: type
    value: object


def read(stem):
    path = NOTEBOOKS / f"{stem}.ipynb"
    if not path.is_file():
        pytest.fail(f"notebooks/{stem}.ipynb is missing, though afterlaunch.params.PARAMETERS declares it.")
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def models_with(stem):
    return [model for model in model_names(ROOT) if (ROOT / "params" / model / f"{stem}.yaml").is_file()]


def tags(cell):
    return cell.metadata.get("tags", [])


def parameters_of(notebook):
    cell = next(cell for cell in notebook.cells if "parameters" in tags(cell))
    matches = [PARAMETER_LINE.fullmatch(line) for line in code_lines(cell.source)]
    return [
        Parameter(
            name=match["name"],
            type=getattr(builtins, match["type"]),
            value=ast.literal_eval(match["value"]),
        )
        for match in matches
    ]


def code_lines(source):
    return [line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]


# --- the rules -------------------------------------------------------------


def broken_rules(notebook):
    return [
        *shape_problems(notebook),
        *order_problems(notebook),
        *(
            problem
            for number, cell in enumerate(notebook.cells)
            for problem in (code_problems if cell.cell_type == "code" else prose_problems)(number, cell)
        ),
    ]


def shape_problems(notebook):
    if len(notebook.cells) > MOST_CELLS:
        yield f"{len(notebook.cells)} cells: at most {MOST_CELLS}"
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        yield f"format {notebook.nbformat}.{notebook.nbformat_minor} has no cell ids: save as 4.5 or later"
    ids = [cell.get("id") for cell in notebook.cells]
    repeated = sorted({str(name) for name in ids if ids.count(name) > 1})
    if repeated:
        yield f"cell ids repeat: {', '.join(repeated)}"
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"the kernel is {kernel}: python3 is allowed"
    if "papermill" in notebook.metadata:
        yield "the notebook keeps papermill's notes of a run: remove them"


def order_problems(notebook):
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    titles = re.findall(r"^# ", "\n".join(prose), flags=re.MULTILINE)
    if len(titles) != 1:
        yield f"{len(titles)} headings of the first level: exactly one, in the first cell"
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "the first cell is not the question: it opens with `# `"
    for tag in ("parameters", "setup"):
        tagged = sum(tag in tags(cell) for cell in notebook.cells)
        if tagged != 1:
            yield f"{tagged} cells are tagged {tag}: exactly one"
    opening = [tags(cell) for cell in notebook.cells if cell.cell_type == "code"][:2]
    if opening != [["parameters"], ["setup"]]:
        yield "the first code cells are not parameters, setup"
    in_a_row = 0
    for number, cell in enumerate(notebook.cells):
        opens = bool({"parameters", "setup"} & set(tags(cell)))
        in_a_row = in_a_row + 1 if cell.cell_type == "code" and not opens else 0
        if in_a_row > MOST_CODE_CELLS_IN_A_ROW:
            yield f"cell {number} is code cell number {in_a_row} in a row: put a sentence before it"


def prose_problems(number, cell):
    for result in re.findall(r"\d+(?:[.,]\d+)?\s*(?:%|percent\b|percentage point)", cell.source):
        yield f"cell {number} holds a typed result {result!r}: let the library say it"


def code_problems(number, cell):
    if cell.outputs:
        yield f"cell {number} keeps outputs: run nbstripout"
    if cell.execution_count is not None:
        yield f"cell {number} keeps an execution count: run nbstripout"
    lines = len(code_lines(cell.source))
    if lines > MOST_LINES:
        yield f"cell {number} has {lines} code lines: at most {MOST_LINES}"
    if "parameters" in tags(cell):
        yield from parameter_problems(number, cell)
    try:
        tree = ast.parse(cell.source)
    except SyntaxError:
        yield f"cell {number} is not plain Python: no magic, no shell"
        return
    yield from statement_problems(number, tree, may_import="setup" in tags(cell))


def statement_problems(number, tree, *, may_import):
    nodes = list(ast.walk(tree))
    for what in sorted({BANNED[type(node)] for node in nodes if type(node) in BANNED}):
        yield f"cell {number} holds {what}: move it into the library"
    called = {
        node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for name in sorted(called & BANNED_CALLS):
        yield f"cell {number} calls {name}(): show a value by naming it"
    if not may_import and any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes):
        yield f"cell {number} imports: only the cell tagged setup does"


def parameter_problems(number, cell):
    for line in code_lines(cell.source):
        match = PARAMETER_LINE.fullmatch(line)
        if match is None:
            yield f"cell {number}, {line!r}: write `name: type = value  # help`"
        elif not is_literal_of(match["value"], match["type"]):
            yield f"cell {number}, {line!r}: the value must be a literal of its type"


def is_literal_of(text, type_name):
    try:
        return type(ast.literal_eval(text)).__name__ == type_name
    except (ValueError, SyntaxError):
        return False
