"""The live plot of a run, without a notebook around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from support.training_runs import RECIPE, Stripes, run

from swinviz.plots.training import LivePlot, plot_run
from swinviz.training import StepReport


def reports(count: int, loss: float = 1.0) -> list[StepReport]:
    return [
        StepReport(step, loss, 1e-3, 0.5, 10.0, 1.0, {"held-out": 0.6} if step == 3 else {})
        for step in range(count)
    ]


def test_headless_run_is_drawn_with_its_samples() -> None:
    live = LivePlot([Stripes()[0][0], Stripes()[1][0]], every=5, rows=3)
    run(recipe=replace(RECIPE, max_iters=12), callbacks=(live,))
    assert [snapshot.step for snapshot in live.snapshots] == [0, 5, 11]
    assert all(labels.shape == (32, 32) for snapshot in live.snapshots for labels in snapshot.labels)
    curves, pictures = live.figure.subfigs
    assert [ax.get_title() for ax in curves.axes] == ["loss", "mIoU of the batch (0 to 1)", "learning rate"]
    assert [ax.get_ylabel() for ax in pictures.axes[::2]] == ["image", "step 0", "step 5", "step 11"]


def test_thinning_keeps_the_first_and_the_last_row_of_samples() -> None:
    live = LivePlot([Stripes()[0][0]], every=1, rows=4)
    run(recipe=replace(RECIPE, max_iters=12), callbacks=(live,))
    assert len(live.snapshots) == 4
    assert (live.snapshots[0].step, live.snapshots[-1].step) == (0, 11)


def test_running_mean_of_a_constant_is_that_constant_to_the_last_step() -> None:
    figure = plot_run(reports(100, loss=2.0))
    line = figure.subfigs[0].axes[0].lines[-1]
    np.testing.assert_allclose(line.get_ydata(), 2.0)
    assert line.get_xdata()[-1] == 99


def test_validation_scores_are_marked_where_they_were_measured() -> None:
    figure = plot_run(reports(10))
    middle = figure.subfigs[0].axes[1]
    assert middle.get_legend() is not None
    assert list(middle.lines[-1].get_xdata()) == [3]


def test_the_truth_stands_below_the_images_and_the_colors_have_names() -> None:
    images, truths = zip(*(Stripes()[index] for index in range(2)), strict=True)
    live = LivePlot(images, every=20, rows=3, truths=truths)
    run(recipe=replace(RECIPE, max_iters=2), callbacks=(live,))
    _, pictures = live.figure.subfigs
    assert [ax.get_ylabel() for ax in pictures.axes[::2]] == ["image", "truth", "step 0", "step 1"]
    (legend,) = pictures.legends
    drawn = set(np.unique([*truths, *(map_ for shot in live.snapshots for map_ in shot.labels)]))
    assert len(legend.get_texts()) == len(drawn)
