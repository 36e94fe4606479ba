"""Files of linear probes, one for each block; those of the shipped photograph model come with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from swinviz.errors import SwinvizError
from swinviz.features import LinearProbe
from swinviz.files import replacing
from swinviz.model.hooks import BlockId
from swinviz.segmenter import SwinUPerNet

__all__ = ["load_probes", "save_probes", "shipped_probes"]

_SHIPPED = Path(__file__).parent.parent / "weights" / "outdoor_probes.safetensors"
_MARKS = 64  # weights by which a file knows its model again


def save_probes(probes: Mapping[BlockId, LinearProbe], path: Path | str, model: SwinUPerNet) -> None:
    """Write the probes of a model's blocks as one .safetensors file, in half precision.

    Args:
        probes: from `train_probes`.
        path: the file, which appears whole or not at all.
        model: the model that they belong to; a few of its weights are kept to know it again.
    """
    tensors = {"model": _marks(model).half()}
    for block, probe in probes.items():
        tensors[f"{probe.name}.weight"] = probe.weight.half().contiguous()
        tensors[f"{probe.name}.bias"] = probe.bias.half().contiguous()
        assert probe.name == block.hook("resid_post")
    classes = next(iter(probes.values())).classes
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"classes": "\n".join(classes)}))


def load_probes(path: Path | str, model: SwinUPerNet) -> dict[BlockId, LinearProbe]:
    """Read probes that `save_probes` wrote.

    Args:
        path: the file.
        model: the model that is to be read with them.

    Raises:
        FileNotFoundError: there is no such file.
        SwinvizError: it holds no probes, or those of another model.

    >>> import tempfile
    >>> from swinviz.attribution.lens import train_probes
    >>> from swinviz.model.config import ModelConfig
    >>> model = SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1))).eval()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/probes.safetensors"
    ...     save_probes(train_probes(model, [(torch.randn(1, 3, 32, 48), None)]), path, model)
    ...     [tuple(block) for block in load_probes(path, model)]
    [(0, 0), (1, 0)]
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist: name a file that save_probes wrote.")
    try:
        with safe_open(str(path), "pt") as opened:
            classes = tuple((opened.metadata() or {})["classes"].split("\n"))
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # no mapping
        marks = tensors.pop("model")
    except Exception as error:  # safetensors raises its own kind beside KeyError and OSError
        raise SwinvizError(f"{path} holds no probes: name a file that save_probes wrote.") from error
    if not _same(marks, model) or classes != model.config.classes:
        raise SwinvizError(f"{path} holds the probes of another model: fit some to this one.")
    probes: dict[BlockId, LinearProbe] = {}
    for stage, depth in enumerate(model.config.backbone.depths):
        for block in (BlockId(stage, number) for number in range(depth)):
            name = block.hook("resid_post")
            shapes = [
                tuple(tensors[f"{name}.{part}"].shape)
                for part in ("weight", "bias")
                if f"{name}.{part}" in tensors
            ]
            width = model.config.backbone.channels[stage]
            if shapes != [(len(classes), width), (len(classes),)]:
                raise SwinvizError(f"{path} holds no probe that fits block {tuple(block)}: fit them anew.")
            weight, bias = (tensors[f"{name}.{part}"].double() for part in ("weight", "bias"))
            probes[block] = LinearProbe(weight, bias, name, classes)
    return probes


def shipped_probes(model: SwinUPerNet) -> dict[BlockId, LinearProbe] | None:
    """Probes that come with the package, fitted to the model's own answers; None for all but `outdoor`.

    `python -m swinviz lens FOLDER ... --fit FILE` fits some for any model, in seconds.

    Args:
        model: the model that is to be read with them.

    >>> from swinviz.model.config import ModelConfig
    >>> shipped_probes(SwinUPerNet(ModelConfig.tiny(("sky", "sea"), depths=(1, 1)))) is None
    True
    """
    try:
        return load_probes(_SHIPPED, model)
    except SwinvizError:
        return None


def _marks(model: SwinUPerNet) -> Tensor:
    """Weights, out of the first layer and the last, that differ between any two trained models: (128,)."""
    weights = model.backbone.state_dict()
    last = len(model.config.backbone.depths) - 1
    names = ("patch_embed.proj.weight", f"stages.{last}.blocks.0.attn.qkv.weight")
    return torch.cat([weights[name].flatten()[:_MARKS].float().cpu() for name in names])


def _same(marks: Tensor, model: SwinUPerNet) -> bool:
    """True for the model, whatever number type its weights have been rounded to."""
    own = _marks(model)
    return marks.shape == own.shape and bool(torch.allclose(marks.float(), own, rtol=2**-7, atol=1e-6))
