"""Control images: what they say of a pixel is what is there, and the warped photo is the photo wherever it is known."""

from __future__ import annotations

import io
import json
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from portraits_of import performing, photo_camera, portrait_of

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.camera import Camera
from vlogger_backend.errors import InputError
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.renderers import controlnets, controls
from vlogger_backend.renderers.control_files import KINDS, write_controls
from vlogger_backend.renderers.controls import Controls, ControlStage, control_frames
from vlogger_backend.renderers.regions import NUMBER, REGIONS
from vlogger_backend.renderers.renderer import Scene
from vlogger_backend.renderers.skeleton import draw_openpose, draw_wan_pose, project

SIZE = (256, 256)


def still(frames: int = 1, **arkit: float) -> Motion:
    """The photo's own pose (arms out), with an expression by name."""
    weights = np.zeros((frames, 52), np.float32)
    for name, value in arkit.items():
        weights[:, ARKIT_INDEX[name]] = value
    zeros = np.zeros((frames, 55, 3), np.float32)
    return Motion(25.0, zeros, zeros[:, 0], weights, np.zeros((frames, 0), np.float32))


def one(portrait, motion, camera=None, frame: int = 0) -> Controls:
    camera = camera or portrait.fit.camera
    ((_, found),) = control_frames(Scene(portrait, motion, camera, frame, frame))
    return found


def placed(found: Controls, camera: Camera) -> np.ndarray:
    """Where in the world each pixel of the body is (n, 3), by its depth alone."""
    (pose,), (field,) = camera.over(1)
    height, width = found.raster.depth.shape
    rows, columns = np.nonzero(found.body)
    focal = height / 2 / np.tan(field / 2)
    away = found.raster.depth[rows, columns]
    places = np.stack([(columns + 0.5 - width / 2) / focal, (height / 2 - rows - 0.5) / focal, -np.ones_like(away)], 1)
    return (places * away[:, None]) @ pose[:3, :3].T + pose[:3, 3]


@pytest.fixture(scope="module")
def portrait():
    return portrait_of(SIZE, yaw=0.3)


@pytest.fixture(scope="module")
def rest(portrait):
    return one(portrait, still())


def test_at_rest_the_warped_photo_is_the_photo(portrait, rest):
    known = rest.raster.warp[..., 3] == 255
    assert known.sum() > 0.85 * (portrait.matte == 255).sum()
    np.testing.assert_array_equal(rest.raster.warp[known, :3], portrait.picture[known])
    assert not rest.raster.warp[~rest.body].any()


