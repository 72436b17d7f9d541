"""Body models' `.pkl` files, read without Python's `pickle`: nothing of a file is ever imported, called or built.

What a pickle says is written down by `pickle_machine`. Of that only a few things have a meaning here: numpy's arrays,
scipy's sparse matrices, and two of the shells in which chumpy, a library of the models' makers, wrapped arrays (`Ch`,
and `Select`, which picks elements of another).
"""

from __future__ import annotations

import io
import math
import operator
import re
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from scipy import sparse

from ...errors import InputError
from . import pickle_machine as machine
from .pickle_machine import ForeignError, Name, Object, UnreadableError, run

LARGEST_FILE = 2 << 30
"""Bytes. The largest of these files, SMPL-X with all its components, have half a gigabyte."""
_DEEPEST = 30


def read_pickle(path: Path, wanted: Collection[str]) -> dict[str, Any]:
    """Read the entries `wanted` of the dictionary that a pickle holds, or a `.npy` with such a pickle in it.

    Arrays and chumpy's shells come as numpy arrays, sparse matrices as `scipy.sparse.coo_matrix`, text as str, and
    lists, tuples and sets as list. Nothing else of the file is looked at, nothing is run.

    Raises InputError if the file is absent, too large, damaged, no pickle, or names what no body model names.
    """
    data = _bytes_of(path)
    try:
        top = _alone(run(_after_header(data)))
        if not isinstance(top, dict):
            raise UnreadableError("it holds no dictionary")
        meaning = _Meaning()
        return {name: meaning.of(top[name]) for name in wanted if name in top}
    except ForeignError as error:
        raise InputError(
            f"{path} is refused: it {error}, which no file of a body model does and which might run a program. "
            "Nothing of it was run; download the file from its makers."
        ) from error
    except (ValueError, TypeError, LookupError, ArithmeticError, MemoryError, struct.error) as error:
        raise InputError(f"{path} is no body model's .pkl that can be read ({error}). Download it again.") from error


def _after_header(data: bytes) -> bytes:
    """The pickle in a `.npy`; anything else as it is."""
    if not data.startswith(npy.MAGIC_PREFIX):
        return data
    stream = io.BytesIO(data)
    first = npy.read_magic(stream) == (1, 0)
    _, _, dtype = npy.read_array_header_1_0(stream) if first else npy.read_array_header_2_0(stream)
    if not dtype.hasobject:
        raise UnreadableError("it holds an array alone")
    return data[stream.tell() :]


def _alone(top: Any) -> Any:
    """The one object of an array of objects, as numpy saves a dictionary; anything else as it is."""
    if isinstance(top, Object) and top.kind == machine.ARRAY and isinstance(top.state, tuple):
        data = top.state[-1] if top.state else None
        return data[0] if isinstance(data, list) and len(data) == 1 else top
    return top


def _bytes_of(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no file but a folder or device; name the model's own file.")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise InputError(f"{path} is too large to be a body model ({size >> 20} MB); name the model's own file.")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}. Check the path of the model.") from error


