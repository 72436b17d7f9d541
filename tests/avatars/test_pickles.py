"""Pickles of body models are read, and whatever else a pickle may be is refused without running it."""

import copyreg
import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from vlogger_backend.avatars.licensed.pickles import read_pickle
from vlogger_backend.errors import InputError

PROTOCOLS = range(6)


def write(folder: Path, data: bytes) -> Path:
    path = folder / "model.pkl"
    path.write_bytes(data)
    return path


def entry(folder: Path, data: bytes) -> Any:
    """The entry "a" of the pickle's dictionary."""
    return read_pickle(write(folder, data), ["a"])["a"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_come_back(tmp_path: Path, protocol: int) -> None:
    values = {
        "doubles": np.linspace(-1, 1, 24).reshape(2, 3, 4),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big_endian": np.arange(5, dtype=">u4"),
        "bytes": np.arange(5, dtype=np.uint8),
        "nothing": np.zeros((0, 3)),
        "number": np.float64(0.1),
        "words": np.array(["left", "right"]),
    }
    found = read_pickle(write(tmp_path, pickle.dumps(values, protocol)), list(values))
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
    assert found["fortran"].shape == (2, 3)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("make", [sparse.csc_matrix, sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array])
def test_sparse_matrices_come_back(tmp_path: Path, protocol: int, make: Any) -> None:
    dense = np.array([[0, 0.25, 0, 0.75], [1, 0, 0, 0]])
    assert (entry(tmp_path, pickle.dumps({"a": make(dense)}, protocol)).toarray() == dense).all()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_things_come_back(tmp_path: Path, protocol: int) -> None:
    things = [None, True, False, -1, 1 << 40, 1 << 200, 0.5, "Ærø", ["a", ["b"]], {"x": 1, 2: "y"}, [], "", 300, 70000]
    assert entry(tmp_path, pickle.dumps({"a": things}, protocol)) == things
    assert entry(tmp_path, pickle.dumps({"a": (1, 2)}, protocol)) == [1, 2]
    assert sorted(entry(tmp_path, pickle.dumps({"a": {3, 4}}, protocol))) == [3, 4]
    assert entry(tmp_path, pickle.dumps({"a": b"\0\xff"}, protocol)) == "\0\xff"
    assert entry(tmp_path, pickle.dumps(OrderedDict(a=5), protocol)) == 5


@given(
    value=arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.int32, np.uint32, np.int64, np.bool_]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    protocol=st.sampled_from(PROTOCOLS),
)
@settings(max_examples=60, deadline=None)
def test_any_array_comes_back(tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int) -> None:
    found = entry(tmp_path_factory.mktemp("any"), pickle.dumps({"a": value}, protocol))
    np.testing.assert_array_equal(found, value)
    assert found.dtype == value.dtype


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_modules_of_newer_numpy_and_older_scipy_are_known(tmp_path: Path, protocol: int) -> None:
    value = {"a": sparse.csc_matrix(np.eye(3))}
    data = pickle.dumps(value, protocol)
    for old, new in ((b"scipy.sparse._csc", b"scipy.sparse.csc"), (b"numpy.core.mult", b"numpy._core.mult")):
        data = renamed(data, old, new)
    assert (entry(tmp_path, data).toarray() == np.eye(3)).all()


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Another name of a module, its length in front of it too where the protocol has one."""
    at = data.find(old)
    if data[:1] != b"\x80" or data[1] < 4:
        return data.replace(old, new)
    grown = data.replace(bytes([data[at - 1]]) + old, bytes([data[at - 1] + len(new) - len(old)]) + new)
    out = io.BytesIO()  # a frame's length would be wrong, and needs not be there
    out.write(grown[:2] + grown[11:] if grown[2:3] == b"\x95" else grown)
    return out.getvalue()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_chumpys_shells_are_their_arrays(tmp_path: Path, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two classes, with the state that chumpy's own `__getstate__` leaves in them."""
    ch_module, select_module = types.ModuleType("chumpy.ch"), types.ModuleType("chumpy.reordering")
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    select = type("Select", (ch,), {"__module__": "chumpy.reordering"})
    ch_module.Ch, select_module.Select = ch, select  # type: ignore[attr-defined]
    for name, module in {"chumpy": types.ModuleType("chumpy"), ch.__module__: ch_module}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, select.__module__, select_module)
    x = np.arange(24.0).reshape(2, 3, 4)
    inner, outer = ch(), select()
    inner.__dict__.update(x=x, _dirty_vars={"x"}, _itr=None, dterms=("x",))
    idxs = np.arange(24).reshape(2, 3, 4)[:, :, :2].ravel()
    outer.__dict__.update(a=inner, idxs=idxs, preferred_shape=(2, 3, 2), _dirty_vars=set(), label="shapedirs")
    data = pickle.dumps({"a": inner, "b": outer}, protocol)
    found = read_pickle(write(tmp_path, data), ["a", "b"])
    assert (found["a"] == x).all()
    assert (found["b"] == x[:, :, :2]).all()
    assert "chumpy" not in read_pickle.__module__


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    """As Python 2 wrote them at protocols 0 and 2: text is bytes, an array's data is quoted text."""
    values = np.array([0.1, -2.0, 1e-300])
    raw = values.tobytes()
    quoted = repr(raw)[1:].encode("latin-1")
    zero = (
        b"(dp0\nS'a'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
        b"(I1\n(I3\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nb"
        b"I00\nS" + quoted + b"\np15\ntp16\nbs."
    )
    two = (
        b"\x80\x02}q\x00U\x01aq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85q\x04"
        b"U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x03\x85q\x08cnumpy\ndtype\nq\x09U\x02f8q\nK\x00K\x01\x87q\x0bRq\x0c(K\x03"
        b"U\x01<q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89T" + struct.pack("<i", len(raw)) + raw + b"tbs."
    )
    for data in (zero, two):
        assert (entry(tmp_path, data) == values).all()
        assert (pickle.loads(data, encoding="latin1")["a"] == values).all()  # what we wrote is what Python reads


