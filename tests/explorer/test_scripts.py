"""Joining of the viewer's modules: what is understood, what is refused, and that the whole can be run."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from swinviz.explorer import STATIC, script
from swinviz.explorer.scripts import join_modules

node = shutil.which("node")
MODULES = sorted(STATIC.rglob("*.js"))


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "entry.js"


@pytest.mark.skipif(node is None, reason="no node on the PATH")
def test_joined_modules_give_what_the_modules_give(tmp_path: Path) -> None:
    """Both are run; the order in which they speak is that of ES modules."""
    entry = write(
        tmp_path,
        base='/** A type. */\nconsole.log("base");\nexport const UNIT = 2;\nconst hidden = 1;\n',
        left=(
            'import { UNIT } from "./base.js";\n\nconsole.log("left");\n'
            "/** Doubled. @param {number} x */\nexport function double(x) {\n"
            "  /** @type {number} */\n  const y = /** @type {number} */ (x);\n"
            "  return `import ${y * UNIT}`;\n}\n"
        ),
        right=(
            'import {\n  UNIT,\n} from "./base.js";\nimport { double } from "./left.js";\n'
            'console.log("right");\nexport async function say() {\n'
            "  console.log(double(UNIT), String(/** @type {number} */ (UNIT)));\n}\n"
        ),
        entry=(
            'import { say } from "./right.js";\nimport { UNIT } from "./base.js";\n'
            "await say();\nexport { UNIT };\nexport default { say };\n"
        ),
    )
    joined = tmp_path / "joined.mjs"
    joined.write_text(join_modules(entry))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    ends = "console.log(Object.keys(module), module.UNIT);"
    said = [
        subprocess.run(
            [str(node), "--input-type=module", "-e", f'import * as module from "{path}"; {ends}'],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout
        for path in (entry, joined)
    ]  # fmt: skip
    assert said[0].splitlines()[:3] == ["base", "left", "right"]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"a": "const same = 1;\n", "b": "export function same() {}\n"}, "b.js and a.js both declare 'same'"),
        ({"a": 'import { y } from "./b.js";\nexport const x = 1;\n',
          "b": 'import { x } from "./a.js";\nexport const y = 1;\n'}, "import each other"),
        ({"a": "const x = 1;\n"}, "entry.js imports x, which a.js does not export"),
        ({"a": "export const x = 1;\n", "b": 'import * as all from "./a.js";\n'}, r"'import \* as all"),
        ({"a": "export const x = 1;\n", "b": 'import { x as z } from "./a.js";\n'}, "imports x as z"),
        ({"a": "export const x = 1;\n", "b": "export default 3;\n"}, "'export default 3;'"),
        ({"a": "export const x = 1;\n", "b": "const { y } = {};\n"}, "cannot be joined"),
    ],
)  # fmt: skip
def test_what_would_change_its_meaning_is_refused(
    tmp_path: Path, modules: dict[str, str], message: str
) -> None:
    imported = {"a": ["x"]} if "x" in modules["a"] else {"a": []}
    imported |= {name: [] for name in modules if name != "a"}
    imports = [f'import {{ {", ".join(names)} }} from "./{name}.js";\n' for name, names in imported.items()]
    with pytest.raises(ValueError, match=message):
        join_modules(write(tmp_path, **modules, entry="".join(imports)))


def test_every_module_is_in_the_joined_script_once_and_no_import_is() -> None:
    headings = re.findall(r"^// ([\w]+\.js)$", script(), re.MULTILINE)
    assert sorted(headings) == sorted(path.name for path in MODULES)
    assert headings[-1] == "explorer.js"
    assert not re.search(r"^(import|export (?!async function mount|\{|default))", script(), re.MULTILINE)
    assert "@param" not in script()


@pytest.mark.skipif(node is None, reason="no node on the PATH")
def test_the_joined_script_is_javascript(tmp_path: Path) -> None:
    path = tmp_path / "joined.mjs"
    path.write_text(script())
    checked = subprocess.run([str(node), "--check", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in MODULES}
    assert max(lengths.values()) <= 250, lengths
