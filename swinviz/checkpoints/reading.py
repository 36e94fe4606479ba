"""Reading weights files: what every publisher puts in them, brought to one form.

Nothing in a file is trusted: pickles are read by `unpickle`, and shapes are compared with what is stored.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from swinviz.checkpoints.errors import first_line, naming_file, printable
from swinviz.checkpoints.metadata import METADATA_KEY, decode_config, parse_names, parse_palette
from swinviz.checkpoints.options import PublishedOptions, from_hub_config, from_mmsegmentation
from swinviz.checkpoints.pickles import plain_arrays, unpickle
from swinviz.errors import CheckpointError
from swinviz.model.config import Color, ModelConfig

__all__ = ["Contents", "read"]

logger = logging.getLogger(__name__)

_WHERE_WEIGHTS_ARE = ("state_dict", "model", "module")
_LONGEST_NAME = 300


@dataclass(frozen=True)
class Contents:
    """Contents of a weights file.

    Attributes:
        tensors: the state dict, on the CPU, under its publisher's names.
        classes: class names, empty where the file has none.
        palette: one RGB color (0..255) a class, empty where the file has none.
        pool_scales: sides of the pooling grids, empty where the file does not tell.
        config: the whole configuration, in files that swinviz wrote.
        model_type: what transformers' config.json beside the weights calls the model, empty without one.
        options: what the publisher's configuration says that no tensor shows.
    """

    tensors: dict[str, Tensor]
    classes: tuple[str, ...] = ()
    palette: tuple[Color, ...] = ()
    pool_scales: tuple[int, ...] = ()
    config: ModelConfig | None = None
    model_type: str = ""
    options: PublishedOptions = field(default_factory=PublishedOptions)


def read(path: Path) -> Contents:
    """Read a weights file, whatever its suffix says, or a folder that transformers saved.

    Args:
        path: a `.pth`, `.bin` or `.safetensors` file, or a folder with one and its config.json.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, unsafe, or holds no usable weights; the message says which.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint {path}: check the path, or name a preset.")
    with naming_file(path):
        contents = _read_file(path)
        _check_tensors(contents.tensors)
    beside = path.with_name("config.json")
    return _with_hub_config(contents, beside) if contents.config is None and beside.is_file() else contents


def _read_folder(folder: Path) -> Contents:
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return read(folder / name)
    raise CheckpointError(
        f"The folder {folder} holds neither model.safetensors nor pytorch_model.bin: "
        "give the weights file itself, or save it in one piece."
    )


def _read_file(path: Path) -> Contents:
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise CheckpointError("it is empty: fetch or copy it again.")
    if start[8:9] == b"{":
        return _read_safetensors(path)
    if start.startswith((b"PK", b"\x80")):
        return _read_pickle(path)
    raise CheckpointError("it is neither a .safetensors nor a .pth file: it may be damaged, or a web page.")


def _read_safetensors(path: Path) -> Contents:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            # Copied, because the tensors are windows on the file, which somebody may replace.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except Exception as error:  # besides its own errors, those of torch for types it does not know
        raise CheckpointError(f"it is damaged ({first_line(error)}): fetch or copy it again.") from error
    if METADATA_KEY not in metadata:
        return Contents(tensors)
    config = decode_config(metadata[METADATA_KEY])
    return Contents(tensors, config.classes, config.palette, config.head.pool_scales, config)


def _read_pickle(path: Path) -> Contents:
    loaded = _plain(unpickle(path))
    if loaded is None:
        raise CheckpointError("it holds no named weights.")
    meta = _plain(loaded.get("meta")) or {}
    classes, palette = _named_classes(meta)
    text = meta.get("cfg", meta.get("config"))  # of version 1.x, of 0.x
    options = from_mmsegmentation(text) if isinstance(text, str) else PublishedOptions()
    ours = meta.get(METADATA_KEY)
    config = decode_config(ours) if isinstance(ours, str) else None
    return Contents(_find_tensors(loaded), classes, palette, options.pool_scales, config, options=options)


def _plain(loaded: object) -> dict[Any, Any] | None:
    """Copy what was loaded to a dictionary if it is one: a pickle may put attributes over its methods."""
    return dict(dict.items(loaded)) if isinstance(loaded, dict) else None


def _find_tensors(loaded: dict[Any, Any]) -> dict[str, Tensor]:
    """Find the state dict in what was loaded: under a usual name, or the whole of it."""
    for key in _WHERE_WEIGHTS_ARE:
        inner = _plain(loaded.get(key))
        if inner and any(isinstance(value, Tensor) for value in inner.values()):
            loaded = inner
            break
    # Detached by torch's own method, which leaves behind whatever attributes a pickle put over the tensor's.
    tensors = {
        name: Tensor.detach(value)
        for name, value in loaded.items()
        if isinstance(value, Tensor) and isinstance(name, str)
    }
    if not tensors:
        names = [name for name in loaded if isinstance(name, str)][:4]
        raise CheckpointError(f"it holds no weights, but {', '.join(map(repr, names)) or 'nothing'}.")
    return tensors


def _named_classes(meta: dict[Any, Any]) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    """Read class names and palette: `CLASSES` of mmsegmentation 0.x, `dataset_meta` of 1.x.

    They are decoration: where they are no names or no colors, numbers and made-up colors serve as well.
    """
    meta = {name.lower(): value for name, value in meta.items() if isinstance(name, str)}
    if (inner := _plain(meta.get("dataset_meta"))) is not None:
        meta = {name.lower(): value for name, value in inner.items() if isinstance(name, str)}
    try:
        names = parse_names(plain_arrays(meta.get("classes")))
    except CheckpointError:
        return (), ()
    try:
        return names, parse_palette(plain_arrays(meta.get("palette")), len(names))
    except CheckpointError as error:
        if meta.get("palette") is not None:
            logger.warning("The file's colors cannot be used (%s), so others are made up.", error)
        return names, ()


def _with_hub_config(contents: Contents, path: Path) -> Contents:
    """Add the class names and grid sizes of the config.json that transformers writes beside its weights."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        model_type = str(config.get("model_type", ""))
        labels = {int(index): label for index, label in config.get("id2label", {}).items()}
        classes = parse_names([labels[index] for index in sorted(labels)])
        scales = tuple(int(scale) for scale in config.get("pool_scales", ()))
    except (OSError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            printable(f"The file {path} beside the weights is damaged ({first_line(error)}): fetch it again.")
        ) from error
    if model_type != "upernet":
        return replace(contents, model_type=model_type)
    options = from_hub_config(config)
    return replace(contents, classes=classes, pool_scales=scales, model_type=model_type, options=options)


def _check_tensors(tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that repeat a few stored numbers, which fill the memory once used, and long names."""
    for name, tensor in tensors.items():
        if len(name) > _LONGEST_NAME:
            raise CheckpointError(f"a tensor's name has {len(name)} letters ({name[:40]}...): it is damaged.")
        dense = not tensor.is_nested and tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not dense or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise CheckpointError(f"its tensor {name} is larger than what is stored for it: it is damaged.")
