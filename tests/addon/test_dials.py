"""Dials change what they say and nothing else, and the lips still close."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blender_addon.core.dials import Dials, sealed_frames, turn_dials
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.take import Take

FACE = ("jawOpen", "mouthClose", "mouthPucker", "mouthPressLeft", "mouthLowerDownLeft", "eyeBlinkLeft", "eyeLookUpLeft")
FPS = 30.0


def speaking(frames: int = 120, seed: int = 0) -> Take:
    """A take that opens and closes its mouth, blinks, looks about and moves every joint."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / FPS
    jaw = 0.2 + 0.15 * np.sin(9 * t)
    face = np.zeros((frames, len(FACE)), np.float32)
    face[:, 0] = jaw
    closed = (np.floor(t * 4) % 3 == 0) & (t % 0.25 < 0.1)
    face[:, 1] = np.where(closed, jaw, 0)
    face[:, 2] = 0.4 * ~closed
    face[:, 3] = 0.2 * closed
    face[:, 4] = 0.1 * ~closed
    face[30:34, 5] = 1
    face[:, 6] = 0.3 + 0.1 * np.sin(t)
    poses = rng.normal(0, 0.1, (1, 55, 3)) + rng.normal(0, 0.05, (frames, 55, 3)).cumsum(axis=0) / 20
    return Take(FPS, poses.astype(np.float32), np.zeros((frames, 3), np.float32), face, FACE)


def moved(take: Take, name: str) -> float:
    part = take.poses[:, JOINT_NAMES.index(name)]
    return float(np.abs(part - np.median(part, axis=0)).mean())


def test_dials_at_their_places_leave_the_take_as_it_is() -> None:
    take = speaking()
    assert turn_dials(take, Dials()) is take


@pytest.mark.parametrize(
    ("dial", "joint", "others"),
    [("head", "neck", "left_elbow"), ("gesture", "right_wrist", "head"), ("gesture", "left_index2", "spine1")],
)
def test_a_dial_scales_its_part_of_the_body_alone(dial: str, joint: str, others: str) -> None:
    take = speaking()
    turned = turn_dials(take, replace(Dials(), **{dial: 0.5}))
    assert moved(turned, joint) == pytest.approx(0.5 * moved(take, joint), rel=1e-4)
    assert moved(turned, others) == moved(take, others)
    assert np.array_equal(turned.face, take.face)


def test_gaze_at_nothing_looks_straight_ahead() -> None:
    turned = turn_dials(speaking(), Dials(gaze=0))
    assert not turned.poses[:, JOINT_NAMES.index("left_eye_smplhf")].any()
    assert not turned.face[:, FACE.index("eyeLookUpLeft")].any()


def test_the_body_is_left_alone_by_the_face_s_dials() -> None:
    take = speaking()
    turned = turn_dials(take, Dials(jaw=0.5, lips=2, blink=0))
    assert not turned.face[:, FACE.index("eyeBlinkLeft")].any()
    body = [i for i, name in enumerate(JOINT_NAMES) if name != "jaw"]
    assert np.array_equal(turned.poses[:, body], take.poses[:, body])


@example(values=(1.0,) * 6, smoothing=5e-324, seed=0)
@settings(max_examples=40, deadline=None)
@given(
    values=st.tuples(*[st.floats(0, 2)] * 6),
    smoothing=st.floats(0, 1),
    seed=st.integers(0, 3),
)
def test_wherever_the_dials_are_the_lips_close_where_they_did(
    values: tuple[float, ...], smoothing: float, seed: int
) -> None:
    take = speaking(seed=seed)
    names = [field.name for field in fields(Dials)][:6]
    turned = turn_dials(take, Dials(**dict(zip(names, values, strict=True)), smoothing=smoothing))
    assert sealed_frames(turned)[sealed_frames(take)].all()
    assert turned.face.min() >= 0
    assert turned.face.max() <= 1
    assert np.isfinite(turned.poses).all()


def test_smoothing_calms_the_body_and_keeps_a_blink() -> None:
    take = speaking()
    smooth = turn_dials(take, Dials(smoothing=1))
    assert np.abs(np.diff(smooth.poses, axis=0)).mean() < 0.5 * np.abs(np.diff(take.poses, axis=0)).mean()
    blink = FACE.index("eyeBlinkLeft")
    assert np.array_equal(smooth.face[:, blink], take.face[:, blink])


def test_weights_that_were_signed_stay_signed() -> None:
    """Expression coefficients of other models go below 0 and above 1: dials must not clip them to ARKit's range."""
    take = speaking()
    signed = replace(take, face=take.face * 5 - 2, face_names=tuple(f"Exp{i:03}" for i in range(len(FACE))))
    assert np.array_equal(turn_dials(signed, Dials(jaw=0.5, head=0.2)).face, signed.face)


def test_who_walks_round_is_smoothed_through_every_heading() -> None:
    take = speaking()
    heading = np.linspace(0, 2 * np.pi, len(take))
    poses = take.poses.copy()
    poses[:, 0] = np.outer((heading + np.pi) % (2 * np.pi) - np.pi, [0, 1, 0])  # jumps at half a turn
    smooth = turn_dials(replace(take, poses=poses), Dials(smoothing=1.0)).poses[:, 0]
    off = (smooth[20:-20, 1] - heading[20:-20] + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(off).max() < 0.01
    assert np.abs(smooth[:, [0, 2]]).max() < 0.01
