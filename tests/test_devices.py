"""Devices by name, on a machine that lacks most of them."""

from __future__ import annotations

import pytest
import torch

from swinviz.devices import best_device, parse_device


@pytest.mark.parametrize("name", ["foo", "cuda:99", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match="choose cpu") as refused:
        parse_device(name)
    assert repr(name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_name_means_the_best_device() -> None:
    assert parse_device(None) == best_device()
    assert parse_device("cpu") == torch.device("cpu")
