"""`python -m swinviz segment SOURCE ... -o DIR`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder, parse_pixel
from swinviz.devices import PRECISIONS, parse_device
from swinviz.formats import FORMAT_NAMES
from swinviz.inference import MULTI_SCALE, InferenceOptions, Segmentation
from swinviz.streaming import (
    WRITES,
    AnnotateOptions,
    Gaze,
    Reporter,
    Source,
    VideoSummary,
    WriteOptions,
    find_sources,
    segment_to_folder,
)

__all__ = ["add_arguments", "run"]

_FEW = 10  # sources whose results are named one by one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="picture, video, folder, 'pattern/**/*.jpg', list file (.txt: one of these a line), rtsp://..., "
        "or camera (camera:1 is the second)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results"
    )
    parser.add_argument(
        "--write",
        type=_names,
        default=(),
        metavar="NAME,...",
        help=f"what is written: {', '.join([*WRITES, *FORMAT_NAMES])}; by default mask, overlay and shares "
        "of pictures, video and shares of videos",
    )
    parser.add_argument(
        "--classes", type=_names, default=(), metavar="NAME,...", help="only these, such as sky,tree"
    )
    parser.add_argument("--mode", choices=("whole", "slide", "tile"), default="whole", help="how it is cut")
    parser.add_argument("--ms-flip", action="store_true", help="average six sizes, each mirrored too")
    parser.add_argument("--opacity", type=float, default=0.5, help="of the colors over the image, 0 to 1")
    parser.add_argument("--no-legend", action="store_true", help="write no class names into the pictures")
    attention = parser.add_argument_group("a point that is looked into")
    point = attention.add_mutually_exclusive_group()
    point.add_argument(
        "--attend", type=parse_pixel, metavar="X,Y", help="draw this pixel's attention, the mean of all heads"
    )
    point.add_argument(
        "--similar", type=parse_pixel, metavar="X,Y", help="draw which tokens are like this pixel's"
    )
    attention.add_argument(
        "--follow", action="store_true", help="in videos, let the point move with what it is on"
    )
    attention.add_argument("--stage", type=int, default=2, help="counted from 0 (default 2)")
    attention.add_argument("--block", type=int, default=1, help="in its stage, from 0; odd ones are shifted")
    carried = parser.add_argument_group("how it is carried out")
    carried.add_argument(
        "--batch", type=int, default=0, metavar="N", help="pictures of one size at once (1; on a GPU 8)"
    )
    carried.add_argument("--frames", type=int, default=0, metavar="N", help="end videos after N frames")
    carried.add_argument("--no-sound", action="store_true", help="leave the sound of videos out")
    carried.add_argument(
        "--smooth", action="store_true", help="let labels of videos flicker less: frames vote on each pixel"
    )
    carried.add_argument("--overwrite", action="store_true", help="do again what an earlier run has finished")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Segment pictures and videos; killed and called again, go on where it stopped.

    Returns:
        0, or 2 if something could not be read; the others are done all the same.

    Raises:
        ValueError: a number below 0.
    """
    if min(arguments.batch, arguments.frames) < 0:
        raise ValueError("--batch and --frames are numbers from 0 up.")
    inference = InferenceOptions(mode=arguments.mode, precision=PRECISIONS[arguments.precision])
    if arguments.ms_flip:
        inference = replace(inference, scales=MULTI_SCALE, flip=True)
    look = AnnotateOptions(
        inference=inference,
        opacity=arguments.opacity,
        legend=not arguments.no_legend,
        classes=arguments.classes,
        gaze=_gaze(arguments),
        max_frames=arguments.frames,
        sound=not arguments.no_sound,
        smooth=arguments.smooth,
    )
    options = WriteOptions(look, frozenset(arguments.write), arguments.batch, resume=not arguments.overwrite)
    device = parse_device(arguments.device)
    sources = find_sources(arguments.sources, arguments.output)
    model = load(arguments.model, device=device)
    folder = output_folder(arguments.output)
    with _Bars(len(sources)) as bars:
        summary = segment_to_folder(model, sources, folder, options, bars)
    if len(sources) > 1:
        before = f", {summary.before} were done before" if summary.before else ""
        failed = f", {summary.failed} could not be done" if summary.failed else ""
        print(f"{folder}: {summary.done} done{before}{failed}")
    return 2 if summary.failed else 0


class _Bars(Reporter):
    """Progress bars of sources and of the frames of a video, and a line for each source if there are few."""

    def __init__(self, total: int) -> None:
        self._few = total <= _FEW
        self._sources: Any = tqdm(total=total, unit="source", disable=total == 1)
        self._frames: Any = None

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_of_video()
        self._sources.close()

    def started(self, before: int) -> None:
        """Show what an earlier run has finished; the time left is reckoned without it."""
        self._sources.initial = before
        self._sources.n = before
        self._sources.refresh()

    def finished(self, source: Source, summary: Segmentation | None, files: Sequence[Path]) -> None:
        """Count it, and name the results of few."""
        self._end_of_video()
        self._sources.update()
        if self._few:
            what = f" {_shares(summary)}" if summary is not None else ""
            tqdm.write(f"{source.address}:{what}\n  {', '.join(map(str, files))}")

    def measured(self, source: Source, summary: VideoSummary) -> None:
        """Say how much the labels of one of few videos flicker."""
        if self._few and math.isfinite(summary.flicker):
            changes = f"a pixel changes its class {summary.flicker:.2f} times a second"
            tqdm.write(f"{source.address}: {changes}, motion included")

    def failed(self, source: Source, error: Exception) -> None:
        """Count it, and say why in one line."""
        self._end_of_video()
        self._sources.update()
        tqdm.write(f"swinviz segment: {error}", file=sys.stderr)

    def frames(self, source: Source, done: int, total: int | None) -> None:
        """Show the frames of a video."""
        if self._frames is None:
            self._frames = tqdm(total=total, unit="frame", desc=Path(source.address).name[:30], leave=False)
        self._frames.update()

    def _end_of_video(self) -> None:
        if self._frames is not None:
            self._frames.close()
            self._frames = None


def _names(text: str) -> tuple[str, ...]:
    """Read "a,b"."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _gaze(arguments: argparse.Namespace) -> Gaze | None:
    """The point that is looked into."""
    point = arguments.attend or arguments.similar
    if point is None:
        if arguments.follow:
            raise ValueError("--follow needs a point: name one with --attend X,Y or --similar X,Y.")
        return None
    shows: Literal["attention", "similarity"] = "attention" if arguments.attend else "similarity"
    x, y = point
    return Gaze(x, y, arguments.stage, arguments.block, shows, arguments.follow)


def _shares(result: Segmentation) -> str:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result.shares().items())
    return " ".join([f"{shares} ({result.seconds:.2f} s)", *result.notes])