def test_a_smile_in_the_photo_is_at_rest_where_the_take_smiles_as_much():
    smiling = portrait_of(SIZE, arkit={"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.3})
    found = one(smiling, still(mouthSmileLeft=0.8, mouthSmileRight=0.8, jawOpen=0.3))
    known = found.raster.warp[..., 3] == 255
    np.testing.assert_array_equal(found.raster.warp[known, :3], smiling.picture[known])
    for inside in ("teeth", "tongue"):
        there = found.raster.regions == NUMBER[inside]
        assert (found.raster.warp[there, 3] > 0).mean() > 0.5, inside


def test_coordinates_depth_and_normals_say_where_a_pixel_is(portrait, rest):
    places = placed(rest, portrait.fit.camera)
    error = np.linalg.norm(places - rest.raster.template[rest.body], axis=1)
    assert error.max() < 2e-4  # in rest pose, the default shape: the template itself
    normals = rest.raster.normals[rest.body]
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
    assert (normals[:, 2] > -0.2).mean() > 0.98
    assert not rest.raster.depth[~rest.body].any()


def test_coordinates_are_the_templates_whoever_it_is_and_whatever_they_do():
    avatar = load_avatar()
    bigger = portrait_of(SIZE, shaped=avatar.vertices * 1.04)
    found = one(bigger, still())
    error = placed(found, bigger.fit.camera) / 1.04 - found.raster.template[found.body]
    assert np.linalg.norm(error, axis=1).max() < 2e-4
    turned = still()
    turned.poses[0, JOINT_INDEX["head"], 1] = 0.4
    face = NUMBER["face"]
    for motion in (still(), turned):
        seen = one(bigger, motion)
        points = seen.raster.template[seen.raster.regions == face]
        assert points[:, 1].max() < avatar.vertices[:, 1].max()
        skin = avatar.vertices[avatar.faces_of("face")].mean(axis=1)
        np.testing.assert_allclose(points[points[:, 2].argmax()], skin[skin[:, 2].argmax()], atol=0.005)  # the nose


def test_what_the_photo_hides_is_not_warped():
    portrait = portrait_of(SIZE, yaw=0.7)
    other = photo_camera(SIZE, yaw=-0.7)
    found = one(portrait, still(), other)
    face = found.raster.regions == NUMBER["face"]
    left = found.raster.template[..., 0] > 0.03  # the cheek that the photo shows
    right = found.raster.template[..., 0] < -0.06
    alpha = found.raster.warp[..., 3]
    assert (alpha[face & left] > 0).mean() > 0.9
    assert (alpha[face & right] > 0).mean() < 0.1


def test_a_mouth_that_was_shut_in_the_photo_is_unknown_inside(portrait):
    found = one(portrait, still(jawOpen=0.8))
    inside = np.isin(found.raster.regions, [NUMBER[name] for name in ("mouth", "teeth", "tongue")])
    assert inside.sum() > 60
    assert not found.raster.warp[inside].any()
    assert (found.raster.warp[found.raster.regions == NUMBER["upper_lip"], 3] > 0).mean() > 0.7


def test_only_the_person_is_warped(portrait):
    """A pixel of the body where the matte sees none stays unknown."""
    without = replace(portrait, matte=np.zeros_like(portrait.matte))
    assert not one(without, still()).raster.warp.any()


def test_parts_are_where_they_belong(rest):
    places = {name: np.argwhere(rest.raster.regions == number) for name, number in NUMBER.items()}

    def row(name):
        return places[name][:, 0].mean()

    def column(name):
        return places[name][:, 1].mean()

    assert (
        row("hair") < row("brows") < row("left_eye") < row("upper_lip") < row("lower_lip") < row("neck") < row("torso")
    )
    assert column("right_eye") < column("left_eye")
    assert column("right_upper_arm") < column("torso") < column("left_upper_arm")
    assert not len(places["left_shin"])
    away = Camera.of(SIZE, np.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 4.5], [0, 0, 0, 1.0]]), 0.5)
    whole = one(portrait_of(SIZE), still(), away)
    shown = {name for name, number in NUMBER.items() if (whole.raster.regions == number).any()}
    assert {"left_hand", "right_forearm", "left_foot", "right_thigh", "torso"} <= shown


def test_each_frame_of_a_moving_camera_is_the_still_one_from_there(portrait):
    motion = performing(5)
    cameras = [photo_camera((96, 80), yaw) for yaw in (0.0, 0.2, 0.4)]
    moving = Camera.of((96, 80), np.stack([c.over(1)[0][0] for c in cameras]), [c.fields[0] for c in cameras])
    found = dict(control_frames(Scene(portrait, motion, moving, 1, 3)))
    assert list(found) == [1, 2, 3]
    for frame, camera in zip((1, 2, 3), cameras, strict=True):
        alone = one(portrait, motion, camera, frame)
        np.testing.assert_array_equal(found[frame].raster.template, alone.raster.template)
        np.testing.assert_array_equal(found[frame].raster.warp, alone.raster.warp)
    with (
        pytest.raises(InputError, match="3 poses and the shot has 5"),
        closing(ControlStage(Scene(portrait, motion, moving, 0, 4))),
    ):
        pass


def test_a_camera_that_sees_nothing_gives_empty_controls(portrait):
    pose = np.diag([-1.0, 1, -1, 1])
    pose[:3, 3] = 0, 1.6, 2
    found = one(portrait, still(), Camera.of((64, 48), pose, 0.4))
    assert not found.body.any()
    for draw in controlnets.CONTROLNETS.values():
        assert draw(found).shape == (48, 64, 3)
    assert not controlnets.openpose(found).any()


