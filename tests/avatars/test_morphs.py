"""Every ARKit action does what Apple's name for it says."""

import numpy as np
import pytest

from vlogger_backend.motion.names import ARKIT_NAMES, JOINT_INDEX


def test_lips_touch_at_rest(face):
    assert face.lip_gap() < 1


def test_jaw_opens_the_mouth_and_takes_the_lower_teeth_along(face, avatar):
    assert face.lip_gap(jawOpen=1) > 20
    teeth = face.of("teeth")
    fall = face.moved("jawOpen")[teeth, 1]
    lower = face()[teeth, 1] < face()[face.lower_lip, 1].max() - 3
    assert fall[lower].max() < -10
    assert np.abs(fall[~lower]).min() < 0.1


def test_mouth_close_shuts_what_the_jaw_opens(face):
    for weight in (0.3, 0.7, 1.0):
        assert face.lip_gap(jawOpen=weight, mouthClose=weight) < 1.0


def test_upper_teeth_stay_behind_the_lips_at_rest(face):
    rest = face()
    assert rest[face.of("teeth"), 2].max() < rest[face.lower_lip, 2].max()


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_blink_closes_the_lids_and_only_on_its_side(face, side):
    other = {"Left": "Right", "Right": "Left"}[side]
    assert 7 < face.lid_gap(side) < 13
    assert -2 < face.lid_gap(side, **{f"eyeBlink{side}": 1}) < 0.2
    assert face.lid_gap(other, **{f"eyeBlink{side}": 1}) == pytest.approx(face.lid_gap(other), abs=0.2)


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_the_lids_cover_the_whole_eye_in_a_blink_and_not_in_half_a_one(face, avatar, side):
    assert face.seen_of_eye(side) > 0.2
    assert face.seen_of_eye(side, **{f"eyeBlink{side}": 0.5}) > 0.02
    assert face.seen_of_eye(side, **{f"eyeBlink{side}": 1}) == 0
    looks = {f"eyeLookDown{side}": 0.5, f"eyeLookOut{side}": 0.5}
    assert face.seen_of_eye(side, **{f"eyeBlink{side}": 1}, **looks) == 0


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_wide_and_squint_change_the_gap(face, side):
    assert face.lid_gap(side, **{f"eyeWide{side}": 1}) > face.lid_gap(side) + 2
    assert face.lid_gap(side, **{f"eyeSquint{side}": 1}) < face.lid_gap(side) - 1


@pytest.mark.parametrize(
    ("action", "axis", "sign"),
    [("eyeLookUp", 1, 1), ("eyeLookDown", 1, -1), ("eyeLookIn", 0, -1), ("eyeLookOut", 0, 1)],
)
@pytest.mark.parametrize("side", ["Left", "Right"])
def test_eyes_look_where_they_are_told_by_thirty_degrees(face, avatar, action, axis, sign, side):
    if axis == 0 and side == "Right":
        sign = -sign
    centre = avatar.joints[JOINT_INDEX[f"{side.lower()}_eye_smplhf"]] * 1000
    rest, looking = face(), face(**{action + side: 1})
    eye = face.of("eyes")
    eye = eye[np.linalg.norm(rest[eye] - centre, axis=1) < 30]
    pupil = eye[(rest[eye] - centre)[:, 2].argmax()]
    before, after = rest[pupil] - centre, looking[pupil] - centre
    cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(30, abs=1.5)
    assert (after - before)[axis] * sign > 5
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), abs=0.5)


def test_upper_lid_follows_the_eye(face):
    upper, _ = face.lids["Left"]
    assert face.moved("eyeLookDownLeft")[upper, 1].mean() < -3
    assert face.moved("eyeLookUpLeft")[upper, 1].mean() > 2


def test_tongue_comes_out_past_the_lips(face):
    tongue = face.of("tongue")
    assert face()[tongue, 2].max() < face()[face.lower_lip, 2].max() - 5
    out = face(tongueOut=1, jawOpen=0.5)
    assert out[tongue, 2].max() > out[face.lower_lip, 2].max() + 5


def test_a_smile_lifts_and_spreads_its_corner(face):
    skin, rest = face.of("face"), face()
    moved = face.moved("mouthSmileLeft")[skin]
    corner = np.linalg.norm(moved, axis=1).argmax()
    assert rest[skin[corner], 0] > 10
    assert moved[corner, 1] > 3
    assert (
        face.moved("mouthSmileRight")[skin[np.linalg.norm(face.moved("mouthSmileRight")[skin], axis=1).argmax()], 0] < 0
    )


def test_pucker_narrows_the_mouth_and_stretch_widens_it(face):
    skin, rest = face.of("face"), face()
    smile = np.linalg.norm(face.moved("mouthSmileLeft")[skin], axis=1)
    lips = skin[(np.abs(rest[skin, 1] - rest[face.lower_lip, 1].max()) < 4) & (smile > 2) & (rest[skin, 0] < 32)]
    assert face.moved("mouthPucker")[lips, 0].min() < -3
    assert face.moved("mouthStretchLeft")[lips, 0].max() > 2


def test_pucker_and_funnel_push_the_lips_forward(face):
    for name in ("mouthPucker", "mouthFunnel"):
        assert face.moved(name)[face.lower_lip, 2].max() > 2


def test_rolls_and_shrugs_move_their_own_lip(face):
    assert face.moved("mouthRollLower")[face.lower_lip, 2].min() < -2
    assert face.moved("mouthRollUpper")[face.upper_lip, 2].min() < -2
    assert face.moved("mouthShrugLower")[face.lower_lip, 1].max() > 1
    assert face.moved("mouthUpperUpLeft")[face.of("face"), 1].max() > 2
    assert face.moved("mouthLowerDownLeft")[face.of("face"), 1].min() < -2


def test_brow_hairs_go_up_and_down_with_the_brows(face):
    brows, rest = face.of("brows"), face()
    left = brows[rest[brows, 0] > 0]
    assert face.moved("browInnerUp")[brows, 1].max() > 2
    assert face.moved("browOuterUpLeft")[left, 1].max() > 3
    assert face.moved("browDownLeft")[left, 1].min() < -2
    assert np.abs(face.moved("browDownRight")[left]).max() < 2


def test_jaw_goes_left_right_and_forward(face):
    assert face.moved("jawLeft")[face.lower_lip, 0].min() > 3
    assert face.moved("jawRight")[face.lower_lip, 0].max() < -3
    assert face.moved("jawForward")[face.lower_lip, 2].min() > 3


def test_left_and_right_are_mirror_images(face):
    skin = face.of("face")
    for name in ARKIT_NAMES:
        if name.endswith("Left") and name not in ("jawLeft", "mouthLeft"):
            left = np.linalg.norm(face.moved(name)[skin], axis=1)
            right = np.linalg.norm(face.moved(name.removesuffix("Left") + "Right")[skin], axis=1)
            assert left.max() == pytest.approx(right.max(), rel=0.15), name


def test_hair_stays_on_the_head(face):
    hair = face.of("hair")
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "tongueOut"):
        assert np.abs(face.moved(name)[hair]).max() < 2, name
