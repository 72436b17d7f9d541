"""Building a character in the scene: mesh, materials, shape keys and armature, from arrays.

In Blender the character stands upright and faces -Y. Bones have SMPL-X's names and point along the limb, Y down the
bone as Blender draws it. Rotations are therefore turned into each bone's frame (see `core.rotations.in_frame`). They
are rolled so that elbows and knees bend about X and fingers about Z, and so that no bone is twisted against its parent:
FBX has Euler angles, X first and Z last, which lock at a quarter turn about Y. A bone `root` at the origin carries the
pelvis, as game engines expect.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.character import CharacterData, MaterialData
from .compat import set_corners, shape_points

FROM_SMPLX: NDArray[np.float64] = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Turns SMPL-X's axes (Y up, facing +Z) into Blender's (Z up, facing -Y)."""

_FRONT, _UP = FROM_SMPLX[:, 2], FROM_SMPLX[:, 1]
_TOWARDS = {
    "pelvis": "spine1",
    "spine3": "neck",
    "left_wrist": "left_middle1",
    "right_wrist": "right_middle1",
}
"""Where a bone points whose joint has several children; the head is drawn straight up."""
_AHEAD = ("jaw", "left_eye_smplhf", "right_eye_smplhf", "left_ankle", "right_ankle", "left_foot", "right_foot")
"""Bones that point ahead; of these the Z axis is up, of all others it is in front."""
_BODY = "vlogger_body"
_SHORTEST = 0.005
"""Metres. Blender removes bones without length."""


@dataclass(frozen=True)
class Character:
    """A character in the scene: an armature object, and the mesh object that it deforms."""

    armature: Any
    mesh: Any


Body = dict[str, float] | str
"""A character as the service knows it: sliders of the built-in avatar, by default its own, or the name of a model."""


def remember_body(character: Character, body: Body, units: float) -> None:
    """Note on the armature what it was made of, and its units."""
    what = {"model": body} if isinstance(body, str) else {"sliders": body}
    character.armature[_BODY] = json.dumps({**what, "units": units})


def body_of(armature: Any) -> tuple[Body, NDArray[np.float64]] | None:
    """What it was made of, and what takes SMPL-X's coordinates to the armature's own (4, 4); None for others' rigs."""
    try:
        noted = json.loads(armature[_BODY])
        body: Body = str(noted["model"]) if "model" in noted else dict(noted["sliders"])
        units = float(noted["units"])
    except (KeyError, TypeError, ValueError):
        return None
    placing = np.eye(4)
    placing[:3, :3] = FROM_SMPLX * units
    return body, placing


def units_per_metre(scene: Any) -> float:
    """How many of the scene's units make a metre."""
    return 1.0 / float(scene.unit_settings.scale_length)


def build_character(context: Any, data: CharacterData) -> Character:
    """Add a character to the scene's active collection, at the size that the scene's units ask for."""
    to_scene = FROM_SMPLX * units_per_metre(context.scene)
    armature = _armature(context, data, to_scene)
    mesh = bpy.data.objects.new(data.name, _mesh(data, to_scene))
    context.collection.objects.link(mesh)
    _add_shape_keys(mesh, data, to_scene)
    _add_weights(mesh, data)
    mesh.parent = armature
    modifier = mesh.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return Character(armature, mesh)


def _mesh(data: CharacterData, to_scene: NDArray[np.float64]) -> Any:
    mesh = bpy.data.meshes.new(data.name)
    count = len(data.faces)
    mesh.vertices.add(len(data.vertices))
    mesh.loops.add(3 * count)
    mesh.polygons.add(count)
    mesh.vertices.foreach_set("co", (data.vertices @ to_scene.T).astype(np.float32).ravel())
    mesh.loops.foreach_set("vertex_index", data.faces.astype(np.int32).ravel())
    set_corners(mesh.polygons, np.full(count, 3, np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(data.faces), bool))
    mesh.polygons.foreach_set("material_index", data.face_material.astype(np.int32))
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", data.uvs.astype(np.float32).ravel())
    for material in data.materials:
        mesh.materials.append(_material(material))
    mesh.update(calc_edges=True)
    return mesh


