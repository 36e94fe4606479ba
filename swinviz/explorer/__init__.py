"""The attention explorer: one viewer for notebook, app and a single offline file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swinviz.errors import SwinvizError
from swinviz.explorer.features import MAX_PICTURE_BYTES
from swinviz.explorer.html import save_html
from swinviz.explorer.requests import handle
from swinviz.explorer.scripts import STATIC, script, style
from swinviz.explorer.session import Session
from swinviz.images import ImageLike
from swinviz.segmenter import SwinUPerNet

if TYPE_CHECKING:
    from swinviz.explorer.widget import Explorer

__all__ = ["MAX_PICTURE_BYTES", "STATIC", "Session", "explore", "handle", "save_html", "script", "style"]


def explore(
    model: SwinUPerNet,
    image: ImageLike,
    state: str | None = None,
    *,
    scale: tuple[int, int] | None = None,
    title: str = "Swin-UPerNet",
) -> Explorer:
    """Open the attention viewer in a notebook.

    Args:
        model: the model to look into; a copy from `model.for_inference()` answers sooner.
        image: path, PIL image, or array (H, W, 3) of uint8.
        state: permalink string that another viewer gave; None starts in the middle of the picture.
        scale: (long, short) limits in pixels of the model's input; by default the model's own.
        title: what the viewer calls the model.

    Returns:
        A widget; `.save_html("view.html")` writes it into one offline file, `.state` is its permalink.

    Raises:
        ImageError: the image cannot be read; the message says why.
        SwinvizError: the notebook packages are not installed.
    """
    try:
        from swinviz.explorer.widget import Explorer
    except ImportError as error:
        raise SwinvizError(
            f'{error.name} is not installed: run pip install "swinviz[notebook]", or write a file with '
            'save_html(Session(model, image), "view.html").'
        ) from error
    return Explorer(Session(model, image, scale=scale, title=title), state or "")
