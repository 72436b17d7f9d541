"""Takes that are being keyed. Their Actions say so themselves, and what animated the rig before.

An undo brings Blender's data to a moment at which other things were being keyed than now, and a file may be saved at
any moment. What only the running program knew would be wrong then; what the Actions say is right.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import bpy

from .compat import Animation, Home, animate, animation_of, at_home, give_animation, home_of

_MARK = "vlogger_unfinished"


def begin(take: str, name: str, owners: list[Any]) -> dict[Any, Home]:
    """Animate data-blocks by new Actions called `name`, for the take of this id; returns where their curves are.

    What animated them is kept.
    """
    before = [animation_of(owner) for owner in owners]
    for animation in before:
        if animation.action is not None:
            animation.action.use_fake_user = True  # else Blender would forget it on saving
    animate(name, owners)
    homes = {owner: home_of(owner) for owner in owners}
    for home, animation in zip(homes.values(), before, strict=True):
        mark = _mark(home.action) or {"take": take, "before": {}}
        mark["before"][str(home.slot)] = _noted(animation)
        home.action[_MARK] = json.dumps(mark)
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
        del action[_MARK]


def take_back(take: str) -> None:
    """Remove the unfinished Actions of a take; what animated the rig before animates it again."""
    actions = actions_of(take)
    if not actions:
        return
    for owner in _owners():
        home = home_of(owner)
        mark = _mark(home.action) if home.action in actions else None
        if mark is not None:
            give_animation(owner, _remembered(mark["before"].get(str(home.slot))))
    bpy.data.batch_remove(actions)


def _owners() -> Iterator[Any]:
    armatures = (thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    return (owner for owner in chain(armatures, bpy.data.shape_keys) if owner.animation_data is not None)


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
