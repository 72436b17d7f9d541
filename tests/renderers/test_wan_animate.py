"""Wan-Animate's whole path, request to video, with the real classes and a handful of random weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from portraits_of import performing, photo_camera, portrait_of
from tiny_models import FACE, tiny_wan_animate

from vlogger_backend.errors import InputError
from vlogger_backend.renderers.controls import control_frames
from vlogger_backend.renderers.face_video import face_video
from vlogger_backend.renderers.renderer import Readiness, Scene
from vlogger_backend.renderers.video import write_video
from vlogger_backend.renderers.wan_animate import WanAnimate, segments
from vlogger_backend.renderers.warp import Warp

SIZE = (80, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_wan_animate(tmp_path_factory.mktemp("wan") / "model")


class Stripes:
    """A head that is quickly painted: stripes that move."""

    name = "stripes"

    def check(self) -> Readiness:
        return Readiness("nothing", (4096, 4096))

    def paint(self, scene, progress):
        width, height = scene.camera.width, scene.camera.height
        for frame in scene.frames:
            picture = np.full((height, width, 4), 255, np.uint8)
            picture[:, (np.arange(width) + frame) % 16 < 8, :3] = 0
            yield frame, picture


@pytest.fixture(scope="module")
def renderer(folder):
    return WanAnimate(str(folder), head=Stripes(), steps=1, segment=5, carried=1)


@pytest.fixture(scope="module")
def scene():
    return Scene(portrait_of(SIZE), performing(14), photo_camera(SIZE), 2, 12, seed=5)


@pytest.fixture(scope="module")
def painted(renderer, scene):
    """Three segments, the last one short."""
    return dict(renderer.paint(scene))


def test_request_to_video(painted, scene, tmp_path):
    assert list(painted) == list(range(2, 13))
    for (number, controls), picture in zip(control_frames(scene), painted.values(), strict=True):
        assert picture.shape == (64, 80, 4)
        body = picture[..., 3] > 127
        assert (body & controls.body).sum() > 0.9 * (body | controls.body).sum(), number
        assert picture[..., :3].std() > 2
    write_video(tmp_path / "shot.mp4", (frame[..., :3] for frame in painted.values()), 25.0)
    with av.open(str(tmp_path / "shot.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 11


def test_replacing_paints_before_the_photos_background(renderer, scene):
    """The same noise and pose, but the model is shown what is behind and where it may paint."""
    short = replace(scene, last=6)
    replaced = dict(replace(renderer, mode="replace").paint(short))
    assert list(replaced) == [2, 3, 4, 5, 6]
    moved = dict(renderer.paint(short))
    assert all((replaced[frame] != moved[frame]).any() for frame in replaced)


def test_what_was_interrupted_goes_on_from_what_was_kept(renderer, scene, painted, tmp_path):
    kept = replace(renderer, kept=tmp_path)
    first = kept.paint(scene)
    for frame in range(2, 9):  # into the second segment, which ends with the frame 10
        assert next(first)[0] == frame
    first.close()
    told: list[float] = []
    rest = dict(kept.paint(replace(scene, start=9), lambda stage, done: told.append(done) if "Wan" in stage else None))
    assert list(rest) == [9, 10, 11, 12]
    assert told[0] > 0.4
    for frame, picture in rest.items():
        np.testing.assert_array_equal(picture, painted[frame])
    assert 1 <= len(list(tmp_path.glob("wan-*.npz"))) <= 2


def test_what_was_kept_of_another_shot_or_is_damaged_is_not_used(renderer, scene, painted, tmp_path):
    kept = replace(renderer, kept=tmp_path)
    next(kept.paint(replace(scene, seed=6)))
    next(kept.paint(replace(scene, figure=replace(scene.drawn, made_of="another model"))))
    first = next(kept.paint(scene))
    np.testing.assert_array_equal(first[1], painted[2])
    assert len(list(tmp_path.glob("wan-*.npz"))) == 3
    for path in tmp_path.glob("wan-*.npz"):
        path.write_bytes(b"PK\x03\x04 torn")
    other = kept.paint(replace(scene, start=7))
    np.testing.assert_array_equal(next(other)[1], painted[7])
    other.close()


def test_face_text_and_seed_matter(renderer, scene, painted):
    short = replace(scene, last=3)

    for name, another, seen in (
        ("face", replace(renderer, head=Warp()), short),
        ("text", replace(renderer, prompt="abc"), short),
        ("seed", renderer, replace(short, seed=6)),
    ):
        frame, picture = next(another.paint(seen))
        assert (picture[..., :3] != painted[frame][..., :3]).any(), name


def test_a_cancel_is_obeyed_within_a_denoising_step(renderer, scene):
    told = []

    def progress(stage, done):
        told.append((stage, done))
        if done > 0 and stage == "Painting with Wan-Animate":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(replace(renderer, steps=4).paint(scene, progress))
    assert told[-1][1] < 0.05


@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_the_face_video_shows_the_face_upright_and_whole(scene, yaw):
    """As large however far the camera is, and the mouth opens in it."""
    side = 128
    sizes = []
    for distance in (1.2, 4.0):
        seen = replace(scene, camera=photo_camera((96, 96), yaw, distance=distance), first=2, last=5)
        faces = list(face_video(seen, Warp(), side))
        assert [face.shape for face in faces] == [(side, side, 3)] * 4
        skin = np.abs(faces[0].astype(int) - 127).max(axis=2) > 12
        sizes.append(skin.mean())
        assert skin[side // 2, side // 2 - 20 : side // 2 + 20].all()
        assert skin.mean() > 0.6
        mouth = np.abs(faces[3].astype(int) - faces[0])[side * 6 // 10 :].mean()
        assert mouth > 3
    assert abs(sizes[0] - sizes[1]) < 0.12


@given(st.integers(1, 400), st.integers(3, 20), st.sampled_from([1, 5]))
def test_segments_cover_the_shot_and_begin_with_what_they_are_carried(frames, quarter, carried):
    length = 4 * quarter + 1
    made = segments(frames, length, carried)
    assert made[0].start == 0
    assert made[-1].stop == frames
    assert all(len(window) <= length for window in made)
    assert all(len(window) == length for window in made[:-1])
    for one, other in pairwise(made):
        assert one.stop - other.start == carried
        assert len(other) > carried


def test_a_shot_shorter_than_what_is_carried(folder, scene):
    short = replace(scene, last=scene.first + 1)
    frames = dict(WanAnimate(str(folder), head=Stripes(), steps=1, segment=13, carried=5).paint(short))
    assert list(frames) == [2, 3]


def test_the_check_says_what_is_needed_and_what_is_wrong(renderer, folder, scene, tmp_path):
    ready = renderer.check()
    assert ready.missing == ""
    assert 512 <= ready.largest[0] <= 1280
    bare = shutil.copytree(folder, tmp_path / "bare")
    shutil.rmtree(bare / "image_processor")
    torn = shutil.copytree(folder, tmp_path / "torn")
    path = torn / "transformer" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    other = shutil.copytree(folder, tmp_path / "other")
    index = json.loads((other / "model_index.json").read_text())
    (other / "model_index.json").write_text(json.dumps(index | {"_class_name": "WanPipeline"}))
    for model, sentence in (
        (tmp_path / "gone", "There is no folder"),
        (bare, "no folder image_processor"),
        (torn, "is cut off"),
        (other, "is a WanPipeline, not a WanAnimatePipeline"),
    ):
        broken = replace(renderer, model=str(model))
        assert sentence in broken.check().missing
        with pytest.raises(InputError, match=sentence):
            next(broken.paint(scene))
    with pytest.raises(InputError, match="paints 64 to 1280"):
        next(renderer.paint(replace(scene, camera=photo_camera((1600, 720)))))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mode": "dance"}, "animate or replace"),
        ({"segment": 76}, "4n . 1 frames"),
        ({"segment": 9, "carried": 5}, "more than twice"),
        ({"carried": 3}, "1 or 5"),
        ({"guidance": 0.5}, "guidance 1 or more"),
    ],
)
def test_settings_that_can_not_be_are_refused(renderer, change, sentence):
    with pytest.raises(InputError, match=sentence):
        replace(renderer, **change)


def test_the_tiny_face_is_as_large_as_its_model_wants(renderer, folder):
    config = json.loads((folder / "transformer" / "config.json").read_text())
    assert config["motion_encoder_size"] == FACE
