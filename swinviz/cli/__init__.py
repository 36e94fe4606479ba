"""The command line: `python -m swinviz COMMAND`.

Each command is a module with `HELP`, `add_arguments(parser)` and `run(arguments) -> exit code`. A command's
module is imported only when it is called, so that `--help` and `--version` answer at once.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

import swinviz
from swinviz.errors import SwinvizError

__all__ = ["main"]

COMMANDS = {
    "demo": "segment and look into attention in the browser: the page that app.py serves",
    "segment": "name what every pixel of an image shows",
    "attend": "draw what a pixel of an image attends to",
    "similar": "draw which tokens look like a pixel's, in its picture and in folders of others",
    "components": "draw the first three principal components of features as colors, for many pictures alike",
    "lens": "draw what the model would answer if it stopped at each block",
    "patch": "draw which head, put in from another picture, moves the logit of a pixel",
    "trust": "measure which explanations of a pixel find what the model needs",
    "heads": "write an offline page of what each head looks at most, over a folder",
    "evaluate": "measure mIoU on a data set, beside the published figures",
    "train": "train or fine-tune a model",
    "bench": "measure speed and memory, beside transformers",
    "export": "write a model as an ONNX graph or a PyTorch program that runs without this package",
    "convert": "rewrite any readable checkpoint as .safetensors, for transformers or mmsegmentation",
    "push": "publish a model on the Hugging Face hub, with its figures",
    "site": "write a folder of static files in which the model runs in the browser",
    "doctor": "say what is installed, which devices and models there are, and what is missing",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: words after `python -m swinviz`; those of this process by default.

    Returns:
        The exit code: 0, 1 if something asked about is not as it should be, 2 for an error (one sentence on
        stderr), 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        # An ASCII terminal shows "\xe9" for a letter it has not, which is no reason to fail after the work.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="python -m swinviz", description="See inside a segmentation transformer."
    )
    parser.add_argument("--version", action="version", version=f"swinviz {swinviz.__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, sentence in COMMANDS.items():
        command = subparsers.add_parser(
            name, help=sentence, description=sentence[0].upper() + sentence[1:] + "."
        )
        if name in words[:1]:
            import_module(f"swinviz.cli.{name}").add_arguments(command)
    parsed = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for client in ("httpx", "httpx2"):  # which tell of every request
        logging.getLogger(client).setLevel(logging.WARNING)
    try:
        code: int = import_module(f"swinviz.cli.{parsed.command}").run(parsed)
    except KeyboardInterrupt:
        print("stopped.", file=sys.stderr)
        return 130
    except (SwinvizError, ValueError, OSError) as error:
        # Errors of ours are ValueErrors and OSErrors too; each message says in one sentence what to do.
        print(f"swinviz {parsed.command}: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported for --version
            raise
        print(
            f"swinviz {parsed.command}: the device ran out of memory: take a smaller model, smaller or fewer "
            "images at once, or --device cpu. What was saved before is still there.",
            file=sys.stderr,
        )
        return 2
    return code
