"""Rigs that are library overrides: what of them can be animated, and what is made so."""

from __future__ import annotations

from typing import Any

from .rigs import face_meshes


def free_faces(armature: Any) -> None:
    """Let the shape keys of an overridden character be animated: the meshes that have them become overrides as well.

    Blender overrides a character's objects, and leaves their meshes linked, whose shape keys nothing can animate. A
    mesh that another character of the scene uses too stays as it is for that one.
    """
    for mesh in face_meshes(armature):
        data, override = mesh.data, mesh.override_library
        if mesh.library is None and data.library is not None and not (override and override.is_system_override):
            free = data.override_create(remap_local_usages=False)
            if free is not None:
                mesh.data = free
