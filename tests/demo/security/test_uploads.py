"""A quota for uploads: of one visitor, and in all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.asgi import application, ask

from swinviz.demo.security import uploads
from swinviz.demo.security.uploads import KeptFiles, UploadQuota

UPLOAD = "/gradio_api/upload"


def file(folder: Path, name: str, size: int, age: float) -> Path:
    path = folder / name / "a.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(size))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    own = file(tmp_path, "own", 500, age=99)
    kept = KeptFiles(tmp_path, max_bytes=200)  # exactly what is left
    kept.let_stay()
    old, middle, new = (file(tmp_path, str(age), 100, age) for age in (30, 20, 10))
    assert kept.trim() == 200
    assert [path.exists() for path in (own, old, middle, new)] == [True, False, True, True]
    assert kept.trim() == 200


def test_an_address_that_has_used_its_share_is_refused_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now)
    reached: list[str] = []
    quota = UploadQuota(application(200, reached), KeptFiles(tmp_path), max_bytes=250, seconds=60)
    assert [ask(quota, "POST", UPLOAD, body=bytes(100)) for _ in range(5)] == [200, 200, 200, 429, 429]
    assert len(reached) == 3
    assert ask(quota, "POST", UPLOAD, body=bytes(100), client="10.0.0.2") == 200
    assert ask(quota, "POST", "/gradio_api/queue/join", body=bytes(100)) == 200
    now = 60.0
    assert ask(quota, "POST", UPLOAD, body=bytes(100)) == 429
    now = 61.0
    assert ask(quota, "POST", UPLOAD, body=bytes(100)) == 200


def test_a_share_is_used_up_to_its_last_byte_and_counted_from_its_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now)
    quota = UploadQuota(application(), KeptFiles(tmp_path), max_bytes=200, seconds=60)
    answers = [ask(quota, "POST", UPLOAD, body=bytes(100)) for _ in range(3)]
    assert answers == [200, 200, 429]


@pytest.mark.parametrize(("method", "path"), [("GET", UPLOAD), ("GET", "/"), ("POST", "/login")])
def test_other_requests_go_through_and_count_for_nothing(tmp_path: Path, method: str, path: str) -> None:
    reached: list[str] = []
    quota = UploadQuota(application(200, reached), KeptFiles(tmp_path), max_bytes=250)
    for _ in range(5):
        assert ask(quota, method, path, body=bytes(100)) == 200
    assert reached == [path] * 5
    assert not quota._accounts


def test_room_is_made_after_every_request_that_stores(tmp_path: Path) -> None:
    quota = UploadQuota(application(), KeptFiles(tmp_path, max_bytes=150))
    for number, path in enumerate((UPLOAD, "/gradio_api/queue/join")):
        old, new = file(tmp_path, f"old{number}", 100, 20), file(tmp_path, f"new{number}", 100, 10 - number)
        assert ask(quota, "POST", path) == 200
        assert (old.exists(), new.exists()) == (False, True)


def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MOST_REMEMBERED", 5)
    quota = UploadQuota(application(), KeptFiles(tmp_path))
    for number in range(20):
        ask(quota, "POST", UPLOAD, client=f"10.0.0.{number}")
    assert list(quota._accounts) == [f"10.0.0.{number}" for number in range(15, 20)]
