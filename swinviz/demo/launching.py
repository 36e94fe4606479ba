"""From the command line to a running demo."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swinviz.checkpoints import available, best_cached, find_intact, load
from swinviz.demo.models import Choice, ModelPool, NotHereError
from swinviz.demo.options import DemoOptions
from swinviz.demo.server import start
from swinviz.demo.state import DemoState
from swinviz.devices import keep_freed_memory, parse_device
from swinviz.errors import SwinvizError
from swinviz.presets import PRESETS
from swinviz.segmenter import SwinUPerNet

__all__ = ["open_state", "run"]

_logger = logging.getLogger(__name__)

_REMARKS = {"nano": "drawn scenes", "outdoor": "outdoor photographs"}


def run(options: DemoOptions) -> None:
    """Run the demo until it is interrupted.

    Raises:
        SwinvizError: the model cannot be loaded, or the port is taken; the message says what to do.
        ValueError: there is no such device.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # gradio asks itself whether it is up
    keep_freed_memory()
    with _sigterm_exits():
        state = open_state(options)
        try:
            demo = start(state)
        except OSError as problem:
            port = "from 7860 on" if options.port is None else options.port
            raise SwinvizError(
                f"no free port {port} at {options.host}: choose another with --port."
            ) from problem
        gc.freeze()  # half a million objects that stay: looking through them would hold up a frame
        _logger.info("swinviz runs at %s (Ctrl-C ends it)", demo.url)
        if demo.share_url:
            _logger.info("everybody can reach it at %s", demo.share_url)
        demo.wait()


@contextmanager
def _sigterm_exits() -> Iterator[None]:
    """Containers end a program so; temporary files go then too. The caller's own handler is put back."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def open_state(options: DemoOptions) -> DemoState:
    """Load the first model and prepare the rest.

    Raises:
        SwinvizError: the model cannot be loaded; the message says why.
        ValueError: there is no such device.
    """
    device = parse_device(options.device)
    given: str | Path
    if options.model == "auto":
        preset, given = best_cached()
        first = preset.name
    else:
        given = options.model
        first = Path(given).stem if Path(given).is_file() else given  # visitors see no folders

    def load_here(name: str, download: bool) -> SwinUPerNet:
        source = given if name == first else name
        if not download and source in PRESETS:
            found = find_intact(PRESETS[name])
            if found is None:
                raise NotHereError(f"The weights of {name} are not on this machine, or damaged.")
            source = found
        return load(source, device=device).for_inference(in_place=True)

    models = ModelPool(load_here, _menu)
    try:
        models.preload(first)
    except (SwinvizError, OSError) as problem:
        raise SwinvizError(f"the model {given} could not be loaded: {problem}") from problem
    return DemoState(options, models, first)


def _menu() -> list[Choice]:
    return [
        Choice(
            name=line.preset.name,
            ready=line.download_bytes == 0,
            megabytes=round(line.preset.download_bytes / 1e6),
            remark=f"mIoU {line.preset.miou}" if line.preset.miou else _REMARKS.get(line.preset.name, ""),
        )
        for line in available()
    ]
