"""A small character and takes for it: every feature of the real ones, at a size that exports in a moment.

numpy only, so that any Blender's Python can use it; and a reference for how it should move, written independently of
what is tested.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from blender_addon.core.character import CharacterData, MaterialData, MorphData
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.take import Take

_PARENTS = {
    "left_hip": "pelvis", "right_hip": "pelvis", "spine1": "pelvis", "left_knee": "left_hip",
    "right_knee": "right_hip", "spine2": "spine1", "left_ankle": "left_knee", "right_ankle": "right_knee",
    "spine3": "spine2", "left_foot": "left_ankle", "right_foot": "right_ankle", "neck": "spine3",
    "left_collar": "spine3", "right_collar": "spine3", "head": "neck", "left_shoulder": "left_collar",
    "right_shoulder": "right_collar", "left_elbow": "left_shoulder", "right_elbow": "right_shoulder",
    "left_wrist": "left_elbow", "right_wrist": "right_elbow", "jaw": "head", "left_eye_smplhf": "head",
    "right_eye_smplhf": "head",
}  # fmt: skip
_PLACES = {
    "pelvis": (0, 0.95, 0), "hip": (0.1, 0.88, 0), "spine1": (0, 1.05, 0), "knee": (0.11, 0.5, 0.01),
    "spine2": (0, 1.18, -0.01), "ankle": (0.12, 0.09, -0.02), "spine3": (0, 1.3, -0.01), "foot": (0.13, 0.03, 0.1),
    "neck": (0, 1.45, -0.02), "collar": (0.05, 1.38, -0.02), "head": (0, 1.52, 0), "shoulder": (0.18, 1.4, -0.03),
    "elbow": (0.44, 1.39, -0.04), "wrist": (0.68, 1.39, -0.03), "jaw": (0, 1.53, 0.02), "eye": (0.03, 1.6, 0.08),
}  # fmt: skip
_FACE = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
FACE_NAMES = (*(f"shape{i}" for i in range(50)), "jawOpen", "tongueOut")


def _parent(name: str) -> int:
    if name == "pelvis":
        return -1
    if name in _PARENTS:
        return JOINT_NAMES.index(_PARENTS[name])
    side, part = name.split("_")
    return JOINT_NAMES.index(f"{side}_wrist" if part.endswith("1") else f"{side}_{part[:-1]}{int(part[-1]) - 1}")


PARENTS = np.array([_parent(name) for name in JOINT_NAMES], np.int16)


def _place(name: str) -> tuple[float, float, float]:
    side = -1.0 if name.startswith("right_") else 1.0
    part = name.removeprefix("left_").removeprefix("right_").removesuffix("_smplhf")
    if part in _PLACES:
        x, y, z = _PLACES[part]
        return side * x, y, z
    fingers = ("index", "middle", "ring", "pinky", "thumb")
    along, across = 0.09 + 0.03 * (int(part[-1]) - 1), 0.03 - 0.02 * fingers.index(part[:-1])
    if part.startswith("thumb"):
        along, across = along - 0.05, 0.06
    x, y, z = _PLACES["wrist"]
    return side * (x + along), y, z + across


def box_person(face_names: tuple[str, ...] = FACE_NAMES) -> CharacterData:
    """A person of boxes, one about each joint, with UV seams, three materials, two textures, and face shapes."""
    joints = np.array([_place(name) for name in JOINT_NAMES], np.float32)
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    sides = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)], np.int32)
    triangles = np.concatenate([sides[:, (0, 1, 2)], sides[:, (0, 2, 3)]])
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    uvs = np.concatenate([np.tile(square[[0, 1, 2]], (6, 1, 1)), np.tile(square[[0, 2, 3]], (6, 1, 1))])
    sizes = np.array([0.01 if name[-1].isdigit() and "spine" not in name else 0.05 for name in JOINT_NAMES])
    count = len(JOINT_NAMES)
    owner = np.repeat(np.arange(count), 8)
    owner[np.isin(owner, [JOINT_NAMES.index(name) for name in _FACE])] = JOINT_NAMES.index("head")
    # The upper half of a box follows its joint alone, the lower half shares it with the parent.
    shared = np.tile(corners[:, 1] < 0, count) & (owner > 0)
    indices, weights = np.zeros((count * 8, 4), np.uint8), np.zeros((count * 8, 4), np.float32)
    indices[:, 0], indices[:, 1] = owner, np.maximum(PARENTS[owner], 0)
    weights[:, 0], weights[:, 1] = np.where(shared, 0.75, 1.0), np.where(shared, 0.25, 0.0)
    return CharacterData(
        name="Box person",
        vertices=(joints[:, None] + corners * sizes[:, None, None]).reshape(-1, 3).astype(np.float32),
        faces=(triangles[None] + 8 * np.arange(count)[:, None, None]).reshape(-1, 3).astype(np.int32),
        uvs=np.tile(uvs, (count, 1, 1)),
        face_material=np.repeat(np.arange(count) % 3, 12).astype(np.int16),
        materials=(
            MaterialData("skin", (1, 1, 1, 1), 0.6, texture=_png(3)),
            MaterialData("lashes", (1, 1, 1, 1), 0.9, texture=_png(4), alpha="mask", double_sided=True),
            MaterialData("cloth", (0.05, 0.1, 0.4, 1), 0.8, metallic=0.1),
        ),
        joint_names=JOINT_NAMES,
        joint_parents=PARENTS,
        joints=joints,
        joint_indices=indices,
        joint_weights=weights,
        morphs=_morphs(face_names, np.flatnonzero(owner == JOINT_NAMES.index("head"))),
    )


def _morphs(names: tuple[str, ...], head: np.ndarray) -> tuple[MorphData, ...]:
    """Each moves a few vertices; the last moves none, as tongueOut does on a body without a tongue."""
    random = np.random.default_rng(5)
    chosen = [np.sort(random.permutation(head)[: 0 if name == names[-1] else 6]).astype(np.int32) for name in names]
    offsets = [random.normal(0, 0.01, (len(vertices), 3)).astype(np.float32) for vertices in chosen]
    return tuple(MorphData(*parts) for parts in zip(names, chosen, offsets, strict=True))


def _png(channels: int) -> bytes:
    size = 16
    pixels = np.full((size, size, channels), 255, np.uint8)
    pixels[..., 0], pixels[..., 1] = np.mgrid[:size, :size] * 15
    rows = np.concatenate([np.zeros((size, 1), np.uint8), pixels.reshape(size, -1)], axis=1).tobytes()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def lively_take(frames: int, fps: float = 30.0, seed: int = 0, face_names: tuple[str, ...] = FACE_NAMES) -> Take:
    """Everything moves a good deal, smoothly, a shoulder through whole turns, a knee never; weights cover 0 to 1."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / fps

    def waves(channels: int) -> np.ndarray:
        speed, phase = random.uniform(0.3, 2.0, channels), random.uniform(0, 2 * np.pi, channels)
        return np.sin(2 * np.pi * speed * time + phase)

    poses = waves(len(JOINT_NAMES) * 3).reshape(frames, len(JOINT_NAMES), 3) * 0.4
    poses[:, JOINT_NAMES.index("left_shoulder"), 2] += 3.5 * waves(1)[:, 0]
    poses[:, JOINT_NAMES.index("left_knee")] = 0
    return Take(
        fps=fps,
        poses=poses.astype(np.float32),
        trans=(0.2 * waves(3)).astype(np.float32),
        face=np.clip(0.5 + 0.6 * waves(len(face_names)), 0, 1).astype(np.float32),
        face_names=face_names,
    )


