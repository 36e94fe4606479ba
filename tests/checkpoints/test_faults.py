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
import zlib
from collections import OrderedDict
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
from swinviz.checkpoints.archives import check_archive
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
    """Message of `load` about a file that it must refuse: one sentence that names it."""
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

    @pytest.mark.parametrize(
        "lie",
        [
            {"pool_scales": [1, 2, 3, 0]},
            {"pool_scales": [1, 2, 3, float("inf")]},
            {"pool_scales": [1] * 200_000},
            {"pool_scales": 3},
            {"id2label": []},
            {"id2label": {"9" * 5000: "sky"}},
            {"id2label": {"0": ["deep"]}},
        ],
    )
    def test_a_false_description_beside_the_weights_is_refused(
        self, files: dict[str, bytes], tmp_path: Path, lie: dict[str, Any]
    ) -> None:
        (tmp_path / "pytorch_model.bin").write_bytes(files[".pth"])
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "upernet"} | lie))
        with limited_memory(0.5), pytest.raises(CheckpointError) as caught:
            load(tmp_path)
        assert len(str(caught.value)) < 1500

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


def entry(name: str, content: bytes, claimed: int, method: int, offset: int) -> tuple[bytes, bytes]:
    """Local and central header of a zip entry, written by hand."""
    encoded, crc = name.encode(), zlib.crc32(content)
    packed = zlib.compress(content)[2:-4] if method else content
    common = struct.pack("<HHHHHLLLHH", 20, 0, method, 0, 0, crc, len(packed), claimed, len(encoded), 0)
    local = b"PK\x03\x04" + common + encoded + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, offset)
    return local, central + encoded


