"""Weights on the user's disk: what is wrong with them is said in a sentence before anything is loaded."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from vlogger_backend.errors import InputError
from vlogger_backend.renderers.memory import Memory, free_memory, placing
from vlogger_backend.renderers.weights import located, read_header, read_weights

WHAT, KINDS = "the motion adapter", ["MotionAdapter"]


def model(folder: Path, name: str = "diffusion_pytorch_model.safetensors", kind: str = "MotionAdapter") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"_class_name": kind}))
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5, dtype=torch.float16)}, folder / name)
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_weights(folder, WHAT, KINDS)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(folder) in sentence
    return sentence


def test_a_whole_model_is_counted_and_its_variant_known(tmp_path):
    assert read_weights(model(tmp_path / "a"), WHAT, KINDS).parameters == 17
    half = read_weights(model(tmp_path / "b", "diffusion_pytorch_model.fp16.safetensors"), WHAT, KINDS)
    assert (half.parameters, half.variant) == (17, "fp16")
    assert read_weights(model(tmp_path / "c", "model.safetensors"), WHAT, KINDS).variant is None


def test_a_model_in_several_files(tmp_path):
    folder = model(tmp_path, "diffusion_pytorch_model-00001-of-00002.safetensors")
    second = "diffusion_pytorch_model-00002-of-00002.safetensors"
    index = {"weight_map": {"a": "diffusion_pytorch_model-00001-of-00002.safetensors", "c": second}}
    (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert "1 of 2 files" in refused(folder)
    assert second in refused(folder)
    save_file({"c": torch.zeros(10)}, folder / second)
    assert read_weights(folder, WHAT, KINDS).parameters == 27


def test_what_is_missing_is_named(tmp_path):
    assert "There is no folder" in refused(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no config.json" in refused(empty)
    (empty / "config.json").write_text(json.dumps({"_class_name": "MotionAdapter"}))
    assert "no weights" in refused(empty)
    (empty / "config.json").write_text("{")
    assert "can't be read" in refused(empty)
    (empty / "config.json").write_text("[]")
    assert "no description" in refused(empty)


def test_another_kind_of_model_is_named(tmp_path):
    sentence = refused(model(tmp_path, kind="ControlNetModel"))
    assert "is a ControlNetModel, where the motion adapter (MotionAdapter) is needed" in sentence


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "mm_sd_v15_v2.ckpt", "model.pth"])
def test_a_pickle_is_never_opened(tmp_path, name):
    model(tmp_path)
    (tmp_path / "diffusion_pytorch_model.safetensors").unlink()
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert f"only as a pickle ({name})" in refused(tmp_path)


def test_half_a_download(tmp_path):
    path = model(tmp_path) / "diffusion_pytorch_model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-7])
    assert f"{len(data) - 7:,} of {len(data):,} bytes" in refused(tmp_path)
    path.rename(path.with_name(path.name + ".incomplete"))
    assert "half-downloaded" in refused(tmp_path)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 17\n")
    assert "git lfs pull" in refused(tmp_path)


@given(st.binary(max_size=200))
def test_any_bytes_for_weights_are_refused_in_a_sentence(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("weights") / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"download|git lfs pull"):
        read_header(path, WHAT)


NAMES = st.sampled_from(["a", "data_offsets", "shape", "__metadata__"])
HEADERS = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(NAMES, inner | st.lists(inner, max_size=3), max_size=4),
)


@given(HEADERS)
def test_any_header_is_refused_or_counted(tmp_path_factory, header):
    text = json.dumps(header).encode()
    path = tmp_path_factory.mktemp("weights") / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with suppress(InputError):
        assert isinstance(read_header(path, WHAT), int)


def test_where_a_source_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model(tmp_path / "mine" / "adapter")
    assert located("mine/adapter", WHAT, []) == Path("mine/adapter")  # a folder here comes before the hub
    for nowhere in (str(tmp_path / "gone"), "gone", "./mine/gone", "a/b/../c d"):
        with pytest.raises(InputError, match="There is no folder"):
            located(nowhere, WHAT, [])


def test_the_hub_is_asked_only_by_a_hubs_name_and_its_silence_is_a_sentence(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert located("someone/some-adapter", WHAT, ["*.json"], fetch=False) is None
    with pytest.raises(InputError, match=r"someone/some-adapter is no folder here, and the motion adapter could not"):
        located("someone/some-adapter", WHAT, ["*.json"])


SIZES = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 100), min_size=1)


@given(SIZES, st.integers(0, 100), st.integers(0, 400), st.integers(0, 400))
def test_models_are_placed_where_they_fit(models, work, card, main):
    memory = Memory("cuda" if card else "cpu", card, main)
    total, room = sum(models.values()), 0.9 * (card or main)
    try:
        how = placing(models, work, memory)
    except InputError:
        assert total + work > room
        return
    needed = {"whole": total + work, "by part": max(models.values()) + work, "by layer": work}[how]
    assert needed <= room
    if how != "whole":
        assert card
        assert total <= 0.9 * main
        assert total + work > room


def test_the_machine_has_memory():
    memory = free_memory()
    assert memory.main > 1e8
    assert (memory.device == "cuda") == (memory.card > 0)
