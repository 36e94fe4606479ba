"""The whole site: the playground, the course with its figures and explorers, guides and reference."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from swinviz.errors import SwinvizError
from swinviz.lazy import require_package
from swinviz.segmenter import SwinUPerNet
from swinviz.site.folders import replaced_folder
from swinviz.site.playground import build_playground

__all__ = ["build_site"]

_REPOSITORY = Path(__file__).parents[2]
_NEEDED = ("mkdocs", "material", "mkdocstrings_handlers.python", "nbconvert", "ipykernel", "latex2mathml")


def build_site(
    model: SwinUPerNet,
    folder: str | Path,
    *,
    title: str = "Swin-UPerNet",
    samples: Sequence[Path] = (),
    runtime: str | Path | None = None,
    notebooks: str = "*",
) -> None:
    """Write the playground and the documentation as one folder of static files.

    The documentation is built from the repository that this package lies in, by MkDocs.

    Args:
        model: the model that visitors run in the playground.
        folder: where to write; it is made, or replaced whole if it holds a site.
        title: name of the model, as visitors see it.
        samples: pictures that the playground offers.
        runtime: archive of onnxruntime-web; by default npm is asked for it.
        notebooks: glob of the notebooks that run, so that pages have figures and explorers; "" for none.

    Raises:
        SwinvizError: the package lies in no repository, MkDocs finds a fault, the folder holds something
            else, or the runtime cannot be had.
        MissingPackageError: an extra is not installed.
    """
    configuration = _REPOSITORY / ".mkdocs" / "mkdocs.yml"
    if not configuration.is_file():
        raise SwinvizError(
            "the documentation is made from the repository, and this swinviz was installed without it: "
            "clone the repository, or add --playground for the playground alone."
        )
    for module in _NEEDED:
        require_package(module, "swinviz[docs]", needed=f"the documentation needs {module}, which")
    with replaced_folder(Path(folder)) as new, tempfile.TemporaryDirectory() as play:
        build_playground(model, play, title=title, samples=samples, runtime=runtime)
        command = [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "-f",
            str(configuration),
            "-d",
            str(new),
        ]
        told = {
            "SWINVIZ_PLAYGROUND": play,
            "SWINVIZ_EXECUTE": notebooks,
            "NO_MKDOCS_2_WARNING": "1",  # the theme's advertisement of its successor
        }
        if subprocess.run(command, cwd=_REPOSITORY, env={**os.environ, **told}, check=False).returncode:
            raise SwinvizError("MkDocs could not build the documentation: it says above why.")
