"""Weights on the Hugging Face hub: found in its cache, or fetched into it.

huggingface_hub is imported where it is used, because it takes as long to import as the rest of the package.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swinviz.errors import DownloadError

__all__ = ["cached_on_hub", "fetch_from_hub"]

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def cached_on_hub(hub_id: str) -> Path | None:
    """Find a repository's weights in the hub's cache, without touching the network.

    Args:
        hub_id: such as "openmmlab/upernet-swin-tiny".
    """
    from huggingface_hub import try_to_load_from_cache

    for name in _WEIGHTS:
        found = try_to_load_from_cache(hub_id, name)
        if isinstance(found, str):
            return Path(found)
    return None


def fetch_from_hub(hub_id: str, *, progress: bool = True) -> Path:
    """Fetch a repository's weights, and the config.json beside them, into the hub's own cache.

    Args:
        hub_id: such as "openmmlab/upernet-swin-tiny".
        progress: whether to show bars.

    Returns:
        Path of the weights; a file that is in the cache already is not fetched again.

    Raises:
        DownloadError: no network, no such repository, or no weights in it; the message says which.
    """
    if cached := cached_on_hub(hub_id):
        return cached
    with _bars(progress):
        _fetch(hub_id, "config.json")  # our own weights carry their configuration inside and may lack it
        for name in _WEIGHTS:
            if path := _fetch(hub_id, name):
                return path
    raise DownloadError(f"The hub's {hub_id!r} holds neither {' nor '.join(_WEIGHTS)}: choose another model.")


def _fetch(hub_id: str, name: str) -> Path | None:
    """Fetch one file, or return None if the repository has none of that name."""
    from huggingface_hub import errors, hf_hub_download

    try:
        return Path(hf_hub_download(hub_id, name))
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise DownloadError(
            f"The hub has no model {hub_id!r} that this account may read: check the name, "
            "or log in with `hf auth login`."
        ) from error
    except Exception as error:  # its HTTP library's errors come through, and the library differs by version
        # "Not in the cache, and no network to ask" is to the hub's client a kind of "there is no such file".
        offline = isinstance(error, errors.LocalEntryNotFoundError)
        if isinstance(error, errors.EntryNotFoundError) and not offline:
            return None
        raise DownloadError(
            f"Could not fetch {hub_id!r} from the hub ({type(error).__name__}): check the network, "
            "or download the repository elsewhere and give its folder instead of the id."
        ) from error


@contextmanager
def _bars(shown: bool) -> Iterator[None]:
    """Silence the hub's progress bars while the block runs, unless they are wanted."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    silence = not shown and not are_progress_bars_disabled()
    if silence:
        disable_progress_bars()
    try:
        yield
    finally:
        if silence:
            enable_progress_bars()
