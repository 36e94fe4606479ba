"""Options of an exported graph, and the names of its outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import filter as matching

from swinviz.model.hooks import hook_points
from swinviz.segmenter import SwinUPerNet

__all__ = ["OPSETS", "RESULTS", "ExportOptions", "select_outputs"]

OPSETS = range(18, 24)
"""Versions of ONNX's operators that a graph can be written for."""

RESULTS = ("logits", "labels", "confidence")
"""Outputs that are no hook points."""

_INSIDE_ONLY = ("aux.", "geometry")


@dataclass(frozen=True)
class ExportOptions:
    """Options of an exported graph.

    Attributes:
        outputs: names of outputs, in order: "logits" (B, K, H, W), "labels" and "confidence" (B, H, W), and
            hook points by name or glob, such as "stages.3.blocks.*.attn.pattern".
        size: (height, width) in pixels that the graph is for; None for one graph of every size.
        half: weights and arithmetic in float16; image and outputs stay float32.
        int8: products with weights in eight bits, as `swinviz.exporting.quantization` says.
        controls: let the caller edit by optional inputs: `shift` (tokens, one a block), `mask` and `padding`
            (what is added to scores across regions, and of padding; one a block), `bias` (a factor, one a
            block), `heads` (a factor, one a head) and `levels` (a factor of what a level adds to the fusion).
        opset: version of ONNX's operators, 18 to 23.

    Raises:
        ValueError: no output, an empty size, two number types, or another opset.
    """

    outputs: tuple[str, ...] = ("logits",)
    size: tuple[int, int] | None = None
    half: bool = False
    int8: bool = False
    controls: bool = False
    opset: int = 18

    def __post_init__(self) -> None:
        if not self.outputs:
            raise ValueError('a graph needs an output: name "logits", "labels" or a hook point.')
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f"size is {self.size}: height and width must be at least 1 pixel.")
        if self.half and self.int8:
            raise ValueError("half and int8 are two number types: choose one.")
        if self.opset not in OPSETS:
            raise ValueError(f"opset is {self.opset}: choose one from {OPSETS[0]} to {OPSETS[-1]}.")


def select_outputs(model: SwinUPerNet, names: Iterable[str]) -> list[str]:
    """Expand globs to the names of outputs, in the order in which they are asked for.

    Raises:
        ValueError: a name that stands for no output.
    """
    points = [name for name in hook_points(model) if not any(part in name for part in _INSIDE_ONLY)]
    chosen: list[str] = []
    for pattern in names:
        found = [pattern] if pattern in RESULTS else matching(points, pattern)
        if not found:
            raise ValueError(
                f"no output is called {pattern!r}: known are {', '.join(RESULTS)} and the hook points that "
                "list_hooks(model) names."
            )
        chosen += found
    return list(dict.fromkeys(chosen))
