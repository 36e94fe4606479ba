"""Training samples from several data sets of photographs and from drawn scenes, by weight and by class.

A sample is decided by its number alone: which data set, which image, whether it is chosen because it holds
a rare class, and what is pasted into it. Rare things would otherwise drown in building and road.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from swinviz.data.dataset import Sample
from swinviz.data.pairs import read_mask
from swinviz.data.photos.classes import OUTDOOR_CLASSES, OUTDOOR_PALETTE
from swinviz.data.photos.datasets import PHOTO_DATASETS, PhotoDataset
from swinviz.data.photos.hints import set_labels
from swinviz.data.photos.sets import ClassSets
from swinviz.data.scenes import SCENE_CLASSES, Scenes
from swinviz.errors import DatasetError

__all__ = ["SCENE_SETS", "SHARES", "PhotoMixture"]

SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {"camvid": 0.31, "stanford": 0.35, "labelmefacade": 0.28, "scenes": 0.06}
)
"""Share of the samples that each source gives."""

SCENE_SETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"house": ("building",), "field": ("grass",), "rock": ("mountain", "object"), "sea": ("water",),
     "lake": ("water",), "streetlight": ("pole",)}
)  # fmt: skip
"""Outdoor classes of the drawn scenes' classes that are called otherwise there."""

RARE: Final[Mapping[str, float]] = MappingProxyType(
    {"person": 2.0, "fence": 1.2, "animal": 1.2, "sidewalk": 1.0, "mountain": 1.0, "water": 0.8, "car": 0.8,
     "bicycle": 0.8, "boat": 0.7, "signboard": 0.7, "grass": 0.6, "pole": 0.6, "tree": 0.5, "sand": 0.2}
)  # fmt: skip
"""Relative frequency with which an image is chosen for a class that it holds, relative to one another."""

_FOR_A_CLASS, _PASTED = 0.45, 0.15  # shares of samples
_LEAST_PIXELS = 60
_THINGS: Final = frozenset(
    ("car", "person", "bicycle", "boat", "animal", "fence", "pole", "signboard", "object")
)


class PhotoMixture(Dataset[Sample]):
    """Images (H, W, 3) and numbers of class sets (H, W), 255 for nothing said; sample i is always the same.

    Args:
        root: folder that holds `camvid/`, `stanford/` and `labelmefacade/`; a missing one is left out.
        split: part of each to draw from.
        length: number of samples.
        shares: weight of each source; `scenes` are drawn.
        seed: of everything random.

    Raises:
        DatasetError: none of the three is there.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        *,
        length: int = 1_000_000,
        shares: Mapping[str, float] = SHARES,
        seed: int = 0,
    ) -> None:
        self.classes, self.palette = OUTDOOR_CLASSES, OUTDOOR_PALETTE
        self.sets, self.length, self.seed = ClassSets(), length, seed
        self.photos = {
            name: reader(Path(root) / name, _part(Path(root) / name, split))
            for name, reader in PHOTO_DATASETS.items()
            if shares.get(name) and (Path(root) / name).is_dir()
        }
        if not self.photos:
            raise DatasetError(
                f"{str(root)!r} holds none of {', '.join(PHOTO_DATASETS)}: give the folder that holds them."
            )
        self.sources = [name for name in shares if name in self.photos or name == "scenes"]
        weights = np.array([shares[name] for name in self.sources])
        self.weights = weights / weights.sum()
        self.scenes = Scenes("train", length, (256, 320), seed)
        table = [self.sets.number(SCENE_SETS.get(name, (name,))) for name in SCENE_CLASSES]
        self.scene_table = np.array(table, np.uint8)
        self.holders = {name: self._find_holders(photos) for name, photos in self.photos.items()}
        self.things = np.zeros(256, np.bool_)
        self.things[: len(self.sets.entries)] = [entry.classes <= _THINGS for entry in self.sets.entries]

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.length:
            raise IndexError(f"sample {index} of a mixture of {self.length}")
        rng = np.random.default_rng((self.seed, index, 2))
        image, labels = self._draw(index, rng)
        if rng.random() < _PASTED:
            image, labels = self._paste(image, labels, self._draw(index, rng), rng)
        return image, labels

    def _draw(self, index: int, rng: np.random.Generator) -> Sample:
        source = self.sources[int(rng.choice(len(self.sources), p=self.weights))]
        if source == "scenes":
            image, labels = self.scenes[index]
            return image, self.scene_table[labels]
        holders = self.holders[source]
        known = [name for name in RARE if holders[name]]
        if known and rng.random() < _FOR_A_CLASS:
            odds = np.array([RARE[name] for name in known])
            chosen = holders[known[int(rng.choice(len(known), p=odds / odds.sum()))]]
            return self._read(self.photos[source], chosen[int(rng.integers(len(chosen)))])
        return self._read(self.photos[source], int(rng.integers(len(self.photos[source]))))

    def _paste(
        self, image: NDArray[np.uint8], labels: NDArray[np.uint8], other: Sample, rng: np.random.Generator
    ) -> Sample:
        """Paste the things of another sample at a random place, as large as they are."""
        height, width = (min(a, b) for a, b in zip(labels.shape, other[1].shape, strict=True))
        mask = self.things[other[1][:height, :width]]
        if not 0.01 < mask.mean() < 0.6:
            return image, labels
        top, left = (int(rng.integers(a - b + 1)) for a, b in zip(labels.shape, (height, width), strict=True))
        image, labels = image.copy(), labels.copy()
        image[top : top + height, left : left + width][mask] = other[0][:height, :width][mask]
        labels[top : top + height, left : left + width][mask] = other[1][:height, :width][mask]
        return image, labels

    def _read(self, photos: PhotoDataset, index: int) -> Sample:
        image, labels = photos[index]
        return image, self._set_labels(photos, index, labels)

    def _set_labels(self, photos: PhotoDataset, index: int, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        hints = [_hint(photos, index, kind, labels.shape) for kind in ("cityscapes", "voc")]
        return set_labels(photos, labels, self.sets, *hints)

    def _find_holders(self, photos: PhotoDataset) -> dict[str, list[int]]:
        """List the images in which a class is certain or hinted at in some pixels."""
        holders: dict[str, list[int]] = {name: [] for name in self.classes}
        for index, (_, path) in enumerate(photos.pairs):
            numbers = self._set_labels(photos, index, photos.labels(path))
            counts = np.bincount(numbers.ravel(), minlength=256)[: len(self.sets.entries)]
            pixels: dict[str, int] = {}
            for entry, count in zip(self.sets.entries, counts.tolist(), strict=True):
                named = entry.hint or entry.classes
                if len(named) == 1:
                    (name,) = named
                    pixels[name] = pixels.get(name, 0) + count
            for name, count in pixels.items():
                if count > _LEAST_PIXELS:
                    holders[name].append(index)
        return holders


def _part(root: Path, split: str) -> str:
    """The split, or all of an authors' layout that has no such part."""
    parts = (root / split, root / f"{split}annot", root / f"{split}.txt")
    return split if any(part.exists() for part in parts) else ""


def _hint(photos: PhotoDataset, index: int, kind: str, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Machine labels (H, W) beside an image's labels, or None."""
    path = photos.pairs[index][1].parent.parent / kind / f"{photos.names[index]}.png"
    if not path.is_file():
        return None
    hint = np.asarray(read_mask(path))
    if hint.shape != shape:
        raise DatasetError(f"hint {kind}/{path.name!r} has {hint.shape} pixels, its labels {shape}.")
    return hint.astype(np.uint8)
