"""What is found out about a registered model is found out once."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from licensed_files import small_model, write_model
from licensed_models import made

from vlogger_backend.avatars.licensed import preparing, shelf
from vlogger_backend.avatars.licensed.head import Registration
from vlogger_backend.cli import main
from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLOGGER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))


def test_a_registered_model_is_prepared_once_and_again_if_the_cache_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_model(tmp_path / "FLAME_NEUTRAL.pkl", made("flame", 10).model, "python 2 with chumpy")
    name = shelf.add(file).name
    said: list[str] = []
    first = preparing.prepared(name, lambda text, _: said.append(text))
    assert said
    assert np.degrees(first.solution.jaws[ARKIT_INDEX["jawOpen"], 0]) > 12
    assert first.solution.mean.max() < first.solution.moved.max()

    with pytest.raises(SystemExit) as end:
        main(["models", "check", name, "-o", str(tmp_path / "shapes.png"), "--json"])
    assert end.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["shape"] for row in told["shapes"]] == list(ARKIT_NAMES)
    assert told["shapes"][ARKIT_INDEX["jawOpen"]]["moves_mm"] > 5
    assert (tmp_path / "shapes.png").read_bytes().startswith(b"\x89PNG")

    (kept,) = preparing.kept_folder().glob("*.npz")
    whole = kept.read_bytes()
    said.clear()
    again = preparing.prepared(name, lambda text, _: said.append(text))
    assert not said
    assert np.array_equal(again.solution.expressions, first.solution.expressions)
    assert abs(again.registration.source - first.registration.source).max() == 0
    for field in fields(Registration):
        if field.name != "source":
            kept_one, one = (getattr(each.registration, field.name) for each in (again, first))
            assert np.array_equal(kept_one, one), field.name

    kept.write_bytes(whole[: len(whole) // 2])
    preparing.prepared(name)
    assert kept.read_bytes() == whole

    beside = tmp_path / "flame_static_embedding.pkl"
    beside.write_bytes(beside.read_bytes() + b"!")  # behind the pickle's end
    said.clear()
    preparing.prepared(name, lambda text, _: said.append(text))
    assert said, "other landmarks are another registration"


def test_a_cache_that_can_not_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in the way").write_bytes(b"")
    monkeypatch.setenv("VLOGGER_CACHE", str(tmp_path / "in the way"))
    with pytest.raises(InputError, match="VLOGGER_CACHE"):
        preparing.kept("a" * 64, _asked)


@pytest.mark.parametrize("damage", [b"", b"no zip at all", b"PK\x03\x04" + bytes(200)])
def test_a_damaged_cache_asks_for_the_model(damage: bytes) -> None:
    path = preparing.kept_folder() / f"{preparing._key('a' * 64, '')}.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    with pytest.raises(InputError, match="is asked for"):
        preparing.kept("a" * 64, _asked)


def _asked() -> None:
    raise InputError("The model is asked for.")


def test_a_body_without_a_face_is_refused() -> None:
    with pytest.raises(InputError, match="no expression"):
        preparing.prepare(small_model("smplh"))


def test_a_model_that_is_not_registered_is_named() -> None:
    with pytest.raises(InputError, match="nobody"):
        preparing.prepared("nobody")
