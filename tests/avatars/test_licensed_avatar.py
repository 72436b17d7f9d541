"""Licensed models as Avatars: what they do is what the models themselves do."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from licensed_models import made

from vlogger_backend.avatars.avatar import Avatar
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.avatars.licensed.as_avatar import avatar_of
from vlogger_backend.avatars.licensed.body_model import BodyModel, LandmarkEmbedding
from vlogger_backend.avatars.licensed.head import landmarks_of
from vlogger_backend.avatars.licensed.mouth import lining_of
from vlogger_backend.avatars.licensed.posing import posed
from vlogger_backend.avatars.licensed.solving import Solution, performed
from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES, EYE_JOINTS, JOINT_INDEX

STILL, HERE = np.zeros((55, 3)), np.zeros(3)


def some_solution(model: BodyModel) -> Solution:
    """Any expression for each shape, and a jaw that opens."""
    rng = np.random.default_rng(3)
    count, components = len(ARKIT_NAMES), model.expressions.shape[2]
    jaws, nothing = np.zeros((count, 3)), np.zeros(count)
    jaws[ARKIT_INDEX["jawOpen"], 0], jaws[ARKIT_INDEX["mouthClose"], 0] = 0.3, -0.05
    return Solution(rng.normal(0, 0.5, (count, components)), jaws, np.eye(components + 3), nothing, nothing, nothing)


@pytest.fixture(scope="module", params=["flame", "smplx"])
def model(request: pytest.FixtureRequest) -> BodyModel:
    return made(request.param, 10).model


@pytest.fixture(scope="module")
def avatar(model: BodyModel) -> Avatar:
    return avatar_of(model, some_solution(model))


def own(model: BodyModel, **weights: float) -> np.ndarray:
    """The model's own mesh for ARKit weights, as it is from the avatar's feet or eyes on."""
    arkit = np.zeros((1, len(ARKIT_NAMES)))
    for name, weight in weights.items():
        arkit[0, ARKIT_INDEX[name]] = weight
    does = performed(some_solution(model), arkit)
    poses = np.zeros((len(model.parents), 3))
    poses[model.joints.index("jaw")] = does.jaw[0]
    for side, name in enumerate(EYE_JOINTS):
        poses[model.joints.index(name)] = does.eyes[0, side]
    return posed(model, poses, does.expression[0])


def shown(avatar: Avatar, **weights: float) -> np.ndarray:
    arkit = np.zeros(len(ARKIT_NAMES))
    for name, weight in weights.items():
        arkit[ARKIT_INDEX[name]] = weight
    return posed_vertices(avatar, STILL, HERE, arkit)


@pytest.mark.parametrize("shape", ["jawOpen", "mouthSmileLeft", "eyeLookInRight", "eyeLookUpLeft", "browInnerUp"])
def test_a_shape_is_what_the_model_does(model: BodyModel, avatar: Avatar, shape: str) -> None:
    moved = shown(avatar, **{shape: 1.0}) - shown(avatar)
    assert moved == pytest.approx(own(model, **{shape: 1.0}) - model.template, abs=5e-5)


def test_a_mouth_is_closed_over_an_open_jaw(model: BodyModel, avatar: Avatar) -> None:
    moved = shown(avatar, jawOpen=1.0, mouthClose=1.0) - shown(avatar)
    assert moved == pytest.approx(own(model, jawOpen=1.0, mouthClose=1.0) - model.template, abs=5e-5)


def test_eyes_turn_the_way_they_look(avatar: Avatar) -> None:
    material = [m.name for m in avatar.materials].index("iris")
    iris = np.unique(avatar.faces[avatar.face_material == material])
    moved = (shown(avatar, eyeLookOutLeft=1.0) - shown(avatar))[iris]
    left = avatar.vertices[iris, 0] > 0
    assert moved[left, 0].min() > 0.002
    assert not moved[~left].any()


def test_a_body_turns_its_joints_as_the_model_does() -> None:
    model = made("smplx", 10).model
    model = replace(model, correctives=np.zeros_like(model.correctives))
    avatar = avatar_of(model, None)
    rng = np.random.default_rng(0)
    poses = rng.normal(0, 0.3, (55, 3))
    poses[[JOINT_INDEX[name] for name in ("jaw", *EYE_JOINTS)]] = 0
    expected = posed(model, poses) - model.template[:, 1].min() * np.array([0, 1, 0])
    off = np.linalg.norm(posed_vertices(avatar, poses, HERE, np.zeros(52)) - expected, axis=1)
    assert np.percentile(off, 99) < 0.002  # four joints a vertex, where the model may have more


def test_it_stands_on_the_ground_and_a_head_where_heads_are(model: BodyModel, avatar: Avatar) -> None:
    if model.kind == "smplx":
        assert avatar.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    else:
        eyes = [JOINT_INDEX[name] for name in EYE_JOINTS]
        built_in = load_avatar().joints[eyes].mean(axis=0)
        assert avatar.joints[eyes].mean(axis=0) == pytest.approx(built_in, abs=1e-5)
    assert not np.isin(
        avatar.joint_indices[avatar.joint_weights > 0], [JOINT_INDEX[n] for n in ("jaw", *EYE_JOINTS)]
    ).any()
    assert {m.name for m in avatar.materials} == {"skin", "face", "eyes", "iris", "mouth"}


def test_identity_is_the_models(model: BodyModel) -> None:
    betas = np.array([2.0, -1.0])
    changed = avatar_of(model, None, betas).vertices - avatar_of(model, None).vertices
    shift = changed - model.shapes[:, :, :2] @ betas
    assert shift == pytest.approx(np.broadcast_to(shift.mean(axis=0), shift.shape), abs=1e-5)
    assert not avatar_of(model, None, betas).morphs[0].vertices.size


@pytest.mark.parametrize("kind", ["flame", "smplx"])
def test_the_inside_of_the_mouth_is_dark_and_the_lips_are_not(kind: Literal["flame", "smplx"]) -> None:
    known = made(kind, 10)
    avatar = avatar_of(known.model, None)
    lining = np.zeros(len(load_avatar().vertices))
    lining[np.unique(load_avatar().faces_of("mouth"))] = 1
    within = known.source @ lining
    dark = np.unique(avatar.faces_of("mouth"))
    assert (within[dark] > 0.5).mean() > 0.99
    assert len(dark) > 0.9 * (within > 0.5).sum()
    seam = landmarks_of(known.model)[0][43:51, 2].max()
    assert known.model.template[dark, 2].max() < seam - 0.002


def test_landmarks_on_the_wrong_lip_find_the_mouth_too() -> None:
    """As they are where they are seen on a face whose lips touch."""
    model = made("flame", 10).model
    marks = model.landmarks
    assert marks is not None
    upper, lower = [44, 45, 46], [50, 49, 48]
    faces, shares = marks.faces.copy(), marks.shares.copy()
    faces[lower], shares[lower] = faces[upper], shares[upper]
    known = np.unique(avatar_of(model, None).faces_of("mouth"))
    found = np.unique(avatar_of(replace(model, landmarks=LandmarkEmbedding(faces, shares)), None).faces_of("mouth"))
    assert len(np.setxor1d(known, found)) < 0.02 * len(known)


@pytest.mark.parametrize("deeper", [0.002, 0.03])
def test_nobody_looks_through_a_mouth_that_is_open_at_its_end(deeper: float) -> None:
    """Whether the hole is at the lips or down the throat."""
    model = made("flame", 10).model
    marks = model.landmarks
    assert marks is not None
    cut = (lining_of(model).deep[model.faces] > deeper).any(axis=1)
    cut[marks.faces] = False
    renumbered = LandmarkEmbedding((np.cumsum(~cut) - 1)[marks.faces].astype(np.int32), marks.shares)
    torn = replace(model, faces=model.faces[~cut], landmarks=renumbered)
    avatar = avatar_of(torn, None)
    lid = avatar.faces[len(torn.faces) :]
    assert len(lid)
    assert {avatar.materials[number].name for number in avatar.face_material[len(torn.faces) :]} == {"mouth"}
    assert len(edges(avatar.faces)) == len(edges(model.faces)), "the neck's edge alone"
    a, b, c = avatar.vertices[lid].transpose(1, 0, 2)
    assert np.cross(b - a, c - a)[:, 2].sum() > 0, "it faces whoever looks in"


def test_a_model_without_landmarks_has_skin_all_over() -> None:
    model = made("flame", 10, landmarks=False).model
    avatar = avatar_of(model, None)
    assert len(avatar.faces) == len(model.faces)
    assert not len(avatar.faces_of("mouth"))


def edges(faces: np.ndarray) -> set[tuple[int, int]]:
    """Those of one triangle alone."""
    ways = set(map(tuple, faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).tolist()))
    return {(a, b) for a, b in ways if (b, a) not in ways}
