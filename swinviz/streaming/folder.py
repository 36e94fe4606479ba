"""Pictures and videos to a folder of results: one pass, which the same call continues after a kill."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from swinviz.errors import SwinvizError
from swinviz.formats import FORMAT_NAMES, labeled_picture, open_writer
from swinviz.inference import Segmentation
from swinviz.segmenter import SwinUPerNet
from swinviz.streaming.annotate import AnnotateOptions, VideoSummary, annotate_video
from swinviz.streaming.background import WorkBehind
from swinviz.streaming.decoding import Frame
from swinviz.streaming.iterate import Streamed, stream_sources
from swinviz.streaming.journal import Journal, fingerprint, locked
from swinviz.streaming.outputs import WRITES, PictureWriter, write_json, writing_csv
from swinviz.streaming.sources import Source

__all__ = ["FOR_PICTURES", "FOR_VIDEOS", "Reporter", "RunSummary", "WriteOptions", "segment_to_folder"]

FOR_PICTURES: Final = frozenset({"mask", "overlay", "shares"})
"""Results of a picture where none are named."""

FOR_VIDEOS: Final = frozenset({"video", "shares"})
"""Results of a video where none are named."""

TABLE: Final = "shares.csv"
"""Name of the table of all pictures' and videos' shares."""

_WAITING: Final = 4  # results that wait to be written


@dataclass(frozen=True)
class WriteOptions:
    """Options of a run over many sources.

    Attributes:
        look: how pictures and frames are looked at and painted, and limits.
        kinds: what is written, by the names in `WRITES` and those of other people's formats, each of which
            gets a folder of its own; empty for `FOR_PICTURES` and `FOR_VIDEOS`.
        batch: pictures of one size that run through the model together; 0 chooses.
        resume: leave out what an earlier run with the same model and options finished.

    Raises:
        SwinvizError: a result that there is not.
    """

    look: AnnotateOptions = field(default_factory=AnnotateOptions)
    kinds: frozenset[str] = frozenset()
    batch: int = 0
    resume: bool = True

    def __post_init__(self) -> None:
        unknown = sorted(self.kinds - WRITES.keys() - set(FORMAT_NAMES))
        if unknown:
            names = ", ".join([*WRITES, *FORMAT_NAMES])
            raise SwinvizError(f"{unknown[0]!r} cannot be written: choose among {names}.")


class Reporter:
    """Told of what happens in a run; this one says nothing."""

    def started(self, before: int) -> None:
        """Called once, with the number of sources that an earlier run had finished."""

    def finished(self, source: Source, summary: Segmentation | None, files: Sequence[Path]) -> None:
        """Called when a source's results are written; without a segmentation for videos."""

    def measured(self, source: Source, summary: VideoSummary) -> None:
        """Called with a video's figures when it is written."""

    def failed(self, source: Source, error: Exception) -> None:
        """Called when a source cannot be read, or only in part."""

    def frames(self, source: Source, done: int, total: int | None) -> None:
        """Called after each frame of a video."""


@dataclass(frozen=True)
class RunSummary:
    """Figures of a run.

    Attributes:
        done: number of sources that were segmented.
        before: number of those that an earlier run had finished.
        failed: number of those that could not be read, or only in part.
    """

    done: int
    before: int
    failed: int


def segment_to_folder(
    model: SwinUPerNet,
    sources: Sequence[Source],
    folder: Path,
    options: WriteOptions | None = None,
    reporter: Reporter | None = None,
) -> RunSummary:
    """Segment sources and write what `options` name of each.

    A single picture is always done. For several the folder keeps a journal (`.swinviz-done.jsonl`): killed at
    any moment and called again, the run goes on, and in the end each source has its results once. Several
    also get one table, `shares.csv`, if shares are written.

    Args:
        model: the model.
        sources: what `find_sources` found.
        folder: an existing folder.
        options: what is written, and how.
        reporter: told of progress and of what cannot be read.

    Raises:
        SwinvizError: no such class or block, another run is at work in the folder, or a result cannot be
            written.
    """
    options, reporter = options or WriteOptions(), reporter or Reporter()
    run = _Run(model, folder, options, reporter)
    single = len(sources) == 1 and sources[0].kind == "picture"
    with locked(folder, sources):
        journal = None if single else run.journal()
        todo = [source for source in sources if journal is None or not journal.has(source, run.files(source))]
        reporter.started(len(sources) - len(todo))
        run.pictures([source for source in todo if source.kind == "picture"], journal)
        for source in todo:
            if source.kind != "picture":
                run.video(source, journal)
        run.finish_formats(sources)
        if "shares" in (options.kinds or FOR_PICTURES):
            _write_table(sources, folder)
    return RunSummary(run.done, len(sources) - len(todo), run.failed)


