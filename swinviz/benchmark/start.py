"""Time from nothing to a first result, in fresh processes, and what each part of it takes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from tqdm.auto import tqdm

from swinviz.errors import SwinvizError

__all__ = ["Start", "benchmark_start"]

# What a fresh process runs. Its arguments: the model, and when it was asked for.
_LAPS = """
import json, sys, time
model, asked = sys.argv[1], float(sys.argv[2])
parts, last = {"Python itself": [time.time() - asked, time.process_time()]}, []
def lap(name=None):
    now = [time.perf_counter(), time.process_time()]
    if name is not None:
        parts[name] = [a - b for a, b in zip(now, last)]
    last[:] = now
lap()
"""
_SEGMENTATION = f"""{_LAPS}
import torch
lap("torch's import")
import swinviz
load = swinviz.load
lap("swinviz's import")
model = load(model)
lap("loading the model")
import numpy
model.segment(numpy.zeros((240, 320, 3), numpy.uint8))
lap("first segmentation")
print(json.dumps(parts))
"""
_DEMO = f"""{_LAPS}
from swinviz.demo.importing import quick_imports
with quick_imports():
    import swinviz.demo
    import torch
    lap("torch's import")
    import gradio
    lap("gradio's import")
    from swinviz.demo.launching import open_state
    from swinviz.demo.options import DemoOptions
    from swinviz.demo.server import start
    lap("swinviz's import")
from urllib.request import urlopen
state = open_state(DemoOptions(model=model))
lap("loading the model")
demo = start(state)
lap("building the page")
urlopen(demo.url).read()
lap("page answers")
demo.close()
print(json.dumps(parts))
"""


@dataclass(frozen=True)
class Start:
    """Parts of a start, in order.

    Attributes:
        title: what was started.
        seconds: by name of the part, the median over the rounds.
        processor_seconds: the same of the process's own time, which a busy machine changes little; it
            exceeds the other where several threads work.
    """

    title: str
    seconds: dict[str, float]
    processor_seconds: dict[str, float]

    def since(self, part: str = "") -> float:
        """Add up the seconds of the parts after one, or of all."""
        names = list(self.seconds)
        return sum(self.seconds[name] for name in names[names.index(part) + 1 if part else 0 :])

    def table(self) -> str:
        """Return the parts as aligned text."""
        rows = [f"{self.title:40s} {'seconds':>9s} {'processor':>10s}"]
        for name, seconds in self.seconds.items():
            rows.append(f"  {name:38s} {seconds:9.2f} {self.processor_seconds[name]:10.2f}")
        rows.append(f"  {'together':38s} {self.since():9.2f} {sum(self.processor_seconds.values()):10.2f}")
        rows.append(f"  {'after torch':38s} {self.since(_TORCH):9.2f}")
        return "\n".join(rows)


_TORCH = "torch's import"


def benchmark_start(model: str = "nano", *, rounds: int = 3, progress: bool = True) -> list[Start]:
    """Measure a first segmentation and the demo's first page, each in fresh processes, after one to warm up.

    Args:
        model: as for `swinviz.load`; nothing is downloaded for the demo.
        rounds: processes of each kind.
        progress: show a bar.

    Raises:
        SwinvizError: a process failed; the message is its last line.
    """
    scripts = {"import swinviz to a first segmentation": _SEGMENTATION, "python app.py to its page": _DEMO}
    taken: dict[str, list[dict[str, list[float]]]] = {title: [] for title in scripts}
    for turn in tqdm(range(rounds + 1), desc="start", unit="round", disable=not progress):
        for title, script in scripts.items():
            parts = _run(script, model)
            if turn:  # the first reads the files into memory
                taken[title].append(parts)
    return [
        Start(
            title,
            *(
                {name: statistics.median(one[name][kind] for one in all_) for name in all_[0]}
                for kind in (0, 1)
            ),
        )
        for title, all_ in taken.items()
    ]


def _run(script: str, model: str) -> dict[str, list[float]]:
    command = [sys.executable, "-c", script, model, str(time.time())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        *_, problem = done.stderr.strip().splitlines() or ["no message"]
        raise SwinvizError(f"a fresh process failed ({problem}): run `python -m swinviz doctor`.")
    parts: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return parts
