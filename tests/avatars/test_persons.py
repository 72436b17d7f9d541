"""Persons on models: `vlogger models fit`, what the shelf remembers of them, and how they perform."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from licensed_files import small_model, write_model
from licensed_models import Made, made

from vlogger_backend.avatars.bodies import avatar_for
from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.avatars.licensed.faces import face_for, fingerprint
from vlogger_backend.avatars.licensed.head import landmarks_of
from vlogger_backend.avatars.licensed.posing import posed
from vlogger_backend.avatars.licensed.preparing import prepared
from vlogger_backend.cli import main
from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import ARKIT_INDEX
from vlogger_backend.motion.take import read_take
from vlogger_backend.portraits.head import load_head
from vlogger_backend.renderers.face_on_mesh import see_face
from vlogger_backend.speech.voice import say

BETAS = np.array([1.2, -0.7, 0.3, 0, 0, 0.5, 0, 0, -1, 0.2])


@pytest.fixture(scope="module")
def flame() -> Made:
    return made("flame", 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, flame: Made) -> Iterator[Path]:
    """FLAME, without the file of its landmarks, registered as "mine"; and its own mesh in the form of somebody."""
    place = tmp_path_factory.mktemp("persons")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLOGGER_DATA", str(place / "data"))
        patch.setenv("VLOGGER_CACHE", str(place / "cache"))
        bare = replace(flame.model, landmarks=None)
        write_model(place / "flame2023.pkl", bare, "python 2 with chumpy")
        assert run("models", "add", place / "flame2023.pkl", "--name", "mine", "-q") == 0
        mesh_of(flame, BETAS).export(place / "anna.ply")
        yield place


def mesh_of(one: Made, betas: np.ndarray) -> trimesh.Trimesh:
    model = one.model
    return trimesh.Trimesh(100 * (model.template + model.shapes @ betas), model.faces, process=False)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_face_without_landmarks_is_seen(folder: Path, flame: Made) -> None:
    """And what is made by what is seen is what is made by the makers' landmarks."""
    entry = shelf.find("mine")
    assert entry.landmarks
    model = shelf.open_model("mine")
    off = np.linalg.norm(landmarks_of(model)[0] - landmarks_of(flame.model)[0], axis=1)
    assert off.mean() < 0.005
    ready = prepared("mine")
    moves = ready.solution.moved > 0
    assert ready.solution.mean.max() < ready.solution.moved.max()
    assert ready.solution.mean[moves].mean() < 0.3 * ready.solution.moved[moves].mean()
    lips = landmarks_of(flame.model)[0][[34, 40]]  # which lip is which has not been mistaken
    jaw = ready.shapes.shapes[ARKIT_INDEX["jawOpen"]]
    upper, lower = (np.linalg.norm(flame.model.template[ready.shapes.numbers] - lip, axis=1).argmin() for lip in lips)
    assert jaw[lower, 1] < jaw[upper, 1] - 0.01


def test_a_person_is_fitted_listed_and_performs(folder: Path, flame: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "fit", "mine", folder / "anna.ply", "-o", folder / "anna.npz") == 0
    said = capsys.readouterr().err
    assert "anna: on mine, 0.0 mm off" in said
    assert "in centimetres" in said
    with np.load(folder / "anna.npz") as file:
        assert np.abs(file["betas"] - BETAS).max() < 1e-3
        assert file["betas"].shape == (1, 10)
        assert str(file["model_type"]) == "flame"
    assert np.abs(np.array(shelf.betas_of("anna")) - BETAS).max() < 1e-3  # .ply has single precision

    assert run("models", "list", "--json") == 0
    model, person = json.loads(capsys.readouterr().out)
    assert (model["name"], person["name"], person["kind"], person["model"]) == ("mine", "anna", "person", "mine")
    assert person["mean_mm"] < 0.01
    assert run("models", "list") == 0
    assert "anna  on mine" in capsys.readouterr().out

    average, anna = avatar_for("mine"), avatar_for("anna")
    apart = anna.vertices - average.vertices - (flame.model.shapes @ BETAS)
    assert np.ptp(apart, axis=0).max() < 1e-4  # they stand as high as the built-in avatar's eyes
    found = face_for("anna")
    assert found
    assert found[0] == "mine"
    assert fingerprint("anna") != fingerprint("mine")

    say("Hello there.", folder / "hello.wav")
    assert run("animate", folder / "hello.wav", "-o", folder / "hello.npz", "--fps", 12, "--body", "anna", "-q") == 0
    take = read_take(folder / "hello.npz")
    assert (take.request.body, take.model) == ("anna", "mine")
    for name in ("x.png", "x.glb"):
        command = "preview" if name == "x.png" else "export"
        assert run(command, folder / "hello.npz", "-o", folder / name, "-q") == 0
        assert (folder / name).stat().st_size > 10_000


