"""A fitted face is the one in the picture: the same place, pose, shape and expression."""

from __future__ import annotations

import numpy as np
import pytest
from faces_seen import SIZE, camera, lids_apart, lip_gap, person, pixels, places, weights
from scipy.spatial.transform import Rotation

from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import ARKIT_INDEX
from vlogger_backend.portraits.fitting import fit_face
from vlogger_backend.portraits.head import load_head

NONE = weights()


def degrees_between(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(Rotation.from_matrix(one.T @ other).magnitude()))


def turn_of(fit_camera: object) -> np.ndarray:
    return np.array(fit_camera.poses[0]).reshape(3, 4)[:, :3]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (25, -10), (-40, 5)])
def test_a_seen_head_is_found_again(yaw: float, pitch: float) -> None:
    vertices, arkit, seen_by = person(1), weights(mouthSmile=0.4, browInnerUp=0.5), camera(yaw, pitch)
    fit = fit_face(SIZE, pixels(places(vertices, arkit), seen_by))
    assert fit.error.mean < 0.01 * fit.error.between_eyes / np.cos(np.radians(yaw))
    assert degrees_between(turn_of(fit.camera), turn_of(seen_by)) < 5
    front = np.unique(load_head().avatar.faces_of("face"))
    front = front[load_head().avatar.vertices[front, 2] > 0.09]
    own, mean = (np.linalg.norm(v[front] - vertices[front], axis=1).mean() for v in (fit.vertices, person(1, 0)))
    assert own < mean


def test_the_error_is_what_the_cameras_picture_shows() -> None:
    fit = fit_face(SIZE, pixels(places(person(2), weights(jawOpen=0.3)), camera(15)))
    shown = pixels(places(fit.vertices, fit.arkit), fit.camera)
    errors = np.linalg.norm(shown - fit.landmarks, axis=1)
    assert errors.mean() == pytest.approx(fit.error.mean, abs=0.01)
    assert errors.max() == pytest.approx(fit.error.worst, abs=0.01)


def test_an_expression_is_not_taken_for_the_shape() -> None:
    vertices = person(3)
    fit = fit_face(SIZE, pixels(places(vertices, weights(jawOpen=0.5, mouthSmile=0.6, eyeBlink=0.6)), camera()))
    arkit = {name: float(fit.arkit[index]) for name, index in ARKIT_INDEX.items()}
    assert arkit["jawOpen"] > 0.3
    assert min(arkit["mouthSmileLeft"], arkit["mouthSmileRight"]) > 0.3
    assert min(arkit["eyeBlinkLeft"], arkit["eyeBlinkRight"]) > 0.3
    assert abs(lip_gap(fit.vertices, NONE)) < 1
    assert lids_apart(fit.vertices, NONE) > 6.5


@pytest.mark.parametrize("opening", [0.0, 0.1, 0.4])
def test_lips_are_as_far_apart_as_they_are(opening: float) -> None:
    vertices, arkit = person(4), weights(jawOpen=opening)
    fit = fit_face(SIZE, pixels(places(vertices, arkit), camera(distance=0.8)))
    assert lip_gap(fit.vertices, fit.arkit) == pytest.approx(lip_gap(vertices, arkit), abs=1 + 0.2 * 38 * opening)


def test_a_glance_is_not_a_turn_of_the_head() -> None:
    arkit = weights()
    arkit[[ARKIT_INDEX["eyeLookOutLeft"], ARKIT_INDEX["eyeLookInRight"]]] = 0.6
    seen_by = camera()
    fit = fit_face(SIZE, pixels(places(person(5), arkit), seen_by))
    assert fit.arkit[ARKIT_INDEX["eyeLookOutLeft"]] == pytest.approx(0.6, abs=0.2)
    assert fit.arkit[ARKIT_INDEX["eyeLookInRight"]] == pytest.approx(0.6, abs=0.2)
    assert degrees_between(turn_of(fit.camera), turn_of(seen_by)) < 4


def test_a_known_lens_tells_the_distance() -> None:
    seen_by = camera(distance=0.6, field=0.7)
    focal = SIZE[1] / 2 / np.tan(0.35)
    fit = fit_face(SIZE, pixels(places(person(6, 0.3), NONE), seen_by), focal)
    assert fit.camera.fields[0] == pytest.approx(0.7, rel=0.05)
    middle = np.array([0, 1.61, 0.09])
    away = [np.linalg.norm(np.array(c.poses[0]).reshape(3, 4)[:, 3] - middle) for c in (fit.camera, seen_by)]
    assert away[0] == pytest.approx(away[1], rel=0.1)


def test_a_larger_picture_is_the_same_face() -> None:
    seen = pixels(places(person(7), weights(mouthPucker=0.5)), camera(10))
    small, large = fit_face(SIZE, seen), fit_face((2 * SIZE[0], 2 * SIZE[1]), 2 * seen)
    np.testing.assert_allclose(large.vertices, small.vertices, atol=2e-4)
    np.testing.assert_allclose(large.arkit, small.arkit, atol=0.03)


def test_noise_is_not_met_by_folds() -> None:
    rng = np.random.default_rng(8)
    seen = pixels(places(person(8), weights(jawOpen=0.3)), camera(-20)) + rng.normal(0, 1.0, (478, 2))
    fit = fit_face(SIZE, seen)
    avatar = load_head().avatar

    def normals(vertices: np.ndarray) -> np.ndarray:
        corners = vertices[avatar.faces_of("face")].astype(np.float64)
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        return across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-15)

    turned = (normals(fit.vertices) * normals(avatar.vertices)).sum(axis=1) < 0
    assert turned.mean() < 0.005


def test_eyeballs_stay_what_they_are_and_the_body_stays() -> None:
    head = load_head()
    fit = fit_face(SIZE, pixels(places(person(9), weights(eyeWide=0.4)), camera(20)))
    moved = fit.vertices - head.avatar.vertices
    for eyeball in head.eyeballs:
        assert np.ptp(moved[eyeball], axis=0).max() < 1e-5
    for part in ("jumper", "trousers", "shoes"):
        assert not moved[np.unique(head.avatar.faces_of(part))].any()
    skin = np.unique(head.avatar.faces_of("skin"))
    hands = skin[np.abs(head.avatar.vertices[skin, 0]) > 0.3]
    assert not moved[hands].any()


def test_the_same_landmarks_give_the_same_fit() -> None:
    seen = pixels(places(person(10), NONE), camera())
    one, other = fit_face(SIZE, seen), fit_face(SIZE, seen)
    assert one.vertices.tobytes() == other.vertices.tobytes()
    assert one.camera == other.camera


def nothing() -> np.ndarray:
    return pixels(places(person(11), NONE), camera())


@pytest.mark.parametrize(
    ("landmarks", "says"),
    [
        (np.where(np.arange(478)[:, None] == 7, np.nan, nothing()), "not finite"),
        (nothing()[:468], "478"),
        (np.full((478, 2), 100.0), "too small"),
        (nothing() * (1, 0), "too small"),
        (nothing() * 0.01, "too small"),
    ],
    ids=["nan", "no irises", "a point", "a line", "tiny"],
)
def test_what_is_no_face_is_refused(landmarks: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fit_face(SIZE, landmarks)
