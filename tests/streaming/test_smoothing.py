"""Labels held still over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support.models import tiny_model
from support.videos import moving_frames, write_video

from swinviz.inference import InferenceOptions, Segmentation
from swinviz.streaming import AnnotateOptions, Frame, LabelSmoother, annotate_video


def frame(labels: np.ndarray, scores: np.ndarray) -> Segmentation:
    classes, palette = ("a", "b", "c"), ((0, 0, 9), (0, 9, 0), (9, 0, 0))
    image = np.zeros((*labels.shape, 3), np.uint8)
    return Segmentation(labels.astype(np.uint8), scores.astype(np.float32), classes, palette, 0.1, image)


def held_one_by_one(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The rule, in loops: a vote whose weight is capped at two, and changes hands when it is spent."""
    out = np.zeros_like(labels)
    for y in range(labels.shape[1]):
        for x in range(labels.shape[2]):
            held, weight = labels[0, y, x], np.float32(0)
            for t in range(len(labels)):
                sure = np.float32(scores[t, y, x])
                if labels[t, y, x] == held:
                    weight = min(np.float32(2), weight + sure)
                elif weight > sure:
                    weight = weight - sure
                else:
                    held, weight = labels[t, y, x], sure - weight
                out[t, y, x] = held
    return out


def test_a_pixel_changes_when_the_frames_against_it_outweigh_those_for_it() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 3, (30, 5, 7)), rng.uniform(0.3, 1, (30, 5, 7)).astype(np.float32)
    smoother = LabelSmoother()
    found = np.stack([smoother.smooth(frame(*each)).labels for each in zip(labels, scores, strict=True)])
    assert (found == held_one_by_one(labels, scores)).all()
    assert (found != labels).mean() > 0.2


def test_frames_of_another_size_start_anew() -> None:
    smoother = LabelSmoother()
    for _ in range(3):
        smoother.smooth(frame(np.zeros((4, 4)), np.ones((4, 4))))
    assert (smoother.smooth(frame(np.ones((3, 5)), np.full((3, 5), 0.1))).labels == 1).all()


def test_an_annotated_video_is_smoothed_only_where_that_is_asked_for(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", moving_frames(10))
    model, seen = tiny_model(), {}
    for smooth in (False, True):
        labels: list[np.ndarray] = []

        def keep(_frame: Frame, result: Segmentation, labels: list[np.ndarray] = labels) -> None:
            labels.append(result.labels)

        options = AnnotateOptions(InferenceOptions(scale=(64, 48)), smooth=smooth)
        summary = annotate_video(model, video, None, options, on_frame=keep)
        seen[smooth] = np.stack(labels)
        counted = np.bincount(seen[smooth].ravel(), minlength=len(summary.pixels))
        assert summary.pixels.tolist() == counted.tolist()
    changes = {smooth: (np.diff(labels.astype(int), axis=0) != 0).sum() for smooth, labels in seen.items()}
    assert changes[True] < 0.7 * changes[False]