def test_the_photos_camera_for_another_size_shows_the_whole_photo(portrait):
    wide = replace(portrait.fit, camera=photo_camera((400, 200)))
    for size in ((200, 200), (400, 200), (300, 400), (800, 300)):
        made = controls.photo_camera(wide.camera, size)
        corners = placed_corners(wide.camera)
        pixels, _ = project(corners, made.over(1)[0][0], made.fields[0], size)
        assert (pixels > -0.01).all()
        assert (pixels < np.array(size) + 0.01).all()
        assert np.isclose(pixels, 0, atol=0.01).any()


def placed_corners(camera: Camera) -> np.ndarray:
    """The corners of what a camera sees, a metre before it."""
    (pose,), (field,) = camera.over(1)
    y = np.tan(field / 2)
    x = y * camera.width / camera.height
    return np.array([[sx * x, sy * y, -1] for sx in (-1, 1) for sy in (-1, 1)]) @ pose[:3, :3].T + pose[:3, 3]


def test_the_face_is_drawn_as_mediapipes_own_drawing_draws_it():
    """Pixel by pixel as controlnet_aux's MediapipeFaceDetector, which the model was trained with."""
    from mediapipe.framework.formats import landmark_pb2
    from mediapipe.python.solutions import drawing_utils, face_mesh_connections

    found = one(portrait_of((512, 512)), still(jawOpen=0.4, eyeLookOutLeft=0.5), photo_camera((512, 512), 0.2))
    colours = {  # BGR, as there
        "FACE_OVAL": (10, 200, 10), "LEFT_EYE": (180, 200, 10), "LEFT_EYEBROW": (180, 220, 10),
        "RIGHT_EYE": (10, 200, 180), "RIGHT_EYEBROW": (10, 220, 180), "LIPS": (10, 180, 10),
    }  # fmt: skip
    spec = {
        edge: drawing_utils.DrawingSpec(color=colour, thickness=2, circle_radius=1)
        for name, colour in colours.items()
        for edge in getattr(face_mesh_connections, f"FACEMESH_{name}")
    }
    marks = landmark_pb2.NormalizedLandmarkList(
        landmark=[landmark_pb2.NormalizedLandmark(x=x / 512, y=y / 512) for x, y in found.points.mesh.tolist()]
    )
    canvas = np.zeros((512, 512, 3), np.uint8)
    drawing_utils.draw_landmarks(canvas, marks, list(spec), None, spec)
    for index, colour in ((468, (10, 200, 250)), (473, (250, 200, 10))):
        x, y = found.points.mesh[index].astype(int)
        canvas[y - 2 : y + 2, x - 2 : x + 2] = colour
    drawn = controlnets.mediapipe_face(found)
    assert drawn.any()
    np.testing.assert_array_equal(drawn, canvas[..., ::-1])


def test_no_face_is_drawn_where_none_is_to_be_found(portrait):
    behind = one(portrait, still(), photo_camera(SIZE, np.pi))
    assert behind.points.ahead < 0
    assert not controlnets.mediapipe_face(behind).any()
    assert np.isnan(behind.points.body[[0, 14, 15]]).all()
    far = photo_camera((128, 128), shown=3.0)
    assert not controlnets.mediapipe_face(one(portrait, still(), far)).any()


def test_openpose_draws_the_persons_right_on_the_pictures_left(portrait):
    motion = performing(1)
    pose = np.eye(4)
    pose[:3, 3] = 0, 0.95, 4.2
    found = one(portrait, motion, Camera.of((512, 512), pose, 0.5))
    body, drawn = found.points.body, draw_openpose(found.points, (512, 512))
    assert np.isfinite(body).all()
    assert body[4, 0] < body[7, 0]
    for index, colour in ((3, (255, 255, 0)), (6, (0, 255, 0)), (9, (0, 255, 255)), (12, (0, 0, 255))):
        x, y = body[index].astype(int)
        assert tuple(drawn[y, x]) == colour
    middle = body[[9, 10]].mean(axis=0).astype(int)
    assert tuple(drawn[middle[1], middle[0]]) == (0, 153, 102)  # a limb is its colour, six tenths as bright
    toes = draw_wan_pose(found.points, (512, 512))
    x, y = body[18].astype(int)
    assert tuple(toes[y, x]) == (200, 200, 0)
    assert np.isfinite(found.points.hands).all()
    reach = found.points.hands[0, [4, 8, 12, 16, 20], 1] - found.points.hands[0, 0, 1]
    assert (reach > 10).all()  # fingers hang below the wrist


