"""A take's expression on the signed shape keys of someone's own SMPL-X or FLAME character."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bodies import lively_poses, rig_of
from characters import DESCRIPTIONS

from blender_addon.core.choices import choices
from blender_addon.core.dials import Dials, turn_dials
from blender_addon.core.errors import AddonError
from blender_addon.core.expressions import FARTHEST, NO_COEFFICIENTS, components
from blender_addon.core.matching import match_rig
from blender_addon.core.names import ARKIT_NAMES, JOINT_NAMES, component_name
from blender_addon.core.retarget import RigMotion, retarget
from blender_addon.core.rig import FaceMesh, Rig, RigMapping
from blender_addon.core.rotations import to_vectors
from blender_addon.core.take import ModelFace, Take, read_piece, read_take, save_take
from vlogger_backend.motion.model_face import ModelFace as BackendFace
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.take import write_curves

COUNT, FRAMES = 20, 40
MESHCAPADE = tuple(f"Exp{i:03}" for i in range(COUNT))
OTHERS = (*(f"Shape{i:03}" for i in range(10)), *(f"Pose{i:03}" for i in range(40)))
JAW = JOINT_NAMES.index("jaw")


def face_of_model(seed: int = 0) -> ModelFace:
    rng = np.random.default_rng(seed)
    jaws = np.zeros((52, 3), np.float32)
    jaws[ARKIT_NAMES.index("jawOpen")] = (0.3, 0.02, 0)
    return ModelFace("mine", rng.normal(0, 0.4, (52, COUNT)).astype(np.float32), jaws)


def performance(seed: int = 1) -> Take:
    """A take with the expression of a model, as the backend makes it."""
    rng, of_model = np.random.default_rng(seed), face_of_model()
    weights = rng.uniform(0, 1, (FRAMES, 52)).astype(np.float32)
    poses = lively_poses(FRAMES).astype(np.float32)
    poses[:, JAW] = weights @ of_model.jaws
    face = np.concatenate([weights, weights @ of_model.expressions], axis=1)
    names = (*ARKIT_NAMES, *map(component_name, range(COUNT)))
    return Take(30.0, poses, np.zeros((FRAMES, 3), np.float32), face, names, model_face=of_model)


def character(*keys: str, mesh: str = "Body", others: tuple[FaceMesh, ...] = ()) -> tuple[Rig, RigMapping]:
    rig, _ = rig_of()
    rig = replace(rig, faces=(FaceMesh(mesh, keys, ((0.0, 1.0),) * len(keys)), *others))
    return rig, match_rig(rig, DESCRIPTIONS)[0]


def performed(take: Take, *keys: str) -> RigMotion:
    return retarget(take, *character(*keys))


def moved_by(motion: RigMotion) -> set[tuple[str, str]]:
    return {place for place, values in motion.shapes.items() if values.any()}


@pytest.mark.parametrize(
    "name", ["Exp{:03}", "Exp{:02}", "exp_{}", "Expression_{:02}", "FLAME.Expr {:02}", "M_head.Expression{:03}"]
)
def test_keys_are_known_in_many_spellings(name: str) -> None:
    keys = [name.format(i) for i in range(12)]
    assert components(["Basis2", *OTHERS, *reversed(keys), "jawOpen"]) == tuple(keys)


def test_keys_may_be_counted_from_one() -> None:
    assert components([f"Exp{i}" for i in range(1, 51)]) == tuple(f"Exp{i}" for i in range(1, 51))


@pytest.mark.parametrize(
    "keys",
    [
        [f"Expression{i}" for i in range(1, 7)],  # someone's own six faces
        ["Exp000", "Exp001", "Exp002"],
        [f"Exp{i:03}" for i in range(3, 30)],
        [f"Express{i}" for i in range(20)],
        [f"Explode{i}" for i in range(20)],
        [f"mexp{i}" for i in range(20)],
        list(OTHERS),
        [],
    ],
)
def test_keys_that_may_be_anything_are_left_alone(keys: list[str]) -> None:
    assert components(keys) == ()


def test_a_gap_ends_the_components() -> None:
    keys = [f"Exp{i:03}" for i in range(20) if i != 12]
    assert components(keys) == tuple(keys[:12])


def test_an_expression_arrives_signed_and_whole() -> None:
    take = performance()
    motion = performed(take, *OTHERS, *MESHCAPADE)
    assert set(motion.shapes) == {("Body", key) for key in MESHCAPADE} == motion.signed
    for i, key in enumerate(MESHCAPADE):
        np.testing.assert_allclose(motion.shapes["Body", key], take.expression[:, i])
    assert min(values.min() for values in motion.shapes.values()) < -2
    assert motion.notes == ("Its face has the expression of mine.",)


def test_the_jaw_bone_turns_as_the_model_s_jaw() -> None:
    take = performance()
    motion = performed(take, *MESHCAPADE)
    still = performed(replace(take, poses=take.poses * (np.arange(55) != JAW)[:, None]), *MESHCAPADE)
    turns = np.linalg.norm(to_vectors(motion.rotations["jaw"]), axis=1)
    np.testing.assert_allclose(turns, np.linalg.norm(take.poses[:, JAW], axis=1), atol=1e-6)
    assert np.abs(to_vectors(still.rotations["jaw"])).max() < 1e-6, "ARKit's jawOpen turns it, too"


def test_arkit_s_keys_keep_still_where_an_expression_moves_the_face() -> None:
    beard = FaceMesh("Beard", ("jawOpen", "mouthClose"), ((0.0, 1.0),) * 2)
    rig, mapping = character(*MESHCAPADE, *ARKIT_NAMES, others=(beard,))
    moved = moved_by(retarget(performance(), rig, mapping))
    assert moved == {*(("Body", key) for key in MESHCAPADE), ("Beard", "jawOpen"), ("Beard", "mouthClose")}
    motion = retarget(performance().of_weights(), rig, mapping)
    assert {key for mesh, key in moved_by(motion) if mesh == "Body"} == set(ARKIT_NAMES)
    assert not motion.signed


def test_what_another_take_moved_goes_back_to_rest() -> None:
    rig, mapping = character(*MESHCAPADE, *ARKIT_NAMES)
    everything = {("Body", key) for key in (*MESHCAPADE, *ARKIT_NAMES)}
    assert set(retarget(performance(), rig, mapping).shapes) == everything
    assert set(retarget(performance().of_weights(), rig, mapping).shapes) == everything


def test_a_take_without_an_expression_says_what_is_missing() -> None:
    motion = performed(performance().of_weights(), *MESHCAPADE)
    assert moved_by(motion) == set()
    assert motion.notes == (NO_COEFFICIENTS,)
    assert np.abs(to_vectors(motion.rotations["jaw"])).max() > 0.2, "the jaw bone opens the mouth all the same"
    for part in ("SMPLX_NEUTRAL.npz", "https://smpl-x.is.tue.mpg.de", "vlogger models add FILE"):
        assert part in NO_COEFFICIENTS


def test_an_expression_is_no_loss_to_a_face_of_arkit_s() -> None:
    take = performance()
    motion = performed(take, *ARKIT_NAMES)
    assert {key for _, key in motion.shapes} == set(ARKIT_NAMES)
    assert motion.notes == performed(take.of_weights(), *ARKIT_NAMES).notes == ()


def test_fewer_keys_get_the_first_components() -> None:
    take = performance()
    motion = performed(take, *MESHCAPADE[:10])
    np.testing.assert_allclose(motion.shapes["Body", "Exp009"], take.expression[:, 9])
    assert len(motion.shapes) == 10
    assert "keys for 10 components of an expression, and the take has 20" in motion.notes[-1]


def test_more_keys_than_components_are_left_alone() -> None:
    motion = performed(performance(), *(f"Exp{i:03}" for i in range(50)))
    assert {key for _, key in moved_by(motion)} == set(MESHCAPADE)
    assert len(motion.notes) == 1


def test_what_no_slider_reaches_is_told() -> None:
    take = performance()
    far = replace(take, face=take.face * 30)
    motion = performed(far, *MESHCAPADE)
    assert max(np.abs(values).max() for values in motion.shapes.values()) == FARTHEST
    assert "where Blender's sliders end" in motion.notes[-1]


def test_the_rig_says_what_its_face_is() -> None:
    rig, mapping = character(*MESHCAPADE, *OTHERS)
    assert mapping.face_kind == "expression"
    assert any("SMPL-X's or FLAME's expression" in problem for problem in mapping.problems)
    assert not any("None of its" in problem for problem in mapping.problems)
    assert {choice.doubt for choice in choices(rig, mapping)} == {0}


def test_dials_move_an_expression_as_its_model_would() -> None:
    take, of_model = performance(), face_of_model()
    turned = turn_dials(take, Dials(jaw=0.4, lips=0.7, blink=0.2, smoothing=0.5))
    weights = turned.of_weights().face
    assert np.abs(weights - take.of_weights().face).max() > 0.3
    np.testing.assert_allclose(turned.expression, weights @ of_model.expressions, atol=1e-3)
    np.testing.assert_allclose(turned.poses[:, JAW], weights @ of_model.jaws, atol=1e-5)


def test_an_expression_of_an_unknown_model_is_smoothed_like_all_else() -> None:
    take = replace(performance(), model_face=None)
    turned = turn_dials(take, Dials(blink=0.0, smoothing=1.0))
    assert np.abs(np.diff(turned.expression, axis=0)).mean() < 0.5 * np.abs(np.diff(take.expression, axis=0)).mean()
    np.testing.assert_array_equal(turn_dials(take, Dials(blink=0.0)).expression, take.expression)


def test_pieces_bring_the_expression_and_whose_it_is(tmp_path: Path) -> None:
    take, of_model = performance(), face_of_model()
    motion = Motion(30.0, take.poses, take.trans, take.of_weights().face, take.expression)
    write_curves(tmp_path / "piece.npz", motion, 7, BackendFace("mine", of_model.expressions, of_model.jaws))
    start, piece = read_piece(tmp_path / "piece.npz")
    assert start == 7
    assert piece.face_names == take.face_names
    np.testing.assert_array_equal(piece.face, take.face)
    assert piece.model_face is not None
    assert piece.model_face.model == "mine"
    np.testing.assert_array_equal(piece.model_face.expressions, of_model.expressions)


def test_a_kept_take_is_read_as_it_was(tmp_path: Path) -> None:
    for take in (performance(), replace(performance(), model_face=None), performance().of_weights()):
        save_take(tmp_path / "take.npz", take)
        again = read_take(tmp_path / "take.npz")
        assert again.face_names == take.face_names
        np.testing.assert_array_equal(again.face, take.face)
        assert (again.model_face is None) == (take.model_face is None)


@pytest.mark.parametrize(
    "change",
    [
        {"expression": np.zeros((FRAMES + 1, COUNT))},
        {"expression": np.full((FRAMES, COUNT), np.nan)},
        {"expression": np.zeros(FRAMES)},
        {"expression_of_arkit": np.zeros((52, COUNT + 1))},
        {"jaw_of_arkit": np.full((52, 3), np.inf)},
        {"model": None, "meta": np.asarray("[]")},
        {"model": None, "meta": np.asarray("{")},
    ],
)
def test_a_damaged_expression_is_refused(change: dict[str, np.ndarray | None], tmp_path: Path) -> None:
    save_take(tmp_path / "take.npz", performance())
    with np.load(tmp_path / "take.npz") as file:
        arrays = {name: file[name] for name in file.files} | change
    np.savez(tmp_path / "take.npz", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(AddonError, match="is not a take"):
        read_take(tmp_path / "take.npz")
