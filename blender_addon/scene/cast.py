"""Who is in an exported file: an armature and the meshes on it; and what would be missing, or wrong, in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import bpy

from ..core.errors import AddonError

_LEFT_OUT = frozenset({
    "SUBSURF", "MULTIRES", "TRIANGULATE", "EDGE_SPLIT", "WEIGHTED_NORMAL", "NORMAL_EDIT", "DATA_TRANSFER", "UV_PROJECT",
    "UV_WARP", "VERTEX_WEIGHT_EDIT", "VERTEX_WEIGHT_MIX", "VERTEX_WEIGHT_PROXIMITY", "SMOOTH", "CORRECTIVE_SMOOTH",
    "LAPLACIANSMOOTH", "PARTICLE_SYSTEM", "COLLISION", "SURFACE",
})  # fmt: skip
"""Modifiers that only refine a mesh: without them it is the same character."""
_SMOOTHERS = ("Smooth by Angle", "Auto Smooth")
"""Node groups that do so: what smooth shading is made of since Blender 4.1."""


@dataclass(frozen=True)
class Cast:
    """An armature object and the mesh objects on it. `notes` are sentences on what is left out."""

    armature: Any
    meshes: tuple[Any, ...]
    notes: tuple[str, ...] = ()

    @property
    def faces(self) -> list[Any]:
        """Their blocks of relative shape keys, each once."""
        found = (mesh.data.shape_keys for mesh in self.meshes)
        return list(dict.fromkeys(keys for keys in found if keys is not None and keys.use_relative))


def cast_of(context: Any, armature: Any, moved: Iterable[Any] = ()) -> Cast:
    """The armature with all its visible meshes; `moved` are blocks of shape keys that must be among them.

    Raises AddonError if a file of them would lack something.
    """
    name, shown = armature.name, context.view_layer.objects
    if armature.library is not None:
        raise AddonError(
            f"{name} is linked from another file, so its takes can't be played for the export. Make it a library "
            "override: Object > Library Override > Make."
        )
    if armature.name not in shown:
        raise AddonError(f"{name} is not in this view layer. Switch its collection on in the Outliner.")
    if armature.animation_data is not None and armature.animation_data.use_tweak_mode:
        raise AddonError(f"An NLA strip of {name} is being edited. Leave Tweak Mode first: Tab in the NLA editor.")
    context.view_layer.update()  # or what was just made is taken for hidden
    on_it = meshes_on(armature)
    meshes = tuple(mesh for mesh in on_it if mesh.name in shown and mesh.visible_get(view_layer=context.view_layer))
    hidden = [mesh for mesh in on_it if mesh not in meshes]
    if not on_it:
        raise AddonError(f"{name} has no mesh, so there is nothing to export. Give its mesh an Armature modifier.")
    if not meshes:
        raise AddonError(f"All meshes of {name} are hidden. Show those that belong into the file.")
    for mesh in hidden:
        if mesh.data.shape_keys is not None and mesh.data.shape_keys in moved and not _shown_too(mesh, meshes):
            raise AddonError(f"{mesh.name} is hidden, so the file would lack the face. Show it, then export again.")
    for mesh in meshes:
        _check_shapes(mesh)
    return Cast(armature, meshes, tuple(_notes(meshes, hidden)))


def meshes_on(armature: Any) -> list[Any]:
    """The mesh objects that an armature deforms or carries, without the shapes that its bones are drawn with."""
    drawn = {bone.custom_shape for bone in armature.pose.bones if bone.custom_shape is not None}
    carried = set(armature.children_recursive)
    return [
        thing
        for thing in sorted(bpy.data.objects, key=lambda thing: str(thing.name))
        if thing.type == "MESH"
        and thing not in drawn
        and (thing in carried or any(_is_of(modifier, armature) for modifier in thing.modifiers))
    ]


def left_out(mesh: Any) -> list[Any]:
    """The modifiers that the exported mesh does without."""
    return [modifier for modifier in _active(mesh) if modifier.type != "ARMATURE" and _refines(modifier)]


def shaping(mesh: Any) -> list[Any]:
    """The modifiers that make the shape of the mesh, which are applied to the exported one."""
    return [modifier for modifier in _active(mesh) if modifier.type != "ARMATURE" and not _refines(modifier)]


def _check_shapes(mesh: Any) -> None:
    keys = mesh.data.shape_keys
    if keys is None:
        return
    if not keys.use_relative:
        raise AddonError(f"The shape keys of {mesh.name} are absolute, which FBX has not. Tick Relative in Shape Keys.")
    if mesh.data.users > 1 and any(slot.link == "OBJECT" for slot in mesh.material_slots):
        raise AddonError(
            f"A material of {mesh.name} is linked to the object, with which Blender's exporter loses the face, and "
            "other objects have the same mesh. Set its Link to Data in the Material properties."
        )


def _notes(meshes: Iterable[Any], hidden: Iterable[Any]) -> Iterable[str]:
    names = [f"{modifier.name} of {mesh.name}" for mesh in meshes for modifier in left_out(mesh)]
    if names:
        yield f"Left out: {', '.join(names)}."
    names = [mesh.name for mesh in hidden]
    if names:
        yield f"Hidden, so not in the file: {', '.join(names)}."


def _shown_too(mesh: Any, meshes: Iterable[Any]) -> bool:
    return any(other.data == mesh.data for other in meshes)


def _active(mesh: Any) -> list[Any]:
    return [modifier for modifier in mesh.modifiers if modifier.show_viewport or modifier.show_render]


def _refines(modifier: Any) -> bool:
    nodes = modifier.node_group if modifier.type == "NODES" else None
    return modifier.type in _LEFT_OUT or (nodes is not None and nodes.name.startswith(_SMOOTHERS))


def _is_of(modifier: Any, armature: Any) -> bool:
    return bool(modifier.type == "ARMATURE" and modifier.object == armature)
