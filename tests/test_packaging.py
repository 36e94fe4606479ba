"""The files that install swinviz agree with each other, and a built wheel carries what the package needs."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from PIL import Image
from support.browser import Server
from support.demo_samples import OFFLINE
from support.permissions import bind_by_permissions

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def requirements(project: dict[str, Any]) -> list[Requirement]:
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    # Those of this Python: constraints.txt is for the one that it was made with.
    return [made for made in map(Requirement, lines) if made.marker is None or made.marker.evaluate()]


@pytest.fixture(scope="module")
def pins(repository: Path) -> dict[str, Version]:
    lines = (repository / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): Version(version) for name, version in pinned.items()}


def test_constraints_name_only_public_versions(repository: Path) -> None:
    for line in (repository / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or ("==" in line and not set(line) & set("+/:@ ")), line


def test_constraints_pin_every_requirement_within_its_range(
    requirements: list[Requirement], pins: dict[str, Version]
) -> None:
    for requirement in requirements:
        name = canonicalize_name(requirement.name)
        if name != "swinviz":
            assert name in pins, f"constraints.txt does not pin {name}"
            assert pins[name] in requirement.specifier, f"{name} {pins[name]} is outside {requirement}"


def test_installed_versions_are_the_tested_ones(
    requirements: list[Requirement], pins: dict[str, Version]
) -> None:
    from importlib.metadata import version

    differing = {
        name: installed
        for name in {canonicalize_name(requirement.name) for requirement in requirements} - {"swinviz"}
        if Version(installed := version(name)).public != str(pins[name])
    }
    if differing and not os.environ.get("CI"):
        pytest.skip(f"installed without constraints.txt: {differing}")
    assert not differing


def test_test_extra_brings_notebook_and_demo(project: dict[str, Any]) -> None:
    own = [r for r in map(Requirement, project["optional-dependencies"]["test"]) if r.name == project["name"]]
    assert [r.extras for r in own] == [{"notebook", "demo", "video", "formats", "export"}]


def test_conda_environment_installs_all_extras_with_the_constraints(
    repository: Path, project: dict[str, Any]
) -> None:
    environment = yaml.safe_load((repository / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert environment["name"] == "swinviz"
    assert conda == ["python=3.11", "pip"]
    constraint, editable = (line.split(maxsplit=1) for line in pip["pip"])
    assert constraint == ["-c", "constraints.txt"]
    assert (repository / constraint[1]).is_file()
    assert editable[0] == "-e"
    assert Requirement(f"swinviz{editable[1].removeprefix('.')}").extras == set(
        project["optional-dependencies"]
    )


def test_package_and_citation_have_the_projects_version_and_license(
    repository: Path, project: dict[str, Any]
) -> None:
    import swinviz

    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    assert swinviz.__version__ == str(citation["version"]) == project["version"]
    assert citation["license"] == project["license"]


def test_workflow_tries_every_python_that_is_admitted_and_the_oldest(
    repository: Path, project: dict[str, Any]
) -> None:
    jobs = yaml.safe_load((repository / ".github" / "workflows" / "tests.yml").read_text())["jobs"]
    versions = jobs["python"]["strategy"]["matrix"]["version"]
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line]
    assert versions == named
    (oldest,) = [step["with"]["python-version"] for step in jobs["oldest"]["steps"] if "with" in step]
    assert project["requires-python"] == f">={oldest}"
    assert oldest == versions[0]
    tests = [
        word for step in jobs["oldest"]["steps"] for word in step.get("run", "").split() if "tests/" in word
    ]
    assert tests
    assert all((repository / path).exists() for path in tests)


def test_readme_sets_up_with_the_constraints_and_extras_that_exist(
    repository: Path, project: dict[str, Any]
) -> None:
    commands = [line for line in (repository / "README.md").read_text().splitlines() if "venv .venv" in line]
    for command, extras, ending in zip(
        commands, ("notebook,demo", "test"), ("app.py", "-m pytest"), strict=True
    ):
        install = f'.venv/bin/python -m pip install -c constraints.txt -e ".[{extras}]"'
        assert command == f"python3 -m venv .venv && {install} && .venv/bin/python {ending}"
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_documentation_of_tests_names_modules_that_exist(repository: Path) -> None:
    named = set(re.findall(r"`((?:\w+/)*test_\w+)`", (repository / "docs" / "testing.md").read_text()))
    assert len(named) > 10
    assert not [name for name in named if not (repository / "tests" / f"{name}.py").is_file()]


def test_contributing_lists_the_modules_in_the_order_of_the_import_contract(repository: Path) -> None:
    settings = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["importlinter"]
    order = [layer for layer in reversed(settings["contracts"][0]["layers"]) if not layer.startswith("(")]
    page = (repository / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", page, flags=re.MULTILINE)
    listed = [name.rstrip("/") for row in rows for name in re.findall(r"`(.+?)`", row)]
    assert [name for name in listed if "/" not in name] == order


def test_ci_script_can_be_run_and_stops_at_the_first_failure(repository: Path) -> None:
    script = repository / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."]
    subprocess.run(command, cwd=repository, check=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder of an odd name with the wheel's files in it, in which nothing may be written."""
    folder = tmp_path / "schön & 'installed' here 画"
    zipfile.ZipFile(wheel).extractall(folder)
    everything = sorted([folder, *folder.rglob("*")])
    for path in everything:
        path.chmod(path.stat().st_mode & ~0o222)
    yield folder
    assert sorted([folder, *folder.rglob("*")]) == everything
    for path in everything:
        path.chmod(path.stat().st_mode | 0o200)  # or pytest could not clear it away


