"""Sequences of SMPL's family, `.npz` files of AMASS, SMPL-X, BEAT2 and FLAME, as takes, and takes as such files.

How they are read is told in `blender_addon/core/formats/amass.py`, which the add-on reads them with too. What a take
has no place for stays with it (`recording.py`), so that it can leave as the file that it was: the same arrays under the
same names, rotations within 0.01 degrees. Layouts are those of the AMASS and SMPL-X releases (Mahmood et al. 2019,
Pavlakos et al. 2019), of BEAT2 (Liu et al. 2024), and for FLAME (Li et al. 2017) the arguments of the `smplx` library.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from blender_addon.core.errors import AddonError
from blender_addon.core.formats import amass

from ..errors import InputError
from ..files import UNREADABLE, read_npz, write_npz
from ..request import Request
from .motion import Motion
from .names import ARKIT_INDEX, ARKIT_NAMES, JOINT_PARENTS
from .recording import Recording
from .speech import SILENCE, TRACK_RATE, Phone, Speech
from .take import Take, hash_of

Form = Literal["same", "amass", "smplx", "beat2", "flame"]
FORMS: tuple[str, ...] = get_args(Form)

_LARGEST_REST = 64 << 20
"""Bytes of a file's other arrays that stay with the take; markers of hours are below."""
_NAME = re.compile(r"\w{1,64}", re.ASCII)
_FASTEST_REQUEST = 240.0

_NO_TURN, _Z_UP = (1.0, 0.0, 0.0, 0.0), (0.5**0.5, -(0.5**0.5), 0.0, 0.0)
_LEGS = 0.927
"""How long SMPL-X's average legs are, pelvis to ankle, against those of a take's skeleton: so feet don't slide."""
_PELVIS = {"smplx": np.array([0.003, -0.351, 0.012]), "smplh": np.array([-0.002, -0.223, 0.028])}
"""Where an average model's pelvis is at rest: `trans` moves the model's origin, which is elsewhere."""
_STANDING = np.array([0.0, 0.945, 0.0])
"""Where it is when that model stands on the floor."""


def read_sequence(path: Path, fps: float = 30.0, audio: Path | None = None) -> Take:
    """Read a sequence as a take; `fps` is for a file that doesn't say its own, `audio` is its sound.

    Jaw and eyes become ARKit weights; expression coefficients stay what they are, those of the file's model. There is
    no speech in such a take. The sound is looked for beside the file, as NAME.wav, if it is not given.

    Raises InputError if there is no such file, or if it is not one, with the reason.
    """
    if audio is not None and not audio.is_file():
        raise InputError(f"There is no sound at {audio}; check its path.")
    try:
        found = amass.read_sequence(path, fps)
        recording = _recording(path, found)
    except AddonError as error:
        raise InputError(str(error)) from error
    except UNREADABLE as error:
        raise InputError(f"{path} can't be read ({error}). Get the file again.") from error
    take = found.take
    if take.fps < 1:
        raise InputError(f"{path} has {take.fps:g} frames a second; a take has at least 1.")
    arkit, expression = _face(take.face_names, take.face)
    motion = Motion(take.fps, take.poses, take.trans, arkit, expression)
    sound = audio or path.with_suffix(".wav")
    request = Request(audio=str(sound), fps=min(take.fps, _FASTEST_REQUEST))
    return Take(motion, _silent(motion.duration), request, hash_of(sound) if sound.is_file() else "", recording)


def write_sequence(path: Path, take: Take, form: Form = "same") -> None:
    """Write a take as a sequence.

    same  : as the file that it was read from
    amass : AMASS's of SMPL-H: 52 joints, Z up, no face
    smplx : AMASS's of SMPL-X: 55 joints, Z up
    beat2 : BEAT2's: 55 joints, 100 expression coefficients, Y up
    flame : neck, head, jaw, eyes and expression by the arguments of the `smplx` library, Y up

    Raises InputError if the take was not read from a file but is to be the same, or can't be written.
    """
    if form == "same" and take.recording is None:
        raise InputError(
            f"{path} can't be the same file as before: this take was made here; choose one of {', '.join(FORMS[1:])}."
        )
    recording = take.recording if form == "same" else _FORMS[form](take)
    assert recording is not None
    write_npz(path, _arrays_of(take.motion, recording), packed=False)  # packing an hour would take minutes


