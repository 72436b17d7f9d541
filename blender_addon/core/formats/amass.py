"""Sequences of SMPL's family in `.npz` files: AMASS (SMPL-H and SMPL-X), BEAT2, FLAME, and what others save like them.

Body models of the family have the take's joints, in its order and with its axes, so rotations are taken as they are.

* `poses`, as axis-angle: 165 columns are SMPL-X's 55 joints (BEAT2, AMASS of SMPL-X), 156 are SMPL-H's 52, which has
  no jaw and no eyes (AMASS), 72 are SMPL's 24, whose two hands are lumps and left out, 66 are the body's 22. Without
  `poses`, the parts are read: `root_orient`, `pose_body`, `pose_hand`, `pose_jaw`, `pose_eye`, or by the names of the
  `smplx` library, `global_orient`, `body_pose`, `left_hand_pose` and so on.
* FLAME's sequences have 15 columns of `poses`, or `rotation`, `neck_pose`, `jaw_pose`, `eyes_pose` and `expr`, or the
  names of the `smplx` library, and no body. FLAME's root is at the bottom of the neck, where SMPL-X's neck is, and its
  neck under the skull, where SMPL-X's head is: they become these two, on a body that stands.
* Hands that a file has not are flat. Those that it has are taken against SMPL-X's flat hand, as AMASS gives them.
* Up is Y or Z, and no key says which: AMASS has Z, BEAT2 and what networks estimate mostly have Y. It is read off the
  trunk, which points up most of the time (`footing.room_of`); for a recording of someone who lies, by the file's kind.
* `trans` moves a model's origin, which is in the chest or the pelvis and moves with its `betas`; without the model's
  file nobody can tell where it is. So the take's translation starts in the middle of the room, is measured by how far
  the feet would slide otherwise, and lets the feet stand on the floor (`footing.stand_on_floor`).
* Expression coefficients are of use only to the model that they belong to: they become face channels `Exp000`,
  `Exp001` ..., signed, as the shape keys of a SMPL-X character are named in Blender. Jaw and eyes also become ARKit
  weights, for every other face.

Objects (AMASS has its `gender` as one) are pickles: they are never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Arrays, array_names, read_arrays
from ..capture import weights_of
from ..errors import AddonError
from ..footing import Y_UP, Z_UP, footing, room_of
from ..names import JOINT_NAMES, component_name
from ..rotations import from_vectors, multiply, rotate, to_vectors
from ..skeleton import world_turns
from ..take import Floats, Take

_WHAT = "sequence of SMPL, SMPL-H, SMPL-X or FLAME poses"
_REMEDY = "Choose an .npz of AMASS, BEAT2, FLAME or the smplx library."
RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate", "framerate")
PLACES = ("trans", "transl", "translation")
EXPRESSIONS = ("expressions", "expression", "expr")
PARTS = (
    (("root_orient", "global_orient"), 0, (3,)),
    (("pose_body", "body_pose"), 1, (63, 69)),
    (("pose_jaw", "jaw_pose"), 22, (3,)),
    (("pose_eye",), 23, (6,)),
    (("leye_pose",), 23, (3,)),
    (("reye_pose",), 24, (3,)),
    (("pose_hand",), 25, (90,)),
    (("left_hand_pose",), 25, (45,)),
    (("right_hand_pose",), 40, (45,)),
)
"""Names of a part of the pose, the first of its joints, and how many columns it may have."""
FLAME_ROOT, _FLAME_NECK = JOINT_NAMES.index("neck"), JOINT_NAMES.index("head")
FLAME_PARTS = (
    (("rotation", "global_orient"), FLAME_ROOT, (3,)),
    (("neck_pose",), _FLAME_NECK, (3,)),
    *(part for part in PARTS if part[1] in (22, 23, 24)),
    (("eyes_pose",), 23, (6,)),
)
_BODY = tuple(range(22))
_HANDS = tuple(range(25, 55))
LAYOUTS = {
    165: ("SMPL-X", tuple(range(55))),
    156: ("SMPL-H", (*_BODY, *_HANDS)),
    72: ("SMPL", _BODY),
    66: ("a body alone", _BODY),
    15: ("FLAME", (FLAME_ROOT, _FLAME_NECK, 22, 23, 24)),
}
"""By the columns of `poses`: whose they are, and which of the take's joints the first of them are."""
_LARGEST_NUMBER = 1e5
"""No curve, in radians or metres, comes near."""
_FASTEST = 1000.0


