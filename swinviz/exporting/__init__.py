"""Models as files that run without this package: ONNX graphs and PyTorch programs, of any size."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from swinviz.errors import MissingPackageError
from swinviz.exporting.options import OPSETS, ExportOptions
from swinviz.files import replacing
from swinviz.segmenter import SwinUPerNet

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import torch
    from numpy.typing import NDArray

__all__ = ["OPSETS", "ExportOptions", "export", "to_onnx", "to_program"]


def export(
    model: SwinUPerNet,
    path: str | os.PathLike[str],
    options: ExportOptions | None = None,
    *,
    pictures: Iterable[NDArray[np.uint8]] = (),
    progress: bool = False,
) -> Path:
    """Write a model as a file that runs without this package.

    Args:
        model: any model; a copy from `for_inference()` too.
        path: file to write: `.onnx` for any ONNX runtime, `.pt2` for `torch.export.load`.
        options: what it gives, and for which sizes; by default logits, for every height and width.
        pictures: RGB images (H, W, 3) of bytes to measure the ranges of `int8` on; a few like those that the
            model will see, such as `swinviz.data.examples` has.
        progress: show a bar over the pictures.

    Returns:
        The path written; an older file is replaced only by a whole new one.

    Raises:
        ValueError: another suffix, an output that is not there, or no picture for `int8`.
        MissingPackageError: the package `onnx` is not installed.
    """
    path = Path(path)
    if path.suffix not in (".onnx", ".pt2"):
        raise ValueError(f"{path.name!r} names no format: end it in .onnx, or in .pt2 for torch.export.")
    with replacing(
        path
    ) as temporary:  # first, as a folder that is not there is no news after minutes of work
        if path.suffix == ".onnx":
            graph = to_onnx(model, options, pictures=pictures, progress=progress)
            temporary.write_bytes(graph.SerializeToString())
        else:
            from swinviz.exporting.program import save_program

            save_program(to_program(model, options), temporary, model)
    return path


def to_onnx(
    model: SwinUPerNet,
    options: ExportOptions | None = None,
    *,
    pictures: Iterable[NDArray[np.uint8]] = (),
    progress: bool = False,
) -> onnx.ModelProto:
    """Write a model as an ONNX graph in memory.

    Args:
        model: any model; a copy from `for_inference()` too.
        options: what it gives, and for which sizes.
        pictures: RGB images (H, W, 3) of bytes to measure the ranges of `int8` on.
        progress: show a bar over the pictures.

    Returns:
        A graph whose input `image` is normalized, (B, 3, H, W) float32; its metadata names the classes,
        their colors, and the normalization.

    Raises:
        ValueError: an output that is not there, or no picture for `int8`.
        MissingPackageError: the package `onnx` is not installed.
    """
    try:
        from swinviz.exporting.onnx_file import write_onnx
    except ImportError as error:
        raise MissingPackageError(
            f'{error.name} is not installed: run pip install "swinviz[export]".'
        ) from error
    options = options or ExportOptions()
    graph = write_onnx(model, options)
    if not options.int8:
        return graph
    from swinviz.exporting.quantization import quantize

    return quantize(graph, pictures, progress=progress)


def to_program(model: SwinUPerNet, options: ExportOptions | None = None) -> torch.export.ExportedProgram:
    """Trace a model with `torch.export` into a program that takes any batch, height and width.

    Args:
        model: any model; a copy from `for_inference()` too.
        options: what it gives, and for which sizes; a program has no controls.

    Returns:
        A program from normalized images (B, 3, H, W) to a tuple of the outputs.

    Raises:
        ValueError: an output that is not there, or an option that a program does not have.
    """
    from swinviz.exporting.program import trace_program

    return trace_program(model, options or ExportOptions())
