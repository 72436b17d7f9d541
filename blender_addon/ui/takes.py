"""The takes of a rig: remembering one, showing one, forgetting one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import bpy

from ..core.dials import Dials
from ..core.errors import AddonError
from ..scene.compat import Animation, animation_of, give_animation, slot_for, user_folder
from ..scene.rigs import face_meshes

DIALS = ("jaw", "lips", "head", "gaze", "gesture", "blink", "smoothing")


def shown_take(armature: Any) -> Any:
    """The take that the list of this rig points to, None if it has none."""
    settings = armature.vlogger
    return settings.takes[settings.take] if 0 <= settings.take < len(settings.takes) else None


def take_named(armature: Any, name: str) -> Any:
    return next((take for take in armature.vlogger.takes if take.name == name), None)


def free_name(armature: Any, wanted: str) -> str:
    """`wanted`, or `wanted 2` and so on if the rig has a take of that name."""
    taken = {take.name for take in armature.vlogger.takes}
    names = (wanted if i == 1 else f"{wanted} {i}" for i in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def remember_actions(armature: Any, take: Any, actions: Iterable[Any]) -> None:
    """Note in a take which of the rig's Actions are its own."""
    own = list(actions)
    action = animation_of(armature).action
    take.action = action if action in own else None
    take.faces.clear()
    for mesh in face_meshes(armature):
        action = animation_of(mesh.data.shape_keys).action
        if action in own:
            face = take.faces.add()
            face.mesh, face.action = mesh, action
            action.use_fake_user = True
    if take.action is not None:
        take.action.use_fake_user = True


def show_take(context: Any, armature: Any) -> None:
    """Animate the rig by the take that its list points to. What is still being made shows itself."""
    take = shown_take(armature)
    if take is None or take.job:
        return
    if take.action is not None:
        _give(armature, take.action)
    faces = {face.mesh: face.action for face in take.faces if face.mesh is not None}
    for mesh in face_meshes(armature):
        if faces.get(mesh) is not None:
            _give(mesh.data.shape_keys, faces[mesh])


def forget_take(armature: Any, index: int) -> None:
    """Take a take off the list, and its Actions out of the file if nothing else uses them."""
    settings = armature.vlogger
    take = settings.takes[index]
    actions = {action for action in (take.action, *(face.action for face in take.faces)) if action is not None}
    settings.takes.remove(index)
    for action in actions:
        action.use_fake_user = False
    for owner in (armature, *(mesh.data.shape_keys for mesh in face_meshes(armature))):
        if animation_of(owner).action in actions:
            give_animation(owner, Animation(None))
    bpy.data.batch_remove([action for action in actions if not action.users])
    settings.take = min(index, len(settings.takes) - 1)


def dials_of(take: Any) -> Dials:
    return Dials(**{name: getattr(take, name) for name in DIALS})


def take_file(take: Any) -> Path | None:
    """The file that a take is keyed from, None if it is no longer there."""
    path = Path(bpy.path.abspath(take.path)) if take.path else None
    return path if path is not None and path.is_file() else None


def takes_folder() -> Path:
    """Where takes are kept: beside the blend file, or in the add-on's folder while that has no name."""
    folder = Path(bpy.path.abspath("//vlogger")) if bpy.data.filepath else user_folder() / "takes"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AddonError(
            f"Takes can't be kept in {folder} ({error.strerror}). Save the blend file elsewhere."
        ) from error
    return folder


def take_folder(armature: Any, take: Any) -> Path:
    """Make a new folder for the files of a take. Raises AddonError if it can't be made."""
    name = safe_name(f"{armature.name} {take.name}")
    for i in count(1):
        folder = takes_folder() / (name if i == 1 else f"{name} {i}")
        with suppress(FileExistsError):  # that of a take of another rig or another blend file
            folder.mkdir()
            break
    return folder


def safe_name(name: str) -> str:
    """A take's name as the name of a folder, on every system."""
    return re.sub(r"[^\w. -]", "_", name).strip(" .")[:80] or "take"


def _give(owner: Any, action: Any) -> None:
    give_animation(owner, Animation(action, slot_for(action, owner)))
