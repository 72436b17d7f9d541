"""Take: one performance, and its file.

A take is saved as one `.npz` that AMASS and SMPL-X tools can read (`poses`, `trans`, `betas`, `gender`,
`mocap_frame_rate`, ... as in Mahmood et al. 2019 and the SMPL-X releases), with the face (`arkit`, `expression`),
the prosody tracks, and a JSON string `meta` that holds the request, the seed and the speech. No pickle is ever read.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .. import __version__
from ..errors import InputError
from ..files import UNREADABLE, npz_entry, read_npz, writing
from ..progress import Progress, no_progress
from ..request import Request, request_from_dict
from .model_face import ModelFace
from .motion import Motion
from .names import ARKIT_NAMES, JOINT_NAMES
from .recording import Recording
from .speech import SILENCE, Accent, Phone, Speech, Word

_WAYS = ("expression_of_arkit", "jaw_of_arkit")
_TRACKS = ("loudness", "pitch", "voicing", "emphasis")
_BETAS = 10
_FASTEST = 1000.0
"""Frames per second. Takes that are made here have at most 240, recordings come faster."""
_NOTES = {
    False: "Generated animation: not a recording of a person's movement.",
    True: "Recorded elsewhere: read from a file, not made by vlogger.",
}
_LARGEST_NUMBER = 1e5
"""No curve, in radians, metres, hertz or weights, comes near."""
_POSE_PARTS = {
    "root_orient": slice(0, 3),
    "pose_body": slice(3, 66),
    "pose_jaw": slice(66, 69),
    "pose_eye": slice(69, 75),
    "pose_hand": slice(75, 165),
}


@dataclass(frozen=True)
class Take:
    """One performance: its curves, its speech, and the request that makes it again.

    `audio_sha256` is the hash of the sound file at the time ("" if it was not a file). `recording` tells of the file
    that the take was read from, if it was not made here; then the request makes nothing again, and names the sound.
    `face` is the model of the user's whose expression the motion has, if it was made for one; `made_with` is a hash of
    the user's model that it was made with, "" if it was none.
    """

    motion: Motion
    speech: Speech
    request: Request
    audio_sha256: str = ""
    recording: Recording | None = None
    face: ModelFace | None = None
    made_with: str = ""

    @property
    def model(self) -> str:
        """The user's name of that model, "" if there is none."""
        return self.face.model if self.face else ""


@dataclass(frozen=True)
class Meta:
    """What a take says of itself, without its curves.

    vlogger      : the version that made it
    audio_sha256, made_with : as in Take
    duration     : seconds of sound
    method       : how its speech was found, as in Speech
    spoken       : whether any speech was heard
    """

    vlogger: str
    request: Request
    audio_sha256: str
    made_with: str
    duration: float
    method: str
    spoken: bool


def write_take(
    path: Path,
    request: Request,
    speech: Speech,
    motions: Iterable[Motion],
    audio_sha256: str = "",
    progress: Progress = no_progress,
    recording: Recording | None = None,
    face: ModelFace | None = None,
    made_with: str = "",
) -> int:
    """Write consecutive windows of motion as one take; returns the number of frames.

    Only one window is in memory at a time, so the length of a take is limited by the disk alone. `face` and `made_with`
    are as in Take.

    Raises InputError if the file can't be written.
    """
    with (
        writing(path) as temporary,
        tempfile.TemporaryDirectory(prefix=".take-", dir=temporary.parent) as folder,
    ):
        frames, fps = 0, request.fps
        shapes: dict[str, tuple[int, ...]] = {}
        with _Columns(Path(folder)) as columns:
            for motion in motions:
                for name, column in _columns_of(motion).items():
                    columns.append(name, column)
                    shapes[name] = column.shape[1:]
                frames, fps = frames + len(motion), motion.fps
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            facts = {"audio_sha256": audio_sha256, **({"made_with": made_with} if made_with else {})}
            for name, value in _small_arrays(request, speech, frames, fps, facts, recording, face).items():
                with archive.open(npz_entry(name), "w") as entry:
                    npy.write_array(entry, value, allow_pickle=False)
            written, size = 0, sum(4 * frames * math.prod(shape) for shape in shapes.values())
            for name, shape in shapes.items():
                header = {"descr": "<f4", "fortran_order": False, "shape": (frames, *shape)}
                with archive.open(npz_entry(name), "w", force_zip64=True) as entry:
                    npy.write_array_header_1_0(entry, header)
                    with open(Path(folder) / name, "rb") as file:
                        while part := file.read(1 << 20):
                            entry.write(part)
                            written += len(part)
                            progress("Saving the take", written / size)
    return frames


