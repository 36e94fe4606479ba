"""The course keeps its form; that every notebook runs, and that its claims hold, is nbval's part."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST_FUNCTION = 12  # lines
MOST_FUNCTIONS = 4
WIDGET = re.compile(r"ipywidgets\.interactive\(|swinviz\.explore\(")

Cell = dict[str, Any]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads(request.param.read_text(encoding="utf-8"))


def source(cell: Cell) -> str:
    return "".join(cell["source"])


def cells(notebook: dict[str, Any], kind: str) -> list[Cell]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def code_of(cell: Cell) -> ast.Module:
    lines = source(cell).splitlines()
    return ast.parse("\n".join("" if line.startswith(("%", "!")) else line for line in lines))


def functions(notebook: dict[str, Any]) -> list[ast.FunctionDef]:
    trees = [code_of(cell) for cell in cells(notebook, "code")]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_the_course_is_numbered_without_a_gap() -> None:
    assert [int(path.stem[:2]) for path in NOTEBOOKS] == list(range(1, 9))


def test_no_output_is_stored(notebook: dict[str, Any]) -> None:
    for cell in cells(notebook, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    assert "widgets" not in notebook["metadata"]


def test_cell_ids_are_given_by_hand_so_that_differences_stay_small(notebook: dict[str, Any]) -> None:
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert [cell["id"] for cell in notebook["cells"]] == [
        f"cell-{index:02d}" for index in range(len(notebook["cells"]))
    ]
    assert all(cell["metadata"] == {} for cell in notebook["cells"])


def test_the_kernel_is_named_for_every_machine(notebook: dict[str, Any]) -> None:
    assert notebook["metadata"]["kernelspec"] == {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }


def test_it_is_short_enough_to_finish(notebook: dict[str, Any]) -> None:
    assert 10 <= len(notebook["cells"]) <= 25


def test_it_begins_with_what_the_reader_will_be_able_to_answer(notebook: dict[str, Any]) -> None:
    first = source(notebook["cells"][0])
    assert re.match(r"# \d · \w", first)
    assert "At the end you will be able to answer:" in first
    assert 3 <= first.count("\n- ") <= 5
    assert first.count("](https://") >= 1, "sources are linked"


def test_one_constant_changes_the_model(notebook: dict[str, Any]) -> None:
    setting = [line for cell in cells(notebook, "code") for line in source(cell).splitlines()]
    assert sum(line.startswith("MODEL") for line in setting) == 1


def test_it_has_a_widget(notebook: dict[str, Any]) -> None:
    assert any(WIDGET.search(source(cell)) for cell in cells(notebook, "code"))


def test_its_exercises_hide_their_solutions(notebook: dict[str, Any]) -> None:
    text = source(next(cell for cell in notebook["cells"] if "## Exercises" in source(cell)))
    exercises = re.findall(r"^\*\*\d\.\*\*", text, flags=re.MULTILINE)
    assert 2 <= len(exercises) <= 3
    assert text.count("<details><summary>Solution</summary>\n\n") == len(exercises)
    assert text.count("</details>") == len(exercises)


def test_it_ends_with_checks_that_can_fail(notebook: dict[str, Any]) -> None:
    heading, checks = notebook["cells"][-2:]
    assert "## Checks" in source(heading)
    asserts = [node for node in ast.walk(code_of(checks)) if isinstance(node, ast.Assert)]
    assert len(asserts) >= 5
    assert not any(isinstance(check.test, ast.Constant) for check in asserts)


def test_the_logic_stays_in_the_package(notebook: dict[str, Any]) -> None:
    named = [node for cell in cells(notebook, "code") for node in code_of(cell).body]
    assert sum(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in named) <= MOST_FUNCTIONS
    for function in functions(notebook):
        assert function.end_lineno is not None
        length = function.end_lineno - function.lineno + 1
        assert length <= LONGEST_FUNCTION, f"{function.name} has {length} lines"


def test_solutions_are_python(notebook: dict[str, Any]) -> None:
    for cell in cells(notebook, "markdown"):
        for block in re.findall(r"```python\n(.*?)```", source(cell), flags=re.DOTALL):
            ast.parse(block)


def test_the_table_of_the_course_lists_every_notebook() -> None:
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"]({path.name})" in table
