"""All that is found out about a model once: where the built-in face is on it, its ARKit shapes and their solution.

It is kept in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ... import __version__
from ...errors import InputError
from ...files import UNREADABLE, read_npz, remove_leftovers, write_npz
from ...folders import cache_folder
from ...motion.names import ARKIT_NAMES
from ...progress import Progress, no_progress
from .body_model import BodyModel
from .built_in import built_in_face
from .carrying import Carried, carried
from .head import Registration, registered
from .solving import Solution, solved

_FORMAT = 2
_SOURCE = ("data", "indices", "indptr")
"""The arrays of a sparse matrix by rows."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Where the built-in face is on a model's head, the ARKit shapes there, and what the model does for each."""

    registration: Registration
    shapes: Carried
    solution: Solution


def prepared(name: str, progress: Progress = no_progress) -> Prepared:
    """What is known of a registered model, or of the model of a person: read in a moment, or found out, which takes
    some 20 seconds, and kept.

    Raises InputError if no such model is registered, if it can't be read, has no landmarks or no expression, or if
    the outcome can't be kept.
    """
    from . import shelf

    entry = shelf.find(name)
    return kept(entry.sha256, lambda: shelf.open_model(name), progress, shelf.landmarks_key(entry))


def kept(
    sha256: str, open_model: Callable[[], BodyModel], progress: Progress = no_progress, landmarks: str = ""
) -> Prepared:
    """What is known of the model whose file has this hash, and whose landmarks, if they are not in it, are told from
    others by `landmarks` (`shelf.landmarks_key`); `open_model` is asked for it only if that is nothing yet.

    A damaged file of the cache is made again.
    """
    path = kept_folder() / f"{_key(sha256, landmarks)}.npz"
    try:
        return _read(path)
    except UNREADABLE:
        pass
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):  # told before the work
            raise PermissionError(f"no permission to write in {path.parent}")
        remove_leftovers(path.parent)
    except OSError as error:
        raise _not_kept(error) from error
    outcome = prepare(open_model(), progress)
    try:
        write_npz(path, _arrays(outcome))
    except InputError as error:
        raise _not_kept(error) from error
    return _read(path)


def _not_kept(error: Exception) -> InputError:
    return InputError(
        f"What is found out about the model can't be kept ({error}). Set VLOGGER_CACHE to a folder that can be written."
    )


def prepare(model: BodyModel, progress: Progress = no_progress) -> Prepared:
    """Lay the built-in face over the model's, carry its shapes and solve them.

    Raises InputError if the model has no landmarks or no expression.
    """
    if not model.expressions.shape[2]:
        raise InputError(f"{model.title} has no expression, so its face can't move; use a SMPL-X or FLAME file.")
    face = built_in_face()
    progress(f"Laying the built-in face over {model.title}", 0.0)
    there = registered(model, face)
    progress(f"Carrying the face's shapes to {model.title}", 0.7)
    shapes = carried(model, face, there)
    progress(f"Solving them as expressions of {model.title}", 0.9)
    outcome = Prepared(there, shapes, solved(model, shapes))
    progress(f"{model.title} is prepared", 1.0)
    return outcome


def kept_folder() -> Path:
    """Where what was found out about models is kept."""
    return cache_folder() / "models"


def _key(sha256: str, landmarks: str) -> str:
    made_by = {"model": sha256, "landmarks": landmarks, "format": _FORMAT, "vlogger": __version__}
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:24]


_FIELDS = tuple(field.name for part in (Registration, Carried, Solution) for field in fields(part))
_ARRAYS = (*(name for name in _FIELDS if name != "source"), *(f"source_{part}" for part in _SOURCE))


def _arrays(outcome: Prepared) -> dict[str, NDArray[Any]]:
    arrays = {**vars(outcome.registration), **vars(outcome.shapes), **vars(outcome.solution)}
    source = arrays.pop("source")
    rows = {f"source_{part}": getattr(source, part) for part in _SOURCE}
    return arrays | rows | {"numbers": arrays["numbers"].astype(np.int32), "shapes": arrays["shapes"].astype("f4")}


def _read(path: Path) -> Prepared:
    """Raises any of `UNREADABLE` if the file is not there, damaged or no such thing."""
    arrays = {name: array.astype(np.float64) for name, array in read_npz(path, _ARRAYS).items()}
    vertices, points, components = len(arrays["numbers"]), len(arrays["laid"]), arrays["expressions"].shape[1]
    count, entries = len(ARKIT_NAMES), len(arrays["source_data"])
    expected = {
        "numbers": (vertices,), "faces": (len(arrays["faces"]), 3), "laid": (points, 3), "trust": (vertices,),
        "eyes": (2, 3), "scale": (), "source_data": (entries,), "source_indices": (entries,),
        "source_indptr": (vertices + 1,), "shapes": (count, vertices, 3), "share": (vertices,),
        "expressions": (count, components), "jaws": (count, 3), "metric": (components + 3, components + 3),
        "mean": (count,), "worst": (count,), "moved": (count,),
    }  # fmt: skip
    for name, shape in expected.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{path} has no such {name} as it should")
    numbers = arrays["numbers"].astype(np.intp)
    data, indices, starts = (arrays.pop(f"source_{part}") for part in _SOURCE)
    source = sparse.csr_matrix((data, indices.astype(np.int32), starts.astype(np.int32)), (vertices, points))
    source.check_format()
    there = Registration(
        numbers, arrays["faces"].astype(np.int32), arrays["laid"], source, arrays["trust"], arrays["eyes"],
        float(arrays["scale"]),
    )  # fmt: skip
    return Prepared(
        there,
        Carried(numbers, arrays["shapes"], arrays["share"]),
        Solution(*(arrays[field.name] for field in fields(Solution))),
    )
