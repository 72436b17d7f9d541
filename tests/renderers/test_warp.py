"""The warped photo as a renderer, and the alpha that painted frames get."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from portraits_of import performing, photo_camera, portrait_of

from vlogger_backend.motion.names import JOINT_INDEX
from vlogger_backend.renderers.alpha import PersonAlpha
from vlogger_backend.renderers.controls import ControlStage
from vlogger_backend.renderers.padding import cropped, padded
from vlogger_backend.renderers.renderer import Scene
from vlogger_backend.renderers.warp import Warp

SIZE = (160, 160)


@pytest.fixture(scope="module")
def portrait():
    return portrait_of(SIZE)


def test_at_rest_it_is_the_photo_and_opens_the_mouth_with_the_avatars_own(portrait):
    motion = performing(8)
    motion.poses[:] = 0
    motion.arkit[:4] = 0
    told: list[float] = []
    frames = dict(
        Warp().paint(Scene(portrait, motion, portrait.fit.camera, 0, 7, start=1), lambda _, d: told.append(d))
    )
    assert list(frames) == list(range(1, 8))
    assert told[-1] == 1
    inside = portrait.matte == 255
    error = np.abs(frames[1][inside, :3].astype(int) - portrait.picture[inside])
    assert (error <= 3).all(axis=1).mean() > 0.95
    np.testing.assert_array_equal(frames[1], frames[3])
    assert (frames[6][..., :3] != frames[1][..., :3]).any(axis=2).sum() > 60
    assert Warp().check().missing == ""


def test_a_hat_that_the_avatar_lacks_is_the_persons_and_moves_with_the_head(portrait):
    top = np.nonzero(portrait.matte)[0].min()
    matte = portrait.matte.copy()
    middle = SIZE[0] // 2
    matte[top - 12 : top + 6, middle - 14 : middle + 14] = 255
    motion = performing(3)
    motion.poses[:, JOINT_INDEX["head"]] = 0
    motion.poses[2, JOINT_INDEX["head"], 2] = 0.3
    scene = Scene(replace(portrait, matte=matte), motion, portrait.fit.camera, 0, 2)
    with closing(ControlStage(scene)) as stage:
        alpha = PersonAlpha(stage)
        rest, tilted = (alpha.of(frame, stage.controls(frame)) for frame in (0, 2))
        bare = stage.controls(0).body
    hat = (slice(top - 10, top - 2), slice(middle - 12, middle + 12))
    assert not bare[hat].any()
    assert (rest[hat] == 255).all()
    assert (rest[bare] > 60).all()
    assert not rest[: top - 14].any()

    def column(mask):
        rows, columns = np.nonzero(mask > 127)
        return columns[rows < top + 4].mean()

    assert abs(column(rest) - column(tilted)) > 4


@pytest.mark.parametrize("size", [(96, 64), (70, 50), (65, 33)])
def test_the_middle_of_a_padded_picture_is_the_picture(portrait, size):
    camera = photo_camera(size)
    scene = Scene(portrait, performing(1), camera, 0, 0)
    larger = padded(camera, 16)
    assert larger.width % 16 == larger.height % 16 == 0
    assert larger.width - camera.width < 16
    with closing(ControlStage(scene)) as one, closing(ControlStage(replace(scene, camera=larger))) as other:
        small = one.controls(0).body
        middle = cropped(other.controls(0).raster.regions, camera) > 0
    assert (small != middle).mean() < (0.001 if size[0] % 2 == 0 and size[1] % 2 == 0 else 0.03)
