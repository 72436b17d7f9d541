"""Steps for undo, where no operator lays one."""

from __future__ import annotations

import bpy


def push_undo(message: str) -> None:
    """Let an undo come back to what is now, also where no operator does so."""
    if not bpy.app.background:
        bpy.ops.ed.undo_push(message=message)