def save_take(path: Path, take: Take) -> None:
    """Write a take that is in memory; the same bytes as `write_take` gave for it."""
    write_take(
        path, take.request, take.speech, [take.motion], take.audio_sha256, recording=take.recording, face=take.face,
        made_with=take.made_with,
    )  # fmt: skip


def write_curves(path: Path, motion: Motion, start: int = 0, face: ModelFace | None = None) -> None:
    """Write what plays of a take, and no more: the curves that the add-on reads, and the number of their first frame.

    `face` is as in `write_take`.

    Raises InputError if the file can't be written.
    """
    with writing(path) as temporary:
        np.savez(
            temporary,
            start=np.asarray(start),
            fps=np.asarray(motion.fps),
            poses=motion.poses.reshape(len(motion), -1),
            trans=motion.trans,
            arkit=motion.arkit,
            arkit_names=np.asarray(ARKIT_NAMES),
            expression=motion.expression,
            **({"model": np.asarray(face.model), **_ways(face)} if face else {}),
        )


def read_take(path: Path) -> Take:
    """Read a take.

    Raises InputError if there is no such file, or if it is not a take, with the reason.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a take but a folder or device; name a .npz file.")
    if not path.is_file():
        raise InputError(f"There is no take at {path}. Make one with: vlogger animate SOUND -o {path.name}")
    try:
        arrays = _read_arrays(path)
        meta = json.loads(str(arrays["meta"]))
        names = [str(name) for name in arrays["arkit_names"]]
        if names != list(ARKIT_NAMES):
            arrays["arkit"] = _reordered(arrays["arkit"], names)
        frames = len(arrays["poses"])
        motion = Motion(
            fps=float(arrays["fps"]),
            poses=_floats(arrays["poses"]).reshape(frames, len(JOINT_NAMES), 3),
            trans=_floats(arrays["trans"]),
            arkit=_floats(arrays["arkit"]),
            expression=_floats(arrays["expression"]),
        )
        if not 1 <= motion.fps <= _FASTEST:
            raise ValueError(f"its frame rate is {motion.fps}")
        if not frames:
            raise ValueError("it has no frames")
        speech = _speech_from(meta["speech"], {name: arrays[f"speech_{name}"] for name in _TRACKS})
        recording = Recording.read(path, meta["recording"]) if meta.get("recording") else None
        face = _face_from(str(meta.get("model", "")), arrays, motion.expression.shape[1])
        request, made_with = request_from_dict(meta["request"]), str(meta.get("made_with", ""))
        return Take(motion, speech, request, str(meta["audio_sha256"]), recording, face, made_with)
    except UNREADABLE as error:
        raise InputError(
            f"{path} is not a take that this version can read ({error}). Make it again with: vlogger animate"
        ) from error


def read_meta(path: Path) -> Meta:
    """What the take at `path` says of itself; its curves are not read, which takes a moment however long it is.

    Raises InputError if there is no take, or one that this version can't read.
    """
    try:
        meta = json.loads(str(read_npz(path, ["meta"])["meta"]))
        speech = meta["speech"]
        return Meta(
            str(meta["vlogger"]),
            request_from_dict(meta["request"]),
            str(meta["audio_sha256"]),
            str(meta.get("made_with", "")),
            float(speech["duration"]),
            str(speech["method"]),
            any(phone[2] != SILENCE for phone in speech["phones"]),
        )
    except UNREADABLE as error:
        raise InputError(f"{path} is not a take that this version can read ({error}).") from error


def hash_of(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Columns:
    """Raw arrays that grow at their end, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> _Columns:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def append(self, name: str, part: NDArray[np.float32]) -> None:
        if name not in self._files:
            self._files[name] = open(self._folder / name, "wb")  # noqa: SIM115 (closed in __exit__)
        self._files[name].write(np.ascontiguousarray(part, "<f4").tobytes())


def _columns_of(motion: Motion) -> dict[str, NDArray[np.float32]]:
    poses = motion.poses.reshape(len(motion), -1)
    parts = {name: poses[:, part] for name, part in _POSE_PARTS.items()}
    return {
        "poses": poses,
        "trans": motion.trans,
        "arkit": motion.arkit,
        "expression": motion.expression,
        **parts,
    }


