"""What can be made of a take, by the suffix of the file: exports, the preview video, the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .exports.export import SUFFIXES as EXPORTS
from .exports.export import export_take
from .motion.take import Meta, Take, hash_of, read_meta
from .progress import Progress, no_progress
from .request import Body

PREVIEWS = (".mp4", ".png")
SUFFIXES = (*EXPORTS, *PREVIEWS)


def write_product(
    path: Path,
    take: Take,
    take_path: Path,
    audio: Path | None,
    body: Body | str | None,
    progress: Progress = no_progress,
    watch: Callable[[NDArray[np.uint8]], None] | None = None,
) -> Path:
    """Make `path` of a take on an avatar (`body`, or the one that the take was requested with).

    `audio` is the sound for the video and the picture; without it the sound is looked for where it was, and beside
    the take. `watch` is called with each picture (height, width, 3) of a video. Videos and pictures get content
    credentials. Returns `path`.

    Raises InputError if the suffix is none of `SUFFIXES`, or the sound is nowhere (for a video or a picture).
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} can't be made: the name must end in one of {', '.join(SUFFIXES)}.")
    from .avatars.bodies import avatar_for

    if suffix in EXPORTS:
        export_take(take, None if suffix == ".npz" else avatar_for(body or take.request.body, progress), path, progress)
        return path
    if take.recording:  # one that was recorded elsewhere may never have had a sound
        sound, _ = sound_if_there(take_path, audio)
        if sound is None and suffix == ".png":
            raise InputError(
                f"{take_path} has no sound, which the picture shows; say where it is with --audio, or make an .mp4."
            )
    else:
        sound = audio or find_sound(take, take_path)
    avatar = avatar_for(body or take.request.body, progress)
    if suffix == ".mp4":
        from .renderers.preview_video import write_preview

        write_preview(path, avatar, take.motion, sound, progress, watch)
    else:
        from .renderers.strip import write_strip

        assert sound is not None
        write_strip(path, avatar, take, sound, progress)
    _sign(path, take, take_path)
    return path


def _sign(path: Path, take: Take, take_path: Path) -> None:
    """Say in the file that it is generated. There is no mark in its pixels: nobody takes the character for a person."""
    from .provenance.credentials import sign
    from .provenance.provenance import Provenance, Source

    try:
        sign(path, Provenance(hash_of(take_path), take.request.seed, "preview", Source.ANIMATION, marked=False))
    except BaseException:
        path.unlink(missing_ok=True)  # one without credentials must not be taken for done
        raise


def sound_if_there(take_path: Path, audio: Path | None = None) -> tuple[Path | None, str]:
    """The sound of a take, or None and the sentence that says why there is none. `audio` is where it is, if known.

    Raises InputError if there is no file `audio`.
    """
    if audio is not None:
        if not audio.is_file():
            raise InputError(f"There is no sound at {audio}; check its path.")
        return audio, ""
    try:
        return find_sound(read_meta(take_path), take_path), ""
    except InputError as error:
        return None, f"The video has no sound. {error}"


def find_sound(take: Take | Meta, take_path: Path) -> Path:
    """The sound of a take: where it was, or beside the take, if it is still the same file.

    Raises InputError if it is nowhere.
    """
    was = Path(take.request.audio)
    for candidate in (was, take_path.parent / was.name):
        if candidate.is_file() and (not take.audio_sha256 or hash_of(candidate) == take.audio_sha256):
            return candidate
    raise InputError(
        f"The sound of {take_path}, {was}, is no longer there or has changed; say where it is with --audio."
    )
