"""The demo's command line, as one frozen dataclass."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from swinviz.demo.playground import find_playground
from swinviz.devices import PRECISIONS

__all__ = ["DemoOptions", "add_arguments", "options_from", "parse_options"]


@dataclass(frozen=True)
class DemoOptions:
    """Options of the demo. The defaults are the safe ones: this machine only, nothing shared.

    Attributes:
        model: preset, path or hub id that is loaded at the start; "auto" takes the best published model
            already on this machine, else the one that comes with the package. Nothing is downloaded for it.
        device: as `swinviz.devices.parse_device` takes it; None for the best there is.
        precision: one of `swinviz.devices.PRECISIONS`; None takes float32 for pictures, and for live frames
            the one in which they come soonest. The weights stay in float32.
        host: address to listen on; "127.0.0.1" serves this machine only.
        port: port to listen on; None takes the first free one from 7860 on.
        share: open a public address through gradio's tunnel.
        auth: (user, password) pairs of those who may enter; none lets everybody in who reaches the address.
        allow_hosts: names by which the demo may be reached besides those of `host`, such as a proxy's;
            "*.example.org" stands for all below, "*" for any.
        max_size: longest side, in pixels, that a picture is worked on at; larger ones are reduced first.
        queue: requests that may wait; further ones are told that the demo is busy.
        playground: folder of a site that was built before, whose playground is served at /playground.

    Raises:
        ValueError: a size, queue or port outside its range, or no such site; the message says what to choose.
    """

    model: str = "auto"
    device: str | None = None
    precision: str | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    auth: tuple[tuple[str, str], ...] = ()
    allow_hosts: tuple[str, ...] = ()
    max_size: int = 1280
    queue: int = 16
    playground: Path | None = None

    def __post_init__(self) -> None:
        if not 64 <= self.max_size <= 4096:
            raise ValueError(f"--max-size is {self.max_size}: choose a side from 64 to 4096 pixels.")
        if not 1 <= self.queue <= 1000:
            raise ValueError(f"--queue is {self.queue}: choose from 1 to 1000 waiting requests.")
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError(f"--port is {self.port}: choose from 1 to 65535.")
        if self.playground is not None and find_playground(self.playground) is None:
            raise ValueError(
                f"--playground is {self.playground}: name a folder that `python -m swinviz site` wrote."
            )
        if self.precision not in (None, *PRECISIONS):
            raise ValueError(f"--precision is {self.precision}: choose one of {', '.join(PRECISIONS)}.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the demo's arguments to a command line.

    Host and port default to GRADIO_SERVER_NAME and GRADIO_SERVER_PORT, which is how Spaces and containers set
    them. SWINVIZ_AUTH ("user:password", several divided by commas) keeps passwords off the process list.
    """
    environment, standard = os.environ, DemoOptions()
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.add_argument("--model", default=standard.model, help="preset, path, hub id, or auto")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps; by default the best there is")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="by default float32 for pictures, and for live frames bfloat16 where the processor has it",
    )
    parser.add_argument(
        "--host", default=environment.get("GRADIO_SERVER_NAME", standard.host), help="address to listen on"
    )
    parser.add_argument(
        "--port", type=int, default=environment.get("GRADIO_SERVER_PORT"), help="first free one from 7860"
    )
    parser.add_argument("--share", action="store_true", help="open a public address (off unless asked for)")
    parser.add_argument(
        "--auth",
        action="append",
        metavar="USER:PASSWORD",
        help="who may enter; give it again for more people",
    )
    parser.add_argument(
        "--allow-host",
        dest="allow_hosts",
        action="append",
        metavar="NAME",
        help="one more name the demo may be reached by, such as a proxy's; give it again for more",
    )
    parser.add_argument(
        "--max-size", type=int, default=standard.max_size, help="longest side worked on, pixels"
    )
    parser.add_argument("--queue", type=int, default=standard.queue, help="requests that may wait")
    parser.add_argument(
        "--playground", type=Path, metavar="DIR", help="built site whose playground is served at /playground"
    )


def options_from(given: argparse.Namespace) -> DemoOptions:
    """Make the options of what `add_arguments` read.

    Raises:
        ValueError: an argument that makes no sense; the message says which.
    """
    people = given.auth or [pair for pair in os.environ.get("SWINVIZ_AUTH", "").split(",") if pair]
    values = {field.name: getattr(given, field.name) for field in fields(DemoOptions)}
    return DemoOptions(
        **{
            **values,
            "auth": tuple(_person(pair) for pair in people),
            "allow_hosts": tuple(given.allow_hosts or ()),
        }
    )


def parse_options(arguments: Sequence[str] | None = None) -> DemoOptions:
    """Read a command line of the demo alone.

    Args:
        arguments: what follows the program's name; those of this process by default.

    Raises:
        SystemExit: --help, or an argument that makes no sense; the message says which.

    >>> parse_options(["--model", "nano", "--auth", "ada:secret"]).auth
    (('ada', 'secret'),)
    """
    parser = argparse.ArgumentParser(
        prog="app.py", description="Segment pictures and look into the attention that did it, in the browser."
    )
    add_arguments(parser)
    given = parser.parse_args(arguments)
    try:
        return options_from(given)
    except ValueError as problem:
        parser.error(str(problem))


def _person(pair: str) -> tuple[str, str]:
    user, colon, password = pair.partition(":")
    if not (user and colon and password):
        raise ValueError("--auth takes USER:PASSWORD, with neither of them empty.")
    return user, password
