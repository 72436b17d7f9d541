"""Portraits as files: whole again when they are read, the same bytes, and safe to take from strangers."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vlogger_backend.errors import InputError
from vlogger_backend.portraits.portrait import Portrait
from vlogger_backend.portraits.storage import read_portrait, write_portrait

Entries = dict[str, bytes]


@pytest.fixture(scope="module")
def written(portrait: Portrait, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "me.portrait"
    write_portrait(portrait, path)
    return path


def entries_of(path: Path) -> Entries:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(entries: Entries, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return path


def test_a_portrait_comes_back_as_it_was(portrait: Portrait, written: Path) -> None:
    again = read_portrait(written)
    assert (again.name, again.consent, again.source) == (portrait.name, portrait.consent, portrait.source)
    assert (again.fit.camera, again.fit.error) == (portrait.fit.camera, portrait.fit.error)
    for name in ("picture", "matte", "foreground", "background"):
        np.testing.assert_array_equal(getattr(again, name), getattr(portrait, name))
    for name in ("vertices", "arkit", "landmarks"):
        np.testing.assert_array_equal(getattr(again.fit, name), getattr(portrait.fit, name))
        assert getattr(again.fit, name).dtype == np.float32


def test_the_same_portrait_is_the_same_bytes(portrait: Portrait, written: Path, tmp_path: Path) -> None:
    write_portrait(portrait, tmp_path / "again.portrait")
    assert (tmp_path / "again.portrait").read_bytes() == written.read_bytes()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def png(size: tuple[int, int], mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


def with_about(entries: Entries, **changes: Any) -> Entries:
    return {**entries, "portrait.json": json.dumps({**json.loads(entries["portrait.json"]), **changes}).encode()}


def with_camera(entries: Entries, **changes: Any) -> Entries:
    return with_about(entries, camera={**json.loads(entries["portrait.json"])["camera"], **changes})


def size_of(entries: Entries) -> tuple[int, int]:
    return Image.open(io.BytesIO(entries["picture.png"])).size


HOSTILE: dict[str, tuple[Callable[[Entries], Entries], str]] = {
    "no description": (lambda e: {k: v for k, v in e.items() if k != "portrait.json"}, "is no portrait"),
    "no picture": (lambda e: {k: v for k, v in e.items() if k != "matte.png"}, "is no portrait"),
    "no JSON": (lambda e: {**e, "portrait.json": b"\xff{"}, "is no portrait"),
    "deep JSON": (lambda e: {**e, "portrait.json": b"[" * 100_000}, "is no portrait"),
    "a list": (lambda e: {**e, "portrait.json": b"[]"}, "is no portrait"),
    "long JSON": (lambda e: with_about(e, name="x" * 300_000), "is no portrait"),
    "no consent": (lambda e: with_about(e, consent={}), "is no portrait"),
    "consent of no text": (lambda e: with_about(e, consent={"statement": 1, "when": None}), "is no portrait"),
    "another version": (lambda e: with_about(e, format=2, vlogger="9.9"), r"another version of vlogger \(9.9\)"),
    "another character": (lambda e: with_about(e, vertices=7), "another built-in character"),
    "a pickle": (
        lambda e: {**e, "vertices.npy": npy(np.array([{"a": 1}], dtype=object))}, "is no portrait",
    ),
    "a bare pickle": (lambda e: {**e, "arkit.npy": pickle.dumps(print)}, "is no portrait"),
    "a huge array": (
        lambda e: {**e, "arkit.npy": npy(np.zeros(52, np.float32)).replace(b"(52,), ", b"(1<<40)")}, "is no portrait",
    ),
    "not finite": (lambda e: {**e, "arkit.npy": npy(np.full(52, np.nan, np.float32))}, "is no portrait"),
    "wild weights": (lambda e: {**e, "arkit.npy": npy(np.full(52, 7, np.float32))}, "is no portrait"),
    "of other numbers": (lambda e: {**e, "arkit.npy": npy(np.zeros(52, np.float64))}, "is no portrait"),
    "too much of it": (lambda e: {**e, "landmarks.npy": e["landmarks.npy"] + bytes(50_000)}, "is no portrait"),
    "a bomb of a picture": (lambda e: {**e, "matte.png": png((30_000, 3_000), "L")}, "is no portrait"),
    "another size": (lambda e: {**e, "background.png": png((20, 20))}, "is no portrait"),
    "another mode": (lambda e: {**e, "background.png": png(size_of(e), "L")}, "is no portrait"),
    "no PNG": (lambda e: {**e, "picture.png": b"GIF89a" + bytes(100)}, "is no portrait"),
    "padding": (lambda e: {**e, "picture.png": e["picture.png"] + bytes(5_000_000)}, "is no portrait"),
    "a camera of nothing": (lambda e: with_camera(e, poses=[[0] * 12]), "is no portrait"),
    "a moving camera": (lambda e: with_camera(e, fields=[0.4, 0.5]), "is no portrait"),
    "an endless camera": (lambda e: with_camera(e, width=10**9, height=10**9), "is no portrait"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_a_sentence(kind: str, written: Path, tmp_path: Path) -> None:
    change, said = HOSTILE[kind]
    path = zipped(change(entries_of(written)), tmp_path / "bad.portrait")
    with pytest.raises(InputError, match=said) as error:
        read_portrait(path)
    assert "\n" not in str(error.value)


def test_what_is_beside_is_ignored_and_nothing_is_unpacked(written: Path, tmp_path: Path) -> None:
    path = zipped({**entries_of(written), "../../escaped": b"x", "/escaped": b"x"}, tmp_path / "me.portrait")
    read_portrait(path)
    assert [p.name for p in tmp_path.iterdir()] == ["me.portrait"]
    assert not (tmp_path.parent.parent / "escaped").exists()


def test_files_that_are_no_zip_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_portrait(tmp_path / "no.portrait")
    (tmp_path / "text.portrait").write_text("hello")
    with pytest.raises(InputError, match="is no portrait"):
        read_portrait(tmp_path / "text.portrait")


@settings(max_examples=50)
@given(data=st.data())
def test_damage_anywhere_is_a_sentence_or_the_portrait(
    data: st.DataObject, written: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = bytearray(written.read_bytes())
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole) - 1)) :]
    else:
        low = max(0, len(whole) - 900) if data.draw(st.booleans()) else 0  # the zip's own directory is at the end
        for _ in range(data.draw(st.integers(1, 5))):
            whole[data.draw(st.integers(low, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.portrait"
    path.write_bytes(whole)
    with suppress(InputError):
        read_portrait(path)
