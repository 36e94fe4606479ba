"""Damaged and malicious weights files: one clear sentence each, nothing run, no memory filled."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.fuzzing import limited_memory, mutate
from support.models import tiny_model
from torch import Tensor

from swinviz.checkpoints import load, load_backbone, save
from swinviz.checkpoints.metadata import METADATA_KEY
from swinviz.errors import CheckpointError
from swinviz.segmenter import SwinUPerNet


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, bytes]:
    """One sound file of each kind."""
    folder = tmp_path_factory.mktemp("files")
    legacy = folder / "legacy.pth"
    state = torch.load(repository / "tests" / "fixtures" / "mmseg_tiny_w7.pth", weights_only=True)
    torch.save(state, legacy, _use_new_zipfile_serialization=False)
    return {
        ".pth": (repository / "tests" / "fixtures" / "mmseg_tiny_w7.pth").read_bytes(),
        ".safetensors": save(tiny_model(), folder / "a.safetensors").read_bytes(),
        ".bin": legacy.read_bytes(),
    }


def refused(path: Path) -> str:
    """What `load` says about a file that it must refuse: one sentence that names it."""
    with pytest.raises(CheckpointError) as caught:
        load(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 1500
    return message


def loaded_or_refused(path: Path) -> None:
    """Nothing but `CheckpointError`, and no page of text, may come out of `load`."""
    with contextlib.suppress(CheckpointError):
        load(path)
        return
    refused(path)


class TestDamage:
    def test_sound_files_load(self, files: dict[str, bytes], tmp_path: Path) -> None:
        for suffix, content in files.items():
            path = tmp_path / f"sound{suffix}"
            path.write_bytes(content)
            assert isinstance(load(path), SwinUPerNet)

    @pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
    def test_a_file_cut_at_any_byte_is_refused(
        self, files: dict[str, bytes], tmp_path: Path, suffix: str, rng: np.random.Generator
    ) -> None:
        content = files[suffix]
        size = len(content)
        path = tmp_path / f"cut{suffix}"
        edges = [0, 1, 2, 7, 8, 9, 100, size // 2, size - 100, size - 22, size - 2, size - 1]
        for length in [*edges, *rng.integers(0, size, 25).tolist()]:
            path.write_bytes(content[:length])
            refused(path)

    @pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
    def test_mutated_files_load_or_are_refused(
        self, files: dict[str, bytes], tmp_path: Path, suffix: str, fuzz_count: int, rng: np.random.Generator
    ) -> None:
        path = tmp_path / f"mutant{suffix}"
        with limited_memory(2.0):
            for number in range(fuzz_count // 18):  # a sixth, shared by three kinds
                path.write_bytes(mutate(files[suffix], rng, list(files.values())))
                start = time.process_time()
                loaded_or_refused(path)
                assert time.process_time() - start < 5, f"mutant {number} took too long"

    @given(content=st.binary(max_size=200))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_noise_is_refused(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "noise.pth"
        for start in (b"", b"\x80\x02", b"PK\x03\x04", struct.pack("<Q", len(content)) + b"{"):
            path.write_bytes(start + content)
            refused(path)


class TestOtherFiles:
    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "empty"),
            (b"<!DOCTYPE html><title>404</title>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "neither"),
            (b"\x89PNG\r\n\x1a\n" + bytes(50), "neither"),
        ],
    )
    def test_no_weights_file(self, tmp_path: Path, content: bytes, said: str) -> None:
        (tmp_path / "weights.pth").write_bytes(content)
        assert said in refused(tmp_path / "weights.pth")

    def test_a_zip_of_other_things(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "photos.pth", "w") as archive:
            archive.writestr("holiday.jpg", b"sun")
        assert "holiday.jpg" in refused(tmp_path / "photos.pth")

    def test_a_tar(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "old.pth", "w") as archive:
            archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
        refused(tmp_path / "old.pth")

    def test_a_program_of_torchscript(self, tmp_path: Path) -> None:
        path = tmp_path / "script.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", b"\x80\x02}.")
            archive.writestr("x/constants.pkl", b"\x80\x02).")
            archive.writestr("x/version", b"3\n")
        refused(path)

    @pytest.mark.parametrize(
        "content",
        [
            [1, 2],
            {"state_dict": {}},
            {"epoch": 3},
            {},
            torch.zeros(3),
            "text",
            {"state_dict": {"x": torch.zeros(1)}},
            {1: torch.zeros(1), None: torch.zeros(2)},
        ],
    )
    def test_a_pickle_of_other_things(self, tmp_path: Path, content: Any) -> None:
        torch.save(content, tmp_path / "other.pth")
        refused(tmp_path / "other.pth")

    def test_weights_of_another_model(self, tmp_path: Path) -> None:
        torch.save({"layer4.0.conv1.weight": torch.zeros(3, 3)}, tmp_path / "resnet.pth")
        assert "layer4.0.conv1.weight" in refused(tmp_path / "resnet.pth")

    def test_a_folder_and_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="neither"):
            load(tmp_path)
        with pytest.raises(FileNotFoundError, match="gone"):
            load(tmp_path / "gone.pth")


class Calls:
    """Pickled, it calls a function when it is read."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call

    def __call__(self) -> None:
        """Only so that pickle takes the result of a call for something to call."""


