"""The built-in face laid over a model's head, and its shapes carried there, against what is known of the models."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from licensed_models import IBUG, Made, made
from scipy.spatial import cKDTree

from vlogger_backend.avatars.licensed.body_model import BodyModel, LandmarkEmbedding
from vlogger_backend.avatars.licensed.built_in import built_in_face
from vlogger_backend.avatars.licensed.carrying import Carried, carried
from vlogger_backend.avatars.licensed.head import Registration, registered
from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES
from vlogger_backend.portraits.head import load_head

FACE = built_in_face()


@pytest.fixture(scope="module", params=[("flame", 0), ("smplx", 1)], ids=lambda p: p[0])
def laid(request: pytest.FixtureRequest) -> tuple[Made, Registration, Carried]:
    kind, seed = request.param
    one = made(kind, 10, seed)
    there = registered(one.model, FACE)
    return one, there, carried(one.model, FACE, there)


def places(model: BodyModel, numbers: tuple[int, ...], moved: np.ndarray) -> np.ndarray:
    """Where landmarks are (k, 3) when the vertices have moved (V, 3)."""
    chosen = list(numbers)
    corners = (model.template + moved)[model.faces[model.landmarks.faces[chosen]]]
    return np.einsum("lk,lkc->lc", model.landmarks.shares[chosen], corners)


def moved(one: Made, shapes: Carried, *names: str) -> np.ndarray:
    offsets = np.zeros_like(one.model.template)
    for name in names:
        offsets[shapes.numbers] += shapes.shapes[ARKIT_INDEX[name]]
    return offsets


def test_the_landmarks_are_those_of_portraits() -> None:
    head = load_head()
    wanted = (head.landmarks @ head.avatar.vertices)[list(IBUG)]
    assert np.abs(wanted - FACE.landmarks).max() < 2e-4


def test_vertices_are_found_where_they_are(laid: tuple[Made, Registration, Carried]) -> None:
    one, there, shapes = laid
    avatar = load_head().avatar
    off = np.linalg.norm((one.source @ avatar.vertices)[there.numbers] - there.source @ FACE.vertices, axis=1)
    assert off[shapes.share > 0].mean() < 0.0035
    assert np.percentile(off[shapes.share > 0], 95) < 0.009


def test_no_lip_is_taken_for_the_other(laid: tuple[Made, Registration, Carried]) -> None:
    one, there, _ = laid
    with_jaw = one.source[there.numbers][:, FACE.numbers] @ FACE.jaw
    assert np.abs(with_jaw - there.source @ FACE.jaw).max() < 0.5


def test_shapes_are_what_they_were(laid: tuple[Made, Registration, Carried]) -> None:
    """As far as another head's can be the same: on the average they are off by a part of how far they go."""
    one, there, shapes = laid
    true = one.arkit[:, there.numbers]
    for number, name in enumerate(ARKIT_NAMES):
        moves = (np.linalg.norm(true[number], axis=1) > 1e-3) & (shapes.share > 0)
        if moves.any() and name != "mouthClose":
            off = np.linalg.norm(true[number] - shapes.shapes[number], axis=1)[moves].mean()
            assert off < 0.35 * np.linalg.norm(true[number], axis=1)[moves].mean(), name


def test_lips_part_and_close_and_lids_meet(laid: tuple[Made, Registration, Carried]) -> None:
    one, _, shapes = laid
    lips, lids = (45, 49), (20, 24, 21, 23, 26, 30, 27, 29)

    def gaps(numbers: tuple[int, ...], *names: str) -> np.ndarray:
        at = places(one.model, numbers, moved(one, shapes, *names))
        return at[::2, 1] - at[1::2, 1]

    assert gaps(lips, "jawOpen").item() > gaps(lips).item() + 0.015
    assert abs(gaps(lips, "jawOpen", "mouthClose") - gaps(lips)).item() < 0.002
    assert gaps(lids).min() > 0.004
    assert np.abs(gaps(lids, "eyeBlinkLeft", "eyeBlinkRight")).max() < 0.003


def test_brows_rise_and_the_tongue_is_none(laid: tuple[Made, Registration, Carried]) -> None:
    one, _, shapes = laid
    inner = places(one.model, (4, 5), moved(one, shapes, "browInnerUp")) - places(one.model, (4, 5), 0)
    assert (inner[:, 1] > 0.002).all()
    assert not moved(one, shapes, "tongueOut").any()


def test_landmarks_may_be_off_by_millimetres() -> None:
    """Even on the other lip: which is which is told by the jaw."""
    one = made("flame", 10, 5)
    model = one.model
    rng = np.random.default_rng(5)
    wanted = places(model, tuple(range(51)), 0) + rng.normal(0, 0.002, (51, 3)) * (1, 1, 0)
    middles = model.template[model.faces].mean(axis=1)
    near = cKDTree(middles).query(wanted)[1].astype(np.int32)
    off = replace(model, landmarks=LandmarkEmbedding(near, np.full((51, 3), 1 / 3)))
    there = registered(off, FACE)
    shapes = carried(off, FACE, there)
    with_jaw = one.source[there.numbers][:, FACE.numbers] @ FACE.jaw
    assert np.abs(with_jaw - there.source @ FACE.jaw).max() < 0.5
    lips = (45, 49)
    rest, opened, shut = (
        places(model, lips, moved(one, shapes, *names))[:, 1] for names in ((), ("jawOpen",), ("jawOpen", "mouthClose"))
    )
    assert opened[0] - opened[1] > 0.015
    assert abs((shut[0] - shut[1]) - (rest[0] - rest[1])) < 0.003


def test_without_landmarks_the_remedy_is_told() -> None:
    with pytest.raises(InputError, match=r"flame_static_embedding\.pkl"):
        registered(made("flame", 10, landmarks=False).model, FACE)


def test_another_models_landmarks_are_refused() -> None:
    model = made("flame", 10).model
    rng = np.random.default_rng(0)
    wrong = LandmarkEmbedding(rng.choice(len(model.faces), 51).astype(np.int32), model.landmarks.shares)
    with pytest.raises(InputError, match="don't lie like a face's"):
        registered(replace(model, landmarks=wrong), FACE)


@pytest.mark.parametrize("kind", ["flame", "smplx"])
def test_a_head_that_is_inside_out_is_refused(kind: Literal["flame", "smplx"]) -> None:
    model = made(kind, 10).model
    landmarks = LandmarkEmbedding(model.landmarks.faces, model.landmarks.shares[:, ::-1])
    with pytest.raises(InputError, match="inside out"):
        registered(replace(model, faces=model.faces[:, ::-1], landmarks=landmarks), FACE)


def test_a_model_without_a_jaw_has_no_expression() -> None:
    model = made("flame", 10).model
    with pytest.raises(InputError, match="no joints for jaw and eyes"):
        registered(replace(model, joints=("", "neck", "", "", "")), FACE)
