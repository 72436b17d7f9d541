"""The scene's camera as the service has it, in every Blender at hand, against Blender's own arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from vlogger_backend.camera import Camera


@pytest.fixture(scope="session")
def followed(blender):
    return blender("follow_camera.py")


def test_it_sees_points_where_blender_sees_them(followed):
    """Parents, constraints, drivers, zooms, every sensor fit, markers, and a rig that walks and is scaled."""
    off, names = followed["off"], followed["names"]
    assert not np.isnan(off).any(), [name for name, value in zip(names, off, strict=True) if np.isnan(value)]
    assert off.max() < 0.01, names[off.argmax()]  # pixels


def test_the_scene_is_as_it_was_and_never_held_up(followed):
    assert followed["as it was"]
    assert list(followed["left"]) == ["Scene"]
    assert followed["longest"] < 0.030


def test_a_still_camera_is_one_pose(followed):
    assert list(followed["one pose"]) == [1, 1]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("shift", "Shift X and Y to 0"),
        ("ortho", "orthographic"),
        ("pano", "panoramic"),
        ("aspect", "not square"),
        ("disabled", "disabled in viewports"),
        ("unequal", "scaled unequally"),
        ("mirrored", "mirrored"),
        ("sheared", "sheared"),
        ("no camera", "no camera"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(followed, case, words):
    assert words in str(followed[f"refused {case}"])


def test_the_service_takes_such_poses(followed):
    """Whatever Blender's single precision leaves of a rotation."""
    Camera.of((64, 48), followed["poses"], followed["fields"])
