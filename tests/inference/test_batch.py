"""Batches: the same answers as one by one, from one run of the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.models import tiny_model

from swinviz.errors import SwinvizError
from swinviz.inference import InferenceOptions, segment_batch


def test_a_batch_gives_what_each_image_gives_alone(rng: np.random.Generator) -> None:
    model, options = tiny_model(), InferenceOptions(scale=(90, 64))
    images = [rng.integers(0, 256, (50, 70, 3), np.uint8) for _ in range(3)]
    runs: list[int] = []

    def counted(x: torch.Tensor) -> torch.Tensor:
        runs.append(len(x))
        return model(x)

    results = segment_batch(counted, images, model.config, options)
    assert runs == [3]
    for image, result in zip(images, results, strict=True):
        alone = model.segment(image, options)
        assert result.image is image
        assert (result.labels == alone.labels).mean() > 0.999  # rounding may decide between equals
        np.testing.assert_allclose(result.scores, alone.scores, atol=1e-4)


@pytest.mark.parametrize("options", [InferenceOptions(mode="slide"), InferenceOptions(flip=True)])
def test_other_options_run_one_by_one(options: InferenceOptions, rng: np.random.Generator) -> None:
    model = tiny_model()
    images = [rng.integers(0, 256, (8, 9, 3), np.uint8) for _ in range(2)]
    seen: set[int] = set()

    def counted(x: torch.Tensor) -> torch.Tensor:
        seen.add(len(x))
        return torch.zeros(len(x), 3, *x.shape[-2:])

    assert len(segment_batch(counted, images, model.config, options)) == 2
    assert seen == {1}


def test_a_batch_of_several_sizes_or_wrong_logits_is_refused() -> None:
    config = tiny_model().config
    images = [np.zeros((8, width, 3), np.uint8) for width in (8, 9)]
    with pytest.raises(ValueError, match="batch those of one size"):
        segment_batch(lambda x: x, images, config)
    with pytest.raises(SwinvizError, match=r"for 2 images and 3 classes: it must give \(2, 3,"):
        segment_batch(lambda x: x[:1], images[:1] * 2, config)
