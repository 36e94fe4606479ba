"""The explorer's requests about token vectors, against loops and numpy's SVD; offline files with them."""

from __future__ import annotations

import base64
import gzip
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.explorer_host import small_session

from swinviz.explorer import MAX_PICTURE_BYTES, Session, handle, save_html
from swinviz.explorer.wire_format import Fixed, unpack
from swinviz.images import normalize
from swinviz.interventions.named import named_edits
from swinviz.model.hooks import capture, edit

BLOCKS = [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.fixture(scope="module")
def session() -> Session:
    return small_session()


def file_of(picture: np.ndarray) -> str:
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "PNG")
    return base64.b64encode(stored.getvalue()).decode()


@pytest.fixture(scope="module")
def other(session: Session) -> tuple[str, Session]:
    """A second picture, of another size, and its key."""
    rows, columns = np.mgrid[0:80, 0:96]
    picture = np.stack([3 * rows, 255 - 2 * columns, (rows * columns) % 256], axis=-1).astype(np.uint8)
    message = handle(session, "second", {"name": "other.png", "file": file_of(picture)})
    header, arrays = unpack(message)
    key = header["key"]
    opened = session.second(key)
    assert header["size"] == list(opened.size)
    assert np.array_equal(arrays["image"], opened.image)
    return key, opened


def vectors_after(session: Session, block: tuple[int, int], edits: tuple[str, ...] = ()) -> np.ndarray:
    """What a whole forward pass has after a block: (H, W, C)."""
    name = f"stages.{block[0]}.blocks.{block[1]}.resid_post"
    with torch.no_grad(), edit(session.model, named_edits(edits)), capture(session.model, name) as seen:
        session.model(normalize(session.image)[None])
    return seen[name][0].double().numpy()


def stored_vectors(message: bytes) -> np.ndarray:
    arrays = unpack(message)[1]
    levels, peaks = arrays["levels"], arrays["peaks"]
    assert isinstance(peaks, Fixed)
    assert isinstance(levels, np.ndarray)
    return (levels.astype(float) - 128) * (peaks.integers * peaks.step)[..., None] / 127


def cosine(one: np.ndarray, two: np.ndarray) -> float:
    return float(one @ two / np.sqrt((one @ one) * (two @ two)))


@pytest.mark.parametrize("edits", ["", "no_shift"])
@pytest.mark.parametrize("block", BLOCKS)
def test_stored_vectors_have_the_cosines_of_the_forward_pass(
    session: Session, block: tuple[int, int], edits: str
) -> None:
    asked = {"stage": block[0], "block": block[1], "edits": edits}
    stored = stored_vectors(handle(session, "features", asked))
    exact = vectors_after(session, block, tuple(filter(None, [edits])))
    exact -= exact.mean(axis=(0, 1))
    assert stored.shape == exact.shape
    query = (2, 5)
    for row in range(exact.shape[0]):
        for column in range(exact.shape[1]):
            expected = cosine(exact[query], exact[row, column])
            assert cosine(stored[query], stored[row, column]) == pytest.approx(expected, abs=0.008)


def test_a_second_picture_s_vectors_have_the_mean_of_the_first_taken_off(
    session: Session, other: tuple[str, Session]
) -> None:
    key, opened = other
    stored = stored_vectors(handle(session, "features", {"stage": 1, "block": 1, "second": key}))
    mean = vectors_after(session, (1, 1)).mean(axis=(0, 1))
    exact = vectors_after(opened, (1, 1)) - mean
    assert stored.shape == exact.shape
    assert np.abs(stored - exact).max() <= np.abs(exact).max() / 200


