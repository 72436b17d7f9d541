"""A take as a file for other programs, chosen by the file's suffix."""

from __future__ import annotations

from pathlib import Path

from ..avatars.avatar import Avatar
from ..errors import InputError
from ..motion.take import Take, save_take
from ..progress import Progress, no_progress

SUFFIXES = (".fbx", ".glb", ".npz")


def export_take(take: Take, avatar: Avatar | None, path: Path, progress: Progress = no_progress) -> None:
    """Write a take as .fbx or .glb (on `avatar`) or .npz (the curves alone, for which `avatar` may be None).

    The animation in the file is called as the file is.

    Raises InputError if the suffix is none of `SUFFIXES`, if the take has no frames, or if the file can't be written.
    """
    path = Path(path)
    # A file's name on disk can hold bytes that are no text.
    name = path.stem.encode("utf-8", "replace").decode("utf-8")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} can't be exported: the name must end in one of {', '.join(SUFFIXES)}.")
    if suffix == ".npz":
        save_take(path, take)
        return
    if avatar is None:
        raise ValueError(f"{path} needs an avatar")
    if suffix == ".fbx":
        from .fbx import write_fbx as write
    else:
        from .gltf import write_glb as write
    write(path, avatar, take.motion, name, progress)
