"""A character and one take of it as an FBX file that engines read, by Blender's own exporter.

Left to its defaults that exporter gives every take the face of whichever Action happens to be assigned, and no face
at all if the mesh has a modifier besides the Armature. So a file holds one take, which is assigned for the duration,
and another mesh stands in for one whose modifiers would cost the face (see `fbx_shapes`); the take spans the scene's
frames, so these are set too. The scene is as it was afterwards. The file is put in order (see `fbx_file`), and read
again before it gets its name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import bpy
import numpy as np

from ..core.errors import AddonError
from .actions import key_path
from .as_it_was import AsItWas
from .cast import Cast, left_out, shaping
from .compat import Animation, keyed_curves
from .fbx_file import MOVES, Contents, FbxFile
from .fbx_order import begin_at_zero, call_armature, call_take, hide_folders, lay_down_scale, rest
from .fbx_shapes import drive_alike, follow, stand_in
from .fbx_skeleton import deform_skeleton, is_control_rig, reduce_skeleton


@dataclass(frozen=True)
class Preset:
    """What differs from engine to engine.

    scale    : the exporter's `apply_scale_options`
    smooth   : the exporter's `mesh_smooth_type`
    carrier  : what the armature's node is called; "" is the armature's own name

    The rest is the same for all. Axes: Y up, facing +Z, which each of them turns into its own. Bone axes: Blender's, as
    other axes would not fit a skeleton that was imported before. No leaf bones: they would be joints that nobody asked
    for. All bones; of a control rig (Rigify and the like) the deforming ones, baked. A key on every frame: reduced keys
    would open closed lips. Scales are laid down into lengths, so that no node has one.
    """

    label: str
    description: str
    scale: str
    smooth: str
    carrier: str = ""


PRESETS: Mapping[str, Preset] = MappingProxyType({
    "UNITY": Preset(
        "Unity", "Metres, so that the import scale stays at 1; smoothing groups",
        # The file says that it is in metres: Unity's "Convert Units" then leaves everything at 1.
        scale="FBX_SCALE_ALL",
        # From these Unity calculates the normals of blend shapes.
        smooth="FACE",
    ),
    "UNREAL": Preset(
        "Unreal", "Centimetres; the armature's node is called so that it does not become a bone; smoothing groups",
        # Unreal takes a number for a centimetre whatever the file says, unless it is told to convert.
        scale="FBX_SCALE_NONE",
        # Without them it warns, and smooths everything.
        smooth="FACE",
        # The one name of a node from Blender that it does not make the root bone.
        carrier="Armature",
    ),
    "GODOT": Preset(
        "Godot", "Metres, without scaled nodes; normals instead of smoothing groups",
        # Its importer converts units by scaling nodes; metres are its own.
        scale="FBX_SCALE_UNITS",
        # It reads normals.
        smooth="OFF",
    ),
})  # fmt: skip


@dataclass(frozen=True)
class Played:
    """A take as it is in the scene: the Actions of armature and faces; and its frames, `first` to `last`.

    Without `animations`, what is assigned is exported.
    """

    name: str
    first: int
    last: int
    animations: Mapping[Any, Animation] = field(default_factory=dict)


def export_fbx(
    context: Any, path: Path, cast: Cast, played: Played, preset: Preset | None = None, textures: bool = True
) -> Contents:
    """Write the cast performing a take, and return what is in the file.

    Without a preset it is in centimetres, with nothing renamed. With `textures` they are put into the file.

    Raises AddonError if what was written lacks something, RuntimeError with Blender's reason or OSError if nothing
    could be written. There is no new file then, and an old one is as it was.
    """
    chosen = preset or Preset("", "", "FBX_SCALE_NONE", "FACE")
    part = path.with_name(f".{path.stem}.part.fbx")
    bones = {bone.name for bone in cast.armature.data.bones}
    carriers = bones & {mesh.parent_bone for mesh in cast.meshes if mesh.parent_type == "BONE"}
    parents = deform_skeleton(cast.armature, carriers) if is_control_rig(cast.armature) else {}
    try:
        with AsItWas() as scene:
            shapes, moving = _stage(scene, context, cast, played)
            _write(context, part, cast, chosen, textures)
        file = FbxFile(part)
        if parents:
            reduce_skeleton(file, parents)
        call_take(file, played.name)
        if chosen.carrier:
            call_armature(file, chosen.carrier)
        begin_at_zero(file)
        rest(file)
        lay_down_scale(file)
        hide_folders(file, part.stem, path.stem)
        file.write(part)
        contents = FbxFile(part).contents()
        _check(
            contents, Contents(played.name, len(parents or bones), played.last - played.first + 1, shapes, moving), path
        )
        os.replace(part, path)
        return contents
    finally:
        part.unlink(missing_ok=True)


def _stage(scene: AsItWas, context: Any, cast: Cast, played: Played) -> tuple[int, int]:
    """Let the take play in the scene, and nothing else; returns how many shape keys there are, and how many move."""
    armature = cast.armature
    scene.leave_mode(context)
    scene.play_frames(context.scene, played.first, played.last)
    scene.pose(armature)
    for keys in cast.faces:
        scene.shapes(keys)
    scene.show(armature)
    scene.change(armature.data, "pose_position", "POSE")
    if not armature.visible_get(view_layer=context.view_layer):
        raise AddonError(f"{armature.name} is in a hidden collection. Show it in the Outliner.")
    animations, own = dict(played.animations), {}
    for mesh in cast.meshes:
        for modifier in left_out(mesh):
            _switch(scene, modifier, "show_render", False)
            _switch(scene, modifier, "show_viewport", False)
        if mesh.data.shape_keys is not None:
            _link_materials(scene, mesh)
        if mesh.data.shape_keys is not None and shaping(mesh):
            keys, copy = stand_in(scene, context, mesh, armature)
            if animations:
                animations[copy] = animations.get(keys, Animation(None))
                drive_alike(copy, keys)
            else:
                follow(copy, keys)
                own[copy] = keys
    for owner in (armature, *cast.faces) if animations else ():
        scene.play(owner, animations.get(owner, Animation(None)))
    for mesh in cast.meshes:
        if not shaping(mesh):
            _keep_still(scene, mesh)
    context.scene.frame_set(played.first)
    faces = cast.faces
    return sum(len(keys.key_blocks) - 1 for keys in faces), sum(_moving(own.get(keys, keys), played) for keys in faces)


def _switch(scene: AsItWas, modifier: Any, name: str, value: bool) -> None:
    try:
        scene.change(modifier, name, value)
    except AttributeError as error:
        raise AddonError(
            f"{modifier.id_data.name} is linked from another file, so its modifier {modifier.name} can't be left out. "
            "Make it a library override: Object > Library Override > Make."
        ) from error


def _link_materials(scene: AsItWas, mesh: Any) -> None:
    """Let the mesh have the materials that are the object's own: else the exporter would lose its shapes."""
    materials = mesh.data.materials
    for i, slot in enumerate(mesh.material_slots):
        if slot.link == "OBJECT":
            own = slot.material
            scene.change(slot, "link", "DATA")
            scene.callback(materials.__setitem__, i, materials[i])
            materials[i] = own


