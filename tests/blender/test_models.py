"""Body models of the user's in Blender: characters made of them, and takes on someone's own SMPL-X character."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from fbx_reading import read_fbx
from licensed_files import small_model, write_model
from licensed_models import made
from PIL import Image

from blender_addon.core.character import CharacterData, MaterialData, MorphData, save_character
from blender_addon.core.names import ARKIT_NAMES, JOINT_NAMES
from blender_addon.core.take import read_take
from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.motion.names import JOINT_INDEX, JOINT_PARENTS
from vlogger_backend.speech.voice import say

COMPONENTS, FRAME = 10, 60
KEYS = [f"Exp{i:03}" for i in range(COMPONENTS)]
RECORDED = np.random.default_rng(4).normal(0, 2, (30, COMPONENTS)).astype(np.float32)


def as_others_make_it(model):
    """A model's own character in Blender: a signed shape key for each component, sliders from 0 to 1."""
    order = np.argsort(-model.weights, axis=1)[:, :4]
    weights = np.take_along_axis(model.weights, order, axis=1)
    count = len(model.template)
    return CharacterData(
        name="SMPLX",
        vertices=model.template.astype(np.float32),
        faces=model.faces.astype(np.int32),
        uvs=np.zeros((len(model.faces), 3, 2), np.float32),
        face_material=np.zeros(len(model.faces), np.int16),
        materials=(MaterialData("skin", (0.6, 0.5, 0.4, 1.0), 0.5),),
        joint_names=JOINT_NAMES,
        joint_parents=np.array(JOINT_PARENTS, np.int16),
        joints=(model.regressor @ model.template).astype(np.float32),
        joint_indices=order.astype(np.uint8),
        joint_weights=(weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        morphs=tuple(
            MorphData(key, np.arange(count, dtype=np.int32), model.expressions[:, :, i].astype(np.float32))
            for i, key in enumerate(KEYS)
        ),
    )


@pytest.fixture(scope="module")
def model():
    return made("smplx", COMPONENTS).model


@pytest.fixture(scope="module")
def used(blender, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as change:
        change.setenv("VLOGGER_DATA", str(folder / "data"))
        change.setenv("VLOGGER_CACHE", str(folder / "cache"))
        shelf.add(write_model(folder / "SMPLX_NEUTRAL.npz", model, "npz"), "mine")
        shelf.add(write_model(folder / "FLAME.pkl", small_model("flame"), "python 2 with chumpy"), "z-head")
        save_character(folder / "own.npz", as_others_make_it(model))
        poses = np.zeros((len(RECORDED), 165), np.float32)
        poses[:, 66] = 0.2
        np.savez(
            folder / "recorded.npz", poses=poses, trans=np.zeros((len(RECORDED), 3)), expressions=RECORDED,
            mocap_frame_rate=25.0, betas=np.zeros(300), model="smplx2020",
        )  # fmt: skip
        say("My bonny lies over the ocean, my bonny lies over the sea.", folder / "bonny.wav")
        return blender("use_models.py", folder, sys.executable, folder / "bonny.wav"), folder


@pytest.fixture(scope="module")
def take(used):
    return read_take(Path(str(used[0]["own path"])))


def test_the_panel_lists_the_models_and_keeps_the_choice_by_name(used):
    found, _ = used
    assert list(found["models"]) == ["mine", "z-head"]
    assert list(found["menu"]) == ["", ":Automatic", "mine:mine", "z-head:z-head"]
    assert str(found["chosen"]) == "mine"
    assert str(found["automatic"]) == ""


def test_a_character_is_made_of_a_model(used, model):
    found, _ = used
    assert str(found["made of"]) == "mine"
    assert list(found["made"]) == [len(model.template), 52]
    assert "There is no model nobody; there are: mine, z-head." in str(found["no such body"])


def test_its_takes_are_made_for_that_model(used):
    found, _ = used
    assert json.loads(str(found["made request"]))["body"] == "mine"
    assert set(found["made keys"]) == set(ARKIT_NAMES)
    assert "expression" not in str(found["made said"])


def test_pictures_are_drawn_of_that_model(used):
    said, picture = (str(word) for word in used[0]["drawn"])
    assert "1 picture of bonny is in" in said
    with Image.open(picture) as drawn:
        alpha = np.asarray(drawn)[:, :, 3] / 255
    assert 0.15 < alpha.mean() < 0.9
    assert alpha[:8].max() == 0, "above the head there is nothing"
    assert alpha[-8:, 48:80].min() == 1


def test_someone_s_own_character_gets_the_model_of_its_kind(used):
    assert list(used[0]["performer"]) == ["mine", "mine"]


def test_the_expression_lands_signed_and_unclipped(used, take):
    found, _ = used
    assert [str(key) for key in found["own keys"]] == KEYS
    np.testing.assert_allclose(found["own values"], take.expression, atol=1e-6)
    assert found["own values"].min() < -0.5
    lowest, highest = take.expression.min(axis=0), take.expression.max(axis=0)
    assert (found["sliders"][:, 0] <= np.minimum(lowest, 0)).all()
    assert (found["sliders"][:, 1] >= np.maximum(highest, 1)).all()
    assert "has the expression of mine" in str(found["own said"])


def test_blender_s_mesh_is_the_model_s_own(used, take, model):
    """The shape that Blender evaluates is the template with the take's expression, and the jaw is the model's."""
    found, _ = used
    there = model.template + model.expressions @ take.expression[FRAME - 1]
    in_blender = there @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    assert np.abs(found["own points"] - found["own rest"]).max() > 0.002
    np.testing.assert_allclose(found["own points"], in_blender, atol=1e-5)
    jaw = np.linalg.norm(take.poses[FRAME - 1, JOINT_INDEX["jaw"]])
    assert jaw > 0.02
    assert found["own jaw"] == pytest.approx(jaw, abs=1e-4)


def test_the_rig_panel_knows_such_a_face(used):
    kind, count, problems = (str(word) for word in used[0]["rig"])
    assert (kind, count) == ("expression", str(COMPONENTS))
    assert "SMPL-X's or FLAME's expression" in problems
    assert not used[0]["doubts"].any()


def test_undo_and_redo(used):
    found, _ = used
    assert list(found["undone"]) == [0, 0]
    assert found["redone"] < 1e-6


def test_the_blink_dial_takes_the_blinks_out_of_the_expression(used, take):
    found, _ = used
    face = take.model_face
    assert face is not None
    blinks = [take.face_names.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    rows = [ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    assert take.face[:, blinks].max() > 0.5
    np.testing.assert_allclose(
        found["no blinks"], take.expression - take.face[:, blinks] @ face.expressions[rows], atol=1e-4
    )
    assert found["reset"] < 1e-6


def test_pins_hold_signed_keys(used):
    there, far = used[0]["pinned"]
    assert there == pytest.approx(-4.5, abs=1e-5)
    assert far < 1e-5
    assert used[0]["pin seen"] == pytest.approx(-4.5, abs=1e-5), "the slider would hold it"


def test_few_keys_are_nearly_as_good(used, model):
    found, _ = used
    assert found["few"] < 0.5
    off = (found["few values"] - found["own values"])[40:]  # behind the pin's reach
    skin = np.linalg.norm(np.einsum("vci,ti->tvc", model.expressions, off), axis=2)
    assert skin.max() < 0.001


def test_fbx_has_the_signed_range(used):
    found, folder = used
    fbx = read_fbx(folder / str(found["fbx"]))
    wanted = found["few values"].T * 100
    for key, values in zip(KEYS, wanted, strict=True):
        np.testing.assert_allclose(fbx.face[key][1], values, atol=0.05)
    assert wanted.min() < -100


def test_a_recording_s_own_coefficients_land_too(used):
    found, _ = used
    np.testing.assert_allclose(found["recorded"], RECORDED, atol=1e-6)


def test_models_that_are_gone_are_told(used):
    found, _ = used
    assert "There is no model mine; there are: z-head." in str(found["gone"])
    assert list(found["none left"]) == [":Automatic"]
    said, takes = (str(word) for word in found["without"])
    assert takes == "1"
    assert "SMPLX_NEUTRAL.npz" in said
    assert "vlogger models add FILE" in said
    assert not found["without keys"].any(), "what the take before moved is at rest"


def test_a_character_whose_model_is_gone_still_performs(used):
    said, key = (str(word) for word in used[0]["made again"])
    assert "is keyed" in said
    assert key in ARKIT_NAMES


def test_a_take_s_settings_name_its_model(used):
    assert str(used[0]["its settings"]) == ""
    assert str(used[0]["settings of the first"]) == "mine"