@pytest.mark.parametrize("both", [False, True])
def test_components_are_those_of_the_singular_value_decomposition(
    session: Session, other: tuple[str, Session], both: bool
) -> None:
    key, opened = other
    header, arrays = unpack(
        handle(session, "components", {"stage": 1, "block": 0, **({"second": key} if both else {})})
    )
    maps = [vectors_after(each, (1, 0)) for each in ((session, opened) if both else (session,))]
    tokens = np.concatenate([each.reshape(-1, each.shape[-1]) for each in maps])
    mean = tokens.mean(axis=0)
    _, singular, axes = np.linalg.svd(tokens - mean, full_matrices=False)
    axes = axes[:3] * np.sign(axes[np.arange(3), np.abs(axes[:3]).argmax(axis=1)])[:, None]
    variances = singular**2
    assert header["explained"] == pytest.approx((variances / variances.sum())[:3].tolist(), rel=1e-3)
    projected = (tokens - mean) @ axes.T
    ordered = np.sort(projected, axis=0)
    low, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.01, 0.99))
    for name, each in zip(("colors", "second"), maps, strict=False):
        expected = 255 * np.clip(((each - mean) @ axes.T - low) / (high - low), 0, 1)
        assert np.abs(np.asarray(arrays[name], dtype=float) - expected).max() <= 1
    assert ("second" in arrays) == both


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("second", {"name": "x", "file": ""}, "at most 6 MB"),
        ("second", {"name": "x", "file": "not base64!"}, "choose it again"),
        ("second", {"name": "x", "file": base64.b64encode(b"GIF89a no picture").decode()}, "image"),
        ("second", {"name": "x", "file": base64.b64encode(bytes(MAX_PICTURE_BYTES + 1)).decode()}, "6 MB"),
        ("features", {"stage": 1, "block": 1, "second": "gone"}, "no longer open"),
        ("features", {"stage": 7, "block": 1}, "no block 1 in a stage 7"),
        ("components", {"stage": 1, "block": 1, "second": 3}, "no longer open"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    session: Session, name: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        handle(session, name, arguments)


def test_a_huge_second_picture_is_refused_before_it_is_decoded(session: Session) -> None:
    bomb = io.BytesIO()
    Image.new("1", (5000, 5000)).save(bomb, "PNG")
    with pytest.raises(ValueError, match="pixels"):
        handle(session, "second", {"name": "x", "file": base64.b64encode(bomb.getvalue()).decode()})


def test_two_second_pictures_stay_open_and_no_more(session: Session) -> None:
    mine = small_session()
    keys = [
        unpack(handle(mine, "second", {"file": file_of(np.full((40, 60, 3), shade, np.uint8))}))[0]["key"]
        for shade in (10, 90, 200)
    ]
    assert len(set(keys)) == 3
    with pytest.raises(ValueError, match="no longer open"):
        mine.second(keys[0])
    assert {mine.second(key).image[0, 0, 0] for key in keys[1:]} == {90, 200}


def contents_of(path: Path) -> tuple[dict[str, Any], list[str]]:
    found = dict(re.findall(r'data-key="([^"$]+)">([^<]*)<', path.read_text()))
    manifest = unpack(gzip.decompress(base64.b64decode(found["manifest"])))[0]
    return manifest, list(found)


def test_an_offline_file_says_which_vectors_it_holds(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "view.html"
    save_html(session, path)
    manifest, keys = contents_of(path)
    assert manifest["analyses"] == ["features", "components", "lens"]
    assert manifest["offline"]["no_features"] == []
    assert sum(key.startswith("features?") for key in keys) == 4
    assert sum(key.startswith("components?") for key in keys) == 4
    size = path.stat().st_size
    kept = {}
    for budget in range(size - 60_000, size, 10_000):
        save_html(session, path, budget=budget)
        manifest, keys = contents_of(path)
        missing = {tuple(key) for key in manifest["offline"]["no_features"]}
        held = {block for block in BLOCKS if f"features?block={block[1]}&amp;stage={block[0]}" in keys}
        assert held == set(BLOCKS) - missing
        assert ("features" in manifest["analyses"]) == bool(held)
        kept[budget] = len(held)
        assert path.stat().st_size <= budget
    assert len(set(kept.values())) > 1  # some did not fit