def environment(installed: Path) -> dict[str, str]:
    """Of somebody without a home, who uses that installation."""
    return {**os.environ, **OFFLINE, "PYTHONPATH": str(installed), "HOME": "/nonexistent"}


USE = """
import sys
sys.path.append(sys.argv[2])
from support import declared_only
declared_only.enforce()
import numpy as np
import swinviz
from swinviz.cli import main
from swinviz.explorer import Session, save_html

assert swinviz.__file__.startswith(sys.argv[1]), swinviz.__file__
model, photo = swinviz.load("nano"), np.zeros((64, 96, 3), np.uint8)
with swinviz.capture(model, "stages.0.blocks.0.attn.pattern") as seen:
    model.segment(photo).save("schräges Bild.png")
name = "stages.0.blocks.0.attn.pattern"
swinviz.attention_to_image(seen[name], seen.geometries[name], query=(3, 4))
save_html(Session(model, photo), "seen.html")
assert main(["doctor"]) == 0
for command in ("segment", "attend"):
    assert main([command, "schräges Bild.png", "-o", "große Ordner/画"]) == 0
"""


@pytest.mark.slow
def test_wheel_with_what_it_declares_where_nothing_may_be_written_can_do_everything(
    installed: Path, repository: Path, tmp_path: Path
) -> None:
    used = subprocess.run(
        [sys.executable, "-c", USE, str(installed), str(repository / "tests")],
        cwd=tmp_path,
        env=environment(installed),
        preexec_fn=bind_by_permissions,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert used.returncode == 0, used.stderr
    assert "Traceback" not in used.stderr


START = """
import os, sys
sys.path.append(sys.argv[1])
from support.permissions import bind_by_permissions
from PIL import Image
bind_by_permissions()
run = "import sys; sys.path.append(sys.argv.pop(1)); from support import declared_only; "
run += "declared_only.enforce('demo'); from swinviz.demo import main; main()"
os.execv(sys.executable, [sys.executable, "-c", run, *sys.argv[1:]])
"""


@pytest.mark.slow
def test_demo_of_a_wheel_with_what_it_declares_runs_where_nothing_may_be_written(
    installed: Path, repository: Path, tmp_path: Path
) -> None:
    from gradio_client import Client, handle_file  # a second to import, for slow tests only

    command = [sys.executable, "-c", START, str(repository / "tests"), "--port", "{port}", "--model", "nano"]
    log = tmp_path / "log.txt"
    server = Server.start(command, log, cwd=installed, env=environment(installed))
    try:
        Image.new("RGB", (96, 64), "skyblue").save(tmp_path / "a.png")
        with closing(Client(server.url, verbose=False, download_files=False)) as client:
            answer = client.predict(
                handle_file(str(tmp_path / "a.png")), "whole", "float32", api_name="/segment"
            )
        assert "96 × 64 pixels · nano" in json.loads(answer)["note"]
    finally:
        server.stop()
    assert "Traceback" not in server.tail()


@pytest.mark.slow
def test_wheel_carries_weights_and_viewer_and_nothing_else(repository: Path, wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = repository / "swinviz"
    tracked = subprocess.run(
        ["git", "ls-files", "swinviz"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.split()) <= names
    for asset in (
        "weights/nano.safetensors",
        "weights/outdoor.safetensors",
        "weights/outdoor_probes.safetensors",
        "explorer/static/explorer.js",
        "explorer/static/panels/picture.js",
        "explorer/static/explorer.css",
        "py.typed",
    ):
        assert (package / asset).is_file(), f"swinviz/{asset} is missing from the checkout"
        assert f"swinviz/{asset}" in names, f"swinviz/{asset} is missing from the wheel"
    assert all(name.startswith(("swinviz/", "swinviz-")) for name in names)
