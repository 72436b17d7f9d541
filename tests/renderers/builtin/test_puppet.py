"""The photo's person, moved: at rest they are the photo, and what moves leaves no holes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portraits_of import photo_camera, portrait_of
from scipy import ndimage

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.camera import Camera
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.portraits.portrait import Portrait
from vlogger_backend.renderers.builtin.patches import PATCH, cut
from vlogger_backend.renderers.builtin.puppet import PARTS, Frame, Puppet
from vlogger_backend.renderers.figure import built_in_figure

SIZE = (256, 256)
EYE, MOUTH = PARTS.index("eye"), PARTS.index("mouth")


def drawn(
    puppet: Puppet,
    portrait: Portrait,
    camera: Camera | None = None,
    turn: tuple[float, float, float] = (0, 0, 0),
    **expression: float,
) -> Frame:
    """A frame as in the photo, but for the head turned (pitch, yaw, roll in degrees) and these weights."""
    poses, fields = (camera or portrait.fit.camera).over(1)
    joints = np.zeros((55, 3), np.float32)
    joints[JOINT_INDEX["head"]], joints[JOINT_INDEX["neck"]] = 0.6 * np.radians(turn), 0.4 * np.radians(turn)
    arkit = portrait.fit.arkit.copy()
    for name, value in expression.items():
        for full in (name, f"{name}Left", f"{name}Right"):
            if full in ARKIT_INDEX:
                arkit[ARKIT_INDEX[full]] = value
    return puppet.frame(joints, np.zeros(3, np.float32), arkit, poses[0], float(fields[0]))


def over(frame: Frame, background: np.ndarray) -> np.ndarray:
    picture = frame.picture.astype(np.float64)
    return picture[..., :3] + background * (1 - picture[..., 3:] / 255)


def fidelity(portrait: Portrait) -> float:
    """The PSNR in dB of the frame at rest against the photo."""
    with closing(Puppet(built_in_figure(portrait).person, portrait, portrait.matte.shape[::-1])) as puppet:
        shown = over(drawn(puppet, portrait), portrait.background)
    return float(10 * np.log10(255**2 / np.mean((shown - portrait.picture) ** 2)))


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return portrait_of(SIZE)


@pytest.fixture(scope="module")
def puppet(portrait: Portrait) -> Iterator[Puppet]:
    with closing(Puppet(built_in_figure(portrait).person, portrait, SIZE)) as puppet:
        yield puppet


@pytest.mark.parametrize(
    "expression",
    [
        {},
        {"jawOpen": 0.5},
        {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.15},
        {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5},
        {"mouthPucker": 0.7, "browInnerUp": 0.6, "eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5},
    ],
    ids=["none", "open mouth", "smile", "half-closed lids", "pucker"],
)
def test_at_rest_it_is_the_photo_whatever_expression_that_shows(expression: dict[str, float]) -> None:
    assert fidelity(portrait_of(SIZE, arkit=expression)) > 40


@pytest.mark.parametrize("yaw", [-40, -20, 20, 40])
def test_at_rest_it_is_the_photo_whatever_side_that_shows(yaw: float) -> None:
    assert fidelity(portrait_of(SIZE, yaw=np.radians(yaw))) > 40


@pytest.mark.parametrize("size", [(64, 64), (161, 97), (99, 240), (640, 480)], ids=str)
def test_at_rest_it_is_the_photo_at_any_size(size: tuple[int, int]) -> None:
    assert fidelity(portrait_of(size)) > 40


def test_nothing_moves_where_nothing_should(puppet: Puppet, portrait: Portrait) -> None:
    rest = drawn(puppet, portrait).picture.astype(int)
    speaking = drawn(puppet, portrait, jawOpen=0.6, mouthFunnel=0.3).picture.astype(int)
    above = int(portrait.fit.landmarks[:468, 1].mean()) - 40
    np.testing.assert_allclose(speaking[:above], rest[:above], atol=1)
    np.testing.assert_array_equal(drawn(puppet, portrait).picture, rest)


def test_a_blink_hides_the_eyeballs(puppet: Puppet, portrait: Portrait) -> None:
    for side in (1, 2):
        shown, hidden = ((drawn(puppet, portrait, eyeBlink=b).parts[side] == EYE).sum() for b in (0.0, 1.0))
        assert hidden < 0.15 * shown


def test_the_jaw_opens_the_mouth(puppet: Puppet, portrait: Portrait) -> None:
    inside = [(drawn(puppet, portrait, jawOpen=jaw).parts[0] >= MOUTH).sum() for jaw in (0.0, 0.25, 0.5, 0.75)]
    assert inside[0] < 20 < 150 < inside[1] < inside[2] < inside[3]


def test_gaze_moves_the_irises_with_the_eyes(puppet: Puppet, portrait: Portrait) -> None:
    """As far as the avatar's own eyeball turns."""
    avatar = load_avatar()
    eyes = np.unique(avatar.faces_of("eyes"))
    left = eyes[avatar.vertices[eyes, 0] > 0]
    front = left[avatar.vertices[left, 2] > np.quantile(avatar.vertices[left, 2], 0.97)]
    offsets = np.zeros_like(avatar.vertices)
    morph = avatar.morphs[ARKIT_INDEX["eyeLookOutLeft"]]
    offsets[morph.vertices] = morph.offsets
    metres_across = 0.048
    expected = 0.4 * float(offsets[front, 0].mean()) / metres_across * PATCH
    seen = []
    for amount in (0.0, 0.4):
        frame = drawn(puppet, portrait, eyeLookOutLeft=amount, eyeLookInRight=amount)
        eye = cut(frame.picture, frame.patches)[1, 40:60, 28:68, :3].mean(axis=(0, 2))
        dark = np.clip(eye.mean() - eye, 0, None)
        seen.append(float((dark * np.arange(len(eye))).sum() / dark.sum()))
    assert expected > 4
    assert seen[1] - seen[0] == pytest.approx(expected, abs=2.0)