class Payload:
    """What it would do is leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"echo run > {self.path}",)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def attacks(path: Path) -> dict[str, bytes]:
    """Programs, each of which Python's own unpickler would run `path` into being by, or die of."""
    command = f"echo run > {path}"
    line = command.encode()
    payload = Payload(path)
    sparse_like = sparse.csc_matrix(np.eye(2))
    sparse_like.data = payload  # type: ignore[assignment]
    return {
        **{f"reduce, protocol {protocol}": pickle.dumps({"a": payload}, protocol) for protocol in PROTOCOLS},
        "the whole": pickle.dumps(payload),
        "unwanted entry": pickle.dumps({"b": payload, "a": 1}),
        "thrown away": b"(cposix\nsystem\nS'" + line + b"'\ntR0}.",
        "GLOBAL": b"cos\nsystem\n(S'" + line + b"'\ntR.",
        "STACK_GLOBAL": text("os") + text("system") + b"\x93" + text(command) + b"\x85R.",
        "STACK_GLOBAL, dotted": text("numpy") + text("core.multiarray.os.system") + b"\x93" + text(command) + b"\x85R.",
        "INST": b"(S'" + line + b"'\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\nS'" + line + b"'\no.",
        "NEWOBJ": b"cos\nsystem\n" + text(command) + b"\x85\x81.",
        "NEWOBJ_EX": b"cos\nsystem\n" + text(command) + b"\x85}\x92.",
        "builtins": b'c__builtin__\neval\n(S\'__import__("os").system("' + line + b"\")'\ntR.",
        "getattr": b"c__builtin__\ngetattr\n(cnumpy\nndarray\nS'__class__'\ntR.",
        "numpy's own loader": b"cnumpy\nload\n(S'x.npy'\nNI01\ntR.",
        "numpy's testing": b"cnumpy.testing._private.utils\nrunstring\n(S'import os'\n}tR.",
        "hidden name": b"cnumpy\nndarray\nU\x06system\x93.",
        "BUILD on a class": b"cnumpy\nndarray\n}S'__setstate__'\ncos\nsystem\nsbS'" + line + b"'\nb.",
        "BUILD on a shell": b"cchumpy.ch\nCh\n)\x81}S'__setstate__'\ncos\nsystem\nsbS'" + line + b"'\nb.",
        "call of what was made": b"cnumpy\ndtype\n(S'f8'\ntR(S'" + line + b"'\ntR.",
        "in a chumpy shell": b"}S'a'\ncchumpy.ch\nCh\n)\x81}S'x'\ncos\nsystem\n(S'" + line + b"'\ntRsbs.",
        "in a sparse matrix": pickle.dumps({"a": sparse_like}),
        "in an array of objects": pickle.dumps({"a": np.array([payload, 1], object)}),
        "in a key": b"}cos\nsystem\n(S'" + line + b"'\ntRI1\ns.",
        "reconstructor": b"ccopy_reg\n_reconstructor\n(csubprocess\nPopen\nc__builtin__\nobject\nNtR.",
        "newobj by name": b"ccopyreg\n__newobj__\n(cos\nsystem\nS'" + line + b"'\ntR.",
        "EXT1": b"\x82\x01.",
        "EXT2": b"\x83\x01\x00.",
        "EXT4": b"\x84\x01\x00\x00\x00.",
        "persistent id": b"Pos.system\n.",
        "binary persistent id": text(command) + b"Q.",
        "next buffer": b"\x80\x05\x97.",
    }


