"""What a person names: files, folders, patterns, lists, cameras; each once, each with a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from swinviz.errors import SwinvizError
from swinviz.streaming import Source, find_sources


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def named(sources: list[Source]) -> list[tuple[str, str]]:
    return [(source.kind, source.name) for source in sources]


def test_a_folder_gives_its_pictures_and_videos_with_their_subfolders(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a/c.png", "a/film.MP4", "notes.txt", ".hidden.png", ".git/x.png", "a/z.npy")
    assert named(find_sources([tmp_path])) == [("picture", "b"), ("picture", "a/c"), ("video", "a/film")]


def test_results_inside_the_folder_are_no_sources(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "out/b_labels.png", "out/b_overlay.png", "out/sub/b.png")
    assert named(find_sources([tmp_path], tmp_path / "out")) == [("picture", "b")]
    touch(tmp_path, "b_labels.png", "b_overlay.png", "film.mp4", "film_overlay.mp4", "b_confidence.png")
    touch(tmp_path, "b_mine.png")
    found = named(find_sources([tmp_path], tmp_path))
    assert ("picture", "b_labels") not in found
    assert {name for _, name in found} == {"b", "b_mine", "film", "out/sub/b"}


def test_patterns_and_lists_name_sources_too(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.png", "x/y/2.png", "x/y/3.txt", "film.avi")
    pattern = str(tmp_path / "x" / "**" / "*")
    assert named(find_sources([pattern])) == [("picture", "1"), ("picture", "2")]
    listed = tmp_path / "list.txt"
    listed.write_text("# a comment\n\n film.avi \nx/*.png\nrtsp://yard:554/1\nx/y\n", encoding="utf-8-sig")
    sources = find_sources([listed])
    assert [source.kind for source in sources] == ["video", "picture", "live", "picture"]
    assert sources[0].address == str(tmp_path / "film.avi")


def test_a_name_with_brackets_is_a_file_where_there_is_one(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].png", "a1.png")
    assert named(find_sources([tmp_path / "a[1].png"])) == [("picture", "a[1]")]


def test_each_file_is_taken_once_and_no_two_results_have_one_name(tmp_path: Path) -> None:
    touch(tmp_path, "a/sky.jpg", "b/sky.jpg", "b/SKY.png", "b/sea.png")
    words = [tmp_path / "a" / "sky.jpg", tmp_path / "b", tmp_path / "b" / ".." / "a" / "sky.jpg"]
    names = [name for _, name in named(find_sources(words))]
    assert len(names) == len({name.casefold() for name in names}) == 4
    assert "sea" in names


def test_cameras_and_addresses_are_live_and_their_results_tell_no_password() -> None:
    sources = find_sources(["camera", "camera:1", "rtsp://me:secret@yard:554/stream?x=1"])
    assert [source.kind for source in sources] == ["live"] * 3
    assert len({source.name for source in sources}) == 3
    assert not any("secret" in source.name or "/" in source.name for source in sources)


def test_a_missing_file_stays_so_that_reading_it_says_why() -> None:
    assert named(find_sources(["no/such.jpg", "bad\0name.png"])) == [
        ("picture", "such"),
        ("picture", "bad\0name"),
    ]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("empty", "holds no picture and no video"),
        ("*.bmp", "no picture or video matches"),
        ("none.txt", "cannot be read"),
        ("blank.txt", "names nothing"),
        ("binary.lst", "not a text file"),
    ],
)
def test_what_names_nothing_is_one_sentence(word: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.txt").write_text("# nothing\n")
    (tmp_path / "binary.lst").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(SwinvizError, match=message) as raised:
        find_sources([tmp_path / word])
    assert "\n" not in str(raised.value)