def matrices(vectors: np.ndarray) -> np.ndarray:
    """Rotation vectors (..., 3) as matrices (..., 3, 3), by Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors / np.maximum(angle[..., 0], 1e-12), -1, 0)
    o = np.zeros_like(x)
    cross = np.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(*x.shape, 3, 3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def moved_joints(character: CharacterData, poses: np.ndarray, trans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations (T, 55, 3, 3) and places (T, 55, 3) of the joints, metres, in SMPL-X's frame."""
    local = matrices(poses.astype(float))
    turned, placed = np.empty_like(local), np.empty(poses.shape)
    turned[:, 0], placed[:, 0] = local[:, 0], character.joints[0] + trans
    for joint, parent in enumerate(PARENTS[1:], 1):
        turned[:, joint] = turned[:, parent] @ local[:, joint]
        bone = character.joints[joint] - character.joints[parent]
        placed[:, joint] = placed[:, parent] + turned[:, parent] @ bone
    return turned, placed


def moved_vertices(character: CharacterData, take: Take, frame: int) -> np.ndarray:
    """The mesh (V, 3) of one frame, metres, in SMPL-X's frame: morphs, then linear blend skinning."""
    shape = character.vertices.astype(float)
    for morph, weight in zip(character.morphs, take.face[frame], strict=True):
        shape[morph.vertices] += weight * morph.offsets
    turned, placed = moved_joints(character, take.poses[frame : frame + 1], take.trans[frame : frame + 1])
    out = np.zeros_like(shape)
    for k in range(4):
        joint = character.joint_indices[:, k]
        carried = np.einsum("vab,vb->va", turned[0, joint], shape - character.joints[joint]) + placed[0, joint]
        out += character.joint_weights[:, k, None] * carried
    return out