ATTACKS = list(attacks(Path("x")))


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_pickles_are_refused_and_do_nothing(tmp_path: Path, attack: str) -> None:
    proof = tmp_path / "proof"
    path = write(tmp_path, attacks(proof)[attack])
    with pytest.raises(InputError) as error:
        read_pickle(path, ["a"])
    assert not proof.exists()
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    assert "is refused" in str(error.value)
    assert "download" in str(error.value)


def test_registered_extensions_are_not_followed(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    copyreg.add_extension("os", "system", 0x7E)
    try:
        data = b"\x82\x7e" + text(f"echo run > {proof}") + b"\x85R."
        with pytest.raises(InputError, match="is refused"):
            read_pickle(write(tmp_path, data), ["a"])
    finally:
        copyreg.remove_extension("os", "system", 0x7E)
    assert not proof.exists()


def test_a_strangers_words_can_not_write_to_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_pickle(write(tmp_path, b"cos\x1b[2J\nsystem" + b"x" * 150 + b"\n."), ["a"])
    assert "\x1b" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(tmp_path))


def array_program(shape: bytes, dtype: bytes = b"S'f8'", data: bytes = b"S''") -> bytes:
    return (
        b"}S'a'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n("
        + shape + b"tcnumpy\ndtype\n(" + dtype + b"\nI0\nI1\ntRI00\n" + data + b"\ntbs."
    )  # fmt: skip


