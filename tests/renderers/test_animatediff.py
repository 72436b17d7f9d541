"""AnimateDiff's whole path, request to video, with the real classes and a handful of random weights."""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from portraits_of import performing, photo_camera, portrait_of
from tiny_models import tiny_controlnet, tiny_ip_adapter, tiny_motion_adapter, tiny_stable_diffusion

from vlogger_backend.errors import InputError
from vlogger_backend.renderers.animatediff import AnimateDiff, ControlSource
from vlogger_backend.renderers.controls import control_frames
from vlogger_backend.renderers.renderer import Scene
from vlogger_backend.renderers.video import write_video

SIZE = (80, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    tiny_stable_diffusion(root / "base")
    tiny_motion_adapter(root / "motion")
    tiny_controlnet(root / "controlnet")
    tiny_ip_adapter(root / "ip")
    return root


@pytest.fixture(scope="module")
def renderer(folder):
    return AnimateDiff(
        str(folder / "base"),
        str(folder / "motion"),
        {"openpose": ControlSource(str(folder / "controlnet")), "inpaint": ControlSource(str(folder / "controlnet"))},
        str(folder / "ip" / "ip-adapter_tiny.safetensors"),
        str(folder / "ip" / "image_encoder"),
        steps=2,
        window=4,
        overlap=2,
    )


@pytest.fixture(scope="module")
def plain(renderer):
    """Without the photo, and one ControlNet: quicker."""
    return replace(renderer, controlnets={"depth": renderer.controlnets["openpose"]}, ip_adapter="", image_encoder="")


@pytest.fixture(scope="module")
def scene():
    return Scene(portrait_of(SIZE), performing(12), photo_camera(SIZE), 2, 8, seed=5)


@pytest.fixture(scope="module")
def painted(plain, scene):
    return dict(plain.paint(scene))


def test_request_to_video(renderer, scene, tmp_path):
    """All of it: text, photo, two ControlNets, the motion module, overlapping windows, alpha, an mp4."""
    told: list[tuple[str, float]] = []
    frames = dict(renderer.paint(scene, lambda stage, done: told.append((stage, done))))
    assert list(frames) == list(range(2, 9))
    for (number, controls), picture in zip(control_frames(scene), frames.values(), strict=True):
        assert picture.shape == (64, 80, 4)
        assert picture.dtype == np.uint8
        body = picture[..., 3] > 127
        both, either = (body & controls.body).sum(), (body | controls.body).sum()
        assert both > 0.9 * either, number
        assert picture[..., :3].std() > 2
    painting = [done for stage, done in told if stage == "Painting with AnimateDiff"]
    assert painting == sorted(painting)
    assert painting[-1] == pytest.approx(1)
    assert len(painting) == 7 + 3 * 2  # frames, and three windows of two steps
    write_video(tmp_path / "shot.mp4", (frame[..., :3] for frame in frames.values()), 25.0)
    with av.open(str(tmp_path / "shot.mp4")) as video:
        pictures = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(pictures) == 7
    error = np.abs(pictures[3].astype(int) - frames[5][..., :3]).mean()
    assert error < 12


def test_photo_and_controls_matter(renderer, scene):
    short = replace(scene, last=scene.first)
    quick = replace(renderer, steps=1)
    ((_, whole),) = quick.paint(short)
    mute = {kind: replace(source, strength=0.0) for kind, source in renderer.controlnets.items()}
    other_photo = replace(scene.portrait, picture=255 - scene.portrait.picture)
    for name, another, seen in (
        ("controls", replace(quick, controlnets=mute), short),
        ("photo", quick, replace(short, portrait=other_photo)),
    ):
        ((_, picture),) = another.paint(seen)
        assert (picture[..., :3] != whole[..., :3]).any(), name


def test_seed_and_text_matter(plain, scene, painted):
    short = replace(scene, last=scene.first + 3)
    first = {"seed": next(plain.paint(replace(short, seed=6))), "text": next(replace(plain, prompt="a").paint(short))}
    for name, (frame, picture) in first.items():
        assert (picture[..., :3] != painted[frame][..., :3]).any(), name


def test_the_same_request_is_the_same_pixels_and_goes_on_anywhere(plain, scene, painted):
    """A window's noise and controls are its frames' own, so what was interrupted goes on as it would have."""
    rest = dict(plain.paint(replace(scene, start=5)))
    assert list(rest) == [5, 6, 7, 8]
    for frame, picture in rest.items():
        np.testing.assert_array_equal(picture, painted[frame])


def test_torchs_own_randomness_is_neither_used_nor_disturbed(plain, scene, painted):
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    generator = plain.paint(replace(scene, last=3))
    next(generator)
    generator.close()
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_cancel_is_obeyed_within_a_denoising_step(plain, scene):
    told = []

    def progress(stage, done):
        told.append(stage)
        if stage == "Painting with AnimateDiff":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(plain.paint(scene, progress))
    assert told.count("Painting with AnimateDiff") == 1


def test_sizes_between_multiples_are_the_middle_of_a_larger_picture(plain, scene):
    size = (71, 90)
    odd = replace(scene, camera=photo_camera(size), last=scene.first)
    ((_, picture),) = plain.paint(odd)
    assert picture.shape == (size[1], size[0], 4)
    ((_, controls),) = control_frames(odd)
    rows, columns = np.nonzero(controls.body)
    seen_rows, seen_columns = np.nonzero(picture[..., 3] > 127)
    assert abs(rows.mean() - seen_rows.mean()) < 1
    assert abs(columns.mean() - seen_columns.mean()) < 1


def test_a_size_that_it_can_not_do_is_refused_before_loading(plain, scene):
    for size in ((2048, 512), (32, 512)):
        with pytest.raises(InputError, match="paints 64 to 1024 pixels"):
            next(plain.paint(replace(scene, camera=photo_camera(size))))


def test_the_check_says_what_is_needed_and_how_large(renderer):
    ready = renderer.check()
    assert ready.missing == ""
    assert "Stable Diffusion 1.5" in ready.needs
    assert 512 <= ready.largest[0] <= 1024


def test_the_check_says_what_is_wrong(renderer, folder, tmp_path, scene):
    wide = tiny_controlnet(tmp_path / "wide", words=16)
    deep = tiny_motion_adapter(tmp_path / "deep", (8, 16))
    bare = shutil.copytree(folder / "base", tmp_path / "bare")
    shutil.rmtree(bare / "tokenizer")
    huge = shutil.copytree(folder / "motion", tmp_path / "huge")
    swollen(huge / "diffusion_pytorch_model.safetensors", 10**12)
    control = renderer.controlnets["openpose"]
    for broken, sentence in (
        (replace(renderer, base=str(tmp_path / "gone")), "There is no folder"),
        (replace(renderer, base=str(folder / "motion")), "no model_index.json"),
        (replace(renderer, base=str(bare)), "no folder tokenizer"),
        (replace(renderer, motion=str(folder / "controlnet")), "is a ControlNetModel, where the motion adapter"),
        (replace(renderer, motion=str(deep)), "different versions of Stable Diffusion"),
        (replace(renderer, motion=str(huge)), "GB of memory would be needed"),
        (replace(renderer, window=16), "sees 8 frames at a time; set window to 8"),
        (replace(renderer, controlnets={"depth": ControlSource(str(wide))}), "their words have 16 and 8 numbers"),
        (replace(renderer, controlnets={"depth": control}, ip_adapter=str(folder / "ip")), "is no .safetensors file"),
    ):
        missing = broken.check().missing
        assert sentence in missing
        assert "\n" not in missing
        with pytest.raises(InputError) as caught:
            next(broken.paint(scene))
        assert str(caught.value).split(";")[-1] == missing.split(";")[-1]


def swollen(path: Path, numbers: int) -> None:
    """Make a file claim so many numbers; it is as long, and nothing but a hole."""
    header = json.dumps({"a": {"dtype": "F16", "shape": [numbers], "data_offsets": [0, 2 * numbers]}}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 2 * numbers)


def test_models_that_do_not_go_together_are_a_sentence(renderer, folder, scene, tmp_path):
    """What headers don't show is found while loading."""
    from safetensors.torch import load_file, save_file

    path = tmp_path / "other.safetensors"
    tensors = load_file(renderer.ip_adapter)
    save_file({name: tensor for name, tensor in tensors.items() if "to_v_ip" not in name}, path)
    with pytest.raises(InputError, match="can't be loaded together"):
        next(replace(renderer, ip_adapter=str(path)).paint(scene))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"controlnets": {}}, "at least one ControlNet; choose from openpose, depth"),
        ({"controlnets": {"canny": ControlSource("x")}}, "canny is none; choose"),
        ({"ip_adapter": ""}, "give both or neither"),
        ({"overlap": 4}, "longer than they overlap"),
        ({"steps": 0}, "steps are 1 to 1000"),
        ({"likeness": 2.0}, "likeness 0 to 1"),
    ],
)
def test_settings_that_can_not_be_are_refused(renderer, change, sentence):
    with pytest.raises(InputError, match=sentence):
        replace(renderer, **change)


def test_a_strength_that_can_not_be_is_refused():
    with pytest.raises(InputError, match="give 0 to 2"):
        ControlSource("x", 3.0)