def test_a_model_is_not_forgotten_under_its_persons(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "fit", "mine", folder / "anna.ply", "--name", "bea", "-q") == 0
    assert run("models", "remove", "mine") == 2
    said = capsys.readouterr().err
    assert "can't be without mine" in said
    assert "vlogger models remove" in said
    assert run("models", "remove", "bea") == 0
    assert (folder / "anna.ply").is_file()
    assert not shelf.find_person("bea")


def test_names_of_persons(folder: Path, flame: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "fit", "mine", folder / "anna.ply", "--name", "carl", "-q") == 0
    assert run("models", "fit", "mine", folder / "anna.ply", "--name", "carl", "-q") == 0, "the same again"
    mesh_of(flame, -BETAS).export(folder / "Dörte 1.ply")
    assert run("models", "fit", "mine", folder / "Dörte 1.ply", "--name", "carl") == 2
    assert "already a person carl" in capsys.readouterr().err
    assert run("models", "fit", "mine", folder / "Dörte 1.ply", "-q") == 0
    assert shelf.find_person("D-rte-1")
    for name, said in (("mine", "already a model mine"), ("a b", "no name"), ("x=1", "no name")):
        assert run("models", "fit", "mine", folder / "anna.ply", "--name", name) == 2
        assert said in capsys.readouterr().err
    assert run("models", "fit", "carl", folder / "anna.ply", "--name", "emil") == 2
    assert "name the model: mine" in capsys.readouterr().err
    assert run("models", "add", folder / "flame2023.pkl", "--name", "carl") == 2
    assert "already a person carl" in capsys.readouterr().err


def test_a_persons_model_that_moved_or_is_another(
    tmp_path: Path, flame: Made, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))
    file = write_model(tmp_path / "flame2023.pkl", flame.model, "npz")
    shelf.add(file, "mine")
    assert run("models", "fit", "mine", folder / "anna.ply", "-q") == 0
    moved = file.rename(tmp_path / "moved.pkl")
    with pytest.raises(InputError, match=r"no longer at .*vlogger models add FILE --name mine"):
        avatar_for("anna")
    shelf.add(moved, "mine")
    assert shelf.find("anna").path == str(moved)
    write_model(moved, small_model("flame", seed=1), "npz")
    shelf.add(moved, "mine")
    with pytest.raises(InputError, match=r"another file now than anna was fitted to.*vlogger models fit mine"):
        shelf.find("anna")


def test_older_lists_have_no_persons(tmp_path: Path, flame: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path))
    shelf.add(write_model(tmp_path / "flame2023.pkl", flame.model, "npz"), "mine")
    path = tmp_path / "models.json"
    data = json.loads(path.read_text())
    del data["persons"], data["models"][0]["seen"]
    path.write_text(json.dumps(data))
    assert shelf.find("mine").seen == ()
    assert shelf.persons() == ()


@pytest.mark.parametrize(
    "person", [{"name": "a"}, {"betas": ["x"]}, {"betas": [float("nan")]}, {"source": 3}, {"mean": "far"}, []]
)
def test_a_damaged_person_is_a_sentence(tmp_path: Path, person: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path))
    good = {"name": "a", "model": "m", "sha256": "", "betas": [0.5], "source": "s", "mean": 0.0, "worst": 0.0}
    whole = {**good, **person} if isinstance(person, dict) and person != {"name": "a"} else person
    (tmp_path / "models.json").write_text(json.dumps({"format": 1, "models": [], "persons": [whole]}))
    with pytest.raises(InputError, match="delete it and add your models again"):
        shelf.persons()


