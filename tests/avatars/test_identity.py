"""Who a person is on a model: known components come back, from faces, from the model's own mesh and from scans."""

from dataclasses import replace

import numpy as np
import pytest
from licensed_models import Made, made
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.licensed.built_in import built_in_face
from vlogger_backend.avatars.licensed.fitting import LIMIT
from vlogger_backend.avatars.licensed.head import landmarks_of, registered
from vlogger_backend.avatars.licensed.identity import (
    UNITS,
    Identity,
    identity_of_face,
    identity_of_scan,
    identity_of_vertices,
)
from vlogger_backend.avatars.licensed.moving import Moving, at_rest
from vlogger_backend.avatars.licensed.posing import posed
from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import JOINT_INDEX, JOINT_NAMES
from vlogger_backend.portraits.head import load_head

TURN = Rotation.from_euler("xyz", [20, 130, 5], degrees=True).as_matrix()
HEAD = load_head()
SKIN = ("face", "skin", "eyes", "mouth")


def person_of(seed: int, components: np.ndarray) -> np.ndarray:
    """The built-in avatar (V, 3) as the person that a test's model of this seed is made of, changed by the model's own
    components."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(0, 0.8, len(HEAD.basis))
    shape[HEAD.symmetric :] *= 0.5
    shape[: len(components)] += components
    return HEAD.shaped(shape)


def off_surface(one: Made, there: np.ndarray, person: np.ndarray, chosen: np.ndarray) -> float:
    """How far, on the average, the model's vertices are from where they are on the person, metres."""
    skin = chosen & (np.asarray(one.source.sum(axis=1)).ravel() > 0.5)
    return float(np.linalg.norm(there - one.source @ person, axis=1)[skin].mean())


def face_of(model: Made) -> np.ndarray:
    middle = landmarks_of(model.model)[0].mean(axis=0)
    return np.linalg.norm(model.model.template - middle, axis=1) < 0.1


@pytest.fixture(scope="module")
def flame() -> Made:
    return made("flame", 10)


@pytest.mark.parametrize("unit", ["metres", "centimetres", "inches"])
def test_the_models_own_mesh_is_known_exactly(flame: Made, unit: str) -> None:
    model = flame.model
    betas = np.random.default_rng(1).normal(0, 1, 10)
    found = identity_of_vertices(model, ((model.template + model.shapes @ betas) @ TURN.T + (1, 2, 3)) / UNITS[unit])
    assert found
    assert np.abs(found.betas - betas).max() < 1e-7
    assert found.unit == unit
    assert found.mean < 1e-9


def test_also_in_any_pose_and_with_an_expression(flame: Made) -> None:
    model, rng = flame.model, np.random.default_rng(2)
    betas = rng.normal(0, 1, 10)
    mesh = posed(model, rng.normal(0, 0.25, (5, 3)), rng.normal(0, 0.7, 10), betas)
    found = identity_of_vertices(model, 1000 * mesh @ TURN.T + (100, -20, 3))
    assert found
    assert np.abs(found.betas - betas).max() < 1e-5
    assert found.unit == "millimetres"


def test_a_mesh_of_free_size(flame: Made) -> None:
    """Not in any unit: only its form tells who it is."""
    model, betas = flame.model, np.linspace(-1, 1, 10)
    found = identity_of_vertices(model, 5.7 * (model.template + model.shapes @ betas))
    assert found
    assert np.abs(found.betas - betas).max() < 1e-6
    assert found.unit == ""


def test_other_vertices_are_nobody(flame: Made) -> None:
    order = np.random.default_rng(0).permutation(len(flame.model.template))
    assert identity_of_vertices(flame.model, flame.model.template[order]) is None


@pytest.mark.parametrize(("kind", "seed"), [("flame", 0), ("smplx", 1)])
def test_a_portraits_face(kind: str, seed: int) -> None:
    one = made(kind, 10, seed)  # type: ignore[arg-type]
    there = registered(one.model, built_in_face())
    rng = np.random.default_rng(seed)
    for components, most in ((np.zeros(10), 0.0003), (rng.normal(0, 1, 10), 0.0012)):
        person = person_of(seed, components)
        found = identity_of_face(one.model, there, person)
        shaped = found.there(one.model.template + one.model.shapes @ found.betas)
        assert off_surface(one, shaped, person, face_of(one)) < most
        assert np.abs(found.betas[:3] - components[:3]).max() < 0.4  # the largest
        assert found.mean < most
        assert found.scale == pytest.approx(1, abs=0.02)


def test_many_small_components_stay_small_and_nobody_is_a_monster(flame: Made) -> None:
    model, rng = flame.model, np.random.default_rng(4)
    waves = np.sin(model.template @ rng.normal(0, 40, (3, 290)) + rng.uniform(0, 6, 290))
    ways = rng.normal(0, 1, (290, 3)) / np.arange(10, 300)[:, None] * 0.003
    many = replace(model, shapes=np.concatenate([model.shapes, waves[:, None] * ways.T], axis=2))
    there = registered(many, built_in_face())
    components = rng.normal(0, 1, 10)
    found = identity_of_face(many, there, person_of(0, components))
    assert np.abs(found.betas[:3] - components[:3]).max() < 0.5
    assert np.abs(found.betas[10:]).mean() < 0.5
    monster = person_of(0, np.array([40.0, -30, 20, 20, 0, 0, 0, 0, 0, 0]))
    assert np.abs(identity_of_face(many, there, monster).betas).max() <= LIMIT + 1e-9


def scan_of(person: np.ndarray, names: tuple[str, ...], above: float = -1.0) -> np.ndarray:
    faces = np.concatenate([HEAD.avatar.faces_of(name) for name in names])
    return faces[(person[faces][..., 1] > above).all(axis=1)]


