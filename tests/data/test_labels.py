"""ADE20K's names and colors: facts, checked against what the challenge publishes."""

from collections import Counter

from swinviz.data.labels import ADE20K_CLASSES, ADE20K_PALETTE


def test_there_are_150_classes_each_with_a_color():
    assert len(ADE20K_CLASSES) == len(ADE20K_PALETTE) == 150


def test_names_are_unique_and_trimmed():
    # The published list has "bed " with a blank, which would never match a name that people type.
    assert len(set(ADE20K_CLASSES)) == 150
    assert all(name == name.strip() == name.lower() != "" for name in ADE20K_CLASSES)


def test_the_order_is_the_challenges():
    assert ADE20K_CLASSES[:4] == ("wall", "building", "sky", "floor")
    assert ADE20K_CLASSES[-3:] == ("glass", "clock", "flag")
    # Numbers of objectInfo150.txt, which count from 1.
    published = {
        "tree": 5,
        "person": 13,
        "sea": 27,
        "sand": 47,
        "river": 61,
        "boat": 77,
        "lake": 129,
        "fan": 140,
    }
    assert {name: ADE20K_CLASSES.index(name) + 1 for name in published} == published


def test_the_palette_is_the_published_one():
    assert ADE20K_PALETTE[:3] == ((120, 120, 120), (180, 120, 120), (6, 230, 230))
    assert ADE20K_PALETTE[-1] == (92, 0, 255)
    color = dict(zip(ADE20K_CLASSES, ADE20K_PALETTE, strict=True))
    assert color["sea"] == (9, 7, 230)
    assert color["person"] == (150, 5, 61)
    assert all(0 <= channel <= 255 for triple in ADE20K_PALETTE for channel in triple)


def test_only_road_and_skyscraper_share_a_color():
    shared = [triple for triple, count in Counter(ADE20K_PALETTE).items() if count > 1]
    assert shared == [(140, 140, 140)]
    names = [name for name, triple in zip(ADE20K_CLASSES, ADE20K_PALETTE, strict=True) if triple in shared]
    assert names == ["road", "skyscraper"]