def _face(names: tuple[str, ...], face: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """ARKit's weights (T, 52) and the expression (T, E)."""
    arkit = np.zeros((len(face), len(ARKIT_NAMES)), np.float32)
    for name, track in zip(names, face.T, strict=True):
        if name in ARKIT_INDEX:
            arkit[:, ARKIT_INDEX[name]] = track
    expression = [name not in ARKIT_INDEX for name in names]
    return arkit, np.ascontiguousarray(face[:, expression])


def _silent(duration: float) -> Speech:
    track = np.zeros(int(np.ceil(duration * TRACK_RATE)), np.float32)
    return Speech(
        duration, (Phone(SILENCE, 0.0, duration),), method="recorded",
        loudness=track, pitch=track, voicing=track, emphasis=track,
    )  # fmt: skip


def _recording(path: Path, found: amass.Sequence) -> Recording:
    parts = amass.FLAME_PARTS if found.flame else amass.PARTS
    known = {"poses", *amass.RATES, *amass.PLACES, *amass.EXPRESSIONS, *(name for part in parts for name in part[0])}
    curves: dict[str, tuple[tuple[int, ...], str]] = {}
    rest: dict[str, NDArray[Any]] = {}
    left = _LARGEST_REST
    for name, entry in _entries(path):
        if name in known:
            array = read_npz(path, [name])[name]
            curves[name] = (array.shape, array.dtype.str)
        elif entry.file_size <= left and (value := _other(path, name, entry)) is not None:
            rest[name] = value
            left -= entry.file_size
    return Recording(
        file=path.name,
        flame=found.flame,
        curves=curves,
        frames=len(found.take),
        room=tuple(float(part) for part in found.room),
        size=float(found.size),
        start=tuple(float(part) for part in found.start),
        rest=rest,
    )


def _entries(path: Path) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name != entry.filename and _NAME.fullmatch(name):
                yield name, entry


def _other(path: Path, name: str, entry: zipfile.ZipInfo) -> NDArray[Any] | None:
    """An array that is no curve. Pickles are not read; but of the one that AMASS has for `gender` the word is."""
    try:
        return read_npz(path, [name])[name]
    except UNREADABLE:
        if name != "gender":
            return None
    with zipfile.ZipFile(path) as archive, archive.open(entry) as file:
        word = re.search(b"female|male|neutral", file.read(4096))
    return np.asarray(word[0].decode()) if word else None


def _arrays_of(motion: Motion, recording: Recording) -> dict[str, NDArray[Any]]:
    same_length = recording.frames == len(motion)
    arrays: dict[str, NDArray[Any]] = {}
    for name, (shape, dtype) in recording.curves.items():
        if (value := _curve(name, shape, motion, recording)) is None:
            continue
        whole = same_length and value.size == np.prod(shape)
        arrays[name] = (value.reshape(shape) if whole else value).astype(dtype)
    for name, value in recording.rest.items():
        per_frame = value.ndim > 0 and len(value) == recording.frames > 1
        if same_length or not per_frame:  # what goes frame by frame is of no use for other frames
            arrays[name] = value
    return arrays


def _curve(name: str, shape: tuple[int, ...], motion: Motion, recording: Recording) -> NDArray[Any] | None:
    """One array of a file: rotations and coefficients as (T, columns), translations, or the frame rate."""
    if name in amass.RATES:
        return np.full(shape, motion.fps)
    if name in amass.PLACES:
        placed = (motion.trans.astype(np.float64) + recording.start) / recording.size
        return np.asarray(_room(recording).inv().apply(placed))
    columns = int(np.prod(shape[1:] if len(shape) > 1 else shape))
    if name in amass.EXPRESSIONS:
        return _cut(motion.expression.astype(np.float64), columns)
    poses = _turned(motion, recording)
    if name == "poses":
        if columns not in amass.LAYOUTS:
            return None
        joints = list(amass.LAYOUTS[columns][1])
        return _cut(poses[:, joints].reshape(len(poses), -1), columns)
    parts = amass.FLAME_PARTS if recording.flame else amass.PARTS
    first = next((first for names, first, _ in parts if name in names), None)
    return None if first is None else _cut(poses[:, first:].reshape(len(poses), -1), columns)


def _cut(rows: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """Rows with so many columns; what is not there is 0."""
    out = np.zeros((len(rows), columns))
    out[:, : rows.shape[1]] = rows[:, :columns]
    return out


def _turned(motion: Motion, recording: Recording) -> NDArray[np.float64]:
    """(T, 55, 3) with its root in the file's axes; FLAME's root is the neck, as it turns in the room."""
    poses = motion.poses.astype(np.float64)
    root = amass.FLAME_ROOT if recording.flame else 0
    turn = Rotation.from_rotvec(poses[:, 0])
    if recording.flame:
        turn = Rotation.identity(len(poses))
        for joint in _down_to(root):
            turn = turn * Rotation.from_rotvec(poses[:, joint])
    poses[:, root] = (_room(recording).inv() * turn).as_rotvec()
    return poses


def _down_to(joint: int) -> list[int]:
    chain = [joint]
    while JOINT_PARENTS[chain[-1]] >= 0:
        chain.append(JOINT_PARENTS[chain[-1]])
    return chain[::-1]


def _room(recording: Recording) -> Rotation:
    w, x, y, z = recording.room
    return Rotation.from_quat([x, y, z, w])


def _amass(take: Take) -> Recording:
    frames = len(take.motion)
    curves = {"trans": (frames, 3), "mocap_framerate": (), "poses": (frames, 156)}
    rest = {"gender": _gender(take), "betas": _betas(take, 16), "dmpls": np.zeros((frames, 8))}
    return _model_file(take, curves, rest, "smplh", _Z_UP)


def _smplx(take: Take) -> Recording:
    frames = len(take.motion)
    curves: dict[str, tuple[int, ...]] = {"mocap_frame_rate": (), "trans": (frames, 3), "poses": (frames, 165)}
    curves |= {"root_orient": (frames, 3), "pose_body": (frames, 63), "pose_hand": (frames, 90)}
    curves |= {"pose_jaw": (frames, 3), "pose_eye": (frames, 6)}
    if count := take.motion.expression.shape[1]:
        curves["expression"] = (frames, count)
    rest = {
        "gender": _gender(take),
        "surface_model_type": np.asarray("smplx"),
        "mocap_time_length": np.asarray(take.motion.duration),
        "betas": _betas(take, 16),
        "num_betas": np.asarray(16),
    }
    return _model_file(take, curves, rest, "smplx", _Z_UP)


def _beat2(take: Take) -> Recording:
    frames = len(take.motion)
    curves = {"poses": (frames, 165), "expressions": (frames, 100), "trans": (frames, 3), "mocap_frame_rate": ()}
    rest = {"betas": _betas(take, 300), "model": np.asarray("smplx2020"), "gender": _gender(take)}
    return _model_file(take, curves, rest, "smplx", _NO_TURN)


def _flame(take: Take) -> Recording:
    frames = len(take.motion)
    curves: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(("global_orient", "neck_pose", "jaw_pose", "leye_pose", "reye_pose", "transl"), (frames, 3)),
        "expression": (frames, take.motion.expression.shape[1] or 100),
        "mocap_frame_rate": (),
    }
    recording = take.recording
    known = recording.rest.get("betas") if recording and recording.flame else None
    rest = {"betas": np.zeros(300) if known is None else known}
    return _file(take, True, curves, rest, _NO_TURN, 1.0, np.zeros(3))


_FORMS: dict[str, Callable[[Take], Recording]] = {"amass": _amass, "smplx": _smplx, "beat2": _beat2, "flame": _flame}


def _model_file(
    take: Take, curves: dict[str, tuple[int, ...]], rest: dict[str, NDArray[Any]], model: str, room: tuple[float, ...]
) -> Recording:
    """A file of an average body that stands on the floor where the take does: `trans` (T, 3) is of its origin."""
    w, x, y, z = room
    origin = Rotation.from_quat([x, y, z, w]).apply(_PELVIS[model])
    return _file(take, False, curves, rest, room, 1 / _LEGS, (_STANDING - origin) / _LEGS)


def _file(
    take: Take, flame: bool, curves: dict[str, tuple[int, ...]], rest: dict[str, NDArray[Any]],
    room: tuple[float, ...], size: float, start: NDArray[np.float64],
) -> Recording:  # fmt: skip
    typed = {name: (shape, "<f8") for name, shape in curves.items()}
    return Recording("", flame, typed, len(take.motion), room, size, tuple(start.tolist()), rest)


def _gender(take: Take) -> NDArray[Any]:
    return (take.recording.person() if take.recording else {}).get("gender", np.asarray("neutral"))


def _betas(take: Take, count: int) -> NDArray[np.float64]:
    known = (take.recording.person() if take.recording else {}).get("betas", np.zeros(0))
    return np.asarray(_cut(known.astype(np.float64)[None], count)[0])