def stands(one: Made, found: Identity) -> np.ndarray:
    """Where the fitted model's vertices are."""
    return Moving(one.model, np.arange(len(one.model.template)), (), sized=True).places(found.stance)


def test_a_scan_of_a_head_in_another_mesh(flame: Made) -> None:
    components = np.random.default_rng(6).normal(0, 1, 10)
    person = person_of(0, components) * 100 @ TURN.T
    faces = scan_of(person @ TURN / 100, SKIN, 1.42)
    seen = (HEAD.landmarks @ person)[ibug()]
    found = identity_of_scan(flame.model, landmarks_of(flame.model)[0], person, faces, seen)
    assert found.unit == "centimetres"
    assert found.mean < 0.0006
    assert off_surface(flame, stands(flame, found), person / 100, face_of(flame)) < 0.0012
    assert np.abs(found.betas[:2] - components[:2]).max() < 0.6


def test_holes_and_landmarks_that_are_off_do_little(flame: Made) -> None:
    rng = np.random.default_rng(7)
    components = rng.normal(0, 1, 10)
    person = person_of(0, components)
    faces = scan_of(person, SKIN, 1.42)
    middles = person[faces].mean(axis=1)
    holes = middles[rng.choice(len(faces), 12)]
    faces = faces[(np.linalg.norm(middles[:, None] - holes, axis=2) > 0.012).all(axis=1)]
    seen = (HEAD.landmarks @ person)[ibug()] + rng.normal(0, 0.003, (51, 3))
    found = identity_of_scan(flame.model, landmarks_of(flame.model)[0], person, faces, seen)
    assert off_surface(flame, stands(flame, found), person, face_of(flame)) < 0.002


def test_a_whole_body_in_a_pose() -> None:
    """Also how tall and how broad it is."""
    one = made("smplx", 10, 1)
    template = one.model.template
    low = template[:, 1].min()
    taller = np.column_stack([np.zeros(len(template)), 0.03 * (template[:, 1] - low), np.zeros(len(template))])
    middle = template * (1, 0, 1)
    broader = 0.05 * middle * np.clip(1 - np.abs(template[:, :1]) / 0.3, 0, 1) * (template[:, 1:2] < 1.5)
    shapes = np.concatenate([np.stack([taller, broader], axis=2), one.model.shapes[..., :8]], axis=2)
    model = replace(one.model, shapes=shapes)
    wanted = np.array([1.5, 0.5, *np.random.default_rng(3).normal(0, 1, 8)])
    poses = np.zeros((len(JOINT_NAMES), 3))
    for name, axis, angle in (
        ("left_shoulder", 2, -0.75), ("right_shoulder", 2, 0.65), ("left_knee", 0, 0.2), ("head", 1, 0.2),
        ("left_elbow", 1, -0.3), ("spine1", 0, 0.1),
    ):  # fmt: skip
        poses[JOINT_INDEX[name], axis] = angle
    mesh = posed(model, poses, betas=wanted)
    landmarks = landmarks_of(model)[0]
    corners = model.faces[model.landmarks.faces]
    seen = np.einsum("lk,lkc->lc", model.landmarks.shares, mesh[corners])
    keep = np.flatnonzero(model.weights[:, JOINT_INDEX["left_wrist"]] < 0.5)
    middles = (mesh[model.faces[:, 0]] + mesh[model.faces[:, 1]] + mesh[model.faces[:, 2]]) / 3
    split = np.concatenate([mesh, middles])  # other vertices on the same surface
    new = len(mesh) + np.arange(len(model.faces))
    a, b, c = model.faces.T
    faces = np.concatenate([np.stack(corner, axis=1) for corner in ((a, b, new), (b, c, new), (c, a, new))])
    faces = faces[np.isin(faces, np.append(keep, new)).all(axis=1)]
    found = identity_of_scan(model, landmarks, 1000 * split, faces, 1000 * seen)
    assert found.unit == "millimetres"
    assert np.linalg.norm(stands(replace(one, model=model), found) - mesh, axis=1)[keep].mean() < 0.006
    assert found.mean < 0.002
    assert np.abs(found.betas[:2] - wanted[:2]).max() < 0.25


def test_what_is_no_head_is_refused(flame: Made) -> None:
    landmarks = landmarks_of(flame.model)[0]
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(3000, 3))
    ball *= 0.3 / np.linalg.norm(ball, axis=1)[:, None]
    from scipy.spatial import ConvexHull

    with pytest.raises(InputError, match="can't be laid over the mesh"):
        identity_of_scan(flame.model, landmarks, ball, ConvexHull(ball).simplices.astype(np.int32), landmarks)


def test_moving_is_posing_and_its_ways_are_true() -> None:
    model, rng = made("flame", 10).model, np.random.default_rng(0)
    numbers = rng.choice(len(model.template), 100, replace=False)
    moving = Moving(model, numbers, (0, 1, 2), sized=False, expression=True)
    stance = at_rest(model, moving.components)
    count = moving.components + 9 + 4
    for _ in range(2):
        stance = moving.stepped(stance, rng.normal(0, 0.1, count))
    poses = Rotation.from_matrix(stance.turns).as_rotvec()
    expected = stance.scale * posed(model, poses, stance.betas[10:], stance.betas[:10])[numbers] + stance.shift
    places, ways = moving.ways(stance)
    assert np.abs(places - expected).max() < 1e-12
    for number in range(count):
        step = np.zeros(count)
        step[number] = 1e-6
        moved = (moving.places(moving.stepped(stance, step)) - places) / 1e-6
        assert np.abs(moved - ways[..., number]).max() < 0.004  # of the jaw's correctives nothing is known


def ibug() -> list[int]:
    from licensed_models import IBUG

    return list(IBUG)
