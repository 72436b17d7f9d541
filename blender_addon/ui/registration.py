"""Everything that is registered with Blender, in order, and taken back in the reverse."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..scene.aside import leave_all
from . import (
    op_asked,
    op_backend,
    op_character,
    op_export,
    op_frames,
    op_import,
    op_photo,
    op_rig,
    op_service,
    op_take,
    panels,
    panels_export,
    panels_frames,
    panels_photo,
    panels_rig,
    preferences,
    properties,
)
from .asked import follow_next
from .chosen import chosen_service, may_start_early
from .drawing import redraw
from .session import Session, close_session, open_session, session

_CLASSES = (
    *properties.CLASSES,
    *preferences.CLASSES,
    *op_take.CLASSES,
    *op_asked.CLASSES,
    *op_rig.CLASSES,
    *op_service.CLASSES,
    *op_backend.CLASSES,
    *op_character.CLASSES,
    *op_import.CLASSES,
    *op_export.CLASSES,
    *op_photo.CLASSES,
    *op_frames.CLASSES,
    *panels.CLASSES,
    *panels_rig.CLASSES,
    *panels_photo.CLASSES,
    *panels_frames.CLASSES,
    *panels_export.CLASSES,
)
_WITH_MORE = (properties, op_character, op_import, op_backend)
"""They have properties or menus besides."""


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    for module in _WITH_MORE:
        module.register()
    open_session(Session(chosen_service, may_start_early, redraw))
    session().arrived = not bpy.app.background  # it may be enabled in a file that waits for takes
    for handlers, handler in _handlers():
        handlers.append(handler)
    bpy.app.timers.register(_tick, first_interval=0.5, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for handlers, handler in _handlers():
        handlers.remove(handler)
    close_session()
    for module in reversed(_WITH_MORE):
        module.unregister()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)


def _handlers() -> list[tuple[Any, Any]]:
    on = bpy.app.handlers
    return [
        (on.load_post, _arrive),
        (on.save_pre, _before_save),
        (on.undo_pre, _before_undo),
        (on.redo_pre, _before_undo),
        (on.undo_post, _after_undo),
        (on.redo_post, _after_undo),
    ]


def _tick() -> float:
    """Blender calls a timer no more once it has raised, so this one never does."""
    try:
        if session().arrived:
            follow_next()
        return session().tick()
    except Exception as error:
        session().give_up(error)
        return 1.0


@persistent
def _arrive(*_: Any) -> None:
    session().leave_file()
    session().arrive()


@persistent
def _before_save(*_: Any) -> None:
    leave_all()


@persistent
def _before_undo(*_: Any) -> None:
    session().before_undo()


@persistent
def _after_undo(*_: Any) -> None:
    session().after_undo()