def _material(data: MaterialData) -> Any:
    """A material as the FBX exporter understands it: a texture stands in place of the colour."""
    material = bpy.data.materials.new(data.name)
    material.use_nodes = True
    material.diffuse_color = data.color
    material.use_backface_culling = not data.double_sided
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = data.color
    shader.inputs["Alpha"].default_value = data.color[3]
    shader.inputs["Roughness"].default_value = data.roughness
    shader.inputs["Metallic"].default_value = data.metallic
    if data.texture is not None:
        image = nodes.new("ShaderNodeTexImage")
        image.location = (-320, 280)
        image.image = _image(data.name, data.texture)
        links.new(image.outputs["Color"], shader.inputs["Base Color"])
        if data.alpha != "opaque":
            links.new(image.outputs["Alpha"], shader.inputs["Alpha"])
    if data.alpha != "opaque":
        material.blend_method = "HASHED"
    return material


def _image(name: str, file: bytes) -> Any:
    """A texture that is packed: the .blend and the FBX carry it inside."""
    suffix = "png" if file.startswith(b"\x89PNG") else "jpg"
    image = bpy.data.images.new(name, 1, 1)
    image.filepath_raw = f"//{name}.{suffix}"
    image.source = "FILE"
    image.pack(data=file, data_len=len(file))
    return image


def _add_shape_keys(mesh: Any, data: CharacterData, to_scene: NDArray[np.float64]) -> None:
    if not data.morphs:
        return
    mesh.shape_key_add(name="Basis", from_mix=False)
    rest = (data.vertices @ to_scene.T).astype(np.float32)
    for morph in data.morphs:
        shape = rest.copy()
        shape[morph.vertices] += (morph.offsets @ to_scene.T).astype(np.float32)
        key = mesh.shape_key_add(name=morph.name, from_mix=False)
        shape_points(key).foreach_set("co", shape.ravel())
        key.value = 0.0


def _add_weights(mesh: Any, data: CharacterData) -> None:
    for joint, name in enumerate(data.joint_names):
        group = mesh.vertex_groups.new(name=name)
        weights = np.where(data.joint_indices == joint, data.joint_weights, 0).sum(axis=1)
        for vertex in np.flatnonzero(weights).tolist():
            group.add((vertex,), float(weights[vertex]), "REPLACE")


def _armature(context: Any, data: CharacterData, to_scene: NDArray[np.float64]) -> Any:
    # Unreal drops a top node of this name that comes from Blender, instead of making it a bone.
    armature = bpy.data.objects.new("Armature", bpy.data.armatures.new(data.name))
    context.collection.objects.link(armature)
    context.view_layer.objects.active = armature
    scale = float(np.linalg.norm(to_scene[0]))
    heads = data.joints @ to_scene.T
    tails = _tails(data, heads, scale)
    bpy.ops.object.mode_set(mode="EDIT")
    root = armature.data.edit_bones.new("root")
    # Along the floor: importers join a bone that ends at its child's head, and a joined pelvis could not move.
    root.head, root.tail = (0, 0, 0), _FRONT * 0.1 * scale
    root.align_roll(_UP)
    root.use_deform = False
    bones: list[Any] = []
    for name, parent, head, tail in zip(data.joint_names, data.joint_parents, heads, tails, strict=True):
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail = head, tail
        bone.align_roll(_UP if name in _AHEAD else _FRONT)
        bone.parent = root if parent < 0 else bones[parent]
        bones.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def _tails(data: CharacterData, heads: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Where each bone ends: at the next joint of its limb, or where the limb's end would be."""
    names, parents = data.joint_names, data.joint_parents
    tails = np.empty_like(heads)
    for joint, name in enumerate(names):
        children = [i for i, parent in enumerate(parents) if parent == joint]
        length = np.linalg.norm(heads[joint] - heads[parents[joint]])
        if name in _TOWARDS:
            along = heads[names.index(_TOWARDS[name])] - heads[joint]
        elif name == "head":
            along = _UP * length * 2
        elif len(children) == 1:
            along = heads[children[0]] - heads[joint]
        elif name in _AHEAD:
            along = _FRONT * length / 2
        else:
            along = (heads[joint] - heads[parents[joint]]) * 0.8
        if np.linalg.norm(along) < _SHORTEST * scale:
            along = _UP * _SHORTEST * scale
        tails[joint] = heads[joint] + along
    return tails
