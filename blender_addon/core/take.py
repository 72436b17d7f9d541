"""Reading and keeping a take: the curves of one performance."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Arrays, read_arrays
from .errors import AddonError
from .names import ARKIT_NAMES, JOINT_NAMES, component_name, is_component

Floats = NDArray[np.float32]
FULL_JAW = 0.35
"""Radians that the jaw opens at a jawOpen of 1."""
FULL_LOOK = float(np.radians(30.0))
"""Radians that an eye turns at an eyeLook weight of 1."""
NECK_SHARE = 0.45
"""The neck's part of the head's turn."""

_ARRAYS = ("fps", "poses", "trans", "arkit", "arkit_names")
_OF_MODELS = ("expression", "model", "expression_of_arkit", "jaw_of_arkit")


@dataclass(frozen=True, eq=False)
class ModelFace:
    """The licensed model whose expression a take has, and what it does for each ARKit shape at weight 1.

    model       : the user's name of it
    expressions : (52, E) its components, and
    jaws        : (52, 3) its jaw's axis-angle, radians, in the order of `ARKIT_NAMES`; both are linear in the weights
    """

    model: str
    expressions: Floats
    jaws: Floats


@dataclass(frozen=True)
class Take:
    """Curves sampled at `fps`, in SMPL-X's coordinates (metres, Y up, facing +Z).

    poses : (T, 55, 3) axis-angle rotations of the joints in `JOINT_NAMES`, each in its parent's frame, radians
    trans : (T, 3) translation of the pelvis from its rest place, metres
    face  : (T, K) blend-shape weights, and the components of a model's expression, named by `face_names`
    meta  : the request, versions and hash of the sound that it was made from, as JSON; "" if the file tells none
    model_face : the model whose expression that is, None if nobody knows
    """

    fps: float
    poses: Floats
    trans: Floats
    face: Floats
    face_names: tuple[str, ...]
    meta: str = field(default="", repr=False)
    model_face: ModelFace | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.poses)

    def since(self, frame: int) -> Take:
        """The rest of it, from `frame` on."""
        return replace(self, poses=self.poses[frame:], trans=self.trans[frame:], face=self.face[frame:])

    def of_weights(self) -> Take:
        """The same without a model's expression."""
        names = tuple(name for name in self.face_names if not is_component(name))
        return replace(self, face=self._face(names), face_names=names, model_face=None)

    @property
    def expression(self) -> Floats:
        """(T, E) the components of a model's expression."""
        return self._face(tuple(name for name in self.face_names if is_component(name)))

    def _face(self, names: tuple[str, ...]) -> Floats:
        return self.face[:, [self.face_names.index(name) for name in names]]


def read_take(path: Path) -> Take:
    """Read a take's `.npz`.

    Raises AddonError if there is no such file, or if it is not a take, with the reason.
    """
    return _take(path, read_arrays(path, _ARRAYS, "take", optional=("meta", *_OF_MODELS)))


def read_meta(path: Path) -> str:
    """What a take was made from, as `Take.meta`, without reading its curves.

    Raises AddonError as `read_take`.
    """
    return _without_speech(str(read_arrays(path, ("meta",), "take")["meta"]))


def read_piece(path: Path) -> tuple[int, Take]:
    """Read a piece of a take that is still being made: the number of its first frame, and its curves.

    Raises AddonError as `read_take`.
    """
    arrays = read_arrays(path, ("start", *_ARRAYS), "piece of a take", optional=_OF_MODELS)
    try:
        start = int(arrays["start"])
    except (TypeError, ValueError) as error:
        raise AddonError(
            f"{path} is not a piece of a take ({error}). Choose an .npz file that vlogger wrote."
        ) from error
    return start, _take(path, arrays)


def save_take(path: Path, take: Take) -> None:
    """Write a take's `.npz`, whole or not at all.

    Raises AddonError if it can't be written.
    """
    partial = path.with_name(f".{path.name}.part")
    weights = take.of_weights()
    try:
        with open(partial, "wb") as file:
            np.savez(
                file,
                fps=np.asarray(take.fps),
                poses=take.poses.reshape(len(take), -1),
                trans=take.trans,
                arkit=weights.face,
                arkit_names=np.asarray(weights.face_names, np.str_),
                expression=take.expression,
                meta=np.asarray(take.meta),
                **_written(take.model_face),
            )
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise AddonError(f"{path} can't be written ({error.strerror}). Save the blend file elsewhere.") from error


def _without_speech(meta: str) -> str:
    """The phones and words of an hour are megabytes, which nobody wants in every Action."""
    try:
        data = json.loads(meta)
        return json.dumps({name: value for name, value in data.items() if name != "speech"}, ensure_ascii=False)
    except (ValueError, AttributeError, RecursionError):
        return ""


def _written(face: ModelFace | None) -> Arrays:
    if face is None:
        return {}
    values = (np.asarray(face.model), face.expressions, face.jaws)
    return dict(zip(_OF_MODELS[1:], values, strict=True))


def _model_face(arrays: Arrays, components: int) -> ModelFace | None:
    name, *ways = _OF_MODELS[1:]
    if not all(way in arrays for way in ways):
        return None
    model = str(arrays[name]) if name in arrays else str(json.loads(str(arrays["meta"])).get("model", ""))
    shapes = ((len(ARKIT_NAMES), components), (len(ARKIT_NAMES), 3))
    return ModelFace(model, *(_floats(arrays[way], shape) for way, shape in zip(ways, shapes, strict=True)))


def _take(path: Path, arrays: Arrays) -> Take:
    try:
        names = tuple(str(name) for name in arrays["arkit_names"])
        frames = len(arrays["poses"])
        fps = float(arrays["fps"])
        if not (np.isfinite(fps) and fps > 0):
            raise ValueError(f"its frame rate is {fps}")
        if not frames:
            raise ValueError("it has no frames")
        face = _floats(arrays["arkit"], (frames, len(names)))
        expression = _floats(arrays.get("expression", np.zeros((frames, 0))), (frames, None))
        components = tuple(map(component_name, range(expression.shape[1])))
        return Take(
            fps=fps,
            poses=_floats(arrays["poses"], (frames, len(JOINT_NAMES) * 3)).reshape(frames, -1, 3),
            trans=_floats(arrays["trans"], (frames, 3)),
            face=np.concatenate([face, expression], axis=1) if components else face,
            face_names=(*names, *components),
            meta=_without_speech(str(arrays.get("meta", ""))),
            model_face=_model_face(arrays, len(components)),
        )
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise AddonError(f"{path} is not a take ({error}). Choose an .npz file that vlogger wrote.") from error


def _floats(array: NDArray[Any], shape: tuple[int | None, ...]) -> Floats:
    """The array as numbers, if it has this shape; None is any length."""
    values = np.asarray(array, np.float32)
    if len(values.shape) != len(shape) or any(b not in (a, None) for a, b in zip(values.shape, shape, strict=True)):
        raise ValueError(f"an array of it has shape {values.shape}, expected {shape}")
    if not np.isfinite(values).all():
        raise ValueError("it holds numbers that are not finite")
    return values
