"""Broken annotation files: labels, or one sentence for each thing that is wrong."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fuzzing import limited_memory, mutate
from support.labeled import CLASSES, PALETTE, segmentation

from swinviz.data import open_dataset
from swinviz.errors import DatasetError, ImageError, SwinvizError
from swinviz.formats import FORMAT_NAMES, labeled_picture, open_writer

JUNK: list[Any] = [
    None,
    -1,
    0,
    10**18,
    1e308,
    float("nan"),
    "",
    "text",
    [],
    {},
    [[]],
    [1, 2],
    True,
    "9" * 5000,
]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small set in each format."""
    root = tmp_path_factory.mktemp("sets")
    for form in FORMAT_NAMES:
        writer = open_writer(form, root / form, CLASSES, PALETTE)
        writer.add(labeled_picture(segmentation((20, 24)), "one"))
        writer.finish(["one"])
        shutil.rmtree(root / form / ".parts", ignore_errors=True)
    return {form: root / form for form in FORMAT_NAMES}


def annotations(folder: Path) -> list[Path]:
    """The files that are not pictures."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".jpg" and "leftImg8bit" not in path.name
    )


def junk_inside(content: Any, rng: np.random.Generator) -> Any:
    """JSON with one value, anywhere, replaced or taken away."""
    here = content
    for _ in range(int(rng.integers(1, 9))):
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            break
        key = keys[int(rng.integers(len(keys)))]
        if isinstance(here[key], (dict, list)) and rng.random() < 0.8:
            here = here[key]
            continue
        if rng.random() < 0.2:
            del here[key]
        else:
            here[key] = JUNK[int(rng.integers(len(JUNK)))]
        break
    return content


def broken(path: Path, rng: np.random.Generator, others: list[bytes]) -> bytes:
    data = path.read_bytes()
    if path.suffix in (".json", ".geojson") and rng.random() < 0.6:
        return json.dumps(junk_inside(json.loads(data), rng)).encode()
    return mutate(data, rng, others)


def outcome(folder: Path) -> list[str]:
    """Sentences that reading all of a set gives."""
    try:
        dataset = open_dataset(str(folder), strict=False)
    except SwinvizError as error:
        return [str(error)]
    problems = list(dataset.unpaired)
    for index in range(len(dataset)):
        try:
            image, labels = dataset[index]
            assert labels.shape == image.shape[:2]
            assert ((labels < len(dataset.classes)) | (labels == 255)).all()
        except (DatasetError, ImageError) as error:
            problems.append(str(error))
    return problems


def read_mutants(
    sets: dict[str, Path], folder: Path, count: int, seed: int, forms: Callable[[int], str]
) -> int:
    rng = np.random.default_rng(seed)
    others = [path.read_bytes() for root in sets.values() for path in annotations(root)]
    refused = 0
    with limited_memory(4):
        for number in range(count):
            form = forms(number)
            copy = folder / form
            shutil.copytree(sets[form], copy, dirs_exist_ok=True)
            files = annotations(copy)
            path = files[int(rng.integers(len(files)))]
            path.write_bytes(broken(path, rng, others))
            started = time.monotonic()
            problems = outcome(copy)
            assert time.monotonic() - started < 30
            refused += bool(problems)
            for problem in problems:
                assert "\n" not in problem
                assert len(problem) < 700
            shutil.rmtree(copy)
    return refused


@pytest.mark.parametrize("form", FORMAT_NAMES)
def test_mutated_annotations_are_read_or_refused_in_a_sentence(
    form: str, sets: dict[str, Path], tmp_path: Path
) -> None:
    assert outcome(sets[form]) == []
    assert read_mutants(sets, tmp_path, 8, seed=FORMAT_NAMES.index(form), forms=lambda _: form) > 0


@pytest.mark.slow
def test_a_thousand_mutated_annotations_are_read_or_refused_in_a_sentence(
    sets: dict[str, Path], tmp_path: Path
) -> None:
    refused = read_mutants(sets, tmp_path, 1000, 99, lambda number: FORMAT_NAMES[number % len(FORMAT_NAMES)])
    print(f"{refused} of 1000 refused")
    assert refused > 300


def test_deep_nesting_and_entities_are_refused(sets: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 200_000)
    with pytest.raises(DatasetError, match="is damaged"):
        open_dataset(str(tmp_path))
    bomb = '<!DOCTYPE a [<!ENTITY b "&#x41;"><!ENTITY c "&b;&b;&b;&b;">]><annotations>&c;</annotations>'
    (tmp_path / "x.xml").write_text(bomb)
    with pytest.raises(DatasetError, match="declares a document type"):
        open_dataset(str(tmp_path / "x.xml"))
