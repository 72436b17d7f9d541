"""Shots: what is seen is where a pinhole camera sees it, with alpha that lies true over any background."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from vlogger_backend.avatars.avatar import Avatar, Material, Morph
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.camera import Camera, framing
from vlogger_backend.errors import InputError
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES
from vlogger_backend.renderers.shot import render_shot

UP = (0.0, 1.0, 0.0)


def moving(frames: int) -> Motion:
    """Arms down and coming up, the head turning, the mouth opening."""
    poses, arkit = np.zeros((frames, 55, 3), np.float32), np.zeros((frames, 52), np.float32)
    part = np.linspace(0, 1, frames)
    poses[:, JOINT_INDEX["left_shoulder"], 2], poses[:, JOINT_INDEX["right_shoulder"], 2] = -1.2 + part, 1.2
    poses[:, JOINT_INDEX["head"], 1] = part / 2
    arkit[:, ARKIT_INDEX["jawOpen"]] = part
    return Motion(30.0, poses, np.zeros((frames, 3), np.float32), arkit, np.zeros((frames, 0), np.float32))


def looking(eye, target, up=UP):
    """The pose (4, 4) of a camera at `eye` that looks at `target`."""
    back = np.subtract(eye, target) / np.linalg.norm(np.subtract(eye, target))
    right = np.cross(up, back) / np.linalg.norm(np.cross(up, back))
    pose = np.eye(4)
    pose[:3] = np.column_stack([right, np.cross(back, right), back, eye])
    return pose


def seen(points, pose, field, size):
    """Where a pinhole camera sees points (n, 3): pixels (n, 2) from the left upper corner."""
    places = (points - pose[:3, 3]) @ pose[:3, :3]
    focal = size[1] / 2 / np.tan(field / 2)
    return places[:, :2] / -places[:, 2:] * [focal, -focal] + np.array(size) / 2


def only(pictures):
    ((_, picture),) = pictures
    return picture


@pytest.fixture(scope="module")
def avatar():
    return load_avatar()


def panel(*layers: tuple[float, tuple[float, ...], str], half: float = 0.5) -> Avatar:
    """Squares that face +Z, each at its z, of its colour and with its alpha mode; 2 * `half` metres wide."""
    count = len(layers)
    corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    vertices = np.concatenate([np.column_stack([corners, np.full(4, z)]) for z, _, _ in layers])
    faces = np.concatenate([4 * i + np.array([[0, 1, 2], [0, 2, 3]]) for i in range(count)])
    weights = np.tile(np.array([1, 0, 0, 0], np.float32), (4 * count, 1))
    return Avatar(
        name="panel",
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        uvs=np.zeros((2 * count, 3, 2), np.float32),
        face_material=np.repeat(np.arange(count), 2).astype(np.int16),
        materials=tuple(Material(str(z), color, 1.0, alpha=alpha) for z, color, alpha in layers),
        joints=np.zeros((len(JOINT_NAMES), 3), np.float32),
        joint_indices=np.zeros((4 * count, 4), np.uint8),
        joint_weights=weights,
        morphs=(Morph(np.zeros(0, np.int32), np.zeros((0, 3), np.float32)),) * len(ARKIT_NAMES),
    )


GREY = (0.2, 0.2, 0.2, 1.0)


def at(*place: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = place
    return pose


def filling(size, pixels, distance=2.0):
    """The field of view in which a panel one metre wide is so many pixels wide."""
    return 2 * np.arctan(size[1] / pixels / 2 / distance)


CAMERAS = {
    "before": (looking((0, 1.3, 4), (0, 1.0, 0)), 0.5),
    "from above at the side, rolled": (looking((3, 3, 1), (0, 1.2, 0), (0.4, 1, 0)), 0.5),
    "behind": (looking((-0.5, 1.5, -2), (0, 1.4, 0)), 0.7),
    "wide and near": (looking((0.1, 1.2, 0.9), (0, 1.3, 0)), 2.4),
    "far away": (looking((40, 20, 90), (0, 0.9, 0)), 0.03),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_the_silhouette_is_where_a_pinhole_camera_sees_the_mesh(avatar, name):
    pose, field = CAMERAS[name]
    size, motion = (360, 300), moving(2)
    alpha = only(render_shot(avatar, motion, Camera.of(size, pose, field), 1, 1))[..., 3]
    vertices = posed_vertices(avatar, motion.poses[1], motion.trans[1], motion.arkit[1])
    pixels = seen(vertices, pose, field, size)
    expected = Image.new("L", (size[0] * 4, size[1] * 4))
    draw = ImageDraw.Draw(expected)
    for triangle in pixels[avatar.faces] * 4 - 0.5:
        draw.polygon(triangle.ravel().tolist(), fill=255)
    # Polygons are drawn with their outlines, half a small pixel too wide.
    mask = np.asarray(expected.resize(size, Image.Resampling.BOX)) > 150
    both, either = (mask & (alpha > 127)).sum(), (mask | (alpha > 127)).sum()
    assert both > 500
    assert both / either > 0.97
    where = np.argwhere(alpha > 0)
    inside = pixels[(pixels > 0).all(axis=1) & (pixels < size).all(axis=1)]
    np.testing.assert_allclose(where.min(axis=0)[::-1], np.floor(inside.min(axis=0)), atol=1)
    np.testing.assert_allclose(where.max(axis=0)[::-1], np.floor(inside.max(axis=0)), atol=1)


@pytest.mark.parametrize("name", CAMERAS)
def test_alpha_is_whole_on_the_body_and_nothing_beside_it(avatar, name):
    pose, field = CAMERAS[name]
    picture = only(render_shot(avatar, moving(1), Camera.of((360, 300), pose, field)))
    alpha = picture[..., 3]
    assert picture.shape == (300, 360, 4)
    assert picture.dtype == np.uint8
    body = ndimage.binary_opening(alpha > 127, iterations=2)
    inside = alpha[ndimage.binary_erosion(body, iterations=3)]
    assert (inside == 255).mean() > 0.998  # all but slits between fingers, legs and strands
    assert (alpha[~ndimage.binary_dilation(alpha > 127, iterations=9)] == 0).all()
    assert not picture[alpha == 0].any()


def test_edges_have_the_colour_of_the_body(avatar):
    """No dark or light fringe: a pixel at the edge is as bright as the solid ones around it."""
    picture = only(render_shot(avatar, moving(1), framing(avatar, (480, 480))))
    solid = picture[..., 3] == 255
    grey = picture[..., :3].mean(axis=2)
    around = ndimage.uniform_filter(np.where(solid, grey, 0), 3) / np.maximum(
        ndimage.uniform_filter(solid.astype(float), 3), 1e-9
    )
    edge = (picture[..., 3] > 40) & ~solid & (ndimage.uniform_filter(solid.astype(float), 3) > 0.2)
    difference = grey[edge] - around[edge]
    assert edge.sum() > 500
    assert abs(difference.mean()) < 6
    assert np.quantile(np.abs(difference), 0.9) < 25


def test_right_is_right_and_up_is_up():
    size = (64, 48)
    camera = Camera.of(size, at(-0.3, -0.2, 2), 1.0)
    rows, columns = np.nonzero(only(render_shot(panel((0, GREY, "opaque"), half=0.05), moving(1), camera))[..., 3])
    focal = 24 / np.tan(0.5)
    assert columns.mean() == pytest.approx(31.5 + focal * 0.15, abs=0.6)
    assert rows.mean() == pytest.approx(23.5 - focal * 0.1, abs=0.6)


def test_a_pixel_half_covered_is_half_there():
    size = (48, 32)
    camera = Camera.of(size, at(0, 0, 2), filling(size, 21))
    picture = only(render_shot(panel((0, GREY, "opaque")), moving(1), camera)).astype(int)
    assert (picture[7:25, 15:33, 3] == 255).all()
    np.testing.assert_allclose(picture[16, [13, 34], :3], picture[[16, 16], 16, :3], atol=2)
    np.testing.assert_allclose(picture[7:25, [13, 34], 3], 127.5, atol=2)
    np.testing.assert_allclose(picture[[5, 26], 15:33, 3], 127.5, atol=2)
    assert not picture[:, [12, 35]].any()
    assert not picture[[4, 27]].any()


def test_glass_is_as_clear_as_its_material_says_alone_and_before_something_solid():
    size = (32, 32)
    camera = Camera.of(size, at(0, 0, 2), 0.3)
    glass = (0.5, 0.02, 0.02, 0.25)
    alone = only(render_shot(panel((0, glass, "blend")), moving(1), camera))[16, 16].astype(int)
    solid = only(render_shot(panel((-0.1, GREY, "opaque")), moving(1), camera))[16, 16].astype(int)
    before = only(render_shot(panel((0, glass, "blend"), (-0.1, GREY, "opaque")), moving(1), camera))[16, 16]
    assert alone[3] == 64
    assert before[3] == 255
    np.testing.assert_allclose(before[:3], alone[:3] * 0.25 + solid[:3] * 0.75, atol=3)


def test_what_is_opaque_is_so_whatever_its_colour_says():
    picture = only(
        render_shot(panel((0, (0.2, 0.2, 0.2, 0.3), "opaque")), moving(1), Camera.of((32, 32), at(0, 0, 2), 0.3))
    )
    assert (picture[..., 3] == 255).all()


@pytest.mark.parametrize(("distance", "there"), [(0.005, False), (0.02, True), (50, True), (5000, True), (-2, False)])
def test_near_and_far(distance, there):
    width = 2 * abs(distance) * np.tan(0.25) * 0.5
    camera = Camera.of((32, 32), at(0, 0, distance), 0.5)
    picture = only(render_shot(panel((0, GREY, "opaque"), half=width / 2), moving(1), camera))
    assert (picture[12:20, 12:20, 3] == 255 * there).all()


def test_thin_layers_far_away_keep_their_order():
    """Clothes lie a millimetre over the skin."""
    red, green = (0.5, 0.0, 0.0, 1.0), (0.0, 0.5, 0.0, 1.0)
    layers = panel((0, red, "opaque"), (0.001, green, "opaque"))
    picture = only(render_shot(layers, moving(1), Camera.of((64, 64), looking((20, 10, 80), (0, 0, 0)), 0.008)))
    solid = picture[picture[..., 3] == 255].astype(int)
    assert len(solid) > 1000
    assert (solid[:, 1] > solid[:, 0] + 50).all()


def test_a_camera_inside_the_body_gives_a_picture(avatar):
    for eye, field in (((0.0, 1.2, 0.0), 1.0), ((0.0, 1.6, 0.05), 3.1)):
        picture = only(render_shot(avatar, moving(1), Camera.of((64, 48), looking(eye, (0, 1.2, 2)), field)))
        assert picture.shape == (48, 64, 4)


def test_a_camera_that_looks_away_sees_nothing(avatar):
    away = Camera.of((64, 64), looking((0, 1.2, 2), (0, 1.2, 4)), 0.8)
    aside = Camera.of((64, 64), looking((0, 1.2, 3), (3, 1.2, 0)), 0.2)
    for camera in (away, aside):
        assert not only(render_shot(avatar, moving(1), camera)).any()


def orbit(frames):
    turns = np.linspace(0, 1.5, frames)
    return np.array([looking((2.5 * np.sin(t), 1.5, 2.5 * np.cos(t)), (0, 1.3, 0)) for t in turns])


def test_each_frame_of_a_moving_shot_is_the_still_picture_from_there(avatar):
    motion, poses, fields = moving(6), orbit(3), [0.5, 0.6, 0.7]
    shot = list(render_shot(avatar, motion, Camera.of((96, 80), poses, fields), 2, 4))
    assert [frame for frame, _ in shot] == [2, 3, 4]
    for (frame, picture), pose, field in zip(shot, poses, fields, strict=True):
        alone = only(render_shot(avatar, motion, Camera.of((96, 80), pose, field), frame, frame))
        np.testing.assert_array_equal(picture, alone)
    for (_, one), (_, other) in pairwise(shot):
        assert (one != other).any(axis=2).mean() > 0.05


def test_the_shot_is_the_same_bytes_each_time_and_progress_ends_at_one(avatar):
    done: list[float] = []
    camera = Camera.of((96, 80), orbit(3), 0.6)
    one = [
        p.tobytes() for _, p in render_shot(avatar, moving(3), camera, progress=lambda stage, part: done.append(part))
    ]
    assert one == [p.tobytes() for _, p in render_shot(avatar, moving(3), camera)]
    assert done == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_large_picture_has_no_seams():
    size = (3000, 2000)
    panels = panel((0, GREY, "opaque"))
    picture = only(render_shot(panels, moving(1), Camera.of(size, at(0, 0, 2), filling(size, 1800))))
    assert (picture[101:1899, 601:2399] == picture[1000, 1500]).all()
    assert (picture[..., 3] > 0).sum() == pytest.approx(1800**2, abs=4 * 1802)


def test_memory_does_not_grow_with_the_shot(avatar):
    process, sizes = psutil.Process(), []
    for frame, _ in render_shot(avatar, moving(50), Camera.of((96, 96), orbit(50), 0.6)):
        if frame in (15, 49):
            sizes.append(process.memory_info().rss)
    assert sizes[1] - sizes[0] < 20e6


def test_leaving_early_and_two_shots_at_once(avatar):
    face, body = framing(avatar, (64, 64), "face"), framing(avatar, (80, 64), "body")
    alone = [[p for _, p in render_shot(avatar, moving(3), camera)] for camera in (face, body)]
    for _ in range(3):
        left = render_shot(avatar, moving(5), face)
        next(left)
        left.close()
    both = zip(render_shot(avatar, moving(3), face), render_shot(avatar, moving(3), body), strict=True)
    for frame, pictures in enumerate(both):
        for (number, picture), expected in zip(pictures, alone, strict=True):
            assert number == frame
            np.testing.assert_array_equal(picture, expected[frame])


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (2, 1), (0, 5), (5, None)])
def test_frames_that_are_not_there_are_refused_at_once(avatar, first, last):
    with pytest.raises(InputError, match="it has 5"):
        render_shot(avatar, moving(5), framing(avatar, (64, 64)), first, last)


def test_a_camera_for_other_frames_and_an_empty_take_are_refused_at_once(avatar):
    with pytest.raises(InputError, match="3 poses and the shot has 5 frames"):
        render_shot(avatar, moving(5), Camera.of((64, 64), orbit(3), 0.5))
    with pytest.raises(InputError, match="no frames"):
        render_shot(avatar, moving(0), framing(avatar, (64, 64)))


def test_a_material_that_no_face_has_is_no_hindrance(avatar):
    more = replace(avatar, materials=(*avatar.materials, Material("spare", GREY, 0.5)))
    camera = framing(avatar, (64, 64))
    np.testing.assert_array_equal(
        only(render_shot(more, moving(1), camera)), only(render_shot(avatar, moving(1), camera))
    )
