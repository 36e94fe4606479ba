"""ImageNet's weights under a segmentation head that has yet to be trained."""

from __future__ import annotations

import logging
import math
import os

import torch.nn.functional as F
from torch import Tensor

from swinviz.checkpoints.architecture import check_shapes, check_values
from swinviz.checkpoints.errors import naming_file
from swinviz.checkpoints.foreign import refuse_foreign, take_backbone
from swinviz.checkpoints.keys import translate
from swinviz.checkpoints.loading import locate
from swinviz.checkpoints.options import refuse_options
from swinviz.checkpoints.reading import read
from swinviz.model.config import ModelConfig
from swinviz.model.fast import accelerate
from swinviz.segmenter import SwinUPerNet

__all__ = ["load_backbone", "resize_bias_table"]

logger = logging.getLogger(__name__)

_PREFIX = "backbone."


def load_backbone(
    model: SwinUPerNet | ModelConfig, source: str | os.PathLike[str], *, progress: bool = True
) -> SwinUPerNet:
    """Put published backbone weights into a model and leave its heads as they are, to be trained.

    ImageNet files (official, timm's, transformers') have no norms for the stages' outputs: those stay fresh
    too. Bias tables of another window size are resized.

    Args:
        model: the model to fill, or the configuration of one to be made with fresh heads.
        source: path or hub id of the weights, such as "microsoft/swin-tiny-patch4-window7-224", or a preset,
            whose backbone is taken.
        progress: whether a download shows a bar.

    Returns:
        The model.

    Raises:
        CheckpointError: the file is damaged, or its backbone has another shape than the model's.
        DownloadError, FileNotFoundError: as `load`.
    """
    if isinstance(model, ModelConfig):
        model = accelerate(SwinUPerNet(model))
    path = locate(source, progress=progress)
    contents = read(path)
    with naming_file(path):
        inside = take_backbone(contents.tensors)
        refuse_foreign(inside, contents.model_type)
        tensors = translate(inside)
        refuse_options(tensors, contents.options, heads=False)
        found = {name: tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)}
        expected = {_PREFIX + name: tensor for name, tensor in model.backbone.state_dict().items()}
        fresh = [name for name in expected if name.startswith("backbone.norms.") and name not in found]
        found |= {name: expected[name] for name in fresh}
        resized = _fit_bias_tables(found, model.config.backbone.window_size)
        check_shapes({name: tuple(tensor.shape) for name, tensor in expected.items()}, found)
        check_values(found)
    model.backbone.load_state_dict({name.removeprefix(_PREFIX): tensor for name, tensor in found.items()})
    logger.info(
        "Took the backbone from %s: %d tensors, %d bias tables resized; fresh are the heads and %d tensors "
        "of norms.",
        path.name,
        len(found) - len(fresh),
        resized,
        len(fresh),
    )
    return model


def resize_bias_table(table: Tensor, window_size: int) -> Tensor:
    """Resample a relative position bias table bicubically for another window, as the official code does.

    Args:
        table: ((2m-1)**2, nH), for windows of m x m tokens.
        window_size: side M of the new window.

    Returns:
        ((2M-1)**2, nH); a table that fits already comes back as it is.
    """
    side, new = math.isqrt(table.shape[0]), 2 * window_size - 1
    if side == new:
        return table
    grid = table.float().T.reshape(1, table.shape[1], side, side)  # 1 nH 2m-1 2m-1
    resized = F.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
    return resized.flatten(2)[0].T.to(table.dtype)


def _fit_bias_tables(tensors: dict[str, Tensor], window_size: int) -> int:
    """Resize every bias table of a state dict in place of the old; return how many."""
    count = 0
    for name, table in tensors.items():
        square = table.ndim == 2 and math.isqrt(table.shape[0]) ** 2 == table.shape[0]
        if name.endswith(".relative_position_bias_table") and square:
            tensors[name] = resize_bias_table(table, window_size)
            count += tensors[name] is not table
    return count