def _keep_still(scene: AsItWas, mesh: Any) -> None:
    """Let the mesh neither deform nor change shape; its curves run all the same.

    The exporter steps through every frame to read the curves. It never looks at the mesh there, which would take five
    times as long as all the rest.
    """
    with suppress(AttributeError):  # a linked one takes its time
        scene.change(mesh, "active_shape_key_index", 0)
        scene.change(mesh, "show_only_shape_key", True)
        for modifier in mesh.modifiers:
            scene.change(modifier, "show_viewport", False)


def _moving(keys: Any, played: Played) -> int:
    """How many shape keys change in the take, within their sliders' ranges, by their curves."""
    ranges = {key_path(key.name): (key.slider_min, key.slider_max) for key in keys.key_blocks[1:]}
    found = 0
    for curve in keyed_curves(keys):
        if curve.data_path in ranges and not curve.mute:
            points = np.empty(len(curve.keyframe_points) * 2, np.float32)
            curve.keyframe_points.foreach_get("co", points)
            inside = (points[::2] >= played.first) & (points[::2] <= played.last)
            values = np.clip(points[1::2][inside], *ranges[curve.data_path])
            found += bool(len(values) and np.ptp(values) * 100 > 2 * MOVES)
    return found


def _write(context: Any, path: Path, cast: Cast, preset: Preset, textures: bool) -> None:
    things = [cast.armature, *cast.meshes]
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_fbx"):
        raise AddonError("Blender's FBX add-on is switched off. Switch it on: Preferences > Add-ons > FBX format.")
    try:
        with context.temp_override(selected_objects=things):
            bpy.ops.export_scene.fbx(
                filepath=str(path),
                use_selection=True,
                object_types={"ARMATURE", "MESH"},
                axis_forward="-Z",
                axis_up="Y",
                apply_scale_options=preset.scale,
                use_mesh_modifiers=any(shaping(mesh) for mesh in cast.meshes),
                mesh_smooth_type=preset.smooth,
                add_leaf_bones=False,
                use_armature_deform_only=False,
                bake_anim=True,
                bake_anim_use_all_bones=True,
                bake_anim_use_all_actions=False,
                bake_anim_use_nla_strips=False,
                bake_anim_simplify_factor=0.0,
                path_mode="COPY" if textures else "AUTO",
                embed_textures=textures,
            )
    except RuntimeError as error:
        # Operators put a whole traceback into the message, and where it was raised at its end.
        lines = [line for line in str(error).splitlines() if line and not line.startswith(("Location", " "))]
        raise RuntimeError(f"Blender could not write {path}: {lines[-1]}") from error


def _check(found: Contents, expected: Contents, path: Path) -> None:
    """Raises AddonError if the file lacks something of what it should hold."""
    if found.moving < expected.moving or found.shapes != expected.shapes:
        raise AddonError(
            f"{path.name} would have lost the face: {found.moving} of {expected.moving} shapes move in it. It was not "
            "written. Press Copy Report and send it to us."
        )
    if (found.take, found.bones, found.keys) != (expected.take, expected.bones, expected.keys):
        raise AddonError(
            f"{path.name} would have held {found} instead of {expected}. It was not written. Press Copy Report and "
            "send it to us."
        )
