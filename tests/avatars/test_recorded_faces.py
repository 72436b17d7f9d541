"""Faces of recordings, by a registered model: weights from expression coefficients, and coefficients from weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from licensed_files import write_model
from licensed_models import made

from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.avatars.licensed.faces import with_expression
from vlogger_backend.avatars.licensed.posing import posed
from vlogger_backend.cli import main
from vlogger_backend.motion.model_face import ModelFace
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.motion.speech import Speech
from vlogger_backend.motion.take import Take, read_take, save_take
from vlogger_backend.request import Request

FACE = ModelFace("mine", np.zeros((52, 100)), np.zeros((52, 3)))
SHAPES = ("jawOpen", "mouthSmileLeft", "mouthPucker", "browInnerUp", "eyeBlinkLeft", "eyeLookUpLeft", "eyeLookUpRight")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory):
    """A FLAME of 50 components that spans the ARKit shapes, registered as "mine"."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLOGGER_DATA", str(folder / "data"))
        model = made("flame", 50).model
        shelf.add(write_model(folder / "flame2023.pkl", model, "python 2 with chumpy"), "mine")
        yield model


def performing(frames: int = 12) -> Motion:
    arkit = np.zeros((frames, 52), np.float32)
    for place, name in enumerate(SHAPES):
        arkit[:, ARKIT_INDEX[name]] = np.clip(np.sin(np.arange(frames) / 2 + place), 0, 0.8)
    poses = np.zeros((frames, 55, 3), np.float32)
    return Motion(25.0, poses, np.zeros((frames, 3), np.float32), arkit, np.zeros((frames, 0), np.float32))


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_face_leaves_as_expression_and_comes_back_as_weights(models, tmp_path: Path) -> None:
    motion = performing()
    save_take(tmp_path / "take.npz", Take(motion, Speech(1.0, ()), Request("a.wav")))
    assert run("export", tmp_path / "take.npz", "-o", tmp_path / "x.npz", "--as", "flame", "--body", "mine", "-q") == 0
    with np.load(tmp_path / "x.npz") as file:
        expression, jaw = file["expression"], file["jaw_pose"]
    assert expression.shape == (12, 100)
    assert np.abs(expression).max() > 0.1
    assert jaw[:, 0].max() > 0.1
    assert run("import", tmp_path / "x.npz", "-o", tmp_path / "back.npz", "--body", "mine", "-q") == 0
    back = read_take(tmp_path / "back.npz").motion
    again = with_expression(back, "mine")
    np.testing.assert_allclose(back.arkit, motion.arkit, atol=0.1)
    joints = [JOINT_INDEX[name] for name in ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")]
    model = shelf.open_model("mine")
    for frame in range(len(motion)):
        poses = again.poses[frame, joints].astype(np.float64)
        after = posed(model, poses, again.expression[frame])
        poses[2] = jaw[frame]
        before = posed(model, poses, expression[frame])
        assert np.linalg.norm(before - after, axis=-1).mean() < 3e-4, "within 0.3 mm"


def test_other_models_and_numbers_are_a_sentence(models, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"poses": np.zeros((5, 165)), "trans": np.zeros((5, 3)), "mocap_frame_rate": 30.0}
    np.savez(tmp_path / "smplx.npz", **body, expressions=np.zeros((5, 10)))
    np.savez(tmp_path / "many.npz", poses=np.zeros((5, 15)), expressions=np.zeros((5, 101)), fps=30.0)
    cases = {
        ("smplx.npz", "mine"): "is a recording of SMPL-X, and mine is FLAME 2023",
        ("many.npz", "mine"): "has 101 expression coefficients, and mine only 100",
        ("many.npz", "yours"): "There is no model yours; there are: mine",
    }
    for (name, model), words in cases.items():
        assert run("import", tmp_path / name, "-o", tmp_path / "t.npz", "--body", model, "-q") == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "t.npz").exists()
    save_take(tmp_path / "take.npz", Take(performing(), Speech(1.0, ()), Request("a.wav")))
    for arguments in (["smplx", "--body", "gender=1"], ["same", "--body", "mine"]):
        assert run("export", tmp_path / "take.npz", "-o", tmp_path / "t.npz", "--as", *arguments) == 2
        assert "one model of yours" in capsys.readouterr().err


def test_a_file_has_no_expression_of_another_kind(models, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = tmp_path / "take.npz"
    save_take(take, replace(Take(with_expression(performing(), "mine"), Speech(1.0, ()), Request("a.wav")), face=FACE))
    for form, size in (("flame", 100), ("smplx", 0), ("same", 0)):
        out = tmp_path / f"{form}.npz"
        code = run("export", take, "-o", out, "--as", form)
        said = capsys.readouterr().err
        assert code == (2 if form == "same" else 0)
        assert ("not of SMPL-X, so it is left out" in said) == (form == "smplx")
        if code == 0:
            with np.load(out) as file:
                assert ("expression" in file.files) == bool(size)
                assert not size or np.abs(file["expression"]).max() > 0.1
    assert run("export", take, "-o", tmp_path / "x.npz", "--as", "beat2", "--body", "mine") == 2
    assert "give a model of that kind" in capsys.readouterr().err
    assert not (tmp_path / "x.npz").exists()