BOMBS = {
    "array": array_program(b"I1000000000000\n"),
    "many sizes": array_program(b"I1000000\n" * 6),
    "negative size": array_program(b"I-1\n"),
    "size that is no number": array_program(b"F1.5\n"),
    "objects": array_program(b"I1\n", b"S'O8'"),
    "fields": array_program(b"I1\n", b"S'f8,O'"),
    "text": b"}S'a'\nX\xff\xff\xff\xffabc",
    "long bytes": b"}S'a'\n\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc",
    "bytearray": b"}S'a'\n\x96\xff\xff\xff\xff\xff\xff\xff\xffabc",
    "negative length": b"}S'a'\nT\xff\xff\xff\xffabc",
    "digits": b"}S'a'\nL" + b"9" * 300_000 + b"L\ns.",
    "number": b"}S'a'\n\x8b\x00\x00\x10\x00" + b"\x7f" * 0x100000 + b"s.",
    "steps": b"}S'a'\n" + b"N0" * 600_000 + b"Ns.",
    "list of itself": b"}S'a'\n]q\x00h\x00as.",
    "dictionary of itself": b"}q\x00S'a'\nh\x00s.",
    "shell of itself": b"}S'a'\ncchumpy.ch\nCh\n)\x81q\x00}S'x'\nh\x00sbs.",
    "nested tuples": b"}S'a'\n)" + b"\x85" * 200_000 + b"s.",
    "nested lists": b"}S'a'\n" + b"]" * 200_000 + b"a" * 199_999 + b"s.",
    "underflow": b"}S'a'\ns.",
    "no mark": b"}S'a'\nt.",
    "empty": b"",
    "no pickle": b"PK\x03\x04 this is a zip",
    "page": b"<!DOCTYPE html><html>",
    "no dictionary": b"I1\n.",
    "odd dictionary": b"(S'a'\nd.",
    "a class": b"}S'a'\ncnumpy\nndarray\ns.",
    "computation": b"}S'a'\ncchumpy.ch_ops\nadd\n)\x81}sbs.",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_and_damage_are_a_sentence(tmp_path: Path, bomb: str) -> None:
    with pytest.raises(InputError) as error:
        read_pickle(write(tmp_path, BOMBS[bomb]), ["a"])
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(tmp_path))


def test_the_memo_takes_no_more_than_is_in_it(tmp_path: Path) -> None:
    assert read_pickle(write(tmp_path, b"}r\xff\xff\xff\x7fp4294967296\n."), ["a"]) == {}


def test_what_is_shared_is_made_once(tmp_path: Path) -> None:
    """Twenty-five lists, each of two of the one before: some millions of elements, if nobody noticed."""
    lists = b"]q\x00" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(25))
    found = entry(tmp_path, b"(" + lists + b"1}S'a'\nh\x19s.")
    assert len(found) == 2
    assert found[0] is found[1]


def test_keys_that_would_take_for_ever_to_hash_are_not_hashed(tmp_path: Path) -> None:
    data = b"})" + b"2\x86" * 5000 + b"I1\nsS'a'\nI2\ns."
    assert entry(tmp_path, data) == 2


def test_sparse_matrices_with_places_outside_are_refused(tmp_path: Path) -> None:
    for name, values in {"indices": [0, 9], "indptr": [0, 5, 2]}.items():
        matrix = sparse.csc_matrix(np.eye(2))
        setattr(matrix, name, np.array(values, np.int32))
        with pytest.raises(InputError, match="sparse matrix"):
            entry(tmp_path, pickle.dumps({"a": matrix}))


def test_what_is_cut_off_anywhere_is_a_sentence(tmp_path: Path) -> None:
    for protocol in (0, 2, 4):
        whole = pickle.dumps({"a": sparse.csc_matrix(np.eye(3))}, protocol)
        for end in range(0, len(whole) - 1, 3):
            with pytest.raises(InputError):
                entry(tmp_path, whole[:end])


@given(st.binary(max_size=200), st.sampled_from(PROTOCOLS), st.integers(0, 1000))
@settings(max_examples=300, deadline=None)
def test_noise_is_a_sentence_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, protocol: int, place: int
) -> None:
    whole = pickle.dumps({"a": np.arange(3.0), "b": sparse.csc_matrix(np.eye(2))}, protocol)
    place %= len(whole)
    path = write(tmp_path_factory.mktemp("noise"), whole[:place] + noise + whole[place + len(noise) :])
    with suppress(InputError):
        read_pickle(path, ["a", "b"])


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_pickle(tmp_path / "none.pkl", ["a"])
    with pytest.raises(InputError, match="folder or device"):
        read_pickle(tmp_path, ["a"])


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.pkl"
    with open(path, "wb") as file:
        file.truncate(3 << 30)  # a hole: it takes no room
    with pytest.raises(InputError, match="too large"):
        read_pickle(path, ["a"])
