"""The takes of a rig: remembering one, showing one, forgetting one."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import bpy

from ..core.dials import Dials
from ..core.errors import AddonError
from ..scene.compat import Animation, Home, animation_of, at_home, give_animation, slot_for, user_folder
from ..scene.rigs import face_meshes

_DIALS = "vlogger_dials"
DIALS = ("jaw", "lips", "head", "gaze", "gesture", "blink", "smoothing")


def shown_take(armature: Any) -> Any:
    """The take that the list of this rig points to, None if it has none."""
    takes, index = armature.vlogger_takes, armature.vlogger_take
    return takes[index] if 0 <= index < len(takes) else None


def take_named(armature: Any, name: str) -> Any:
    return next((take for take in armature.vlogger_takes if take.name == name), None)


def add_take(armature: Any, name: str, start: float) -> Any:
    """A new take in the rig's list, the chosen one; what animates the rig stays."""
    takes = armature.vlogger_takes
    take = takes.add()
    take.name, take.start, take.id = free_name(armature, name), start, uuid.uuid4().hex
    armature.vlogger_take = len(takes) - 1
    return take


def id_of(armature: Any, take: Any) -> str:
    """By what a take is found again; given to those that have none, or that of a rig which was duplicated."""
    others = (other for thing in _rigs() if thing != armature for other in thing.vlogger_takes)
    if not take.id or any(other.id == take.id for other in others):
        take.id = uuid.uuid4().hex
    return str(take.id)


def find_take(id: str, armature: str) -> tuple[Any, Any] | None:
    """A take and the rig that has it, probably the `armature` of that name; both may have been renamed."""
    named = bpy.data.objects.get(armature)
    for thing in [named] if named is not None else []:
        for take in thing.vlogger_takes:
            if take.id == id:
                return thing, take
    return next(((thing, take) for thing in _rigs() for take in thing.vlogger_takes if take.id == id), None)


def free_name(armature: Any, wanted: str) -> str:
    """`wanted`, or `wanted 2` and so on if the rig has a take of that name."""
    taken = {take.name for take in armature.vlogger_takes}
    names = (wanted if i == 1 else f"{wanted} {i}" for i in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def remember_actions(armature: Any, take: Any, homes: Mapping[Any, Home], dials: Dials) -> None:
    """Note in a take which Actions are its own, and with which dials they were keyed. Its old ones go.

    What is animated by the old ones is animated by the new ones.
    """
    old = actions_of(take)
    take.action = homes[armature].action if armature in homes else None
    take.faces.clear()
    for mesh in face_meshes(armature):
        if mesh.data.shape_keys in homes:
            face = take.faces.add()
            face.mesh, face.action = mesh, homes[mesh.data.shape_keys].action
    for owner, home in homes.items():
        if animation_of(owner).action in old:
            give_animation(owner, at_home(home))
        home.action.use_fake_user = True
        home.action[_DIALS] = json.dumps(asdict(dials))
    gone = old - actions_of(take)
    for action in gone:
        action.use_fake_user = False
    bpy.data.batch_remove([action for action in gone if not action.users])


def actions_of(take: Any) -> set[Any]:
    """The Actions of body and faces."""
    return {action for action in (take.action, *(face.action for face in take.faces)) if action is not None}


def keyed_dials(take: Any) -> Dials | None:
    """The dials with which a take's Actions were keyed, None if they don't say."""
    for action in actions_of(take):
        with suppress(KeyError, ValueError, TypeError):
            return Dials(**json.loads(action[_DIALS]))
    return None


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
    takes = armature.vlogger_takes
    take = takes[index]
    actions = actions_of(take)
    takes.remove(index)
    for action in actions:
        action.use_fake_user = False
    for owner in (armature, *(mesh.data.shape_keys for mesh in face_meshes(armature))):
        if animation_of(owner).action in actions:
            give_animation(owner, Animation(None))
    bpy.data.batch_remove([action for action in actions if not action.users])
    armature.vlogger_take = max(min(index, len(takes) - 1), 0)


def drop_take(armature: Any, take: Any) -> None:
    """Take a take that was not made off the list; whatever animates the rig goes on to, and is the chosen take."""
    owners = [armature, *(mesh.data.shape_keys for mesh in face_meshes(armature))]
    own = actions_of(take)
    before = {owner: found for owner in owners if (found := animation_of(owner)).action not in own}
    actions = {animation.action for animation in before.values()}
    forget_take(armature, list(armature.vlogger_takes).index(take))
    shown = [i for i, other in enumerate(armature.vlogger_takes) if actions & actions_of(other)]
    if shown:
        armature.vlogger_take = shown[0]
    for owner, animation in before.items():
        if animation_of(owner) != animation:
            give_animation(owner, animation)


def dials_of(take: Any) -> Dials:
    return Dials(**{name: getattr(take, name) for name in DIALS})


def set_dials(take: Any, dials: Dials) -> None:
    for name in DIALS:
        setattr(take, name, getattr(dials, name))


def take_file(take: Any) -> Path | None:
    """The file that a take is keyed from, None if it is no longer there."""
    path = Path(bpy.path.abspath(take.path)) if take.path else None
    return path if path is not None and path.is_file() else None


def takes_folder() -> Path:
    """Where takes are kept: beside the blend file, or in the add-on's folder while that has no name."""
    folder = Path(bpy.path.abspath("//vlogger")) if bpy.data.filepath else user_folder() / "takes"
    with _keeping(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _keeping(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AddonError(
            f"Takes can't be kept in {folder} ({error.strerror}). Save the blend file elsewhere."
        ) from error


def take_folder(armature: Any, take: Any) -> Path:
    """Make a new folder for the files of a take. Raises AddonError if it can't be made."""
    return new_folder(safe_name(f"{armature.name} {take.name}"))


def new_folder(name: str) -> Path:
    """Make a folder of this name, or with a number after it, where takes are kept. Raises AddonError if it can't be."""
    for i in count(1):
        folder = takes_folder() / (name if i == 1 else f"{name} {i}")
        with _keeping(folder.parent), suppress(FileExistsError):  # that of a take of another rig or another blend file
            folder.mkdir()
            break
    return folder


def safe_name(name: str) -> str:
    """A take's name as the name of a folder, on every system."""
    return re.sub(r"[^\w. -]", "_", name).strip(" .")[:80] or "take"


def _rigs() -> Iterator[Any]:
    return (thing for thing in bpy.data.objects if thing.type == "ARMATURE")


def _give(owner: Any, action: Any) -> None:
    give_animation(owner, Animation(action, slot_for(action, owner)))
