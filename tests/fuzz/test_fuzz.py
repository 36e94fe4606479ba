"""The kept corpus of the fuzzer: each input ends as it must, in bounded time and memory."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from support.fuzzing import limited_memory

sys.path.insert(0, str(Path(__file__).parent))

import targets


@pytest.mark.parametrize("target", targets.TARGETS)
def test_the_kept_corpus_ends_as_it_must(target: str) -> None:
    sound, kept = targets.seeds(target), targets.corpus(target)
    assert len(kept) > 20
    for content in sound:
        targets.TARGETS[target](content)  # imports, and makes the model
    with limited_memory(gigabytes=2):
        for number, content in enumerate(kept):
            started = time.process_time()
            targets.TARGETS[target](content)
            assert time.process_time() - started < 5, f"input {number} took too long"


def test_a_target_lets_nothing_else_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the targets would say of an image that is no image, or an error that is a page."""

    def page(*_: object, **__: object) -> None:
        raise targets.ImageError("first" + chr(10) + "second")

    monkeypatch.setattr(targets, "read_image", page)
    with pytest.raises(AssertionError):
        targets.image(b"")
    monkeypatch.setattr(targets, "load", lambda path: {}["x"])
    with pytest.raises(KeyError):
        targets.checkpoint(b"")
