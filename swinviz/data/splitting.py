"""Data to learn from and data to measure with: a set's own parts, or some of its pictures held out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from swinviz.data.dataset import Sample
from swinviz.data.opening import open_dataset
from swinviz.data.pairs import FileDataset
from swinviz.errors import DatasetError
from swinviz.formats import has_parts

__all__ = ["HELD_OUT", "Part", "hold_out", "open_parts"]

HELD_OUT = 0.1
"""Share of a foreign set without parts of its own that is measured with."""

_FEWEST = 5  # pictures of which one can be spared

_logger = logging.getLogger(__name__)


class Part(FileDataset):
    """Some pictures of a data set.

    Args:
        whole: the data set.
        indices: places in it.
    """

    def __init__(self, whole: FileDataset, indices: Sequence[int]) -> None:
        self._whole, self._indices = whole, tuple(indices)
        self.classes, self.palette, self.recognized = whole.classes, whole.palette, whole.recognized
        self.names = [whole.name(index) for index in indices]
        self.unpaired = list(whole.unpaired)
        self.title = f"{len(indices)} of {getattr(whole, 'title', type(whole).__name__)}"

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture and its labels.

        Raises:
            DatasetError, ImageError: as the whole set.
            IndexError: there is no such picture.
        """
        return self._whole[self._indices[index]]


def hold_out(dataset: FileDataset, share: float = HELD_OUT) -> tuple[FileDataset, FileDataset | None]:
    """Divide a data set by the hash of each picture's name, so that more pictures move none of the old ones.

    Args:
        dataset: the whole.
        share: of the pictures that are held out, 0 to below 1; at least one picture of five or more.

    Returns:
        What to learn from, and what is held out; None where that would be nothing.

    Raises:
        ValueError: no share that can be held out.
    """
    if not 0.0 <= share < 1.0:
        raise ValueError(f"the share to hold out is {share}: choose it from 0 up to, not including, 1.")
    places = [_place(dataset.name(index)) for index in range(len(dataset))]
    held = {index for index, place in enumerate(places) if place < share}
    if share and not held and len(places) >= _FEWEST:
        held = {places.index(min(places))}
    if not held or len(held) == len(places):
        return dataset, None
    learned = [index for index in range(len(places)) if index not in held]
    return Part(dataset, learned), Part(dataset, sorted(held))


def open_parts(
    root: str, *, share: float | None = None, background: str = ""
) -> tuple[FileDataset, FileDataset | None]:
    """Open what to learn from and what to measure with, and log where the latter comes from.

    Args:
        root: as for `open_dataset`.
        share: of the pictures to hold out, 0 to below 1, where the set has no parts of its own; by default
            `HELD_OUT` of a foreign format, and none of images/ and masks/.
        background: as for `open_dataset`.

    Returns:
        The two sets; None for the second where nothing is held out.

    Raises:
        DatasetError: as `open_dataset`, or the parts have other classes.
        ValueError: no share that can be held out.
    """
    folder = Path(root)
    masks = (folder / "masks").is_dir()
    own = (folder / "images" / "training").is_dir() or (folder / "ADEChallengeData2016").is_dir()
    if own or (not masks and has_parts(folder)):
        learned = open_dataset(root, "training", background=background)
        held = open_dataset(root, "validation", background=background)
        if held.classes != learned.classes:
            raise DatasetError(f"the parts of {root!r} have other classes: give them the same list.")
        return learned, held
    whole = open_dataset(root, background=background)
    learned, part = hold_out(whole, (0.0 if masks else HELD_OUT) if share is None else share)
    if part is not None:
        _logger.info(
            "%d of %d pictures are held out to measure with, by the hash of their names.",
            len(part),
            len(whole),
        )
    return learned, part


def _place(name: str) -> float:
    """Number from 0 to below 1 that a name stands for."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest(), "big") / 2**48
