"""A fetched file is whole and the right one, whatever the network and the disk do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.file_server import FileServer, serving, sha256
from support.models import tiny_model
from support.permissions import bound_by_permissions

from swinviz import presets
from swinviz.checkpoints import available, download, load, loading, save
from swinviz.checkpoints.download import Published, fetch
from swinviz.cli import main
from swinviz.errors import DownloadError

CONTENT = np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as files:
        yield files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "größe und Leerzeichen" / "cache"


def kept(folder: Path) -> list[str]:
    """Files in the cache; the empty lock file may stay."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_file_is_fetched_once_and_kept(server: FileServer, folder: Path) -> None:
    path = fetch(server.published, folder, progress=False)
    assert path.read_bytes() == CONTENT
    assert fetch(server.published, folder, progress=False) == path
    assert server.requests == [""]
    assert kept(folder) == [server.published.name]


def test_a_bar_shows_name_and_size(
    server: FileServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(server.published, folder)
    shown = capsys.readouterr().err
    assert server.published.name in shown
    assert "3.00M" in shown


def test_a_broken_connection_is_taken_up_where_it_ended(server: FileServer, folder: Path) -> None:
    server.cut_after = 1_000_000
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT
    assert server.requests == ["", "bytes=1000000-", "bytes=2000000-"]


def test_an_interrupted_run_is_taken_up_by_the_next(server: FileServer, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"{server.published.name}.part").write_bytes(CONTENT[:1234])
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT
    assert server.requests == ["bytes=1234-"]
    assert kept(folder) == [server.published.name]


def test_a_server_that_cannot_resume_sends_everything_again(server: FileServer, folder: Path) -> None:
    server.resumes = False
    folder.mkdir(parents=True)
    (folder / f"{server.published.name}.part").write_bytes(CONTENT[:1234])
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"something else" * 999, CONTENT + b"more"])
def test_a_wrong_part_is_thrown_away_and_fetched_afresh(
    server: FileServer, folder: Path, part: bytes
) -> None:
    folder.mkdir(parents=True)
    (folder / f"{server.published.name}.part").write_bytes(part)
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT


def test_a_part_that_was_whole_already_is_only_verified(server: FileServer, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"{server.published.name}.part").write_bytes(CONTENT)
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT


def test_a_wrong_hash_leaves_nothing_behind(server: FileServer, folder: Path) -> None:
    with pytest.raises(DownloadError, match="sha256"):
        fetch(replace(server.published, sha256_start="00000000"), folder, progress=False)
    assert kept(folder) == []
    assert len(server.requests) == 1


def test_a_damaged_file_in_the_cache_is_fetched_again(
    server: FileServer, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir(parents=True)
    (folder / server.published.name).write_bytes(CONTENT[:-1] + b"?")
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT
    assert "damaged" in caplog.text


def test_a_damaged_file_stays_until_the_new_one_is_whole(server: FileServer, folder: Path) -> None:
    folder.mkdir(parents=True)
    path = folder / server.published.name
    path.write_bytes(b"damaged")
    server.status = 404
    with pytest.raises(DownloadError):
        fetch(server.published, folder, progress=False)
    assert path.read_bytes() == b"damaged"


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_refusal_says_what_to_do(server: FileServer, folder: Path, status: int) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=f"{status}") as caught:
        fetch(server.published, folder, progress=False)
    assert f"put it at {folder / server.published.name}" in str(caught.value)
    assert kept(folder) == []


@pytest.mark.parametrize("seconds", [0, 4e9], ids=["1970", "2096"])
def test_the_clock_decides_nothing_about_what_is_kept(
    server: FileServer, folder: Path, seconds: float
) -> None:
    folder.mkdir(parents=True)
    names = [server.published.name + suffix for suffix in (".part", ".lock")]
    for name, content in zip(names, (CONTENT[:1234], b""), strict=True):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (seconds, seconds))
    path = fetch(server.published, folder, progress=False)
    os.utime(path, (seconds, seconds))
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT
    assert server.requests == ["bytes=1234-"]


def test_a_stalled_server_is_given_up(server: FileServer, folder: Path) -> None:
    server.stall_after = 0
    start = time.monotonic()
    with pytest.raises(DownloadError, match="timed out"):
        fetch(server.published, folder, progress=False, timeout=0.3)
    assert time.monotonic() - start < 5


def test_a_server_that_stalls_midway_loses_nothing(server: FileServer, folder: Path) -> None:
    server.stall_after = 1_000_000
    assert fetch(server.published, folder, progress=False, timeout=0.3).read_bytes() == CONTENT


def test_an_unannounced_length_is_no_problem(server: FileServer, folder: Path) -> None:
    server.announces_length = False
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["abc", "-5", "1e9", "0x10", "\xb2", "9" * 5000, ""])
def test_a_length_that_is_no_number_is_no_problem(server: FileServer, folder: Path, length: str) -> None:
    server.length = length
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT


def test_a_file_without_end_is_stopped(server: FileServer, folder: Path) -> None:
    with pytest.raises(DownloadError, match="far more"):
        fetch(replace(server.published, about_bytes=1000), folder, progress=False)
    assert kept(folder) == []


def test_no_network_is_said_in_one_sentence(folder: Path) -> None:
    nobody = Published("http://127.0.0.1:9/weights-1a2b3c4d.pth", "1a2b3c4d", 100)
    with pytest.raises(DownloadError, match="check the network, or fetch the file by other means") as caught:
        fetch(nobody, folder, progress=False)
    assert "\n" not in str(caught.value)


def test_the_real_address_without_network_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWINVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(loading, "cached_on_hub", lambda _: None)
    with pytest.raises(DownloadError, match="put it at") as caught:
        load("swin-t", progress=False)  # conftest keeps it from leaving this machine
    assert presets.PRESETS["swin-t"].file in str(caught.value)


