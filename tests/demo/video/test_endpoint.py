"""Whole videos over HTTP: to a running demo, as visitors and strangers send them."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from support.browser import Server
from support.demo_samples import OFFLINE, file_bytes, picture, small_model
from support.videos import contents, moving_frames, write_video

import swinviz.checkpoints

VIDEO = "/swinviz/video"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's temporary files lie."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def start_app(
    serve: Callable[..., Server], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Server]:
    weights = swinviz.checkpoints.save(small_model(), tmp_path_factory.mktemp("weights") / "tiny.safetensors")
    command = [sys.executable, "app.py", "--port", "{port}", "--model", str(weights)]
    return lambda *arguments: serve([*command, *arguments], env={**OFFLINE, "TMPDIR": str(folder)})


@pytest.fixture(scope="module")
def app(start_app: Callable[..., Server]) -> Server:
    return start_app()


@pytest.fixture
def http(app: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "a.mp4", moving_frames(10), sound="aac")


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It takes the tiny model about ten seconds."""
    frames = moving_frames(40, (360, 480)) * 20
    return write_video(tmp_path_factory.mktemp("video") / "long.mp4", frames)


def read(answer: bytes) -> tuple[list[dict[str, object]], bytes]:
    """Lines of an answer, and the bytes behind the last."""
    stream, lines = io.BytesIO(answer), []
    for line in stream:
        lines.append(json.loads(line))
        if "bytes" in lines[-1]:
            break
    return lines, stream.read()


def jobs(folder: Path) -> list[str]:
    return [str(path) for path in folder.glob("swinviz-demo-*/video-*")]


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never came"
        time.sleep(0.05)


def test_a_video_comes_back_annotated_with_its_times_and_sound_and_leaves_no_file(
    http: httpx.Client, video: Path, folder: Path, tmp_path: Path
) -> None:
    answer = http.post(VIDEO, params={"name": "a.mp4"}, content=video.read_bytes())
    lines, annotated = read(answer.content)
    assert [line for line in lines if "done" in line] == [{"done": n, "of": 10} for n in range(1, 11)]
    assert lines[-1] == {"bytes": len(annotated), "frames": 10, "missing": 0}
    (tmp_path / "b.mp4").write_bytes(annotated)
    before, after = contents(video), contents(tmp_path / "b.mp4")
    assert after.times == before.times
    assert after.packets == before.packets
    assert after.frames[0].shape == before.frames[0].shape
    assert jobs(folder) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"this is no video", "damaged or no video"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "damaged or no video"),
    ],
)
def test_what_is_no_video_is_refused_in_a_sentence_without_paths(
    http: httpx.Client, content: bytes, sentence: str, folder: Path
) -> None:
    ((line,), rest) = read(http.post(VIDEO, params={"name": "../../<b>x.mp4"}, content=content).content)
    assert sentence in str(line["error"])
    assert "/" not in str(line["error"])
    assert "<" not in str(line["error"])
    assert rest == b""
    assert jobs(folder) == []


def test_settings_that_make_no_sense_and_files_that_are_too_large_are_refused(
    http: httpx.Client, folder: Path
) -> None:
    assert http.post(VIDEO, params={"model": "absent"}, content=b"x").status_code == 400
    large = http.post(VIDEO, content=bytes(27 * 2**20))
    assert (large.status_code, large.text) == (413, "Too large: at most 25 MB may be sent.")

    def drip() -> Iterator[bytes]:  # no length is told
        for _ in range(27):
            yield bytes(2**20)

    assert http.post(VIDEO, content=drip()).status_code == 413
    assert http.get(VIDEO).status_code == 405
    assert jobs(folder) == []


def test_who_leaves_ends_the_work_and_who_comes_meanwhile_waits(
    app: Server, http: httpx.Client, video: Path, long_video: Path, folder: Path
) -> None:
    content = long_video.read_bytes()
    with httpx.stream("POST", app.url + VIDEO, content=content, timeout=60) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines)) == {"done": 1, "of": 800}
        assert len(jobs(folder)) == 1
        ((busy,), _) = read(http.post(VIDEO, content=video.read_bytes()).content)
        assert "Another visitor's video" in str(busy["error"])
    until(lambda: jobs(folder) == [])
    lines_now, _ = read(http.post(VIDEO, content=video.read_bytes()).content)
    assert lines_now[-1]["frames"] == 10


def test_pictures_are_segmented_while_a_video_is_worked_on(
    app: Server, http: httpx.Client, long_video: Path
) -> None:
    def work() -> None:
        with httpx.stream("POST", app.url + VIDEO, content=long_video.read_bytes(), timeout=60) as answer:
            begun.set()
            for _ in answer.iter_lines():
                if over.is_set():
                    return
            finished.set()

    begun, over, finished = threading.Event(), threading.Event(), threading.Event()
    working = threading.Thread(target=work)
    working.start()
    try:
        assert begun.wait(30)
        for _ in range(3):
            sent = {"files": ("a.png", file_bytes(picture()), "image/png")}
            file = {"path": http.post("/gradio_api/upload", files=sent).json()[0]}
            data = [{**file, "meta": {"_type": "gradio.FileData"}}, "whole", "float32"]
            asked = http.post("/gradio_api/call/segment", json={"data": data}).json()
            answer = http.get(f"/gradio_api/call/segment/{asked['event_id']}")
            assert "event: complete" in answer.text
            assert "shares" in answer.text
        assert not finished.is_set()
    finally:
        over.set()
        working.join()


def test_another_sites_page_and_who_has_not_logged_in_can_send_none(
    start_app: Callable[..., Server], http: httpx.Client, video: Path
) -> None:
    content = video.read_bytes()
    foreign = http.post(VIDEO, content=content, headers={"Origin": "http://evil.example"})
    assert foreign.status_code in (401, 403)
    guarded = start_app("--auth", "ada:secret")
    assert httpx.post(guarded.url + VIDEO, content=content).status_code == 401
    with httpx.Client(base_url=guarded.url, timeout=60) as client:
        client.post("/login", data={"username": "ada", "password": "secret"})
        lines, _ = read(client.post(VIDEO, content=content).content)
        assert lines[-1]["frames"] == 10


def test_videos_count_for_the_share_of_an_address(http: httpx.Client, folder: Path) -> None:
    """The last test here: the server takes no more from this address."""
    for _ in range(12):  # more than 250 MB
        answer = http.post(VIDEO, content=os.urandom(24 * 2**20))
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert "wait half an hour" in answer.text
    assert jobs(folder) == []
