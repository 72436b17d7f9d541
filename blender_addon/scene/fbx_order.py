"""What Blender's exporter leaves in a file that engines stumble over, put in order.

* A scale of 100 on the armature and the meshes (metres to centimetres), or whatever scale the armature object has, as
  an imported one. Unreal makes it the scale of the root bone, Godot that of the skeleton. It is laid down into lengths.
* Bones and shapes as they stand on the scene's current frame. An engine that takes the nodes for the rest pose, as
  Unity does for humanoids, needs the bones at rest and the face neutral.
* Times as in the scene: a take that lies late there would begin with a pause.
* The folders of whoever exported it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .fbx_file import (
    FbxFile,
    Floats,
    child,
    matrix_of,
    name_of,
    properties,
    put_array,
    put_matrix,
    put_values,
    rename,
    set_property,
    times_of,
    values_of,
)

_UNIFORM = 1e-4
"""How far, in parts, the three scales of a node may differ to be one."""
_SPANS = ("LocalStart", "LocalStop", "ReferenceStart", "ReferenceStop")


def call_take(file: FbxFile, name: str) -> None:
    """Name the file's only take."""
    for kind in (b"AnimationStack", b"AnimationLayer"):
        for _, thing in file.of_kind(kind):
            rename(thing, name)
    for take in (part for part in file.tops[b"Takes"].elems if part.id == b"Take"):
        take.props[0] = name.encode()
        child(take, b"FileName").props[0] = f"{name}.tak".encode()


def call_armature(file: FbxFile, name: str) -> None:
    """Name the armature's node, unless several bones hang on it: then they need it as their root."""
    carrier = file.carrier()
    if sum(file.is_bone(bone) for bone in file.children[carrier]) == 1:
        rename(file.objects[carrier], name)


def begin_at_zero(file: FbxFile) -> None:
    """Let the take begin at the time 0."""
    stacks = [stack for _, stack in file.of_kind(b"AnimationStack")]
    start = min((properties(stack, "LocalStart", [0])[0] for stack in stacks), default=0)
    for stack in stacks:
        for name in _SPANS:
            set_property(stack, name, [properties(stack, name, [0])[0] - start])
    for take in (part for part in file.tops[b"Takes"].elems if part.id == b"Take"):
        for span in (part for part in take.elems if part.id in (b"LocalTime", b"ReferenceTime")):
            span.props[:] = [time - start for time in span.props]
    for curves in file.animated.values():
        for curve in curves.values():
            put_array(child(curve, b"KeyTime"), times_of(curve) - start)


def rest(file: FbxFile) -> None:
    """Let the bones stand at rest, and the shapes that move at zero, wherever no take plays."""
    bound: dict[int, Floats] = {}
    carrier = file.carrier()
    for id, cluster in file.of_kind(b"Deformer", b"Cluster"):
        for bone in file.children.get(id, ()):
            bound[bone] = matrix_of(child(cluster, b"TransformLink"))
            bound[carrier] = matrix_of(child(cluster, b"TransformAssociateModel"))
    for bone in bound.keys() - {carrier}:
        place, angles, scales = parts_of(np.linalg.inv(bound[file.parents[bone][0]]) @ bound[bone])
        for name, values in (("Translation", place), ("Rotation", np.degrees(angles)), ("Scaling", scales)):
            set_property(file.objects[bone], f"Lcl {name}", values.tolist())
    for id in file.moving():
        channel = file.objects[id]
        child(channel, b"DeformPercent").props[0] = 0.0
        for mesh in file.meshes_of(id):
            set_property(file.objects[mesh], name_of(channel), [0.0])


