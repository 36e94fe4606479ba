"""The demo's command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from swinviz.demo import parse_options


def test_defaults_serve_this_machine_only_and_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    options = parse_options([])
    assert (options.host, options.share, options.model) == ("127.0.0.1", False, "auto")


def test_a_space_sets_host_and_port_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7861")
    monkeypatch.setenv("SWINVIZ_AUTH", "ada:x,bob:y:z")
    options = parse_options([])
    assert (options.host, options.port, options.auth) == ("0.0.0.0", 7861, (("ada", "x"), ("bob", "y:z")))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--auth", "nobody"], "USER:PASSWORD"),
        (["--max-size", "9"], "64 to 4096"),
        (["--queue", "0"], "1 to 1000"),
        (["--port", "70000"], "65535"),
    ],
)
def test_senseless_options_are_refused_with_what_to_do(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_options(arguments)
    assert message in capsys.readouterr().err


def test_a_space_installs_what_the_demo_needs(repository: Path) -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has none")
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    needed = {*project["dependencies"], *project["optional-dependencies"]["demo"]}
    lines = (repository / "requirements.txt").read_text().splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    assert {str(Requirement(line)) for line in listed} == {str(Requirement(line)) for line in needed}