class _Run:
    """One run: what was asked for, and how many sources are done."""

    def __init__(self, model: SwinUPerNet, folder: Path, options: WriteOptions, reporter: Reporter) -> None:
        self.model, self.folder, self.options, self.reporter = model, folder, options, reporter
        self.done = self.failed = 0
        painter = options.look.painter(model)
        if options.look.gaze is not None:
            options.look.gaze.check(model)
        kinds = options.kinds & WRITES.keys()
        self._pictures = PictureWriter(kinds if options.kinds else FOR_PICTURES, painter)
        self._videos = kinds if options.kinds else FOR_VIDEOS
        config = model.config
        self._formats = [
            open_writer(name, folder / name, config.classes, config.palette)
            for name in FORMAT_NAMES
            if name in options.kinds
        ]

    def journal(self) -> Journal:
        look = {name: repr(value) for name, value in vars(self.options.look).items()}
        return Journal(self.folder, fingerprint(self.model, look), anew=not self.options.resume)

    def files(self, source: Source) -> list[str]:
        """Names of the results of a source, without those of single frames."""
        if source.kind == "picture":
            named = (path for form in self._formats for path in form.files(source.name))
            return [
                *self._pictures.files(source.name),
                *(str(path.relative_to(self.folder)) for path in named),
            ]
        return [source.name + WRITES[kind] for kind in ("video", "shares") if kind in self._videos]

    def pictures(self, sources: Sequence[Source], journal: Journal | None) -> None:
        def write(streamed: Streamed) -> None:
            source = streamed.source
            files = self._pictures.write(streamed.result, self.folder, source.name, streamed.attention)
            files += self._add(streamed.result, source.name)
            if journal is not None:
                journal.add(source)
            self.done += 1
            self.reporter.finished(source, streamed.result, files)

        look = self.options.look
        results = stream_sources(
            self.model,
            sources,
            options=look.inference,
            batch=self.options.batch,
            gaze=look.gaze,
            on_error=self._fail,
        )
        with WorkBehind(write, _WAITING) as behind:
            for result in results:
                behind.put(result)

    def video(self, source: Source, journal: Journal | None) -> None:
        stem = self.folder / source.name
        if self._videos:
            stem.parent.mkdir(parents=True, exist_ok=True)
        try:
            summary = self._annotate(source, stem)
        except (SwinvizError, ValueError) as error:
            self._fail(source, error)
            return
        if summary.damaged or summary.missing:
            lost = f"{summary.damaged} damaged packets" if summary.damaged else f"{summary.missing} frames"
            name = Path(source.address).name
            self._fail(
                source, SwinvizError(f"video {name!r} is damaged: {lost} are missing, the rest is done.")
            )
            return
        if journal is not None:
            journal.add(source)
        self.done += 1
        self.reporter.measured(source, summary)
        self.reporter.finished(source, None, [self.folder / name for name in self.files(source)])

    def _annotate(self, source: Source, stem: Path) -> VideoSummary:
        classes = self.model.config.classes
        frames = PictureWriter(self._videos - {"video", "shares"}, self._pictures.painter)
        with ExitStack() as files:
            add_row = None
            if "shares" in self._videos:
                table = stem.with_name(f"{stem.name}_shares.csv")
                add_row = files.enter_context(writing_csv(table, ["frame", "seconds", *classes]))

            def on_frame(frame: Frame, result: Segmentation) -> None:
                if add_row is not None:
                    shares = self._pictures.shares(result)
                    known = (round(shares.get(name, 0.0), 6) for name in classes)
                    add_row([frame.index, round(frame.seconds, 6), *known])
                name = f"{source.name}_frames/{frame.index:06d}"
                if frames.kinds:
                    frames.write(result, self.folder, name)
                self._add(result, name)

            summary = annotate_video(
                self.model,
                source.address,
                stem.with_name(stem.name + WRITES["video"]) if "video" in self._videos else None,
                self.options.look,
                progress=lambda done, total: self.reporter.frames(source, done, total),
                on_frame=on_frame,
            )
        if add_row is not None:
            write_json(stem.with_name(stem.name + WRITES["shares"]), self._mean(summary.shares(classes)))
        return summary

    def _add(self, result: Segmentation, name: str) -> list[Path]:
        """Write a picture or frame in other people's formats."""
        for form in self._formats:
            form.add(labeled_picture(result, name, self._pictures.painter.shown))
        return [path for form in self._formats for path in form.files(name) if ".parts" not in path.parts]

    def finish_formats(self, sources: Sequence[Source]) -> None:
        """Write what each format has once for all pictures and frames, those of earlier runs too."""
        names: list[str] = []
        for source in sources:
            if source.kind == "picture":
                names.append(source.name)
            else:
                names += self._frame_names(source)
        for form in self._formats:
            form.finish([name for name in names if all(path.is_file() for path in form.files(name))])

    def _frame_names(self, source: Source) -> list[str]:
        """Names of a video's frames, of which the first format has files."""
        names: list[str] = []
        while self._formats:
            name = f"{source.name}_frames/{len(names):06d}"
            if not self._formats[0].files(name)[0].is_file():
                break
            names.append(name)
        return names

    def _mean(self, shares: dict[str, float]) -> dict[str, float]:
        """Leave out the classes that are not shown."""
        shown, names = self._pictures.painter.shown, self.model.config.classes
        return {name: share for name, share in shares.items() if shown is None or names.index(name) in shown}

    def _fail(self, source: Source, error: Exception) -> None:
        self.failed += 1
        self.reporter.failed(source, error)


def _write_table(sources: Sequence[Source], folder: Path) -> None:
    """Collect the shares of all sources that have them, in the order of the sources, if there are several."""
    found = []
    for source in sources:
        try:
            path = folder / (source.name + WRITES["shares"])
            found.append((source, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError):
            continue
    if len(found) > 1:
        names = sorted({name for _, shares in found for name in shares})
        with writing_csv(folder / TABLE, ["source", *names]) as add_row:
            for source, shares in found:
                add_row([source.address, *(round(shares.get(name, 0.0), 6) for name in names)])
