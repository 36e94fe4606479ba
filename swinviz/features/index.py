"""Nearest tokens over many pictures: exact, by matrix products of a block at a time; an index is one file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from tqdm.auto import tqdm

from swinviz.errors import SwinvizError
from swinviz.features.similarity import unit_vectors
from swinviz.features.tokens import read_tokens
from swinviz.files import replacing
from swinviz.segmenter import SwinUPerNet

__all__ = ["FeatureIndex", "Match", "build_index", "load_index"]

_BLOCK = 65_536  # vectors compared at once: with 768 channels 200 MB


@dataclass(frozen=True)
class Match:
    """A token that resembles a query.

    Attributes:
        picture: name of its picture.
        y: row of the token's middle, in pixels of the model's input.
        x: column of it.
        similarity: cosine, -1 to 1.
    """

    picture: str
    y: int
    x: int
    similarity: float


@dataclass(frozen=True)
class FeatureIndex:
    """Feature vectors of the tokens of many pictures.

    Attributes:
        vectors: (n, C) float32, picture by picture, row by row.
        starts: (P + 1,) int64, number of each picture's first vector, and n.
        widths: (P,) int64, tokens in a row of each picture.
        pictures: names of the P pictures.
        name: hook point of the vectors.
        head: attention head, or None.
        stride: input pixels per token.
        model: name of the model that made them.
    """

    vectors: Tensor
    starts: Tensor
    widths: Tensor
    pictures: tuple[str, ...]
    name: str
    head: int | None
    stride: int
    model: str = ""

    def nearest(
        self, query: Tensor, count: int = 12, *, center: bool = True, each_picture_once: bool = True
    ) -> list[Match]:
        """Find the tokens whose vectors point most nearly the same way.

        Args:
            query: (C,) vector, as `TokenMap.at` gives it.
            count: number of matches.
            center: take the mean of the index off all vectors first.
            each_picture_once: give the best token of each picture only.

        Returns:
            Matches by falling cosine; exact, nothing is approximated.

        Raises:
            ValueError: the query has another length than the vectors.
        """
        if tuple(query.shape) != (self.vectors.shape[1],):
            raise ValueError(
                f"the query has {tuple(query.shape)} channels, the index {self.vectors.shape[1]}: take "
                f"it from {self.name} of the same model."
            )
        mean = self.vectors.mean(dim=0) if center else torch.zeros(self.vectors.shape[1])
        asked = unit_vectors(query.cpu().float() - mean)
        blocks = range(0, len(self.vectors), _BLOCK)
        cosines = torch.cat(
            [unit_vectors(self.vectors[start : start + _BLOCK] - mean) @ asked for start in blocks]
        )
        if each_picture_once:
            pieces = zip(self.starts.tolist(), self.starts[1:].tolist(), strict=False)
            candidates = torch.tensor([start + int(cosines[start:stop].argmax()) for start, stop in pieces])
        else:
            candidates = torch.arange(len(cosines))
        order = cosines[candidates].argsort(descending=True)[:count]
        return [self._match(int(candidates[number]), cosines) for number in order]

    def without(self, pictures: Collection[str]) -> FeatureIndex:
        """Leave pictures out, such as the one that is asked about: its own tokens are the most like it.

        Args:
            pictures: names; those that the index has not are ignored.

        Raises:
            ValueError: no picture would be left.
        """
        kept = [number for number, name in enumerate(self.pictures) if name not in pictures]
        if len(kept) == len(self.pictures):
            return self
        if not kept:
            raise ValueError("the index has no other picture than those left out: index more.")
        counts = self.starts.diff()
        inside = torch.zeros(len(counts), dtype=torch.bool)
        inside[kept] = True
        return replace(
            self,
            vectors=self.vectors[inside.repeat_interleave(counts)],
            starts=torch.cat([self.starts.new_zeros(1), counts[kept].cumsum(0)]),
            widths=self.widths[kept],
            pictures=tuple(self.pictures[number] for number in kept),
        )

    def save(self, path: Path | str) -> None:
        """Write the index as one .safetensors file, which appears whole or not at all."""
        facts = {"name": self.name, "head": self.head, "stride": self.stride, "model": self.model}
        metadata = {"index": json.dumps({**facts, "pictures": self.pictures})}
        tensors = {"vectors": self.vectors, "starts": self.starts, "widths": self.widths}
        with replacing(Path(path)) as temporary:
            temporary.write_bytes(save(tensors, metadata))

    def _match(self, number: int, cosines: Tensor) -> Match:
        picture = int(torch.searchsorted(self.starts, number, right=True)) - 1
        row, column = divmod(number - int(self.starts[picture]), int(self.widths[picture]))
        half = self.stride // 2
        y, x = row * self.stride + half, column * self.stride + half
        return Match(self.pictures[picture], y, x, float(cosines[number].clamp(-1.0, 1.0)))


def build_index(
    model: SwinUPerNet,
    pictures: Iterable[tuple[str, Tensor]],
    name: str,
    *,
    head: int | None = None,
    model_name: str = "",
    progress: bool = False,
) -> FeatureIndex:
    """Read the vectors of every token of many pictures.

    Args:
        model: the model, in eval mode.
        pictures: (name, normalized image (1, 3, H, W)) each, of any sizes.
        name: hook point, as for `read_tokens`.
        head: attention head; all by default.
        model_name: kept in the index, to be compared later.
        progress: show a bar that counts pictures.

    Returns:
        The index; a token takes 4 bytes a channel.

    Raises:
        ValueError: there is no picture, or no such hook point.

    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 2))).eval()
    >>> pictures = [("a", torch.randn(1, 3, 32, 48)), ("b", torch.randn(1, 3, 33, 32))]
    >>> index = build_index(model, pictures, "stages.1.out")
    >>> index.vectors.shape, index.nearest(index.vectors[4 * 6 + 1], 1)[0].picture
    (torch.Size([44, 16]), 'b')
    """
    names, vectors, widths, stride = [], [], [], 0
    for picture, image in tqdm(pictures, desc="index", unit="picture", disable=not progress):
        tokens = read_tokens(model, image, name, head=head)
        names.append(picture)
        vectors.append(tokens.vectors[0].flatten(0, 1).float().cpu())
        widths.append(tokens.vectors.shape[2])
        stride = tokens.stride
    if not names:
        raise ValueError("there is no picture to index: give at least one.")
    starts = torch.tensor([0, *(len(each) for each in vectors)]).cumsum(0)
    return FeatureIndex(
        torch.cat(vectors), starts, torch.tensor(widths), tuple(names), name, head, stride, model_name
    )


def load_index(path: Path | str) -> FeatureIndex:
    """Read an index that `FeatureIndex.save` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        SwinvizError: it is no index, or is damaged.

    >>> import tempfile
    >>> index = FeatureIndex(
    ...     torch.eye(2), torch.tensor([0, 2]), torch.tensor([2]), ("a",), "stages.0.out", None, 4
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     index.save(f"{folder}/index.safetensors")
    ...     load_index(f"{folder}/index.safetensors").nearest(torch.tensor([0.0, 1.0]), 1)[0].x
    6
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist: name a file that an index was saved to.")
    try:
        with safe_open(str(path), "pt") as opened:
            facts = json.loads((opened.metadata() or {})["index"])
            vectors, starts, widths = (opened.get_tensor(name) for name in ("vectors", "starts", "widths"))
        facts["pictures"] = tuple(facts["pictures"])
        index = FeatureIndex(vectors, starts, widths, **facts)
    except Exception as error:  # safetensors raises its own kind beside KeyError and TypeError
        raise SwinvizError(f"{path} holds no index: name a file that an index was saved to.") from error
    fits = len(widths) == len(index.pictures) == len(starts) - 1 and int(starts[-1]) == len(vectors)
    if vectors.ndim != 2 or not fits:
        raise SwinvizError(f"{path} is damaged: its parts do not fit each other; build it again.")
    return index
