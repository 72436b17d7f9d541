"""The sounds of a scene: which there are, the file of each, when it is heard, and placing one so that Play plays it."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import bpy

from ..core.errors import AddonError
from .compat import is_retimed, strip_frames, strips_of

Source = Literal["strip", "speaker", "file"]


@dataclass(frozen=True)
class SceneSound:
    """A sound that is heard in the scene.

    name   : of the strip, the speaker or the file
    path   : the sound's file; None if it is inside the blend file
    frame  : the scene's frame on which it is first heard
    skip   : seconds of the file before that, cut away by a strip's handle
    length : seconds that are heard from there; None is to the end of the file
    retimed: whether it plays at another speed than the file
    """

    name: str
    source: Source
    path: Path | None
    frame: float
    skip: float = 0.0
    length: float | None = None
    retimed: bool = False


def sounds_in(scene: Any) -> Iterator[SceneSound]:
    """Every sound of the scene: its strips in the order of time, then its speakers."""
    strips = [strip for strip in strips_of(scene) if strip.type == "SOUND" and strip.sound]
    for strip in sorted(strips, key=lambda strip: strip_frames(strip).seen):
        yield of_strip(scene, strip)
    for thing in scene.objects:
        if thing.type == "SPEAKER" and thing.data.sound:
            yield of_speaker(scene, thing)


def of_strip(scene: Any, strip: Any) -> SceneSound:
    """What is heard of a sound strip: the part between its handles."""
    frames, rate = strip_frames(strip), rate_of(scene)
    cut_at_end = frames.end < frames.content_end
    return SceneSound(
        name=strip.name,
        source="strip",
        path=_file(strip.sound),
        frame=frames.seen,
        skip=max((frames.seen - frames.content) / rate, 0.0),
        length=(frames.end - frames.seen) / rate if cut_at_end else None,
        retimed=is_retimed(strip),
    )


def of_speaker(scene: Any, speaker: Any) -> SceneSound:
    """The sound of a speaker; it starts with the strip that Blender gives a speaker, else with the scene."""
    tracks = speaker.animation_data.nla_tracks if speaker.animation_data else []
    starts = [strip.frame_start for track in tracks for strip in track.strips if strip.type == "SOUND"]
    return SceneSound(speaker.name, "speaker", _file(speaker.data.sound), min(starts, default=scene.frame_start))


def of_file(scene: Any, path: str) -> SceneSound:
    """A file that is not in the scene yet; it will start with the present frame.

    Raises AddonError if there is no such file.
    """
    if not path.strip():
        raise AddonError("No sound is chosen. Pick a sound file, a strip or a speaker.")
    file = Path(os.path.normpath(bpy.path.abspath(path)))
    if not file.is_file():
        raise AddonError(f"There is no sound at {file}. Pick it again: it may have moved.")
    return SceneSound(file.stem, "file", file, scene.frame_current)


@dataclass(frozen=True)
class Heard:
    """The file with just what is heard of a sound. `write` writes it, in any thread; None if it is there already.

    `write` raises AddonError if it can't be written, or the sound can't be read.
    """

    path: Path
    write: Callable[[], None] | None = None


def heard_of(sound: SceneSound, scene: Any, folder: Path) -> Heard:
    """What is heard of a sound: its own file, or one in `folder` that is to be written if it is cut or packed.

    Raises AddonError if the sound's file is gone, or plays at another speed.
    """
    if sound.retimed:
        raise AddonError(
            f"The strip {sound.name} plays at another speed than its file. Write what is heard to a file (Render > "
            "Render Audio), and pick that."
        )
    if sound.path is None:
        name, data = _packed(sound, scene)
        whole = folder / name
        unpack = partial(_unpack, data, whole)
    else:
        whole, unpack = sound.path, None
        if not whole.is_file():
            raise AddonError(
                f"The sound of {sound.name} is no longer at {whole}. Set its path in its properties, or use "
                "File > External Data > Find Missing Files."
            )
    if not sound.skip and sound.length is None:
        return Heard(whole, unpack)
    cut = folder / f"{whole.stem} cut.wav"

    def write() -> None:
        if unpack is not None:
            unpack()
        _cut(whole, cut, sound.skip, sound.length)

    return Heard(cut, write)


def place_sound(scene: Any, name: str, path: Path, frame: float, frames: int) -> bool:
    """Make sure that the file is heard from `frame` on, for `frames` frames; True if a strip had to be added for it.

    A new strip goes to a channel where there is room.

    Raises AddonError if this Blender can't play it.
    """
    for sound in sounds_in(scene):
        if sound.path == path and abs(sound.frame - frame) < 1:
            return False
    editor = scene.sequence_editor or scene.sequence_editor_create()
    start = round(frame)
    busy = {strip.channel for strip in strips_of(scene)
            if strip_frames(strip).seen < start + frames and strip_frames(strip).end > start}  # fmt: skip
    channel = next(i for i in range(1, 130) if i not in busy)
    all_strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    try:
        all_strips.new_sound(name, str(path), min(channel, 128), start)
    except RuntimeError as error:
        said = str(error).removeprefix("Error: ").strip()
        raise AddonError(f"The sound {path.name} could not be put into the sequencer: {said}.") from error
    return True


def rate_of(scene: Any) -> float:
    """The scene's frames per second."""
    return float(scene.render.fps / scene.render.fps_base)


def _file(sound: Any) -> Path | None:
    if sound.packed_file:
        return None
    return Path(os.path.normpath(bpy.path.abspath(sound.filepath, library=sound.library)))


def _packed(sound: SceneSound, scene: Any) -> tuple[str, bytes]:
    """The name and the bytes of a sound's file that is inside the blend file."""
    for data in bpy.data.sounds:
        users = [strip.name for strip in strips_of(scene) if strip.type == "SOUND" and strip.sound == data]
        users += [thing.name for thing in scene.objects if thing.type == "SPEAKER" and thing.data.sound == data]
        if data.packed_file and sound.name in users:
            return Path(data.filepath.replace("\\", "/")).name or "sound.wav", data.packed_file.data
    raise AddonError(f"The sound {sound.name} is no longer in the scene. Pick it again.")


def _unpack(data: bytes, path: Path) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise AddonError(
            f"The packed sound can't be written to {path.parent} ({error.strerror or error}). Free some space there, "
            "or save the blend file elsewhere."
        ) from error


def _cut(path: Path, cut: Path, skip: float, length: float | None) -> None:
    """Write the heard part of a sound with Blender's own sound library."""
    try:
        import aud
    except ImportError as error:
        raise AddonError(
            "This Blender is built without sound, so a strip that is cut can't be used. Pick the file."
        ) from error
    try:
        sound = aud.Sound(str(path)).limit(skip, -1.0 if length is None else skip + length)
        rate, channels = (int(x) for x in aud.Sound(str(path)).specs)
        sound.write(str(cut), rate, channels, aud.FORMAT_S16, aud.CONTAINER_WAV, aud.CODEC_PCM)
        with wave.open(str(cut)) as written:
            empty = not written.getnframes()
    except (aud.error, wave.Error, EOFError, OSError) as error:
        raise AddonError(
            f"The part of {path.name} that the strip plays can't be read ({error}). Pick the file."
        ) from error
    if empty:
        raise AddonError(f"The strip plays nothing of {path.name}. Move its handles.")
