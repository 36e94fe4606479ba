"""Devices by name, on a machine that lacks most of them."""

from __future__ import annotations

import pytest
import torch

from swinviz.devices import best_device, fast_precision, parse_device


@pytest.mark.parametrize("name", ["foo", "cuda:99", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match="choose cpu") as refused:
        parse_device(name)
    assert repr(name) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_name_means_the_best_device() -> None:
    assert parse_device(None) == best_device()
    assert parse_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [((False, False), "float32"), ((True, False), "bfloat16"), ((False, True), "bfloat16")],
)
def test_bfloat16_is_taken_only_where_the_processor_multiplies_in_it(
    instructions: tuple[bool, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, there in zip(
        ("_is_avx512_bf16_supported", "_is_amx_tile_supported"), instructions, strict=True
    ):
        monkeypatch.setattr(torch.cpu, name, lambda there=there: there, raising=False)
    assert fast_precision(torch.device("cpu")) == expected


def test_a_torch_that_cannot_tell_means_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert fast_precision(torch.device("cpu")) == "float32"
