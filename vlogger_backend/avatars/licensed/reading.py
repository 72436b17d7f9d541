"""A file of SMPL-X, SMPL-H or FLAME becomes a BodyModel, or a sentence that says why not.

The files are dictionaries of arrays, as `.npz` or as pickles, with the same keys in all three families (the layout
that the `smplx` library reads). What a file is, is told by its numbers of joints and vertices, never by its name; only
the title goes by the name, since nothing in the files tells the gender or the year.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...errors import InputError
from ...files import UNREADABLE, read_npz
from .body_model import STRUCTURES, BodyModel, Doubles, Ints, Kind, LandmarkEmbedding
from .makers import FLAME_OPEN, NO_MODEL, SMPLX, SOURCES, Source
from .pickles import LARGEST_FILE, read_pickle

_NEEDED = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
_LANDMARKS = ("lmk_faces_idx", "lmk_bary_coords")
_EMBEDDINGS = {
    "flame_static_embedding.pkl": ("lmk_face_idx", "lmk_b_coords"),
    "landmark_embedding.npy": ("static_lmk_faces_idx", "static_lmk_bary_coords"),
}
"""Files beside FLAME's that hold the same (RingNet's and DECA's, of FLAME's makers), and what they call them."""
_LANDMARK_COUNT = 51

_OTHERS = {
    (6890, 24): ("SMPL, a body without fingers and face", SMPLX),
    (6890, 25): ("SMPL, a body without fingers and face", SMPLX),
    (778, 16): ("MANO, a hand", SMPLX),
}
"""What is often taken for one of them, by its numbers of vertices and joints, and what to use instead."""
_COMPONENTS: dict[Kind, dict[int, int]] = {
    "smplx": {20: 10, 400: 300},
    "smplh": {10: 10, 16: 16, 300: 300},
    "flame": {20: 10, 400: 300},
}
"""Numbers of components that files have, and how many of these are identity; the rest are expression."""
_FARTHEST = 10.0
"""Metres: no vertex of a person is so far from the model's origin, nor moved so far by one unit of a component."""
_UNEVEN = 0.05
"""By how much shares (weights, a joint's vertices, places in triangles) may add up to more or less than one."""
_PICKLES = b"\x80(}]cd"
"""What a pickle of a dictionary begins with, depending on its protocol."""


def read_model(path: Path) -> BodyModel:
    """Read a body model, whatever the file's suffix is. Of a pickle nothing is run (`pickles`).

    FLAME's files have no landmarks; they are taken from `flame_static_embedding.pkl` or `landmark_embedding.npy` if
    one of them lies beside it.

    Raises InputError if the file is absent, damaged, hostile, or none of SMPL-X, SMPL-H and FLAME.
    """
    path = Path(path)
    arrays = _arrays_of(path, (*_NEEDED, *_LANDMARKS))
    if "weights" not in arrays or "v_template" not in arrays:
        raise InputError(f"{path} holds no body model. {NO_MODEL}")
    kind = _kind_of(path, arrays)
    return _Checked(path, kind, arrays).model()


def _arrays_of(path: Path, wanted: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; name the model's file in it.")
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise InputError(f"{path} is no file but a device; name the model's own file.")
        with open(path, "rb") as file:
            start = file.read(4)
        if not start:
            raise InputError(f"{path} is empty; download it again.")
        if start != b"PK\x03\x04":
            if start[:1] not in _PICKLES:
                raise InputError(f"{path} is neither an .npz nor a .pkl, so no body model. {NO_MODEL}")
            return read_pickle(path, wanted)
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} is too large to be a body model; name the model's own file.")
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}. {NO_MODEL}") from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}. Check its path and permissions.") from error
    try:
        if inside := _model_inside(path):
            raise InputError(f"{path} is the archive of the download; unpack it and name {inside}.")
        return read_npz(path, wanted)
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(f"{path} is no body model's .npz that can be read ({error}). Download it again.") from error