class TestArchives:
    def two_directories(self, sound: bytes, path: Path) -> None:
        """One archive for readers that follow the end record's offset, another right before that record."""
        with zipfile.ZipFile(io.BytesIO(sound)) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        body, directory, count = b"", b"", 0
        for name, content in contents.items():
            if name.endswith("data/0"):
                content = bytes(50_000_000)
            local, central = entry(name, content, len(content), 8 if len(content) > 10**6 else 0, len(body))
            body, directory, count = body + local, directory + central, count + 1
        harmless = b"".join(
            entry(name, b"", 0, 0, 0)[1] for name in contents
        )  # of the length of the other, as zipfile wants it
        assert len(harmless) == len(directory)
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
        path.write_bytes(body + directory + harmless + end)

    def test_two_directories_under_one_end_record(self, files: dict[str, bytes], tmp_path: Path) -> None:
        path = tmp_path / "two.pth"
        self.two_directories(files[".pth"], path)
        assert path.stat().st_size < 5_000_000
        with zipfile.ZipFile(path) as archive:  # zipfile sees the harmless one; torch the other
            assert not any(item.file_size for item in archive.infolist())
        with limited_memory(0.5):
            assert "do not meet" in refused(path)

    def test_an_entry_that_is_compressed_a_little(self, files: dict[str, bytes], tmp_path: Path) -> None:
        path = tmp_path / "packed.pth"
        with (
            zipfile.ZipFile(io.BytesIO(files[".pth"])) as sound,
            zipfile.ZipFile(path, "w") as packed,
        ):
            for name in sound.namelist():
                method = zipfile.ZIP_DEFLATED if name.endswith("byteorder") else zipfile.ZIP_STORED
                packed.writestr(name, sound.read(name), method)
        refused(path)

    def test_a_comment_behind_the_end_record(self, files: dict[str, bytes], tmp_path: Path) -> None:
        (tmp_path / "more.pth").write_bytes(files[".pth"] + b"more")
        assert "end record is not at its end" in refused(tmp_path / "more.pth")

    def test_a_pickle_in_front_of_an_archive_is_read_as_torch_reads_it(
        self, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        """Who asks zipfile, which looks at the end, checks the archive and lets torch run the pickle."""
        bomb = pickle.dumps(Calls(bytearray, 3 * 10**8), protocol=2)
        path = tmp_path / "both.pth"
        path.write_bytes(bomb + files[".pth"])
        assert zipfile.is_zipfile(path)
        with limited_memory(0.5):  # room enough for what the call would make
            assert "it asks for builtins.bytearray" in refused(path).replace("__builtin__", "builtins")

    def test_many_entries_are_no_harm(self, tmp_path: Path) -> None:
        many = {f"{number}": torch.zeros(1) for number in range(66_000)}  # more than 16 bits count
        torch.save(many, tmp_path / "many.pth")
        check_archive(tmp_path / "many.pth")


class TestContents:
    """Things that torch's restricted reader makes of a pickle, and that are no plain weights."""

    def poisoned(self, files: dict[str, bytes], tmp_path: Path, **values: Any) -> Path:
        state = torch.load(io.BytesIO(files[".pth"]), weights_only=True)
        for name, value in values.items():
            place, _, key = name.partition("__")
            state[place] = state[place] | {key: value} if key else value
        torch.save(state, tmp_path / "poisoned.pth")
        return tmp_path / "poisoned.pth"

    @pytest.mark.parametrize(
        "tensor",
        [
            lambda: torch.zeros(2, device="meta"),
            lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
            lambda: torch.zeros(3, 3).to_sparse(),
            lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8),
        ],
        ids=["meta", "nested", "sparse", "quantized"],
    )
    @pytest.mark.filterwarnings("ignore")
    def test_tensors_that_are_not_plain(
        self, files: dict[str, bytes], tmp_path: Path, tensor: Callable[[], Tensor]
    ) -> None:
        path = self.poisoned(files, tmp_path, **{"state_dict__decode_head.conv_seg.bias": tensor()})
        assert "which plain weights never need" in refused(path)

    @pytest.mark.parametrize("name", ["numel", "element_size", "float", "detach", "untyped_storage"])
    def test_attributes_that_shadow_methods_of_tensors(
        self, files: dict[str, bytes], tmp_path: Path, name: str
    ) -> None:
        tensor = torch.nn.Parameter(torch.zeros(5))
        tensor.__dict__[name] = 3
        path = self.poisoned(files, tmp_path, **{"state_dict__decode_head.conv_seg.bias": tensor})
        assert load(path).head.classifier.bias.tolist() == [0.0] * 5

    @pytest.mark.parametrize("name", ["get", "values", "keys", "__iter__"])
    def test_attributes_that_shadow_methods_of_mappings(
        self, files: dict[str, bytes], tmp_path: Path, name: str
    ) -> None:
        state = torch.load(io.BytesIO(files[".pth"]), weights_only=True)
        for level in ("meta", "state_dict"):
            state[level] = OrderedDict(state[level])
            state[level].__dict__[name] = 3
        whole = OrderedDict(state)
        whole.__dict__[name] = 3
        torch.save(whole, tmp_path / "shadow.pth")
        assert load(tmp_path / "shadow.pth").config.num_classes == 5

    @pytest.mark.parametrize(
        "name",
        [
            "backbone.stages." + "1" * 5_000 + ".blocks.0.attn.w_msa.qkv.weight",
            "backbone.norm" + "1" * 5_000 + ".weight",
            "decode_head.psp_modules." + "1" * 5_000 + ".1.conv.weight",
            "x" * 5_000_000,
            "\x1b[2J\x1b]0;owned\x07\u202e\n",
        ],
        ids=["stage", "norm", "grid", "five megabytes", "escapes"],
    )
    def test_names_that_are_no_names(self, files: dict[str, bytes], tmp_path: Path, name: str) -> None:
        message = refused(
            self.poisoned(files, tmp_path, **{f"state_dict__{name}": torch.zeros(2), "meta": {}})
        )
        assert message.isprintable()

    def test_a_path_with_escapes_is_shown_escaped(self, tmp_path: Path) -> None:
        path = tmp_path / "a\x1b[2Jb.pth"
        path.write_bytes(b"x")
        with pytest.raises(CheckpointError) as caught:
            load(path)
        assert str(caught.value).isprintable()

    @pytest.mark.parametrize("depth", [60, 100_000])
    @pytest.mark.parametrize("container", [b"\x86", b"]"], ids=["tuples", "lists"])
    def test_class_names_that_are_nested_deep(self, tmp_path: Path, depth: int, container: bytes) -> None:
        # {"meta": {"CLASSES": x}, "state_dict": {}}, where each x holds the next twice; once if very deep.
        twice = b"q\x05h\x05\x86" if depth < 100 else b"\x85"
        inner = b"]q\x05h\x05a" if container == b"]" else twice
        values = b")" + inner * depth if container == b"\x86" else b"](" + b"](" * depth + b"e" * (depth + 1)
        content = b"\x80\x02}(X\x04\x00\x00\x00meta}X\x07\x00\x00\x00CLASSES" + values + b"su."
        path = tmp_path / "deep.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", content)
            archive.writestr("x/version", b"3\n")
        start = time.process_time()
        with limited_memory(0.5):
            refused(path)
        assert time.process_time() - start < 5

    @pytest.mark.parametrize("classes", [[], (), [["a"]] * 5, [b"a"] * 5, "abcde", {}, 5, [None] * 5])
    def test_class_lists_that_are_none_leave_numbered_classes(
        self, files: dict[str, bytes], tmp_path: Path, classes: Any
    ) -> None:
        path = self.poisoned(files, tmp_path, meta__CLASSES=classes)
        assert load(path).config.classes == tuple(f"class_{number}" for number in range(5))

    @pytest.mark.parametrize(
        "call", [Calls(bytearray, 10**9), Calls(torch.FloatTensor, 10**9)], ids=["bytearray", "FloatTensor"]
    )
    @pytest.mark.parametrize("legacy", [False, True])
    def test_memory_made_by_a_call(
        self, files: dict[str, bytes], tmp_path: Path, call: Any, legacy: bool
    ) -> None:
        path = tmp_path / "call.pth"
        torch.save({"state_dict": {}, "x": call}, path, _use_new_zipfile_serialization=not legacy)
        with limited_memory(0.5):
            assert "which plain weights never need" in refused(path)

    def test_keys_that_take_forever_to_hash(self, tmp_path: Path) -> None:
        doubling = b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(60))
        path = tmp_path / "keys.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/data.pkl", b"\x80\x02})" + doubling + b"K\x01s.")
            archive.writestr("x/version", b"3\n")
        start = time.process_time()
        assert "nested" in refused(path)
        assert time.process_time() - start < 5