class _Meaning:
    """What was written down, as data. Each thing once, and of all together no more than the largest file has."""

    def __init__(self) -> None:
        self._found: dict[int, Any] = {}
        self._left = LARGEST_FILE

    def of(self, thing: Any, depth: int = 0) -> Any:
        if depth > _DEEPEST:
            raise UnreadableError("it is nested too deeply")
        if isinstance(thing, memoryview):
            self._spend(len(thing))
            return str(thing, "latin-1")
        if isinstance(thing, Name):
            raise UnreadableError("it holds a class where data should be")
        if not isinstance(thing, list | tuple | dict | Object):
            return thing
        if id(thing) not in self._found:
            self._found[id(thing)] = self._made_of(thing, depth + 1)
        return self._found[id(thing)]

    def _made_of(self, thing: Any, depth: int) -> Any:
        if isinstance(thing, list | tuple):
            self._spend(8 * len(thing))
            return [self.of(item, depth) for item in thing]
        if isinstance(thing, dict):
            self._spend(100 * len(thing))
            return {key: self.of(item, depth) for key, item in thing.items()}
        kind = thing.kind
        if kind == machine.ARRAY:
            return self._array(thing, depth)
        if kind == machine.BUFFER:
            buffer, dtype, shape, *order = thing.args
            return self._filled(shape, dtype, order == ["F"], buffer)
        if kind == machine.SCALAR:
            dtype, data = thing.args
            return self._filled((), dtype, False, data)[()]
        if kind in (machine.CSC, machine.CSR, machine.COO):
            return self._sparse(kind, _state(thing), depth)
        if kind == machine.CH:
            return self._numbers(_state(thing)["x"], depth)
        if kind == machine.SELECT:
            return self._selected(_state(thing), depth)
        if kind == machine.BYTES:
            return str(self._data(thing), "latin-1")
        raise UnreadableError("it holds a computation where numbers should be")

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise UnreadableError("it would become far larger than it is")

    def _numbers(self, thing: Any, depth: int) -> NDArray[Any]:
        array = np.asarray(self.of(thing, depth))
        if array.dtype.kind not in "biuf":
            raise UnreadableError("it holds something else where numbers should be")
        return array

    def _array(self, thing: Object, depth: int) -> Any:
        """As numpy's `ndarray.__setstate__`: (version,) shape, dtype, whether it is in Fortran's order, data."""
        state = thing.state
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise UnreadableError("an array of it is empty")
        shape, dtype, fortran, data = state[-4:]
        if isinstance(data, list):  # of objects
            return self.of(data, depth)
        return self._filled(shape, dtype, bool(fortran), data)

    def _filled(self, sizes: Any, type_: Any, fortran: bool, data: Any) -> NDArray[Any]:
        shape, dtype, raw = _sizes(self.of(sizes)), _dtype(type_), self._data(data)
        if math.prod(shape) * dtype.itemsize != len(raw):
            raise UnreadableError(f"an array of it claims the shape {shape}, which its data have not")
        flat: NDArray[Any] = np.frombuffer(raw, dtype) if len(raw) else np.empty(0, dtype)
        return flat.reshape(shape, order="F" if fortran else "C")

    def _data(self, thing: Any) -> memoryview | bytes:
        """Bytes, also as Python 3 writes them for Python 2: text of which each letter is one."""
        if isinstance(thing, memoryview):
            return thing
        if isinstance(thing, Object) and thing.kind == machine.BYTES:
            if not thing.args:
                return b""
            text, *encoding = thing.args
            if isinstance(text, str) and [_plain(name) for name in encoding] == ["latin1"]:
                self._spend(len(text))
                return text.encode("latin-1")
        raise UnreadableError("it holds something else where bytes should be")

    def _selected(self, state: dict[Any, Any], depth: int) -> NDArray[Any]:
        """As chumpy's `Select.compute_r`."""
        source = self._numbers(state["a"], depth)
        places = self._numbers(state["idxs"], depth).astype(np.int64)
        self._spend(2 * places.size * max(places.itemsize, source.itemsize))
        return source.ravel()[places].reshape(_sizes(self.of(state["preferred_shape"], depth)))

    def _sparse(self, form: str, state: dict[Any, Any], depth: int) -> sparse.coo_matrix:
        shape = _sizes(self.of(state["_shape"], depth))
        values = self._numbers(state["data"], depth).ravel()
        self._spend(64 * len(values))
        if form == machine.COO:
            pair = state["coords"] if "coords" in state else (state["row"], state["col"])
            rows, columns = (self._places(part, depth) for part in pair)
        else:
            starts, within = self._places(state["indptr"], depth), self._places(state["indices"], depth)
            counts = np.diff(starts)
            if not len(starts) or starts[0] or starts[-1] != len(within) or (counts < 0).any():
                raise UnreadableError("a sparse matrix of it is damaged")
            along = np.repeat(np.arange(len(counts)), counts)
            rows, columns = (along, within) if form == machine.CSR else (within, along)
        if len(shape) != 2 or not len(rows) == len(columns) == len(values):
            raise UnreadableError("a sparse matrix of it is damaged")
        for places, size in ((rows, shape[0]), (columns, shape[1])):
            if len(places) and not 0 <= places.min() <= places.max() < size:
                raise UnreadableError("a sparse matrix of it has elements outside of it")
        return sparse.coo_matrix((values, (rows, columns)), shape=shape)

    def _places(self, thing: Any, depth: int) -> NDArray[np.int64]:
        places = self._numbers(thing, depth).ravel()
        self._spend(8 * len(places))
        return places.astype(np.int64)


def _state(thing: Object) -> dict[Any, Any]:
    state = thing.state[0] if isinstance(thing.state, tuple) and thing.state else thing.state
    if not isinstance(state, dict):
        raise UnreadableError("an object of it is empty")
    return state


def _plain(thing: Any) -> Any:
    return str(thing, "latin-1") if isinstance(thing, memoryview) else thing


def _dtype(thing: Any) -> np.dtype[Any]:
    """As numpy's `dtype.__setstate__`: version, byte order, then subtype, names, fields, … of what is no number."""
    if not isinstance(thing, Object) or thing.kind != machine.DTYPE or not thing.args:
        raise UnreadableError("an array of it is of no type")
    code = _plain(thing.args[0])
    if not isinstance(code, str) or not re.fullmatch(r"[<>=|]?([biuf][1248]|[SU]\d{1,6})", code):
        raise UnreadableError("an array of it holds no plain numbers")
    state = thing.state if isinstance(thing.state, tuple) else ()
    if any(part is not None for part in state[2:5]):
        raise UnreadableError("an array of it holds no plain numbers")
    order = _plain(state[1]) if len(state) > 1 else "="
    return np.dtype(f"{order}{code.lstrip('<>=|')}" if order in ("<", ">") else code)


def _sizes(value: Any) -> tuple[int, ...]:
    sizes = tuple(operator.index(size) for size in (value if isinstance(value, list) else [value]))
    if len(sizes) > 8 or not all(0 <= size < 1 << 40 for size in sizes):
        raise UnreadableError("an array of it has no shape")
    return sizes