def _model_inside(path: Path) -> str:
    """The first file in a zip that may be a model; "" in a `.npz`."""
    with zipfile.ZipFile(path) as archive:
        return next((name for name in archive.namelist() if name.lower().endswith((".npz", ".pkl"))), "")


def _kind_of(path: Path, arrays: Mapping[str, Any]) -> Kind:
    counts = (_length(arrays["v_template"], 0), _length(arrays["weights"], 1))
    for kind, structure in STRUCTURES.items():
        if counts == (structure.vertices, len(structure.joints)):
            return kind
    if counts in _OTHERS:
        what, instead = _OTHERS[counts]
        raise InputError(f"{path} is {what}; {instead.remedy}.")
    raise InputError(
        f"{path} is neither SMPL-X, SMPL-H nor FLAME: it has {counts[0]} vertices and {counts[1]} joints. {NO_MODEL}"
    )


def _length(thing: Any, axis: int) -> int:
    shape = np.shape(thing) if isinstance(thing, np.ndarray) else ()
    return shape[axis] if len(shape) == 2 else 0


class _Checked:
    """The arrays of a file whose kind is known, each as it should be."""

    def __init__(self, path: Path, kind: Kind, arrays: Mapping[str, Any]) -> None:
        self._path = path
        self._kind = kind
        self._source: Source = SOURCES[kind]
        self._arrays = arrays
        self._vertices = len(arrays["v_template"])
        self._joints = len(STRUCTURES[kind].joints)

    def model(self) -> BodyModel:
        shapes, expressions = self._components()
        return BodyModel(
            kind=self._kind,
            title=title_of(self._path, self._kind),
            template=self._near("v_template", (self._vertices, 3)),
            faces=self._faces(),
            shapes=shapes,
            expressions=expressions,
            correctives=self._correctives(),
            regressor=self._regressor(),
            weights=self._weights(),
            parents=self._parents(),
            joints=STRUCTURES[self._kind].joints,
            landmarks=self._landmarks(),
        )

    def _wrong(self, what: str) -> InputError:
        return InputError(
            f"{self._path} looks like {self._source.name}, but {what}; it is damaged or altered: {self._source.remedy}."
        )

    def _numbers(self, name: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
        """An array of numbers that has this shape; None stands for any size."""
        if name not in self._arrays:
            raise self._wrong(f"has no {name}")
        array = self._arrays[name]
        if sparse.issparse(array):
            if array.shape != shape:
                raise self._wrong(f"its {name} has the shape {array.shape} instead of {_worded(shape)}")
            array = array.toarray()
        array = np.asarray(array)
        if array.dtype.kind not in "fiu":
            raise self._wrong(f"its {name} holds something else than numbers")
        fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
        if not fits:
            raise self._wrong(f"its {name} has the shape {array.shape} instead of {_worded(shape)}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise self._wrong(f"its {name} holds numbers that are not finite")
        return array

    def _near(self, name: str, shape: tuple[int | None, ...]) -> Doubles:
        array = self._numbers(name, shape).astype(np.float64)
        if array.size and np.abs(array).max() > _FARTHEST:
            raise self._wrong(f"its {name} is not in metres")
        return array

    def _whole(self, name: str, array: NDArray[Any], end: int) -> Ints:
        """Indices, 0 to `end` (exclusive)."""
        whole = array.astype(np.int64)
        if (whole != array).any() or (whole.size and not 0 <= whole.min() <= whole.max() < end):
            raise self._wrong(f"its {name} refers to what is not there")
        return np.asarray(whole, np.int32)

    def _faces(self) -> Ints:
        return self._whole("f", self._numbers("f", (None, 3)), self._vertices)

    def _components(self) -> tuple[Doubles, Doubles]:
        shapes = self._near("shapedirs", (self._vertices, 3, None))
        known = _COMPONENTS[self._kind]
        count = shapes.shape[2]
        if count not in known:
            usual = " or ".join(_split(number, identity) for number, identity in known.items())
            raise self._wrong(f"has {count} components of shape instead of {usual}")
        identity = known[count]
        return np.ascontiguousarray(shapes[..., :identity]), np.ascontiguousarray(shapes[..., identity:])

    def _correctives(self) -> Doubles:
        moves = self._near("posedirs", (self._vertices, 3, 9 * (self._joints - 1)))
        return np.ascontiguousarray(moves.reshape(-1, moves.shape[2]).T)

    def _regressor(self) -> sparse.csr_matrix:
        name, shape = "J_regressor", (self._joints, self._vertices)
        regressor = sparse.csr_matrix(self._numbers(name, shape).astype(np.float64))
        if np.abs(regressor.sum(axis=1) - 1).max() > _UNEVEN:
            raise self._wrong(f"its {name} puts joints elsewhere than among the vertices")
        return regressor

    def _weights(self) -> Doubles:
        weights = self._numbers("weights", (self._vertices, self._joints)).astype(np.float64)
        if weights.min() < -_UNEVEN or np.abs(weights.sum(axis=1) - 1).max() > _UNEVEN:
            raise self._wrong("its weights are no shares that add up to one")
        return weights

    def _parents(self) -> Ints:
        table = self._numbers("kintree_table", (2, self._joints)).astype(np.int64)
        parents = np.concatenate([[-1], table[0, 1:]])  # the files have 2^32 - 1 for the first
        if (parents != STRUCTURES[self._kind].parents).any():
            raise self._wrong("its joints hang together in another way")
        return np.asarray(parents, np.int32)

    def _landmarks(self) -> LandmarkEmbedding | None:
        found = {name: self._arrays[name] for name in _LANDMARKS if name in self._arrays}
        if not found and self._kind == "flame":
            found = _landmarks_beside(self._path)
        if len(found) < len(_LANDMARKS):
            return None
        self._arrays = {**self._arrays, **found}
        triangles = np.ravel(self._numbers("lmk_faces_idx", (_LANDMARK_COUNT,)))
        shares = self._near("lmk_bary_coords", (_LANDMARK_COUNT, 3))
        if shares.min() < -_UNEVEN or np.abs(shares.sum(axis=1) - 1).max() > _UNEVEN:
            raise self._wrong("its landmarks are outside of their triangles")
        return LandmarkEmbedding(self._whole("lmk_faces_idx", triangles, len(self._arrays["f"])), shares)


def landmark_file(path: Path) -> Path | None:
    """The file of landmarks that lies beside a FLAME file, if one does."""
    return next((beside for name in _EMBEDDINGS if (beside := path.with_name(name)).is_file()), None)


def _landmarks_beside(path: Path) -> dict[str, Any]:
    beside = landmark_file(path)
    if beside is None:
        return {}
    names = _EMBEDDINGS[beside.name]
    embedding = read_pickle(beside, names)
    return {name: np.squeeze(embedding[own]) for name, own in zip(_LANDMARKS, names, strict=True) if own in embedding}


def title_of(path: Path, kind: Kind) -> str:
    """What a file is called before a person, by its name and, for what that doesn't tell, its folders' names."""
    words = [path.stem.lower(), *(folder.lower() for folder in path.parts[-2:-4:-1])]
    year = next((found[0] for word in words if (found := re.search(r"20(17|19|20|23)", word))), "")
    gender = next((found[0] for word in words if (found := re.search("female|male|neutral|generic", word))), "")
    if kind == "flame" and year == "2023" and any("open" in word for word in words):
        return FLAME_OPEN.name
    name = SOURCES[kind].name
    parts = (name, year, gender) if kind == "flame" else (name, gender, year)
    return " ".join(part for part in parts if part)


def _split(number: int, identity: int) -> str:
    return (
        str(number)
        if number == identity
        else f"{number} ({identity} of identity and {number - identity} of expression)"
    )


def _worded(shape: tuple[int | None, ...]) -> str:
    return " × ".join("any" if size is None else str(size) for size in shape)
