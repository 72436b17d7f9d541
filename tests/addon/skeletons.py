"""The skeletons of `skeletons.txt`, as rigs: with the takes' proportions, in any rest pose, space and mess of axes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from blender_addon.core.rig import Bone, Rig
from blender_addon.core.rotations import from_vectors, rotate
from blender_addon.core.skeleton import FINGERS, PARENTS, REST, SIDES

TO_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
_LINE = re.compile(r"( *)(.*?)(?: (=|~~|~|@@|@|\+) ?(.*))?")
_PARTS = {joint.partition("_")[2] for joint in PARENTS if joint.startswith("left")}
_HAND = ("wrist", *FINGERS)
_NEXT = {
    "pelvis": "spine1", "spine1": "spine2", "spine2": "spine3", "spine3": "neck", "neck": "head", "collar": "shoulder",
    "shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle", "ankle": "foot",
}  # fmt: skip


@dataclass(frozen=True)
class Skeleton:
    """`lines` are (bone, parent, how it is placed, by what, side); `bones` says which bone is which joint."""

    name: str
    arms_down: float
    lines: tuple[tuple[str, str | None, str, str, str], ...]
    bones: Mapping[str, str] = field(repr=False)


def read_skeletons() -> dict[str, Skeleton]:
    found = {}
    for block in re.split(r"\n(?=# )", Path(__file__).with_name("skeletons.txt").read_text(encoding="utf-8"))[2:]:
        first, *rest = block.strip("\n").split("\n")
        name, sides, arms_down, *prefix = (part.strip() for part in first[1:].split("|"))
        lines = tuple(_lines(rest, sides.split(" "), "".join(prefix)))
        bones = {_joint(arg, side): bone for bone, _, op, arg, side in lines if op == "=" and arg[0] != "-"}
        found[name] = Skeleton(name, float(arms_down), lines, bones)
    return found


def _lines(text: list[str], sides: list[str], prefix: str) -> list[tuple[str, str | None, str, str, str]]:
    rows = [match.groups(default="") for row in text if row.strip() and (match := _LINE.fullmatch(row))]
    done: list[tuple[str, str | None, str, str, str]] = []

    def add(first: int, parent: str | None, side: str) -> None:
        indent, name, op, arg = rows[first]
        if "{" in name and not side:
            for each in SIDES:
                add(first, parent, each)
            return
        left = side == "left"
        for word, here in (("{}", sides[0 if left else -1]), ("{^}", "LR"[not left]), ("{^^}", "lr"[not left])):
            name = name.replace(word, here)
        if side and "{" not in rows[first][1]:  # the same name twice: the second gets a number
            name += "" if left else " 1"
        for i in (1, 2, 3) if "#" in name else ("",):
            bone = prefix + name.replace("#", str(i))
            done.append((bone, parent, op, arg.replace("#", str(i)), side))
            parent = bone
        for other in range(first + 1, len(rows)):
            deeper = len(rows[other][0]) - len(indent)
            if deeper <= 0:
                break
            if deeper == 1:
                add(other, parent, side)

    for i, row in enumerate(rows):
        if not row[0]:
            add(i, None, "")
    return done


def _joint(part: str, side: str) -> str:
    return f"{side}_{part}" if side and part in _PARTS else part


def places(arms_down: float, palms: float = 0.0, ratios: Mapping[str, float] | None = None) -> dict[str, np.ndarray]:
    """Where the joints are, Y up: arms lowered and palms turned by so many degrees, segments longer by `ratios`."""
    heads: dict[str, np.ndarray] = {}
    for joint, parent in PARENTS.items():
        if parent is None:
            heads[joint] = np.array([0, 0.99, 0])
            continue
        side, _, part = parent.partition("_")
        way = (REST[joint] - REST[parent]) * (ratios or {}).get(part or parent, 1.0)
        sign = 1 if side == "left" else -1
        if part.startswith(_HAND):
            way = rotate(from_vectors(np.array([-np.radians(palms), 0, 0])), way)
        if part.startswith(("shoulder", "elbow", *_HAND)):
            way = rotate(from_vectors(np.array([0, 0, -sign * np.radians(arms_down)])), way)
        heads[joint] = heads[parent] + way
    return heads


def heads_of(skeleton: Skeleton, joints: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Where its bones begin, Y up, if the joints are there."""
    joint_of = {bone: joint for joint, bone in skeleton.bones.items()}
    parents = {bone: parent for bone, parent, *_ in skeleton.lines}
    heads: dict[str, np.ndarray] = {}
    for bone, parent, op, arg, side in skeleton.lines:
        over = parent
        while over is not None and over not in joint_of:
            over = parents[over]
        start = joints[joint_of[over]] if over else np.zeros(3)
        outwards = np.array([-1.0 if side == "right" else 1.0, 1, 1])
        if op == "=":
            heads[bone] = joints[_joint(arg.lstrip("-"), side)]
        elif op == "@@":
            heads[bone] = joints[_joint(arg.rstrip("0"), side)] * ([1, 0, 1] if arg.endswith("0") else 1)
        elif op in ("+", "~~"):
            way = np.array([float(number) for number in arg.split()]) * outwards
            heads[bone] = way + (heads[parent] if parent and op == "+" else 0)
        elif op == "@":
            part, share = arg.split()
            heads[bone] = start + float(share) * (joints[_joint(part, side)] - start)
        elif op == "~":
            heads[bone] = start + float(arg) * (joints[_following(joint_of[over or ""], skeleton)] - start)
        else:
            heads[bone] = heads[parent] if parent else np.zeros(3)
    return heads


def _following(joint: str, skeleton: Skeleton) -> str:
    side, _, part = joint.partition("_") if joint.startswith(SIDES) else ("", "", joint)
    while part in _NEXT:
        part = _NEXT[part]
        if _joint(part, side) in skeleton.bones:
            return _joint(part, side)
    return joint


def rig_of(
    skeleton: Skeleton,
    *,
    joints: Mapping[str, np.ndarray] | None = None,
    place: np.ndarray = TO_Z_UP,
    world: np.ndarray | None = None,
    tails: str = "natural",
    rolls: np.random.Generator | None = None,
) -> Rig:
    """`place` (3, 3) turns and scales it in the armature's space; `tails` that are not natural all point up."""
    heads = heads_of(skeleton, joints or places(skeleton.arms_down))
    joint_of = set(skeleton.bones.values())
    bones = []
    for bone, parent, *_ in skeleton.lines:
        head = heads[bone]
        ends = [other for other, above, *_ in skeleton.lines if above == bone and np.ptp([head, heads[other]]) > 0]
        ends = [other for other in ends if other in joint_of] or ends
        way = np.mean([heads[other] for other in ends], axis=0) - head if ends else head - heads.get(parent or "", head)
        if tails != "natural" or np.linalg.norm(way) < 1e-3:
            way = np.array([0, 0.05, 0])
        y = place @ way / np.linalg.norm(place @ way)
        x = np.cross(y, np.eye(3)[np.argmin(np.abs(y))])
        x /= np.linalg.norm(x)
        angle = rolls.uniform(-np.pi, np.pi) if rolls else 0.0
        x = np.cos(angle) * x + np.sin(angle) * np.cross(y, x)
        axes = np.stack([x, y, np.cross(x, y)], axis=1)
        bones.append(Bone(bone, parent, place @ head, place @ (head + way), axes))
    return Rig(skeleton.name, tuple(bones), world=np.eye(4) if world is None else world)
