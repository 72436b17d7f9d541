"""A model of the user's performs: `--body NAME` from sound to take, preview and export."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pygltflib
import pytest
from licensed_files import write_model
from licensed_models import made

from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.cli import main
from vlogger_backend.motion.names import JOINT_INDEX
from vlogger_backend.motion.take import read_take
from vlogger_backend.speech.voice import say


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A FLAME of 50 components (its file has room for 100), registered as "mine"."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLOGGER_DATA", str(folder / "data"))
        shelf.add(write_model(folder / "flame2023.pkl", made("flame", 50).model, "python 2 with chumpy"), "mine")
        yield folder


@pytest.fixture(scope="module")
def sound(data: Path) -> Path:
    path = data / "hello.wav"
    say("Hello there.", path)
    return path


@pytest.fixture(scope="module")
def take(data: Path, sound: Path) -> Path:
    path = data / "hello.npz"
    assert run("animate", sound, "-o", path, "--fps", 12, "--body", "mine", "-q") == 0
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_the_take_has_the_models_expression(take: Path) -> None:
    read = read_take(take)
    assert (read.request.body, read.model) == ("mine", "mine")
    assert read.motion.expression.shape == (len(read.motion), 100)
    assert np.abs(read.motion.expression).max() > 0.05
    assert read.motion.poses[:, JOINT_INDEX["jaw"], 0].max() > 0.02


def test_every_take_has_it_once_a_model_is_registered(data: Path, sound: Path, take: Path) -> None:
    other = data / "built-in.npz"
    assert run("animate", sound, "-o", other, "--fps", 12, "-q") == 0
    assert read_take(other).model == "mine"
    assert read_take(other).motion.expression == pytest.approx(read_take(take).motion.expression)


def test_it_is_exported_and_drawn(data: Path, take: Path) -> None:
    assert run("export", take, "-o", data / "x.glb", "-q") == 0
    mesh = pygltflib.GLTF2().load(str(data / "x.glb"))
    positions = {p.attributes.POSITION for m in mesh.meshes for p in m.primitives}
    assert sum(mesh.accessors[index].count for index in positions) >= 5023
    assert run("preview", take, "-o", data / "x.png", "-q") == 0
    assert (data / "x.png").stat().st_size > 10_000


def test_a_body_that_is_no_model_is_told_of(
    data: Path, sound: Path, take: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("animate", sound, "-o", data / "y.npz", "--body", "theirs") == 2
    assert "There is no model theirs; there are: mine." in capsys.readouterr().err
    assert run("preview", take, "-o", data / "y.png", "--body", "gender") == 2
    assert "NAME=VALUE" in capsys.readouterr().err
    assert not list(data.glob("y.*"))


def test_a_model_that_moved_away(data: Path, sound: Path, take: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = json.loads((data / "data" / "models.json").read_text())["models"][0]
    file = Path(entry["path"])
    file.rename(file.with_suffix(".away"))
    try:
        assert run("preview", take, "-o", data / "z.png") == 2
        assert "mine is no longer at" in capsys.readouterr().err
        assert run("animate", sound, "-o", data / "z.npz", "--fps", 12, "-q") == 0  # the built-in avatar needs none
        assert read_take(data / "z.npz").model == ""
    finally:
        file.with_suffix(".away").rename(file)


def test_a_model_that_cannot_be_prepared_is_in_nobodys_way(
    tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))
    bare = made("flame", 10, landmarks=False).model
    shelf.add(write_model(tmp_path / "flame2023.pkl", bare, "python 2 with chumpy"), "bare")
    assert run("animate", sound, "-o", tmp_path / "a.npz", "--fps", 12, "-q") == 0
    assert read_take(tmp_path / "a.npz").model == ""
    assert run("animate", sound, "-o", tmp_path / "b.npz", "--fps", 12, "--body", "bare") == 2
    assert "landmark" in capsys.readouterr().err
    assert not (tmp_path / "b.npz").exists()
