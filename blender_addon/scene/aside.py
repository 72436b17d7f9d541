"""A scene of our own beside the user's, in which a few of its objects are evaluated without all the others.

It may be there for some ticks of a timer. An undo may take it, or bring it back; and no file should be saved with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

_NAME = "VLOGGER aside: "


def aside(what: str, user: Any, objects: Iterable[Any]) -> Any:
    """The scene for something, made if it isn't there, with these objects and the user's time."""
    own = bpy.data.scenes.get(_NAME + what) or bpy.data.scenes.new(_NAME + what)
    for name in ("fps", "fps_base", "frame_map_old", "frame_map_new"):
        setattr(own.render, name, getattr(user.render, name))
    own.active_clip = user.active_clip
    for thing in set(objects) - set(own.collection.objects):
        own.collection.objects.link(thing)
    return own


def leave(what: str) -> None:
    """Remove it, if it is still there."""
    own = bpy.data.scenes.get(_NAME + what)
    if own is not None:
        bpy.data.scenes.remove(own)


def leave_all() -> None:
    """Remove all of them; who still needs one makes it again."""
    for own in [scene for scene in bpy.data.scenes if scene.name.startswith(_NAME)]:
        bpy.data.scenes.remove(own)
