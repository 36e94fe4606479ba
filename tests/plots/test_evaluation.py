"""The figures of an evaluation show the counts that they are given."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from swinviz.evaluation import ConfusionCounts, ImageScore, Report
from swinviz.model.config import ModelConfig
from swinviz.plots.evaluation import plot_class_bars, plot_confusion, plot_worst_images
from swinviz.segmenter import SwinUPerNet

CLASSES = ("sky", "sea", "sand", "rock")
PALETTE = ((0, 0, 200), (0, 200, 0), (200, 0, 0), (90, 90, 90))


def drawn(figure: Figure) -> Figure:
    """Really draw it, so that a warning or an error of drawing fails the test."""
    FigureCanvasAgg(figure).draw()
    return figure


def report(confusion: list[list[int]], images: tuple[ImageScore, ...] = ()) -> Report:
    counts = ConfusionCounts(np.array(confusion), np.array([[10, 4, 0, 0], [8, 4, 0, 0], [6, 2, 0, 0]]))
    return Report("Pictures", CLASSES, counts, images, "whole", (), 1.0, 1.0, {})


COUNTS = report([[30, 10, 0, 0], [0, 100, 0, 0], [0, 0, 0, 0], [6, 0, 0, 2]])


def test_confusion_rows_are_parts_of_the_true_class_most_frequent_first() -> None:
    ax = drawn(plot_confusion(COUNTS)).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["sea", "sky", "rock"]
    matrix = np.asarray(ax.images[0].get_array())
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0.25, 0.75, 0], [0, 0.75, 0.25]])
    assert {text.get_text() for text in ax.texts} == {"100", "25", "75"}


def test_confusion_says_how_many_classes_it_leaves_out() -> None:
    figure = drawn(plot_confusion(COUNTS, most=2))
    assert "1 rarer classes are left out" in figure.get_supxlabel()
    matrix = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(matrix, [[1, 0], [0.25, 0.75]])


def test_bars_are_the_classes_iou_best_first_without_absent_ones() -> None:
    figure = drawn(plot_class_bars(COUNTS, rows=2))
    names = [[label.get_text() for label in ax.get_yticklabels()] for ax in figure.axes]
    assert names == [["sea", "sky"], ["rock"]]
    lengths = [bar.get_width() for ax in figure.axes for bar in ax.patches]
    assert lengths == pytest.approx([100 / 110, 30 / 46, 2 / 8])
    marks = figure.axes[0].lines[0].get_xdata()
    assert list(marks) == pytest.approx([2 / 6, 6 / 12])
    assert "neither there nor predicted: 1 of" in figure.get_supxlabel()


class TwoPictures:
    classes, palette = CLASSES, PALETTE

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image = np.full((32, 40, 3), 60 * index, np.uint8)
        return image, np.full((32, 40), 255 if index else 2, np.uint8)


def test_the_gallery_shows_the_worst_image_first_and_what_is_wrong_in_it() -> None:
    config = replace(ModelConfig.tiny(CLASSES, depths=(1, 1, 1, 1), scale=(40, 32)), palette=PALETTE)
    model = SwinUPerNet(config).eval()
    model.head.classifier.weight.data.zero_()
    model.head.classifier.bias.data[:] = model.head.classifier.bias.new_tensor([0.0, 9.0, 0.0, 0.0])
    images = (
        ImageScore(0, "first", 0.5, 0.5),
        ImageScore(1, "second", 0.1, 0.1),
        ImageScore(2, "void", math.nan, 0.0),
    )
    figure = drawn(plot_worst_images(report(COUNTS.counts.confusion.tolist(), images), model, TwoPictures()))
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:4] == ["image\nsecond: mIoU 10 %", "truth", "prediction", "wrong\n0 % of the pixels"]
    assert titles[4:] == [
        "first: mIoU 50 %",
        "missed most: sand",
        "invented most: sea",
        "100 % of the pixels",
    ]
    pictures = [np.asarray(ax.images[0].get_array())[5, 5].tolist() for ax in figure.axes]
    assert pictures == [
        [60] * 3,
        [235] * 3,
        [0, 200, 0],
        [235] * 3,
        [0] * 3,
        [200, 0, 0],
        [0, 200, 0],
        [213, 94, 0],
    ]