def _small_arrays(
    request: Request,
    speech: Speech,
    frames: int,
    fps: float,
    facts: Mapping[str, str],
    recording: Recording | None,
    face: ModelFace | None,
) -> dict[str, NDArray[Any]]:
    meta = {
        "format": 1,
        "vlogger": __version__,
        "request": asdict(request),
        **facts,
        "speech": _speech_to(speech),
        "note": _NOTES[recording is not None],
        **({"recording": recording.described()} if recording else {}),
        **({"model": face.model} if face else {}),
    }
    rate = np.float64(fps)
    person = recording.person() if recording else {}
    betas = person.get("betas", np.zeros(_BETAS, np.float32))
    return {
        "fps": np.asarray(rate),
        "mocap_frame_rate": np.asarray(rate),
        "mocap_framerate": np.asarray(rate),
        "mocap_time_length": np.asarray(frames / rate),
        "gender": person.get("gender", np.asarray("neutral")),
        "surface_model_type": np.asarray("smplx"),
        "betas": betas,
        "num_betas": np.asarray(len(betas)),
        "arkit_names": np.asarray(ARKIT_NAMES),
        "meta": np.asarray(json.dumps(meta, ensure_ascii=False, sort_keys=True)),
        **{f"speech_{name}": np.asarray(getattr(speech, name), np.float32) for name in _TRACKS},
        **(recording.stored() if recording else {}),
        **(_ways(face) if face else {}),
    }


def _ways(face: ModelFace) -> dict[str, NDArray[Any]]:
    return dict(zip(_WAYS, (face.expressions.astype(np.float32), face.jaws.astype(np.float32)), strict=True))


def _face_from(model: str, arrays: Mapping[str, NDArray[Any]], components: int) -> ModelFace | None:
    """The model of a take; one of which no more than the name is told does nothing."""
    if not model:
        return None
    shapes = ((len(ARKIT_NAMES), components), (len(ARKIT_NAMES), 3))
    ways = [
        _floats(arrays[name]) if name in arrays else np.zeros(shape) for name, shape in zip(_WAYS, shapes, strict=True)
    ]
    for name, way, shape in zip(_WAYS, ways, shapes, strict=True):
        if way.shape != shape:
            raise ValueError(f"its {name} has shape {way.shape} instead of {shape}")
    return ModelFace(model, *(way.astype(np.float64) for way in ways))


def _speech_to(speech: Speech) -> dict[str, Any]:
    return {
        "duration": speech.duration,
        "language": speech.language,
        "method": speech.method,
        "phones": [[p.start, p.end, p.symbol, p.stress, p.word] for p in speech.phones],
        "words": [[w.start, w.end, w.text] for w in speech.words],
        "accents": [[a.time, a.start, a.end, a.strength] for a in speech.accents],
    }


def _speech_from(data: Mapping[str, Any], tracks: Mapping[str, NDArray[np.float32]]) -> Speech:
    return Speech(
        duration=float(data["duration"]),
        phones=tuple(Phone(symbol, start, end, stress, word) for start, end, symbol, stress, word in data["phones"]),
        words=tuple(Word(text, start, end) for start, end, text in data["words"]),
        accents=tuple(Accent(*accent) for accent in data["accents"]),
        language=str(data["language"]),
        method=str(data["method"]),
        **{name: _floats(track) for name, track in tracks.items()},
    )


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    wanted = {"fps", "poses", "trans", "arkit", "arkit_names", "expression", "meta"}
    wanted |= {f"speech_{name}" for name in _TRACKS}
    arrays = read_npz(path, wanted | set(_WAYS))
    if missing := wanted - arrays.keys():
        raise ValueError(f"it has no {', '.join(sorted(missing))}")
    return arrays


def _reordered(arkit: NDArray[Any], names: list[str]) -> NDArray[np.float32]:
    """ARKit weights by name, for a file written by a tool that sorts them otherwise; an absent one is 0."""
    out = np.zeros((len(arkit), len(ARKIT_NAMES)), np.float32)
    if not set(names) & set(ARKIT_NAMES):
        raise ValueError("none of its face weights has an ARKit name")
    for i, name in enumerate(ARKIT_NAMES):
        if name in names:
            out[:, i] = arkit[:, names.index(name)]
    return out


def _floats(array: NDArray[Any]) -> NDArray[np.float32]:
    if array.dtype.kind not in "fiu":
        raise ValueError(f"it holds {array.dtype} where numbers should be")
    values = np.asarray(array, np.float32)
    if not (np.abs(values) < _LARGEST_NUMBER).all():
        raise ValueError("it holds numbers that are not finite or absurdly large")
    return values
