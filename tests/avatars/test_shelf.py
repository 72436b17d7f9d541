"""Models that the user registers: what is remembered, what is said, and what happens when files move."""

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from licensed_files import small_model, write_model

from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.cli import main
from vlogger_backend.errors import InputError

model_of = lru_cache(maxsize=4)(small_model)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own."""
    folder = tmp_path / "data"
    monkeypatch.setenv("VLOGGER_DATA", str(folder))
    return folder


@pytest.fixture
def flame(tmp_path: Path) -> Path:
    return write_model(tmp_path / "flame2023.pkl", model_of("flame"), "python 3")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_model_is_added_listed_and_removed(flame: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = flame.read_bytes()
    assert run("models", "add", flame) == 0
    said = capsys.readouterr().err
    for part in ("flame-2023: FLAME 2023", "non-commercial", "modellicense", "10 of expression", str(flame)):
        assert part in said
    assert [path.name for path in data.iterdir()] == ["models.json"]
    assert (data / "models.json").stat().st_size < 2000, "a file is never copied"
    assert run("models", "list") == 0
    assert str(flame) in capsys.readouterr().out
    assert run("models", "list", "--json") == 0
    [entry] = json.loads(capsys.readouterr().out)
    assert entry["name"] == "flame-2023"
    assert entry["kind"] == "flame"
    assert entry["state"] == "there"
    assert entry["expression"] == 10
    assert entry["size"] == len(before)
    assert run("models", "remove", "flame-2023") == 0
    assert shelf.registered() == ()
    assert flame.read_bytes() == before


def test_flame_2023_open_has_another_licence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_model(tmp_path / "flame2023_Open.pkl", model_of("flame"), "python 3")
    assert run("models", "add", path, "--name", "open", "--json") == 0
    out, err = capsys.readouterr()
    assert "CC BY 4.0" in err
    assert json.loads(out)["terms"] == "https://flame.is.tue.mpg.de/modellicense.html"


def test_what_is_registered_opens(flame: Path) -> None:
    entry = shelf.add(flame, "mine")
    found = shelf.open_model("mine")
    np.testing.assert_array_equal(found.template, model_of("flame").template)
    assert shelf.find("mine") == entry
    assert Path(entry.path).is_absolute()


def test_names(flame: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write_model(tmp_path / "other" / "flame2023.pkl", small_model("flame", seed=1), "npz")
    assert shelf.add(flame).name == "flame-2023"
    assert shelf.add(flame).name == "flame-2023", "the same file is not there twice"
    assert shelf.add(other).name == "flame-2023-2"
    assert [entry.name for entry in shelf.registered()] == ["flame-2023", "flame-2023-2"]
    with pytest.raises(InputError, match="already a model flame-2023"):
        shelf.add(other, "flame-2023")
    for name in ("", "gender=1", "a b", "../x", "-x", "x" * 65):
        with pytest.raises(InputError, match="no name for a model"):
            shelf.add(flame, name)


def test_a_moved_file_is_a_sentence_and_is_found_again(flame: Path, tmp_path: Path) -> None:
    shelf.add(flame, "mine")
    moved = flame.rename(tmp_path / "moved.pkl")
    assert shelf.registered()[0].state == "moved"
    with pytest.raises(InputError, match=r"no longer at .*vlogger models add FILE --name mine"):
        shelf.open_model("mine")
    shelf.add(moved, "mine")
    assert shelf.find("mine").path == str(moved)
    assert len(shelf.registered()) == 1


def test_a_changed_file_is_a_sentence(flame: Path, tmp_path: Path) -> None:
    shelf.add(flame, "mine")
    data = bytearray(flame.read_bytes())
    data[len(data) // 2] ^= 1
    flame.write_bytes(data)
    os.utime(flame, ns=(1, 1))
    with pytest.raises(InputError, match="has changed since it was registered as mine"):
        shelf.find("mine")
    flame.write_bytes(data + b"x")
    with pytest.raises(InputError, match="has changed"):
        shelf.find("mine")


def test_a_file_that_was_only_touched_is_the_same(flame: Path) -> None:
    shelf.add(flame, "mine")
    os.utime(flame, ns=(1, 1))
    assert shelf.find("mine").name == "mine"


def test_unknown_names_and_no_models_at_all(flame: Path) -> None:
    with pytest.raises(InputError, match=r"none is registered.*SMPLX_NEUTRAL\.npz.*smpl-x\.is\.tue\.mpg\.de"):
        shelf.find("smplx")
    shelf.add(flame, "mine")
    with pytest.raises(InputError, match="there are: mine"):
        shelf.remove("smplx")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 9}', '{"format": 1, "models": [{"name": "a"}]}', "\0"])
def test_a_damaged_list_is_a_sentence(data: Path, text: str) -> None:
    data.mkdir()
    (data / "models.json").write_text(text)
    with pytest.raises(InputError, match="delete it and add your models again"):
        shelf.registered()


def test_a_hostile_file_is_not_registered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "SMPLX_NEUTRAL.pkl"
    path.write_bytes(b"cos\nsystem\n(S'echo run > " + str(tmp_path / "proof").encode() + b"'\ntR.")
    assert run("models", "add", path) == 2
    assert "is refused" in capsys.readouterr().err
    assert not (tmp_path / "proof").exists()
    assert shelf.registered() == ()


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["models", "--help"]])
def test_without_a_model_nothing_of_them_is_imported(arguments: list[str], data: Path) -> None:
    code = (
        "import sys, vlogger_backend.cli as c\n"
        f"try: c.main({arguments!r})\n"
        "except SystemExit: pass\n"
        "ours = 'vlogger_backend.avatars.licensed.'\n"
        "heavy = {n for n in sys.modules if n in ('numpy', 'scipy', 'smplx', 'torch')}\n"
        "heavy |= {n for n in sys.modules if n.startswith(ours)} - {ours + 'shelf', ours + 'makers'}\n"
        "print('imported:', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_a_take_is_made_without_importing_any(line: Path, tmp_path: Path, data: Path) -> None:
    code = (
        "import sys, vlogger_backend.cli as c\n"
        f"try: c.main(['animate', {str(line)!r}, '-o', {str(tmp_path / 'a.npz')!r}, '-q'])\n"
        "except SystemExit as end: assert not end.code\n"
        "print('imported:', [n for n in sys.modules if 'smplx' in n or 'licensed.reading' in n or 'pickles' in n])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_the_entries_are_plain(flame: Path, data: Path) -> None:
    shelf.add(flame, "mine")
    stored: Any = json.loads((data / "models.json").read_text("utf-8"))
    assert set(stored["models"][0]) == set(shelf.Registered.__dataclass_fields__)


def test_a_list_that_can_not_be_written_is_told(flame: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(flame / "nothing"))
    with pytest.raises(InputError, match="VLOGGER_DATA"):
        shelf.add(flame)