@dataclass(frozen=True)
class Sequence:
    """A sequence as a take, and what brought it there.

    take  : what it is here
    flame : whether it is FLAME's, which has no body
    room  : (4,) the turn that brought its axes into the take's
    size  : the take's translation is that of the file, turned, times this,
    start : (3,) less this
    """

    take: Take
    flame: bool
    room: NDArray[np.float64]
    size: float
    start: NDArray[np.float64]


def is_sequence(names: frozenset[str]) -> bool:
    """Whether a file with arrays of these names is one of these, rather than a take."""
    return "arkit" not in names and bool(names & {"poses", *PARTS[0][0], *PARTS[1][0], "neck_pose", "expr"})


def read_amass(path: Path, fps: float) -> Take:
    """Read a sequence; `fps` is for those that don't say theirs.

    Raises AddonError if there is no such file, or if it is not one, with the reason.
    """
    return read_sequence(path, fps).take


def read_sequence(path: Path, fps: float) -> Sequence:
    """As `read_amass`, with what is needed to write the take as such a file again."""
    names = array_names(path, _WHAT, _REMEDY)
    parts = {name for part, _, _ in (*PARTS, *FLAME_PARTS) for name in part}
    wanted = ("poses", *RATES, *PLACES, *EXPRESSIONS, *sorted(parts))
    arrays = read_arrays(path, (), _WHAT, optional=wanted, remedy=_REMEDY)
    try:
        flame = _is_flame(arrays)
        poses = _poses(arrays, flame)
        _check_radians(poses)
        rate = _rate(arrays, fps)
        trans = _columns(arrays, PLACES, len(poses), 3)
        names_of_face, face = weights_of(poses)
        expression = _columns(arrays, EXPRESSIONS, len(poses), None)
    except (TypeError, ValueError, OverflowError) as error:
        raise AddonError(f"{path} is not a {_WHAT} ({error}). {_REMEDY}") from error
    places = np.zeros((len(poses), 3)) if trans is None else trans.astype(np.float64)
    turns = world_turns(poses)
    root = FLAME_ROOT if flame else 0
    if flame:  # the head is upright most of the time, as a trunk is
        room = room_of(dict.fromkeys(JOINT_NAMES, turns["neck"]), places, Y_UP)
    else:
        estimated = "poses" not in names or not names.isdisjoint(EXPRESSIONS)
        room = room_of(turns, places, Y_UP if estimated else Z_UP)
    if room is not Y_UP:
        turns = {joint: multiply(room, turn) for joint, turn in turns.items()}
        poses[:, root] = to_vectors(multiply(room, from_vectors(poses[:, root])))
    places = rotate(room, places)
    size, start = (1.0, places[0]) if flame else footing(turns, places, rate, sized=False)
    shapes = np.zeros((len(poses), 0), np.float32) if expression is None else expression
    take = Take(
        fps=rate,
        poses=poses,
        trans=(places * size - start).astype(np.float32),
        face=np.concatenate([face, shapes], axis=1),
        face_names=(*names_of_face, *map(component_name, range(shapes.shape[1]))),
    )
    return Sequence(take, flame, room, size, start)


def _is_flame(arrays: Arrays) -> bool:
    if "poses" in arrays:
        poses = arrays["poses"]
        return poses.ndim > 1 and bool(np.prod(poses.shape[1:]) == 15)
    return arrays.keys().isdisjoint(PARTS[1][0]) and not arrays.keys().isdisjoint(("neck_pose", "rotation", "expr"))


