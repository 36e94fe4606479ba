"""Fuzzing guided by coverage: `python tests/fuzz/run.py image --seconds 3600`.

Needs `pip install atheris`. An input that raises what it must not, or takes too long or too much memory, is
written to the current folder and ends the run; what reached new code is kept in a folder of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["swinviz", "PIL", "pickletools"]):
    import targets


def main() -> None:
    """Fuzz one target until time is up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=targets.TARGETS)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--kept", type=Path, help="folder for inputs that reached new code")
    given = parser.parse_args()
    kept = given.kept or Path(tempfile.mkdtemp(prefix=f"swinviz-{given.target}-"))
    kept.mkdir(parents=True, exist_ok=True)
    for number, sound in enumerate(targets.seeds(given.target) + targets.corpus(given.target)):
        (kept / f"begin-{number}").write_bytes(sound)
    limits = ["-timeout=5", "-rss_limit_mb=3000", "-max_len=200000", f"-max_total_time={given.seconds}"]
    atheris.Setup([sys.argv[0], *limits, str(kept)], targets.TARGETS[given.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
