"""The course keeps its form, and its solutions run; nbval runs the notebooks, which assert their claims."""

from __future__ import annotations

import ast
import copy
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WIDGET = re.compile(r"\binteract\(|swinviz\.explore\(")
DIRECTIVES = re.compile(r"NBVAL|fmt: |noqa|type: ignore")

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


def calls(notebook: dict[str, Any], name: str) -> list[ast.Call]:
    """All calls of a function by its bare name."""
    nodes = (node for cell in cells(notebook, "code") for node in ast.walk(code_of(cell)))
    return [
        node
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def solutions(notebook: dict[str, Any]) -> list[str]:
    text = "\n".join(source(cell) for cell in cells(notebook, "markdown"))
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_the_course_is_numbered_without_a_gap() -> None:
    assert [int(path.stem[:2]) for path in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))
    assert len(NOTEBOOKS) >= 9


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
    assert 10 <= len(notebook["cells"]) <= 45


def test_it_begins_with_what_the_reader_will_be_able_to_answer(notebook: dict[str, Any]) -> None:
    first = source(notebook["cells"][0])
    assert re.match(r"# \d+ · \w", first)
    assert "At the end you will be able to answer:" in first
    assert 3 <= first.count("\n- ") <= 5
    assert first.count("](https://") >= 1, "sources are linked"


def test_all_begin_with_one_and_the_same_cell_that_fetches_the_package_where_it_is_missing() -> None:
    first = {source(cells(json.loads(path.read_text(encoding="utf-8")), "code")[0]) for path in NOTEBOOKS}
    assert len(first) == 1


@pytest.mark.parametrize("there", [True, False])
def test_the_package_is_fetched_only_where_it_is_missing(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = source(cells(json.loads(NOTEBOOKS[0].read_text(encoding="utf-8")), "code")[0])
    run: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: run.append(command))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if there else None)
    exec(code, {})  # noqa: S102  # our own notebook
    assert [command[1:4] for command in run] == ([] if there else [["-m", "pip", "install"]])


def test_colab_is_asked_to_show_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    code = source(cells(json.loads(NOTEBOOKS[0].read_text(encoding="utf-8")), "code")[0])
    asked: list[bool] = []
    output = SimpleNamespace(enable_custom_widget_manager=lambda: asked.append(True))
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace(output=output))
    exec(code, {})  # noqa: S102  # our own notebook
    assert asked == [True]


def test_badges_and_the_install_line_lead_to_the_repository_of_pyproject(notebook: dict[str, Any]) -> None:
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text("utf-8"))["project"]
    repository = project["urls"]["Repository"]
    assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", repository)
    owner_and_name = "/".join(repository.split("/")[-2:])
    number = int(re.match(r"# (\d+) ", source(notebook["cells"][0]))[1])  # type: ignore[index]
    file = NOTEBOOKS[number - 1].name
    links = re.findall(r"\[(\w+)\]\((\S+)\)", source(notebook["cells"][0]).split("\n\n")[1])
    assert [place for place, _ in links] == ["Colab", "Kaggle", "Binder"]
    for _, address in links:
        assert f"/{owner_and_name}/" in address
        assert address.endswith(file)
    line = re.search(r'^SOURCE = "(.*)"$', source(cells(notebook, "code")[0]), flags=re.MULTILINE)
    assert line
    wanted = Requirement(line[1])
    assert (wanted.name, wanted.url) == (project["name"], f"git+{repository}")
    assert "notebook" in wanted.extras
    assert wanted.extras <= set(project["optional-dependencies"])


def test_one_constant_changes_the_model(notebook: dict[str, Any]) -> None:
    setting = [line for cell in cells(notebook, "code") for line in source(cell).splitlines()]
    assert sum(line.startswith("MODEL") for line in setting) == 1


def test_it_shows_where_in_the_model_the_reader_is(notebook: dict[str, Any]) -> None:
    assert any(
        keyword.arg == "here" for call in calls(notebook, "plot_architecture") for keyword in call.keywords
    )


def test_it_has_a_widget(notebook: dict[str, Any]) -> None:
    assert any(WIDGET.search(source(cell)) for cell in cells(notebook, "code"))


def test_every_figure_that_is_shown_has_a_description(notebook: dict[str, Any]) -> None:
    shown = calls(notebook, "show")
    assert len(shown) >= 3
    for call in [*shown, *calls(notebook, "interact")]:
        assert len(call.args) == 2, "show(figure, description), interact(draw, description, ...)"
        words = [node.value for node in ast.walk(call.args[1]) if isinstance(node, ast.Constant)]
        assert len(" ".join(str(word) for word in words).split()) >= 4
    last = [code_of(cell).body[-1] for cell in cells(notebook, "code")]
    bare = [ast.unparse(node) for node in last if isinstance(node, ast.Expr)]
    assert not [code for code in bare if code.startswith("plot_")], "shown without a description"
    text = "".join(source(cell) for cell in cells(notebook, "code"))
    assert not re.search(r"\bdisplay\(|plt\.show\(|ipywidgets\.interactive\(", text), (
        "shown without a description"
    )


def test_no_directive_to_a_tool_is_on_the_page(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        assert not DIRECTIVES.search(source(cell)), source(cell)


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


def test_solutions_are_python(notebook: dict[str, Any]) -> None:
    assert solutions(notebook)
    for block in solutions(notebook):
        ast.parse(block)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solutions_run(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    run = copy.deepcopy(stored)
    run.cells = [cell for cell in stored.cells if cell.cell_type == "code"]
    run.cells += [
        nbformat.v4.new_code_cell(block) for block in solutions(json.loads(path.read_text("utf-8")))
    ]
    client = NotebookClient(run, timeout=600, kernel_name="python3")
    client.widget_registry = {}  # its stand-in for Output can lose the kernel's answer on a loaded machine
    client.execute(cwd=str(FOLDER))


def test_the_table_of_the_course_lists_every_notebook() -> None:
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"]({path.name})" in table