def test_what_can_not_be_fitted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    ball.export(folder / "ball.ply")
    (folder / "no.portrait").write_bytes(b"no portrait")
    for source, said in (
        ("none.ply", "There is no file"),
        ("flame2023.pkl", "no mesh that can be read"),
        ("ball.ply", "No face is seen on"),
        ("no.portrait", "make it again"),
    ):
        assert run("models", "fit", "mine", folder / source, "--name", "nobody") == 2
        assert said in capsys.readouterr().err
    assert run("models", "fit", "mine", folder / "anna.ply", "-o", folder / "betas.txt") == 2
    assert "ends in .npz" in capsys.readouterr().err
    assert run("models", "fit", "theirs", folder / "anna.ply", "--name", "nobody") == 2
    assert "There is no model theirs" in capsys.readouterr().err
    assert not shelf.find_person("nobody")


def test_a_body_without_a_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SMPL-H: its own mesh tells who it is, a portrait can't."""
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))
    model = small_model("smplh", 16)
    shelf.add(write_model(tmp_path / "SMPLH_FEMALE.npz", model, "npz"), "body")
    betas = np.linspace(-2, 2, 16)
    mesh = trimesh.Trimesh(model.template + model.shapes @ betas, model.faces, process=False)
    mesh.export(tmp_path / "own.obj")
    assert run("models", "fit", "body", tmp_path / "own.obj", "-o", tmp_path / "own.npz", "-q") == 0
    with np.load(tmp_path / "own.npz") as file:
        assert np.abs(file["betas"] - betas).max() < 1e-4
        assert str(file["gender"]) == "female"
    (tmp_path / "me.portrait").write_bytes(b"")
    assert run("models", "fit", "body", tmp_path / "me.portrait") == 2
    assert "fit SMPL-H female to a scan of the whole body" in capsys.readouterr().err


def test_a_scan_with_hair_is_fitted_however_it_stands(folder: Path, flame: Made) -> None:
    """Z up, millimetres, in another mesh."""
    head = load_head()
    rng = np.random.default_rng(0)
    shape = rng.normal(0, 0.8, len(head.basis))
    shape[head.symmetric :] *= 0.5  # the person that the model is made of
    shape[:10] += BETAS
    person = head.shaped(shape)
    faces = np.concatenate([head.avatar.faces_of(name) for name in ("face", "skin", "eyes", "mouth", "hair")])
    faces = faces[(person[faces][..., 1] > 1.40).all(axis=1)]
    trimesh.Trimesh(1000 * person[:, [0, 2, 1]] * (1, -1, 1), faces).export(folder / "scan.glb")
    assert run("models", "fit", "mine", folder / "scan.glb", "-q") == 0
    fitted = shelf.find_person("scan")
    assert fitted
    assert fitted.mean < 0.0025
    model = flame.model
    mesh = posed(model, np.zeros((5, 3)), betas=np.array(fitted.betas))
    true = flame.source @ person
    near = np.linalg.norm(model.template - landmarks_of(model)[0].mean(axis=0), axis=1) < 0.1
    skin = near & (np.asarray(flame.source.sum(axis=1)).ravel() > 0.5)
    form = (mesh - mesh[skin].mean(axis=0))[skin] - (true - true[skin].mean(axis=0))[skin]
    assert np.linalg.norm(form, axis=1).mean() < 0.004


def test_a_face_is_seen_whichever_way_it_looks_and_on_nothing_else(flame: Made) -> None:
    model = flame.model
    wanted = landmarks_of(model)[0]
    for turn in (((1, 0, 0), (0, 0, -1), (0, 1, 0)), ((0, 0, 1), (0, 1, 0), (-1, 0, 0))):
        matrix = np.array(turn, float)
        seen = see_face(50 * model.template @ matrix.T, model.faces)
        assert seen
        assert np.linalg.norm(seen.places @ matrix / 50 - wanted, axis=1).mean() < 0.006
        assert (seen.turn @ matrix @ (0, 0, 1))[2] > 0.95
    box = trimesh.creation.box()
    assert see_face(np.asarray(box.vertices), np.asarray(box.faces, np.int32)) is None
