"""A character and its take as an FBX file, by Blender's own exporter.

Left to its defaults that exporter gives every take the face of whichever Action happens to be assigned, and no face
at all if the mesh has a modifier besides the Armature. So a file holds one take, the one that is assigned, without
modifiers; the take is named after the scene, and spans the scene's frames, so both are set for the duration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from .character import Character


def export_fbx(context: Any, path: Path, character: Character, name: str, first: int, last: int) -> None:
    """Write the character with the Actions that are assigned to it, frames `first` to `last`, as one take `name`.

    Y up, bones and face keyed on every frame, textures inside. Raises RuntimeError with Blender's reason if it fails.
    """
    with _only_this(context, character, name, first, last), _mesh_at_rest(character.mesh):
        try:
            bpy.ops.export_scene.fbx(
                filepath=str(path),
                use_selection=True,
                object_types={"ARMATURE", "MESH"},
                axis_forward="-Z",
                axis_up="Y",
                use_mesh_modifiers=False,
                mesh_smooth_type="FACE",
                add_leaf_bones=False,
                use_armature_deform_only=False,
                bake_anim=True,
                bake_anim_use_all_bones=True,
                bake_anim_use_all_actions=False,
                bake_anim_use_nla_strips=False,
                bake_anim_simplify_factor=0.0,
                path_mode="COPY",
                embed_textures=True,
            )
        except RuntimeError as error:
            # Operators put a whole traceback into the message, and where it was raised at its end.
            lines = [line for line in str(error).splitlines() if line and not line.startswith(("Location", " "))]
            raise RuntimeError(f"Blender could not write {path}: {lines[-1]}") from error


@contextmanager
def _only_this(context: Any, character: Character, name: str, first: int, last: int) -> Iterator[None]:
    """Select the character alone, and give the scene the take's name and frames; put everything back after."""
    scene = context.scene
    before = scene.name, scene.frame_start, scene.frame_end, scene.frame_current
    selected, active = list(context.selected_objects), context.view_layer.objects.active
    try:
        for other in selected:
            other.select_set(False)
        for part in (character.armature, character.mesh):
            part.select_set(True)
        context.view_layer.objects.active = character.armature
        scene.name = name
        # In this order: Blender keeps the end after the start.
        scene.frame_start, scene.frame_end = first, last
        yield
    finally:
        for part in (character.armature, character.mesh):
            part.select_set(False)
        for other in selected:
            other.select_set(True)
        context.view_layer.objects.active = active
        scene.name, scene.frame_start, scene.frame_end = before[:3]
        scene.frame_set(before[3])


@contextmanager
def _mesh_at_rest(mesh: Any) -> Iterator[None]:
    """Let the mesh neither deform nor change shape; its curves run all the same.

    The exporter steps through every frame to read the curves. It never looks at the mesh there, which would take five
    times as long as all the rest.
    """
    pinned, shape = mesh.show_only_shape_key, mesh.active_shape_key_index
    shown = [modifier.show_viewport for modifier in mesh.modifiers]
    try:
        mesh.show_only_shape_key, mesh.active_shape_key_index = True, 0
        for modifier in mesh.modifiers:
            modifier.show_viewport = False
        yield
    finally:
        mesh.show_only_shape_key, mesh.active_shape_key_index = pinned, shape
        for modifier, was_shown in zip(mesh.modifiers, shown, strict=True):
            modifier.show_viewport = was_shown
