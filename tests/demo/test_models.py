"""Models shared by all visitors."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import torch
from support.demo_samples import (
    small_model,
)

from swinviz.demo.launching import open_state
from swinviz.demo.models import Choice, ModelPool, NotHereError
from swinviz.demo.options import DemoOptions
from swinviz.errors import SwinvizError
from swinviz.presets import PRESETS


def test_many_who_ask_at_once_share_one_copy() -> None:
    made: list[str] = []

    def load(name: str, download: bool) -> torch.nn.Module:
        made.append(name)
        time.sleep(0.05)
        return small_model()

    pool = ModelPool(load, lambda: [Choice("a")])
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(pool.get("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["a"]
    assert len({id(model) for model in got}) == 1


def test_a_model_that_cannot_be_loaded_leaves_the_others() -> None:
    def load(name: str, download: bool) -> torch.nn.Module:
        if name == "far":
            raise SwinvizError("no network")
        return small_model()

    pool = ModelPool(load, lambda: [Choice("near"), Choice("far", ready=False, megabytes=240)])
    near = pool.get("near")
    with pytest.raises(SwinvizError, match="no network"):
        pool.get("far")
    assert pool.get("near") is near
    assert pool.loaded() == ["near"]


def test_visitors_cannot_load_what_is_on_no_menu() -> None:
    pool = ModelPool(lambda name, download: small_model(), lambda: [Choice("a")])
    with pytest.raises(KeyError):
        pool.get("/etc/passwd")
    pool.preload("given.pth")
    assert [choice.name for choice in pool.choices()] == ["given.pth", "a"]


def test_the_menu_says_what_a_download_costs() -> None:
    assert Choice("swin-t", ready=False, megabytes=240, remark="mIoU 44.41").title == (
        "swin-t · mIoU 44.41 · download 240 MB"
    )


def test_only_a_download_that_was_asked_for_is_made() -> None:
    fetched: list[str] = []

    def load(name: str, download: bool) -> torch.nn.Module:
        if not download:
            raise NotHereError("not on this machine")
        fetched.append(name)
        return small_model()

    pool = ModelPool(load, lambda: [Choice("far", ready=False, megabytes=240)])
    with pytest.raises(NotHereError):
        pool.get("far")
    assert fetched == []
    assert pool.get("far", download=True) is pool.get("far")
    assert fetched == ["far"]


def test_a_damaged_file_in_the_cache_is_neither_used_nor_fetched_again_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWINVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr("swinviz.checkpoints.loading.fetch", pytest.fail)
    (tmp_path / PRESETS["swin-t"].file).write_bytes(b"cut off in the middle")
    state = open_state(DemoOptions(device="cpu"))
    assert state.first == "outdoor"
    with pytest.raises(NotHereError, match="swin-t"):
        state.model("swin-t")