def test_pictures_for_controlnets_mean_what_their_makers_say(portrait, rest):
    grey = controlnets.midas_depth(rest)[..., 0]
    assert (grey[~rest.body] == 0).all()
    nose = np.unravel_index(
        np.where(rest.raster.regions == NUMBER["face"], -rest.raster.depth, -9).argmax(), grey.shape
    )
    ears = rest.body & (rest.raster.depth > rest.raster.depth[nose] + 0.1)
    assert grey[nose] > grey[ears].max()
    normal = controlnets.normal_bae(rest)
    facing = rest.raster.normals
    assert (normal[~rest.body] == (127, 127, 255)).all()
    assert (normal[rest.body & (facing[..., 0] < -0.8), 0] > 220).all()
    assert (normal[rest.body & (facing[..., 1] > 0.8), 1] > 220).all()
    seg = controlnets.ade20k(rest)
    assert {tuple(c) for c in seg.reshape(-1, 3)} == {(150, 5, 61), (120, 120, 120)}
    known = controlnets.inpaint(rest)
    sure = rest.raster.warp[..., 3] == 255
    np.testing.assert_allclose(known[sure], portrait.picture[sure] / 255, atol=1e-6)
    assert (known[~rest.body] == -1).all()


def test_files_say_what_the_arrays_do(portrait, tmp_path):
    motion = performing(6)
    scene = Scene(portrait, motion, photo_camera((96, 64)), 2, 4)
    told: list[float] = []
    write_controls(tmp_path, scene, progress=lambda stage, done: told.append(done))
    assert told == pytest.approx([1 / 3, 2 / 3, 1])
    about = json.loads((tmp_path / "controls.json").read_text())
    assert (about["fps"], about["first"], about["size"]) == (25.0, 2, [96, 64])
    for frame, found in control_frames(scene):
        for kind, (suffix, _) in KINDS.items():
            assert (tmp_path / kind / f"{frame:06d}{suffix}").is_file()
        picture = cv2.imread(str(tmp_path / "coordinates" / f"{frame:06d}.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
        low, high = np.array(about["coordinates"]["box"]).T
        places = picture[found.body] / 65535 * (high - low) + low
        np.testing.assert_allclose(places, found.raster.template[found.body], atol=2e-5)
        deep = cv2.imread(str(tmp_path / "depth" / f"{frame:06d}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_allclose(deep * about["depth"]["metres_per_step"], found.raster.depth, atol=6e-5)
        np.testing.assert_array_equal(
            np.load(tmp_path / "depth-metres" / f"{frame:06d}.npy", allow_pickle=False), found.raster.depth
        )
        parts = Image.open(tmp_path / "parts" / f"{frame:06d}.png")
        np.testing.assert_array_equal(np.asarray(parts), found.raster.regions)
        assert set(parts.convert("RGB").getdata()) <= set(REGIONS.values())
        warp = np.asarray(Image.open(tmp_path / "warp" / f"{frame:06d}.png"))
        np.testing.assert_array_equal(warp, found.raster.warp)


def test_the_same_scene_is_the_same_bytes(portrait):
    scene = Scene(portrait, performing(3), photo_camera((96, 96)), 0, 2)

    def whole() -> bytes:
        data = io.BytesIO()
        for _, found in control_frames(scene):
            for _, encode in KINDS.values():
                data.write(encode(found))
        return data.getvalue()

    assert whole() == whole()


@pytest.mark.parametrize("kinds", [["canny"], []])
def test_control_images_that_there_are_not_are_refused(portrait, tmp_path, kinds):
    scene = Scene(portrait, performing(1), photo_camera((64, 64)), 0, 0)
    with pytest.raises(InputError, match="choose from coordinates, parts"):
        write_controls(tmp_path, scene, kinds)