def test_https_is_never_left(folder: Path, monkeypatch: pytest.MonkeyPatch, server: FileServer) -> None:
    secure = replace(server.published, url=server.published.url.replace("http:", "https:"))
    opened = download.urllib.request.urlopen

    def redirected(request: download.urllib.request.Request, timeout: float) -> object:
        return opened(request.full_url.replace("https:", "http:"), timeout=timeout)

    monkeypatch.setattr(download.urllib.request, "urlopen", redirected)
    with pytest.raises(DownloadError, match="unprotected"):
        fetch(secure, folder, progress=False)


def test_a_cache_that_cannot_be_made_names_the_variable(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DownloadError, match="SWINVIZ_CACHE"):
        fetch(server.published, tmp_path / "file" / "cache", progress=False)


@pytest.mark.parametrize("mode", [0o500, 0], ids=["read", "not even enter"])
def test_a_cache_that_cannot_be_written_to_names_the_variable(
    server: FileServer, folder: Path, mode: int
) -> None:
    folder.mkdir(parents=True, mode=mode)
    with bound_by_permissions(), pytest.raises(DownloadError, match=r"Permission denied.*SWINVIZ_CACHE"):
        fetch(server.published, folder, progress=False)
    folder.chmod(0o700)
    assert list(folder.iterdir()) == []


def test_a_cache_that_may_not_be_entered_leaves_the_models_that_need_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWINVIZ_CACHE", str(folder))
    monkeypatch.setattr(loading, "cached_on_hub", lambda _: None)
    folder.mkdir(parents=True, mode=0)
    with bound_by_permissions():
        assert [line.preset.name for line in available() if line.path] == ["nano", "outdoor"]
        assert load("auto").config.num_classes == 18
        assert main(["doctor"]) == 0
        with pytest.raises(DownloadError, match=r"Permission denied.*SWINVIZ_CACHE"):
            load("swin-t", progress=False)
    folder.chmod(0o700)  # or pytest could not clear it away
    assert str(folder) in capsys.readouterr().out


def test_a_full_cache_serves_a_read_only_user(server: FileServer, folder: Path) -> None:
    path = fetch(server.published, folder, progress=False)
    (folder / f"{server.published.name}.lock").unlink(missing_ok=True)
    before = set(folder.iterdir())
    assert fetch(server.published, folder, progress=False) == path
    assert set(folder.iterdir()) == before  # not even a lock is needed to find it


def test_a_full_disk_is_said_and_loses_nothing(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk:
        """Takes half of the file."""

        def __init__(self, file: object) -> None:
            self.file = file

        def __enter__(self) -> FullDisk:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()  # type: ignore[attr-defined]

        def write(self, chunk: bytes) -> None:
            if self.tell() > len(CONTENT) // 2:
                raise OSError(28, "No space left on device")
            self.file.write(chunk)  # type: ignore[attr-defined]

        def tell(self) -> int:
            return int(self.file.tell())  # type: ignore[attr-defined]

    opened = Path.open

    def open_on_full_disk(self: Path, mode: str = "r", *more: object) -> object:
        file = opened(self, mode, *more)  # type: ignore[call-overload]
        return FullDisk(file) if self.suffix == ".part" and mode != "rb" else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_on_full_disk)
        with pytest.raises(DownloadError, match=r"No space left.*SWINVIZ_CACHE"):
            fetch(server.published, folder, progress=False)
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT
    assert server.requests[1].startswith("bytes=")


def start_fetching(server: FileServer, folder: Path) -> subprocess.Popen[bytes]:
    """Fetch in another process."""
    script = (
        "import sys; from pathlib import Path; from swinviz.checkpoints.download import Published, fetch; "
        f"fetch(Published({server.published.url!r}, {server.published.sha256_start!r}, {len(CONTENT)}), "
        "Path(sys.argv[1]), progress=False)"
    )
    return subprocess.Popen([sys.executable, "-c", script, str(folder)])


@pytest.mark.slow  # two processes import torch
def test_two_processes_fetch_the_same_file_once(server: FileServer, folder: Path) -> None:
    server.delay = 0.5
    processes = [start_fetching(server, folder) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert server.requests == [""]
    assert kept(folder) == [server.published.name]


@pytest.mark.slow  # a process imports torch
def test_a_killed_process_leaves_no_lock_and_a_part_to_go_on_from(server: FileServer, folder: Path) -> None:
    server.stall_after = 1_000_000
    process = start_fetching(server, folder)
    part = folder / f"{server.published.name}.part"
    deadline = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size >= 500_000) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.stall_after = None
    assert fetch(server.published, folder, progress=False).read_bytes() == CONTENT
    assert server.requests[-1] != ""


def test_a_preset_is_fetched_verified_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    content = save(model, tmp_path / "model.safetensors").read_bytes()
    with serving(content) as server:
        file = f"tiny_20210531_112542-{sha256(content)[:8]}.pth"
        row = replace(presets.PRESETS["swin-t"], name="tiny", file=file, hub_id="")
        monkeypatch.setattr(presets, "_PUBLISHED", server.published.url.rpartition("/")[0])
        monkeypatch.setattr(loading, "PRESETS", {"tiny": row})
        monkeypatch.setenv("SWINVIZ_CACHE", str(tmp_path / "cache"))
        assert load("tiny", progress=False).config == model.config
        assert load("tiny", progress=False).config == model.config
        assert len(server.requests) == 1
    (tmp_path / "cache" / file).write_bytes(content[:100])
    with pytest.raises(DownloadError, match=file):
        load("tiny", progress=False)  # damaged, and the server is gone
