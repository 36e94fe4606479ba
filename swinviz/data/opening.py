"""A data set by the folder that it lies in."""

from __future__ import annotations

from pathlib import Path

from swinviz.data.ade20k import ADE20K
from swinviz.data.folder import Folder
from swinviz.data.pairs import LabeledImages
from swinviz.errors import DatasetError

__all__ = ["open_dataset"]


def open_dataset(root: str, split: str = "", *, strict: bool = True) -> LabeledImages:
    """Open a data set by what its folder holds.

    Args:
        root: ADE20K's folder (images/ and annotations/), or one with images/ and masks/.
        split: its part; by default ADE20K's validation, and all of a folder.
        strict: refuse a data set with something wrong at once; False leaves that to `check`.

    Raises:
        DatasetError: the folder holds neither.
    """
    folder = Path(root)
    for candidate in (folder, folder / "ADEChallengeData2016"):
        if (candidate / "annotations").is_dir():
            if split not in ("", "training", "validation"):
                raise DatasetError(f"ADE20K has no split {split!r}: choose training or validation.")
            return ADE20K(candidate, "training" if split == "training" else "validation", strict=strict)
    if (folder / "masks").is_dir():
        return Folder(folder, split, strict=strict)
    raise DatasetError(
        f"{root} is no data set: name ADE20K's folder (with images/ and annotations/) "
        "or one with images/ and masks/."
    )
