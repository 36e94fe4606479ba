"""`python -m swinviz site -o DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from swinviz.checkpoints import load
from swinviz.site import RUNTIME_VERSION, build_playground, build_site

__all__ = ["add_arguments", "run"]

_EXAMPLES = Path(__file__).parent.parent / "data" / "examples"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--playground", action="store_true", help="only the page with the model inside, not the documentation"
    )
    parser.add_argument("--model", default="outdoor", help="preset, path or hub id; outdoor by default")
    parser.add_argument(
        "--samples", type=Path, nargs="*", metavar="IMAGE", help="pictures to offer; by default our examples"
    )
    parser.add_argument(
        "--notebooks",
        default="*",
        metavar="GLOB",
        help='notebooks that run, so that their pages have figures: by default all, ten minutes; "" for none',
    )
    parser.add_argument(
        "--runtime",
        type=Path,
        metavar="FILE.tgz",
        help=f"archive of npm's onnxruntime-web {RUNTIME_VERSION}; by default npm brings it",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the site.

    Returns:
        0.
    """
    samples = arguments.samples
    if samples is None:
        samples = sorted(_EXAMPLES.glob("*.jpg"))
    model = load(arguments.model, device="cpu")
    wanted = {"title": arguments.model, "samples": samples, "runtime": arguments.runtime}
    if arguments.playground:
        build_playground(model, arguments.output, **wanted)
    else:
        build_site(model, arguments.output, **wanted, notebooks=arguments.notebooks)
    print(f"{arguments.output} is the site. Look at it with python -m http.server -d {arguments.output}")
    return 0
