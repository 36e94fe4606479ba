"""Reading weights files of strangers: tensors and plain values come out, and nothing in them is ever run.

`.pth` and `.bin` files are pickles, which can call any function while they are read. torch's restricted
reader calls only its own; classes that training frameworks leave in their files (mmengine's HistoryBuffer,
yacs' CfgNode, numpy arrays of losses) are replaced by `_StandIn`, which swallows what it is given. A file
that asks for anything else is refused.
"""

from __future__ import annotations

import json
import pickle
import re
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from swinviz.checkpoints.metadata import METADATA_KEY, decode_config
from swinviz.config import Colour, ModelConfig
from swinviz.errors import CheckpointError

__all__ = ["Contents", "blaming", "read"]

_HARMLESS = re.compile(
    r"^(mmengine|mmcv|mmseg|mmcls|mmpretrain|numpy|yacs|argparse|collections|datetime|pathlib)\."
)
# How pickle refers to HistoryBuffer.mean and to the bytes of a numpy array; the stand-in does neither.
_HARMLESS_FUNCTIONS = {"builtins.getattr", "_codecs.encode"}
_WHERE_WEIGHTS_ARE = ("state_dict", "model", "module")
_reading = threading.Lock()


@dataclass(frozen=True)
class Contents:
    """What a weights file holds.

    Attributes:
        tensors: the state dict, on the CPU, under its publisher's names.
        classes: class names, empty where the file has none.
        palette: one RGB colour (0..255) a class, empty where the file has none.
        pool_scales: sides of the pooling grids, empty where the file does not tell.
        config: the whole configuration, in files that swinviz wrote.
    """

    tensors: dict[str, Tensor]
    classes: tuple[str, ...] = ()
    palette: tuple[Colour, ...] = ()
    pool_scales: tuple[int, ...] = ()
    config: ModelConfig | None = None


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Put the file's name in front of a complaint about its contents."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"The checkpoint {path.name} cannot be used: {error}") from error


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
    with blaming(path):
        contents = _read_file(path)
        _check_numbers(contents.tensors)
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
    except (safetensors.SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"it is damaged ({error}): fetch or copy it again.") from error
    if METADATA_KEY not in metadata:
        return Contents(tensors)
    config = decode_config(metadata[METADATA_KEY])
    return Contents(tensors, config.classes, config.palette, config.head.pool_scales, config)


def _read_pickle(path: Path) -> Contents:
    with _reading:
        if zipfile.is_zipfile(path):
            _check_archive(path)
        foreign = _foreign_names(path)
        try:
            with torch.serialization.safe_globals([_stand_in(name) for name in foreign]), _silence():
                loaded = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(_explain(str(error))) from error
        except Exception as error:  # a stranger's bytes make the reader raise anything
            raise CheckpointError(f"it is damaged ({_first_line(error)}): fetch or copy it again.") from error
    if not isinstance(loaded, Mapping):
        raise CheckpointError(f"it holds a {type(loaded).__name__} instead of named weights.")
    meta = loaded.get("meta")
    classes, palette = _named_classes(meta if isinstance(meta, Mapping) else {})
    return Contents(_find_tensors(loaded), classes, palette)


def _check_archive(path: Path) -> None:
    """Refuse an archive that would unpack to more than its own size: torch stores without compressing."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CheckpointError(f"it is damaged ({error}): fetch or copy it again.") from error
    names = [entry.filename for entry in entries]
    if not any(name.endswith("data.pkl") for name in names):
        raise CheckpointError(
            f"it is a zip archive of other things ({', '.join(names[:3])}), not of weights."
        )
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise CheckpointError("its contents are larger than the file itself: it is damaged or made to harm.")


def _foreign_names(path: Path) -> list[str]:
    """List the harmless classes, beyond torch's own, that a pickle names; nothing is loaded for it."""
    try:
        wanted = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # noqa: BLE001  damaged, or of before torch 1.6: torch.load will say so, or manage
        return []
    return [name for name in wanted if _HARMLESS.match(name) or name in _HARMLESS_FUNCTIONS]


class _StandIn:
    """Takes the place of a foreign class, and does nothing with what it is given."""

    def __new__(cls, *_arguments: object, **_named: object) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *_arguments: object, **_named: object) -> None:
        """Forget the arguments."""

    def __setstate__(self, _state: object) -> None:
        """Forget the state."""

    def __setitem__(self, _key: object, _value: object) -> None:
        """Forget the item."""


def _stand_in(name: str) -> type:
    module, _, attribute = name.rpartition(".")
    return type(attribute, (_StandIn,), {"__module__": module, "__qualname__": attribute})


@contextmanager
def _silence() -> Iterator[None]:
    """Drop torch's warnings about how old a file is: the reader can do nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _explain(message: str) -> str:
    asked = re.search(r"GLOBAL (\S+)", message)
    if asked:
        return (
            f"it asks to run {asked[1]} while it is read, which weights never need: "
            "do not trust it, and get it as .safetensors instead."
        )
    return f"it is damaged, or more than weights ({_first_line(message)}): get it as .safetensors instead."


def _first_line(error: object) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:160]


def _find_tensors(loaded: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Find the state dict in what was loaded: under a usual name, or the whole of it."""
    for key in _WHERE_WEIGHTS_ARE:
        inner = loaded.get(key)
        if isinstance(inner, Mapping) and any(isinstance(value, Tensor) for value in inner.values()):
            loaded = inner
            break
    tensors = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    if not tensors:
        keys = ", ".join(repr(str(key)[:40]) for key in list(loaded)[:4]) or "nothing"
        raise CheckpointError(f"it holds no weights, but {keys}.")
    return tensors


def _named_classes(meta: Mapping[Any, Any]) -> tuple[tuple[str, ...], tuple[Colour, ...]]:
    """Read class names and palette: `CLASSES` of mmsegmentation 0.x, `dataset_meta` of 1.x."""
    meta = {str(key).lower(): value for key, value in meta.items()}
    if isinstance(meta.get("dataset_meta"), Mapping):
        meta = {str(key).lower(): value for key, value in meta["dataset_meta"].items()}
    classes, palette = meta.get("classes"), meta.get("palette")
    names = tuple(str(name) for name in classes) if isinstance(classes, list | tuple) else ()
    try:
        colours = tuple(_colour(colour) for colour in palette) if isinstance(palette, list | tuple) else ()
    except (TypeError, ValueError):
        colours = ()  # a palette is decoration: made-up colours serve as well
    return names, colours if len(colours) == len(names) else ()


def _colour(values: Any) -> Colour:
    red, green, blue = (int(value) for value in values)
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError("a colour outside 0..255")
    return red, green, blue


def _with_hub_config(contents: Contents, path: Path) -> Contents:
    """Add the class names and grid sizes of the config.json that transformers writes beside its weights."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        labels = {int(index): str(label) for index, label in config.get("id2label", {}).items()}
        scales = tuple(int(scale) for scale in config.get("pool_scales", ()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"The file {path} beside the weights is damaged ({error}): fetch it again."
        ) from error
    if config.get("model_type") != "upernet":
        return contents
    classes = tuple(labels[index] for index in sorted(labels))
    return replace(contents, classes=classes, pool_scales=scales)


def _check_numbers(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if (
            tensor.layout != torch.strided
            or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes()
        ):
            raise CheckpointError(
                f"its tensor {name} is larger than the numbers stored for it: it is damaged."
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(
                f"its tensor {name} holds NaN or infinity: the training that wrote it failed."
            )
