"""Surroundings of every test: one thread, fixed seeds, no network, paths, and a browser that is watched."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

# Set before anything imports them; servers that tests start inherit these.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import hypothesis
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support import browser

# The same examples on every run: a failure met in CI is met at the desk. No deadline: workers share cores.
hypothesis.settings.register_profile("swinviz", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("swinviz")

# Programs to run by hand; the first needs atheris, which is no test dependency.
collect_ignore = ["fuzz/run.py", "measure_attacks.py"]

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.", "::1", "localhost")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz",
        type=int,
        default=int(os.environ.get("SWINVIZ_FUZZ", "3000")),
        help="number of mutated images; of checkpoints a sixth (default: 3000, or $SWINVIZ_FUZZ)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Chapter 10, which measures for two minutes, is slow; `pytest notebooks` runs it like the others."""
    for item in items:
        if item.path.name == "10_which_explanation.ipynb":
            item.add_marker(pytest.mark.slow)


def pytest_configure(config: pytest.Config) -> None:
    # Each worker is one process on one core; torch's own threads would only get in each other's way.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeds() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a connection to anywhere but this machine an error that names the address."""
    connect = socket.socket.connect

    def connect_locally(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise OSError(f"a test tried to connect to {address[0]}; tests reach only this machine")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect_locally)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same on every run."""
    return np.random.default_rng(0)


@pytest.fixture
def picture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """5 x 7 random colors: no symmetry that could hide a turn or a swapped channel."""
    return rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """tests/fixtures: a checkpoint of mmsegmentation's, what it computes, lists of tensors."""
    return REPOSITORY / "tests" / "fixtures"


@pytest.fixture
def fuzz_count(request: pytest.FixtureRequest) -> int:
    """Number of mutated images that are read, and six times how many mutated checkpoints."""
    return int(request.config.getoption("--fuzz"))


# Module scope, not session: Playwright keeps an event loop in the main thread while it runs, and
# asyncio.run(), which the next module of this worker may need, refuses to start beside it.
@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    """Debian's Chromium, headless. Without one the test fails in CI and is skipped elsewhere."""
    if browser.CHROMIUM is None:
        missing = "no chromium on the PATH; install Debian's package `chromium`"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with browser.launch() as launched:
        yield launched


@pytest.fixture
def tab(chromium: browser.Browser) -> Iterator[browser.Tab]:
    """A fresh page, watched: the test fails if it asked another machine for something or logged an error."""
    with browser.open_tab(chromium) as opened:
        yield opened
        opened.assert_clean()


@pytest.fixture
def page(tab: browser.Tab) -> browser.Page:
    """The Playwright page of `tab`."""
    return tab.page


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., browser.Server]]:
    """`serve([sys.executable, "app.py", "--port", "{port}"])` -> Server, ended with the module."""
    started: list[browser.Server] = []

    def start(command: list[str], *, path: str = "/", env: dict[str, str] | None = None) -> browser.Server:
        log = tmp_path_factory.mktemp("server") / "log.txt"
        started.append(browser.Server.start(command, log, path=path, cwd=REPOSITORY, env=env))
        return started[-1]

    yield start
    for server in started:
        server.stop()
