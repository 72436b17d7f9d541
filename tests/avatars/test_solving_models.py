"""ARKit performances as expression, jaw and eyes of a model, checked with the library that its makers wrote."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from by_smplx import Mesh, by_smplx, turns_off
from licensed_models import made
from licensed_performances import performance, poses_of
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.licensed.body_model import BodyModel
from vlogger_backend.avatars.licensed.built_in import built_in_face
from vlogger_backend.avatars.licensed.carrying import Carried, carried
from vlogger_backend.avatars.licensed.head import registered
from vlogger_backend.avatars.licensed.posing import posed
from vlogger_backend.avatars.licensed.solving import FULL_LOOK, LIMIT, Performed, performed, solved, weights_of
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES
from vlogger_backend.performance.gaze import eye_rotation, look_weights

KINDS = [("flame", 10), ("flame", 50), ("flame", 100), ("smplx", 50)]


@lru_cache(maxsize=2)
def shapes_on(kind: str) -> Carried:
    model = made(kind, 10).model
    return carried(model, built_in_face(), registered(model, built_in_face()))


def their_mesh(model: BodyModel, folder: Path) -> Mesh:
    pytest.importorskip("smplx", reason="smplx, which is for non-commercial use only, is not installed")
    return by_smplx(model, folder)


@pytest.mark.parametrize(("kind", "count"), [("flame", 50), ("smplx", 10)])
def test_a_mesh_is_posed_as_smplx_poses_it(kind: str, count: int, tmp_path: Path) -> None:
    model = made(kind, count).model
    rng = np.random.default_rng(1)
    poses, expression = rng.normal(0, 0.2, (len(model.joints), 3)), rng.normal(0, 1, count)
    theirs = their_mesh(model, tmp_path)(poses, expression)
    assert np.abs(theirs - posed(model, poses, expression)).max() < 1e-6


@pytest.mark.parametrize(("kind", "count"), KINDS)
def test_a_known_expression_comes_back(kind: str, count: int, tmp_path: Path) -> None:
    """Shapes that the model can do are found again: mesh to 0.3 mm on the average, jaw and eyes to 0.1 degrees."""
    model = made(kind, count, spans=False).model
    shapes = shapes_on(kind)
    rng = np.random.default_rng(2)
    known, jaws = rng.uniform(-1, 1, (52, count)) / np.sqrt(count / 10), np.zeros((52, 3))
    for name, turn in {"jawOpen": (0.33, 0, 0), "jawLeft": (0, 0.08, 0.01), "jawRight": (0, -0.08, -0.01)}.items():
        known[ARKIT_INDEX[name]], jaws[ARKIT_INDEX[name]] = 0, turn
    known[ARKIT_INDEX["jawForward"]] = known[ARKIT_INDEX["tongueOut"]] = 0
    done = np.stack([posed(model, poses_of(model, Performed(known, jaws, np.zeros((52, 2, 3))), i), known[i])
                     for i in range(52)]) - model.template  # fmt: skip
    opening, closing = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    both = Performed(known[[closing]], jaws[[opening]], np.zeros((1, 2, 3)))
    done[closing] = posed(model, poses_of(model, both, 0), known[closing]) - model.template - done[opening]
    solution = solved(model, replace(shapes, shapes=done[:, shapes.numbers]))
    weights = performance(20)
    found = performed(solution, weights)
    wanted = Performed(weights @ known, weights @ jaws, found.eyes)
    body = rng.normal(0, 0.2, (len(model.joints), 3))
    mesh = their_mesh(model, tmp_path)
    skin = shapes.numbers[shapes.share > 0]
    for frame in range(len(weights)):
        one = mesh(poses_of(model, found, frame, body), found.expression[frame])
        other = mesh(poses_of(model, wanted, frame, body), wanted.expression[frame])
        assert np.linalg.norm(one - other, axis=1)[skin].mean() < 0.0003
        turn = Rotation.from_rotvec(found.jaw[frame]).inv() * Rotation.from_rotvec(wanted.jaw[frame])
        assert np.degrees(turn.magnitude()) < 0.1


@pytest.mark.parametrize("kind", ["flame", "smplx"])
def test_joints_turn_in_smplx_as_they_are_told(kind: str, tmp_path: Path) -> None:
    """Eyes, neck, head, trunk, limbs: measured on the mesh, to 0.1 degrees."""
    model = made(kind, 10).model
    solution = solved(model, shapes_on(kind))
    done = performed(solution, performance(3))
    mesh = their_mesh(model, tmp_path)
    rng = np.random.default_rng(5)
    for frame in range(3):
        poses = poses_of(model, done, frame, rng.normal(0, 0.2, (len(model.joints), 3)))
        turned = turns_off(model, mesh, poses, done.expression[frame])
        assert {"left_eye_smplhf", "right_eye_smplhf"} <= turned.keys()
        assert len(turned) >= (15 if kind == "smplx" else 3)
        assert max(turned.values()) < 0.1, turned


@pytest.mark.parametrize(("kind", "count"), KINDS)
def test_shapes_are_as_near_as_the_basis_comes(kind: str, count: int) -> None:
    """Regularised and bounded, and yet within 0.3 mm of the best that the basis can do for the carried shapes."""
    model = made(kind, count).model
    shapes = shapes_on(kind)
    solution = solved(model, shapes)
    chosen = shapes.share > 0
    root = np.sqrt(shapes.share[chosen])
    basis = model.expressions[shapes.numbers[chosen]]
    flat = (root[:, None, None] * basis).reshape(-1, count)
    assert np.abs(solution.expressions).max() <= 2 * LIMIT
    for number, name in enumerate(ARKIT_NAMES):
        if not name.startswith("jaw") and name != "mouthClose":
            shape = shapes.shapes[number][chosen]
            best = np.linalg.lstsq(flat, (root[:, None] * shape).ravel(), rcond=None)[0]
            apart = np.linalg.norm(basis @ (best - solution.expressions[number]), axis=1)
            assert apart.mean() < 0.0003, name


def test_the_jaw_opens_and_lips_seal_over_it() -> None:
    model = made("flame", 100, spans=False).model
    solution = solved(model, shapes_on("flame"))

    def gap(**names: float) -> float:
        weights = np.zeros((1, 52))
        for name, weight in names.items():
            weights[0, ARKIT_INDEX[name]] = weight
        done = performed(solution, weights)
        corners = posed(model, poses_of(model, done, 0), done.expression[0])[model.faces[model.landmarks.faces]]
        upper, lower = np.einsum("lk,lkc->lc", model.landmarks.shares, corners)[[45, 49]]
        return float(upper[1] - lower[1])

    assert np.degrees(solution.jaws[ARKIT_INDEX["jawOpen"], 0]) > 12
    assert gap(jawOpen=1) > 0.02
    assert abs(gap(jawOpen=0.4, mouthClose=0.4) - gap()) < 0.003


def test_eyes_turn_as_the_performer_turns_them() -> None:
    looks = np.random.default_rng(0).uniform(-0.4, 0.4, (50, 2))
    weights = np.zeros((50, 52))
    for name, curve in look_weights(looks).items():
        weights[:, ARKIT_INDEX[name]] = curve
    model = made("flame", 10).model
    eyes = performed(solved(model, shapes_on("flame")), weights).eyes
    assert np.allclose(eyes, eye_rotation(looks)[:, None], atol=1e-9)
    assert np.isclose(np.degrees(FULL_LOOK), 30)


@pytest.mark.parametrize("count", [10, 50, 100])
def test_weights_come_back_from_expression(count: int) -> None:
    model = made("flame", count).model
    solution = solved(model, shapes_on("flame"))
    weights = performance(200)
    done = performed(solution, weights)
    found = weights_of(solution, done)
    assert found.min() >= 0
    assert found.max() <= 1
    again = performed(solution, found)
    off = np.hstack([again.expression - done.expression, again.jaw - done.jaw])
    assert np.sqrt(np.einsum("ti,ij,tj->t", off, solution.metric, off)).max() < 0.0003
    assert np.abs(again.eyes - done.eyes).max() < np.radians(0.1)
    if count == 100:
        assert np.abs(found - weights).mean() < 0.01
        assert np.percentile(np.abs(found - weights), 99) < 0.1
