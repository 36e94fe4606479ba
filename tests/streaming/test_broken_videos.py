"""Broken videos and what only looks like one: frames or one sentence, never a trace, a hang or all memory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from support.fuzzing import limited_memory, mutate
from support.videos import moving_frames, write_video

from swinviz.errors import VideoError
from swinviz.streaming import VideoReader


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small videos in several containers, by their endings."""
    folder = tmp_path_factory.mktemp("videos")
    frames = moving_frames(4)
    kinds = {".mp4": ("libx264", "aac"), ".mkv": ("libx264", "flac"), ".avi": ("mjpeg", None)}
    kinds |= {".ts": ("libx264", None), ".mov": ("mpeg4", "aac"), ".webm": ("libvpx-vp9", "libopus")}
    return {
        end: write_video(folder / f"a{end}", frames, codec=codec, sound=sound).read_bytes()
        for end, (codec, sound) in kinds.items()
    }


def outcome(path: Path) -> str:
    """Read everything: "read", or the sentence."""
    try:
        with VideoReader(path, max_pixels=1_000_000) as reader:
            for item in reader.read(sound=True):
                del item
        said = "read"
    except VideoError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 400
    assert str(path.parent) not in said
    return said


def read_mutants(whole: dict[str, bytes], folder: Path, count: int, seed: int) -> dict[str, int]:
    rng = np.random.default_rng(seed)
    endings, others = list(whole), list(whole.values())
    counts = {"read": 0, "refused": 0}
    with limited_memory(4):
        for number in range(count):
            end = endings[number % len(endings)]
            path = folder / f"m{end}"
            path.write_bytes(mutate(whole[end], rng, others))
            started = time.monotonic()
            counts["read" if outcome(path) == "read" else "refused"] += 1
            assert time.monotonic() - started < 30
    return counts


def test_mutated_videos_are_read_or_refused_in_a_sentence(whole: dict[str, bytes], tmp_path: Path) -> None:
    counts = read_mutants(whole, tmp_path, 48, seed=0)
    assert counts["refused"] > 5


@pytest.mark.slow
def test_a_thousand_mutated_videos_are_read_or_refused_in_a_sentence(
    whole: dict[str, bytes], tmp_path: Path
) -> None:
    counts = read_mutants(whole, tmp_path, 1000, seed=1)
    print(counts)
    assert sum(counts.values()) == 1000
    assert min(counts.values()) > 50


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"hello " * 100, "cannot be opened"),
        ("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n", "cannot be opened"),
        ("list.mp4", b"ffconcat version 1.0\nfile '/etc/passwd'\n", "cannot be opened"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n", "cannot be opened"),
    ],
)
def test_what_only_looks_like_a_video_is_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert message in outcome(path)


def test_playlists_do_not_reach_other_files(whole: dict[str, bytes], tmp_path: Path) -> None:
    # A playlist of a real video beside it: opened, it would read whatever it names.
    (tmp_path / "real.ts").write_bytes(whole[".ts"])
    (tmp_path / "list.mp4").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nreal.ts\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "cat.mkv").write_text("ffconcat version 1.0\nfile 'real.ts'\n")
    assert outcome(tmp_path / "real.ts") == "read"
    for name in ("list.mp4", "cat.mkv"):
        assert "cannot be opened" in outcome(tmp_path / name)


def test_folders_pipes_and_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, message in (("folder.mp4", "folder"), ("pipe.mp4", "pipe"), ("none.mp4", "no such file")):
        assert message in outcome(tmp_path / name)
    assert "cannot be opened" in outcome(tmp_path / ("x" * 300 + ".mp4"))
    assert "cannot be opened" in outcome(tmp_path / "nul\0.mp4")


def test_large_frames_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "large.mp4", [np.zeros((1200, 1600, 3), np.uint8)])
    assert "1600 x 1200 pixels, more than the limit of 1 million" in outcome(path)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import av

    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=48000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate, silence.pts = 48000, 0
        container.mux(track.encode(silence))
        container.mux(track.encode(None))
    assert "no pictures" in outcome(path)