def _poses(arrays: Arrays, flame: bool) -> Floats:
    """(T, 55, 3) axis-angle."""
    if "poses" not in arrays:
        return _from_parts(arrays, flame)
    rows = _rows(arrays["poses"], "poses")
    if rows.shape[1] not in LAYOUTS:
        known = ", ".join(f"{columns} ({kind})" for columns, (kind, _) in LAYOUTS.items())
        raise ValueError(f"its poses have {rows.shape[1]} columns instead of {known}")
    joints = list(LAYOUTS[rows.shape[1]][1])
    poses = np.zeros((len(rows), len(JOINT_NAMES), 3), np.float32)
    poses[:, joints] = rows.reshape(len(rows), -1, 3)[:, : len(joints)]
    return poses


def _check_radians(poses: Floats) -> None:
    angles = np.linalg.norm(poses, axis=2)
    if angles.any() and np.median(angles[angles > 0]) > np.pi:
        raise ValueError("its joints turn further than joints do: it may be in degrees instead of radians")


def _from_parts(arrays: Arrays, flame: bool) -> Floats:
    parts = FLAME_PARTS if flame else PARTS
    counted = (*EXPRESSIONS, "jaw_pose", "neck_pose") if flame else PARTS[1][0]
    frames = next((len(_rows(arrays[name], name)) for name in counted if name in arrays), 0)
    if not frames or (not flame and arrays.keys().isdisjoint(PARTS[0][0])):
        raise ValueError("it has no poses, nor root_orient and pose_body")
    poses = np.zeros((frames, len(JOINT_NAMES), 3), np.float32)
    for name, first, sizes in ((name, first, sizes) for names, first, sizes in parts for name in names):
        if name not in arrays:
            continue
        rows = _rows(arrays[name], name)
        if rows.shape[1] not in sizes and "hand" in name and rows.shape[1] < sizes[0]:
            raise ValueError(
                f"its {name} holds PCA coefficients, which only the model knows: save it with use_pca=False"
            )
        if len(rows) != len(poses) or rows.shape[1] not in sizes:
            raise ValueError(f"its {name} has shape {rows.shape} instead of {(len(poses), sizes[0])}")
        joints = rows[:, : sizes[0]].reshape(len(rows), -1, 3)
        poses[:, first : first + joints.shape[1]] = joints
    return poses


def _rows(array: NDArray[Any], name: str) -> Floats:
    """Numbers as (T, columns), of arrays (T, joints, 3) and of a single pose too."""
    values = _numbers(array, name)
    return values.reshape(1, -1) if values.ndim < 2 else values.reshape(len(values), -1)


def _columns(arrays: Arrays, names: tuple[str, ...], frames: int, count: int | None) -> Floats | None:
    """The first of these arrays that is there, (T, count), of any count for None; None if none is."""
    name = next((name for name in names if name in arrays), None)
    if name is None or not arrays[name].size:
        return None
    rows = _rows(arrays[name], name)
    if rows.shape != (frames, count or rows.shape[1]):
        raise ValueError(f"its {name} has shape {rows.shape} for {frames} frames of poses")
    return rows


def _rate(arrays: Arrays, fps: float) -> float:
    name = next((name for name in RATES if name in arrays), None)
    rate = fps if name is None else float(_numbers(arrays[name], name).reshape(-1)[0])
    if not 0 < rate <= _FASTEST:
        raise ValueError(f"its frame rate is {rate}")
    return rate


def _numbers(array: NDArray[Any], name: str) -> Floats:
    if array.dtype.kind not in "fiu":
        raise ValueError(f"its {name} holds {array.dtype} where numbers should be")
    if not array.size:
        raise ValueError(f"its {name} is empty")
    values = np.asarray(array, np.float32)
    if not (np.abs(values) < _LARGEST_NUMBER).all():
        raise ValueError(f"its {name} holds numbers that are not finite or absurdly large")
    return values