def test_a_turned_head_has_another_outline(puppet: Puppet, portrait: Portrait) -> None:
    rest, turned = (drawn(puppet, portrait, turn=(0, yaw, 0)).picture[..., 3] > 127 for yaw in (0, 20))
    assert (rest ^ turned).sum() > 0.01 * rest.sum()
    assert (rest & turned).sum() > 0.85 * rest.sum()


def holes(frame: Frame) -> int:
    """Pixels inside the person's outline at which what is behind them shows."""
    alpha = frame.picture[..., 3]
    # A notch, such as that over an ear, is none: it is open, be it by a corner.
    filled = ndimage.binary_fill_holes(alpha > 60, structure=np.ones((3, 3)))
    within = ndimage.binary_erosion(filled, iterations=3, border_value=1)
    return int((within & (alpha < 200)).sum())


@settings(max_examples=20, derandomize=True)
@given(
    pitch=st.floats(-15, 15),
    yaw=st.floats(-35, 35),
    jaw=st.floats(0, 1),
    blink=st.floats(0, 1),
    smile=st.floats(0, 1),
    pucker=st.floats(0, 1),
    look=st.floats(0, 1),
)
def test_no_holes(
    puppet: Puppet,
    portrait: Portrait,
    pitch: float,
    yaw: float,
    jaw: float,
    blink: float,
    smile: float,
    pucker: float,
    look: float,
) -> None:
    frame = drawn(
        puppet,
        portrait,
        turn=(pitch, yaw, 0),
        jawOpen=jaw,
        eyeBlink=blink,
        mouthSmile=smile,
        mouthPucker=pucker,
        eyeLookUp=look,
    )
    assert holes(frame) == 0


@pytest.mark.parametrize("shown", ["photo", "smaller", "larger", "wider"])
def test_pictures_of_other_sizes_than_the_photos(portrait: Portrait, shown: str) -> None:
    size = {"photo": SIZE, "smaller": (96, 96), "larger": (512, 512), "wider": (320, 160)}[shown]
    camera = photo_camera(size)
    with closing(Puppet(built_in_figure(portrait).person, portrait, size)) as puppet:
        frame = drawn(puppet, portrait, camera)
    assert frame.picture.shape == (size[1], size[0], 4)
    expected = portrait.matte.mean() / 255
    if shown != "wider":
        assert frame.picture[..., 3].mean() / 255 == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("matte", [0, 255])
def test_mattes_of_nobody_and_of_all(portrait: Portrait, matte: int) -> None:
    """Nobody is nothing to be seen; if all of the photo is the person, all of it is drawn."""
    odd = replace(portrait, matte=np.full_like(portrait.matte, matte), foreground=portrait.picture)
    with closing(Puppet(built_in_figure(odd).person, odd, SIZE)) as puppet:
        for turn in ((0, 0, 0), (0, 25, 0)):
            frame = drawn(puppet, odd, turn=turn, jawOpen=0.5)
            if matte == 0:
                assert frame.picture[10:40, 10:40].max() == 0
            elif turn == (0, 0, 0):
                assert frame.picture[..., 3].min() > 250


def test_two_at_once_and_one_closed_before_the_other(portrait: Portrait) -> None:
    one, other = (Puppet(built_in_figure(portrait).person, portrait, SIZE) for _ in range(2))
    first = drawn(one, portrait, jawOpen=0.4).picture
    second = drawn(other, portrait, jawOpen=0.4).picture
    one.close()
    third = drawn(other, portrait, jawOpen=0.4).picture
    other.close()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)