def lay_down_scale(file: FbxFile) -> None:
    """Make lengths of the scales of the outermost nodes.

    A node that stood at G stands at G S(1/s) then, and all that hangs on it is s times as long. Nothing is done if
    several meshes share one geometry and have different scales.
    """
    scales = {id: _outer_scale(file, id) for id, _ in file.of_kind(b"Model")}
    sizes: dict[int, float] = {}
    for id, _ in file.of_kind(b"Geometry", b"Mesh"):
        found = {scales[parent] for parent in file.parents.get(id, ()) if parent in scales}
        if len(found) > 1:
            return
        sizes[id] = found.pop() if found else 1.0
    for id, scale in scales.items():
        outermost = file.parents[id][0] not in scales
        what, factor = ("Lcl Scaling", 1 / scale) if outermost else ("Lcl Translation", scale)
        set_property(file.objects[id], what, [value * factor for value in properties(file.objects[id], what, [])])
        for (moved, _), curve in file.animated.get(id, {}).items():
            if moved == what:
                put_values(curve, values_of(curve) * factor)
    for id, size in sizes.items():
        _enlarge(child(file.objects[id], b"Vertices"), size)
    for id, shape in file.of_kind(b"Geometry", b"Shape"):
        meshes = [mesh for channel in file.parents[id] for mesh in file.meshes_of(channel)]
        _enlarge(child(shape, b"Vertices"), sizes[meshes[0]])
    for id, _ in file.of_kind(b"Deformer", b"Cluster"):
        _lay_down_binding(file, id, scales, sizes)
    for _, pose in file.of_kind(b"Pose"):
        for entry in (part for part in pose.elems if part.id == b"PoseNode"):
            _shrink(child(entry, b"Matrix"), scales.get(child(entry, b"Node").props[0], 1.0))


def hide_folders(file: FbxFile, written: str, name: str) -> None:
    """Textures that are inside are named by the file's own folder: `name`, not the name that it was written under."""
    for _, video in file.of_kind(b"Video"):
        path = child(video, b"RelativeFilename").props[0]
        inside = written.encode() in path or any(part.id == b"Content" and part.props[0] for part in video.elems)
        relative = path.replace(written.encode(), name.encode())
        things = [video, *(file.objects[id] for id in file.parents.get(video.props[0], ()))] if inside else []
        for thing in things:
            set_property(thing, "Path", [relative])
            for part in thing.elems:
                if part.id in (b"FileName", b"Filename", b"RelativeFilename"):
                    part.props[0] = relative


def parts_of(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Place, angles (radians; FBX turns about X first, about Z last) and scales of a transform."""
    scales = np.linalg.norm(matrix[:3, :3], axis=0)
    turn = matrix[:3, :3] / scales
    level = np.hypot(turn[0, 0], turn[1, 0])
    if level > 1e-6:
        first, last = np.arctan2(turn[2, 1], turn[2, 2]), np.arctan2(turn[1, 0], turn[0, 0])
    else:  # the middle one is a quarter turn: only what the others do together is known
        first, last = np.arctan2(-turn[1, 2], turn[1, 1]), 0.0
    return matrix[:3, 3], np.array([first, np.arctan2(-turn[2, 0], level), last]), scales


def _lay_down_binding(file: FbxFile, cluster: int, scales: dict[int, float], sizes: dict[int, float]) -> None:
    """How a bone is bound: where it and the armature stand, and where the mesh is as the bone sees it."""
    thing = file.objects[cluster]
    bone = next(scales[bone] for bone in file.children[cluster])
    mesh = next(sizes[mesh] for skin in file.parents[cluster] for mesh in file.parents[skin])
    _shrink(child(thing, b"TransformLink"), bone)
    _shrink(child(thing, b"TransformAssociateModel"), bone)
    seen = matrix_of(child(thing, b"Transform"))
    seen[:3, :3] *= bone / mesh
    seen[:3, 3] *= bone
    put_matrix(child(thing, b"Transform"), seen)


def _outer_scale(file: FbxFile, node: int) -> float:
    """The scale of the outermost node that carries this one; 1 if it is not the same in all directions."""
    parent = file.parents[node][0]
    if parent in file.objects:
        return _outer_scale(file, parent)
    scaling = np.array(properties(file.objects[node], "Lcl Scaling", [1.0, 1.0, 1.0]), float)
    mean = float(scaling.mean())
    return mean if mean > 0 and np.ptp(scaling) <= _UNIFORM * mean else 1.0


def _enlarge(part: Any, factor: float) -> None:
    if factor != 1.0:
        put_array(part, np.asarray(part.props[0], float) * factor)


def _shrink(part: Any, scale: float) -> None:
    """Divide what turns and scales, and leave the place."""
    matrix = matrix_of(part)
    matrix[:3, :3] /= scale
    put_matrix(part, matrix)