class TestMalice:
    @pytest.fixture
    def marker(self, tmp_path: Path) -> Path:
        """A file that exists only if something in a pickle was run."""
        return tmp_path / "executed"

    def payloads(self, marker: Path) -> dict[str, Any]:
        command = f"touch {marker}"
        return {
            "os.system": Calls(os.system, command),
            "exec": Calls(exec, f"open({str(marker)!r}, 'w')"),
            "eval": Calls(eval, f"open({str(marker)!r}, 'w')"),
            "open": Calls(open, str(marker), "w"),
            "a function that is looked up": Calls(Calls(getattr, marker, "touch")),
            "a method of a path": Calls(Path.touch, marker),
            "numpy's own loader": Calls(np.load, str(marker)),
            "pickle in pickle": Calls(pickle.loads, pickle.dumps(Calls(os.system, command))),
        }

    @pytest.mark.parametrize("legacy", [False, True])
    def test_nothing_in_a_pickle_is_run(
        self, files: dict[str, bytes], tmp_path: Path, marker: Path, legacy: bool
    ) -> None:
        state = torch.load(io.BytesIO(files[".pth"]), weights_only=True)
        for name, payload in self.payloads(marker).items():
            for place in ("meta", "state_dict", "beside"):
                poisoned = {"meta": dict(state["meta"]), "state_dict": dict(state["state_dict"])}
                poisoned.get(place, poisoned)["poison"] = payload
                path = tmp_path / "poisoned.pth"
                torch.save(poisoned, path, _use_new_zipfile_serialization=not legacy)
                loaded_or_refused(path)  # loaded, where a harmless stand-in took its place
                assert not marker.exists(), f"{name} in {place} was run"

    def test_the_same_files_do_run_when_read_carelessly(self, tmp_path: Path, marker: Path) -> None:
        # Without this, the test above might be passing on payloads that never work.
        torch.save({"poison": Calls(os.system, f"touch {marker}")}, tmp_path / "poisoned.pth")
        torch.load(tmp_path / "poisoned.pth", weights_only=False)
        assert marker.exists()

    def test_the_function_that_a_pickle_asks_for_is_named(
        self, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        torch.save({"state_dict": {}, "poison": Calls(exec, "1")}, tmp_path / "poisoned.pth")
        message = refused(tmp_path / "poisoned.pth")
        assert "asks to run exec" in message
        assert "do not trust it" in message

    def test_a_raw_pickle_is_not_run(self, tmp_path: Path, marker: Path) -> None:
        path = tmp_path / "raw.pth"
        for protocol in range(2, 6):
            path.write_bytes(pickle.dumps(Calls(os.system, f"touch {marker}"), protocol=protocol))
            refused(path)
            assert not marker.exists()

    def test_a_stand_in_is_not_left_behind(self, files: dict[str, bytes], tmp_path: Path) -> None:
        allowed = set(map(str, torch.serialization.get_safe_globals()))
        state = torch.load(io.BytesIO(files[".pth"]), weights_only=True)
        torch.save(state | {"loss": np.float64(3.0)}, tmp_path / "numpy.pth")
        load(tmp_path / "numpy.pth")
        assert set(map(str, torch.serialization.get_safe_globals())) == allowed

    def test_a_small_file_cannot_fill_the_memory_through_strides(
        self, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        state = torch.load(io.BytesIO(files[".pth"]), weights_only=True)
        state["state_dict"]["decode_head.conv_seg.weight"] = torch.zeros(1).expand(1 << 20, 1 << 20, 1, 1)
        torch.save(state, tmp_path / "wide.pth")
        with limited_memory(2.0):
            assert "larger than what is stored" in refused(tmp_path / "wide.pth")

    def test_a_small_file_cannot_fill_the_memory_through_compression(
        self, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        path = tmp_path / "bomb.pth"
        with (
            zipfile.ZipFile(io.BytesIO(files[".pth"])) as sound,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
        ):
            for name in sound.namelist():
                content = bytes(50_000_000) if name.endswith("data/0") else sound.read(name)
                bomb.writestr(name, content)
        assert path.stat().st_size < 5_000_000
        assert "larger than the file" in refused(path)

    @pytest.mark.parametrize(
        "lie",
        [
            {"backbone": {"depths": [10**9, 2, 2, 2]}},
            {"backbone": {"window_size": 100_000}},
            {"backbone": {"embed_dim": 10**12}},
            {"backbone": {"embed_dim": "8"}},
            {"backbone": {"mlp_ratio": 1e30}},
            {"backbone": {"mlp_ratio": float("nan")}},
            {"backbone": {"mlp_ratio": float("inf")}},
            {"backbone": {"mlp_ratio": 1e5}},
            {"backbone": {"mlp_ratio": 0}},
            {"backbone": {"unknown": 1}},
            {"backbone": {"depths": []}},
            {"backbone": {"depths": [[2], 2, 2, 2]}},
            {"backbone": []},
            {"head": {"channels": 10**12}},
            {"head": {"channels": 10**4000}},
            {"head": {"channels": 60_000}},
            {"head": {"pool_scales": [1] * 200_000}},
            {"head": {"pool_scales": [1, 2, 3, 0]}},
            {"head": {"pool_scales": [1, 2, 3, -6]}},
            {"head": {"pool_scales": [1, 2, 3, float("inf")]}},
            {"head": {"pool_scales": [1, 2, 3, 10**9]}},
            {"head": {"dropout": float("nan")}},
            {"head": {"aux_stage": -1}},
            {"head": {"channels": 1.5}},
            {"head": {"pool_scales": [1]}},
            {"head": {"pool_scales": None}},
            {"classes": []},
            {"classes": None},
            {"classes": ["only one"]},
            {"palette": [[1, 2, 3]]},
            {"palette": [[1, 2, 300]] * 3},
            {"palette": "red"},
            {"classes": [["deep"]] * 3},
            {"palette": [[1, 2, float("inf")]] * 3},
            {"scale": [1]},
            {"scale": ["a", "b"]},
            {"scale": [0, 512]},
            {"scale": [2048, -1]},
            {"scale": [float("inf"), 512]},
            {"scale": [10**9, 10**9]},
            {"scale": None},
        ],
    )
    def test_a_false_description_of_the_model_is_refused(
        self, files: dict[str, bytes], tmp_path: Path, lie: dict[str, Any]
    ) -> None:
        path = tmp_path / "lie.safetensors"
        path.write_bytes(files[".safetensors"])
        with safe_open(path, framework="pt") as file:
            config = json.loads(file.metadata()[METADATA_KEY])
        for key, value in lie.items():
            config[key] = config[key] | value if isinstance(value, dict) else value
        save_file(load_file(path), path, {METADATA_KEY: json.dumps(config)})
        start = time.process_time()
        with limited_memory(0.5):
            refused(path)
        assert time.process_time() - start < 5

    @pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"classes": 3}', "[" * 100_000])
    def test_a_description_that_is_none_is_refused(
        self, files: dict[str, bytes], tmp_path: Path, text: str
    ) -> None:
        path = tmp_path / "lie.safetensors"
        path.write_bytes(files[".safetensors"])
        save_file(load_file(path), path, {METADATA_KEY: text})
        assert "description" in refused(path)


class TestValues:
    def changed(self, files: dict[str, bytes], tmp_path: Path, name: str, value: Tensor) -> Path:
        path = tmp_path / "changed.safetensors"
        path.write_bytes(files[".safetensors"])
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        save_file(load_file(path) | {name: value}, path, metadata)
        return path

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_weights_that_are_not_finite_are_refused(
        self, files: dict[str, bytes], tmp_path: Path, value: float
    ) -> None:
        weight = torch.zeros(8)
        weight[3] = value
        path = self.changed(files, tmp_path, "head.fusion.bn.running_var", weight)
        assert "head.fusion.bn.running_var holds NaN or infinity" in refused(path)

    def test_whole_numbers_are_no_weights(self, files: dict[str, bytes], tmp_path: Path) -> None:
        path = self.changed(files, tmp_path, "head.classifier.bias", torch.zeros(3, dtype=torch.int64))
        assert "torch.int64" in refused(path)

    def test_eight_bit_floats_load(self, files: dict[str, bytes], tmp_path: Path) -> None:
        value = torch.tensor([0.5, -1.0, 2.0]).to(torch.float8_e4m3fn)
        model = load(self.changed(files, tmp_path, "head.classifier.bias", value))
        assert model.head.classifier.bias.tolist() == [0.5, -1.0, 2.0]

    def test_a_damaged_backbone_changes_no_weight_of_the_model(
        self, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        name = "backbone.stages.3.blocks.1.mlp.fc2.weight"
        path = self.changed(files, tmp_path, name, torch.full((64, 256), float("nan")))
        model = tiny_model(seed=5)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        with pytest.raises(CheckpointError, match="NaN"):
            load_backbone(model, path)
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
