"""A model as a person: what the built-in avatar's head says of somebody, the model's says too, and the other way."""

from dataclasses import replace

import numpy as np
import pytest
from licensed_models import made

from vlogger_backend.avatars.avatar import Avatar
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.avatars.licensed.built_in import built_in_face
from vlogger_backend.avatars.licensed.likeness import Likeness, likeness_of
from vlogger_backend.avatars.licensed.preparing import Prepared, prepare
from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES, JOINT_INDEX
from vlogger_backend.portraits.head import load_head

FACE = built_in_face()
STILL = np.zeros((55, 3))


@pytest.fixture(scope="module")
def model() -> tuple[object, Prepared]:
    built = made("flame", 100)
    return built.model, prepare(built.model)


def person() -> np.ndarray:
    head = load_head()
    return head.shaped(np.random.default_rng(2).normal(0, 0.8, len(head.basis))).astype(np.float32)


def smiling() -> np.ndarray:
    arkit = np.zeros(52, np.float32)
    for name, weight in (("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.7), ("jawOpen", 0.2), ("browInnerUp", 0.3)):
        arkit[ARKIT_INDEX[name]] = weight
    return arkit


@pytest.fixture(scope="module")
def likeness(model) -> Likeness:
    return likeness_of(*model, person(), smiling(), np.zeros(0))


def shown(avatar: Avatar, arkit: np.ndarray) -> np.ndarray:
    return posed_vertices(avatar, STILL, np.zeros(3), arkit)


def skin() -> np.ndarray:
    """Numbers of the built-in avatar's vertices on the face, where shapes move it."""
    moves = np.abs(FACE.shapes).max(axis=(0, 2)) > 1e-3
    return FACE.numbers[FACE.outside & moves]


@pytest.mark.parametrize("arkit", [np.zeros(52, np.float32), smiling()], ids=["at rest", "in the photo"])
def test_it_lies_over_the_person(likeness: Likeness, arkit: np.ndarray) -> None:
    there = shown(replace(load_avatar(), vertices=person()), arkit)
    off = np.linalg.norm((likeness.onto @ shown(likeness.avatar, arkit) - there)[skin()], axis=1)
    assert off.mean() < 0.001
    assert np.quantile(off, 0.95) < 0.003
    np.testing.assert_allclose(shown(likeness.person, arkit), there, atol=5e-5)


def test_the_persons_face_does_what_the_models_does(likeness: Likeness) -> None:
    """This model can do nearly all of the 52 shapes, so the built-in face does nearly its own."""
    default = load_avatar()
    count = len(default.vertices)
    for name, theirs, own, model in zip(
        ARKIT_NAMES, likeness.person.morphs, default.morphs, likeness.avatar.morphs, strict=True
    ):
        moved, expected = theirs.dense(count)[skin()], own.dense(count)[skin()]
        shown_there = (likeness.onto @ model.dense(len(likeness.avatar.vertices)))[skin()]
        if name != "tongueOut":
            assert np.linalg.norm(moved - shown_there, axis=1).mean() < 4e-4, name
        assert np.linalg.norm(moved - expected, axis=1).mean() < 1e-3, name
    inner = np.unique(np.concatenate([default.faces_of(part) for part in ("teeth", "tongue", "eyes")]))
    for theirs, own in zip(likeness.person.morphs, default.morphs, strict=True):
        if not np.array_equal(theirs.dense(count)[inner], own.dense(count)[inner]):
            np.testing.assert_allclose(theirs.dense(count)[inner], own.dense(count)[inner], atol=2e-5)


def test_lips_that_are_shut_stay_shut(likeness: Likeness) -> None:
    """Whatever the photo's expression is."""
    marks = load_head().landmarks
    lips = marks[[13]] - marks[[14]]
    rest, open_ = np.zeros(52), np.zeros(52)
    open_[ARKIT_INDEX["jawOpen"]] = 1
    own = float((lips @ person())[0, 1])
    gaps = [float((lips @ likeness.onto @ shown(likeness.avatar, arkit))[0, 1]) for arkit in (rest, open_)]
    assert gaps[0] == pytest.approx(own, abs=0.001)
    assert gaps[1] > gaps[0] + 0.01


def test_known_betas_are_kept(model, likeness: Likeness) -> None:
    built, known = model
    other = np.full(10, 1.5)
    found = likeness_of(built, known, person(), smiling(), other)
    back = found.avatar.vertices[:, 2] < np.quantile(found.avatar.vertices[:, 2], 0.1)
    assert np.linalg.norm(found.avatar.vertices - likeness.avatar.vertices, axis=1)[back].mean() > 1e-4
    off = np.linalg.norm((found.onto @ found.avatar.vertices - person())[skin()], axis=1)
    assert off.mean() < 0.0015, "the face is the person's all the same"


def test_a_head_stays_on_the_built_in_joints(likeness: Likeness) -> None:
    joints = [JOINT_INDEX[name] for name in ("pelvis", "neck", "head", "left_wrist")]
    np.testing.assert_array_equal(likeness.avatar.joints[joints], load_avatar().joints[joints])
