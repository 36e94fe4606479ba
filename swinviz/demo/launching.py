"""From the command line to a running demo."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from swinviz.checkpoints import available, load
from swinviz.demo.models import Choice, ModelPool
from swinviz.demo.options import DemoOptions, parse_options
from swinviz.demo.server import start
from swinviz.demo.studio import DemoState
from swinviz.errors import SwinvizError
from swinviz.segmenter import SwinUPerNet

__all__ = ["main", "open_studio"]

_logger = logging.getLogger(__name__)

_REMARKS = {"nano": "drawn scenes", "outdoor": "outdoor photographs"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo until it is interrupted.

    Args:
        arguments: the command line after the program's name; that of this process by default.

    Raises:
        SystemExit: an argument makes no sense, the model cannot be loaded, or the port is taken.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # gradio asks itself whether it is up
    options = parse_options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # containers end so; temporary files go then too
    studio = open_studio(options)
    try:
        demo = start(studio)
    except OSError as problem:
        port = "from 7860 on" if options.port is None else options.port
        raise SystemExit(f"No free port {port} at {options.host}: choose another with --port.") from problem
    _logger.info("swinviz runs at %s (Ctrl-C ends it)", demo.url)
    if demo.share_url:
        _logger.info("everybody can reach it at %s", demo.share_url)
    demo.wait()


def open_studio(options: DemoOptions) -> DemoState:
    """Load the first model and prepare the rest.

    Raises:
        SystemExit: the model cannot be loaded; the message says why.
    """
    device = _device(options.device)
    given = _best_here() if options.model == "auto" else options.model
    # Visitors see a file's name, not where it lies.
    first = Path(given).stem if Path(given).is_file() else given

    def load_here(name: str) -> SwinUPerNet:
        return load(given if name == first else name, device=device).for_inference()

    models = ModelPool(load_here, _menu)
    try:
        models.preload(first)
    except (SwinvizError, OSError) as problem:
        raise SystemExit(f"The model {given} could not be loaded: {problem}") from problem
    return DemoState(options, models, first)


def _menu() -> list[Choice]:
    return [
        Choice(
            name=line.preset.name,
            ready=line.download_bytes == 0,
            megabytes=round(line.download_bytes / 1e6),
            remark=f"mIoU {line.preset.miou}" if line.preset.miou else _REMARKS.get(line.preset.name, ""),
        )
        for line in available()
    ]


def _best_here() -> str:
    """The best published model on this machine, else the one of the package; nothing is downloaded."""
    here = [line.preset for line in available() if line.path is not None and not line.preset.shipped]
    return max(here, key=lambda preset: preset.miou or 0.0).name if here else "outdoor"


def _device(name: str) -> torch.device:
    if name != "auto":
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError) as problem:
            raise SystemExit(f"--device {name} is not available here: {problem}") from problem
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
