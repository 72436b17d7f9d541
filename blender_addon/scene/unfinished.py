"""Takes that are being keyed. Their Actions say so themselves, and what animated the rig before, and how it stood.

An undo brings Blender's data to a moment at which other things were being keyed than now, and a file may be saved at
any moment. What only the running program knew would be wrong then; what the Actions say is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .compat import Animation, Home, animate, animation_of, at_home, give_animation, home_of

_MARK = "vlogger_unfinished"
_POSE = "vlogger_pose_before"
_CHANNELS = {"location": 3, "rotation_quaternion": 4, "rotation_euler": 3, "rotation_axis_angle": 4}


def begin(take: str, name: str, owners: list[Any]) -> dict[Any, Home]:
    """Animate data-blocks by new Actions called `name`, for the take of this id; returns where their curves are.

    What animated them is kept, and how they stand is noted.
    """
    before = [animation_of(owner) for owner in owners]
    for animation in before:
        if animation.action is not None:
            animation.action.use_fake_user = True  # else Blender would forget it on saving
    animate(name, owners)
    homes = {owner: home_of(owner) for owner in owners}
    for (owner, home), animation in zip(homes.items(), before, strict=True):
        mark = _mark(home.action) or {"take": take, "before": {}, "settings": {}}
        mark["before"][str(home.slot)] = _noted(animation)
        mark["settings"] |= _settings(owner)
        home.action[_MARK] = json.dumps(mark)
        home.action[f"{_POSE} {home.slot}"] = _pose(owner)
    return homes


def actions_of(take: str) -> list[Any]:
    """The unfinished Actions of a take, the body's first."""
    found = [action for action in bpy.data.actions if (_mark(action) or {}).get("take") == take]
    animated = [animation_of(owner).action for owner in _owners()]
    return sorted(found, key=lambda action: animated.index(action) if action in animated else len(animated))


def unfinished_takes() -> set[str]:
    """The ids of all takes that have unfinished Actions."""
    return {mark["take"] for action in bpy.data.actions if (mark := _mark(action)) is not None}


def finish(take: str) -> None:
    """The take is whole."""
    for action in actions_of(take):
        for name in [name for name in action.keys() if name == _MARK or name.startswith(_POSE)]:  # noqa: SIM118
            del action[name]


def take_back(take: str) -> None:
    """Remove the unfinished Actions of a take; the rig is animated, and what nothing animates stands, as before."""
    actions = actions_of(take)
    if not actions:
        return
    for owner in _owners():
        home = home_of(owner)
        mark = _mark(home.action) if home.action in actions else None
        if mark is not None:
            before, pose = _remembered(mark["before"].get(str(home.slot))), home.action.get(f"{_POSE} {home.slot}")
            give_animation(owner, before)
            if pose is not None:
                _set_pose(owner, np.array(pose, np.float32), mark.get("settings", {}))
    bpy.data.batch_remove(actions)


def _owners() -> Iterator[Any]:
    armatures = (thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    return (owner for owner in chain(armatures, bpy.data.shape_keys) if owner.animation_data is not None)


def _pose(owner: Any) -> list[float]:
    """How the bones of an armature, or its shape keys, stand now."""
    return [value for _, _, values in _standing(owner) for value in values.tolist()]


def _settings(owner: Any) -> dict[str, dict[str, float]]:
    """The numbers that are custom properties of an armature's bones: a control rig's switches."""
    if isinstance(owner, bpy.types.Key):
        return {}
    found = {bone.name: {name: value for name, value in bone.items() if type(value) in (bool, int, float)}
             for bone in owner.pose.bones}  # fmt: skip
    return {name: values for name, values in found.items() if values}


def _set_pose(owner: Any, pose: NDArray[np.float32], settings: dict[str, dict[str, float]]) -> None:
    """Let it stand so again, unless there are other bones or keys now."""
    for bone in owner.pose.bones if not isinstance(owner, bpy.types.Key) else ():
        for name, value in settings.get(bone.name, {}).items():
            if bone.get(name, value) != value:
                bone[name] = value
    standing = list(_standing(owner))
    if sum(len(values) for _, _, values in standing) != len(pose):
        return
    done = 0
    for things, channel, values in standing:
        things.foreach_set(channel, pose[done : done + len(values)])
        done += len(values)
    owner.update_tag()


def _standing(owner: Any) -> Iterator[tuple[Any, str, NDArray[np.float32]]]:
    """What can be keyed: a collection of things, the name of a channel, and its values now."""
    keys = isinstance(owner, bpy.types.Key)
    things, channels = (owner.key_blocks, {"value": 1}) if keys else (owner.pose.bones, _CHANNELS)
    for channel, size in channels.items():
        values = np.empty(len(things) * size, np.float32)
        things.foreach_get(channel, values)
        yield things, channel, values


def _mark(action: Any) -> dict[str, Any] | None:
    try:
        return dict(json.loads(action[_MARK]))
    except (KeyError, ValueError, TypeError):
        return None


def _noted(animation: Animation) -> list[Any] | None:
    action = animation.action
    if action is None:
        return None
    slot = animation.slot.handle if animation.slot is not None else None
    return [action.name, action.library.filepath if action.library else None, slot]


def _remembered(noted: list[Any] | None) -> Animation:
    name, library, slot = noted or ("", None, None)
    action = bpy.data.actions.get((name, library))
    return at_home(Home(action, slot)) if action is not None else Animation(None)
