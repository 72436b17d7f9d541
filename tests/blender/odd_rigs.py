"""Skeletons to retarget to: MakeHuman's real ones, and hand-made ones with the oddities that rigs come with.

numpy only. Each says by hand which of its bones is which joint, so that retargeting is tested apart from matching.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from box_person import matrices
from makehuman import Joint, Person, person

from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.skeleton import PARENTS, REST
from blender_addon.core.take import Take

TO_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
_FINGERS = ("index", "middle", "ring", "pinky", "thumb")


def talking_take(frames: int = 120, fps: float = 30.0) -> Take:
    """Someone who talks with their hands: arms down and up in front of the chest, fingers curling, feet still."""
    time = np.arange(frames) / fps

    def wave(speed: float, phase: float = 0.0) -> np.ndarray:
        return np.sin(2 * np.pi * speed * time + phase)

    poses = np.zeros((frames, len(JOINT_NAMES), 3))
    for i, joint in enumerate(JOINT_NAMES):
        side = -1.0 if joint.startswith("right") else 1.0
        part = joint.partition("_")[2]
        up = 0.5 + 0.5 * wave(0.4, side)
        if part == "shoulder":
            poses[:, i] = np.stack([0.2 * wave(0.7), side * (-0.5 * up), side * (-1.25 + 0.3 * up)], axis=1)
        elif part == "elbow":
            poses[:, i, 1] = side * (-0.25 - 1.7 * up)
        elif part == "wrist":
            poses[:, i] = np.stack([0.7 * wave(0.5, 2), 0.3 * wave(0.9), 0.2 * wave(0.8)], axis=1)
        elif part.startswith(_FINGERS):
            poses[:, i, 2] = side * -0.4 * (1 + wave(0.6, i))
        elif joint.startswith(("spine", "neck", "head", "pelvis")):
            poses[:, i] = np.stack([0.05 * wave(0.5, i), 0.06 * wave(0.3, i), 0.04 * wave(0.4, i)], axis=1)
        elif part in ("hip", "knee"):
            poses[:, i, 0] = (-0.06 if part == "hip" else 0.12) * (1 + 0.5 * wave(0.3))
        elif part == "collar":
            poses[:, i, 2] = side * 0.08 * up
        elif part == "eye_smplhf":
            poses[:, i, 1] = 0.2 * wave(0.5)
    names = ("jawOpen", "mouthClose", "mouthPucker", "eyeBlinkLeft", "eyeBlinkRight")
    jaw = 0.15 + 0.15 * wave(2.0)
    face = np.stack(
        [jaw, jaw * (wave(1.1) > 0.7), 0.3 + 0.3 * wave(0.9), *[np.maximum(wave(0.3) - 0.9, 0) * 10] * 2], 1
    )
    trans = 0.02 * np.stack([wave(0.3), 0.3 * wave(0.6), wave(0.2)], axis=1)
    return Take(fps, poses.astype(np.float32), trans.astype(np.float32), face.astype(np.float32), names, '{"seed": 7}')


@dataclass(frozen=True)
class TestRig:
    """`bones` by joint; `world` is the armature object's matrix, `modes` its bones' rotation modes, in turn."""

    name: str
    joints: tuple[Joint, ...]
    bones: dict[str, str]
    world: np.ndarray = field(default_factory=lambda: np.eye(4))
    modes: tuple[str, ...] = ("QUATERNION",)
    jaw: float | None = None
    facing: np.ndarray = field(default_factory=lambda: TO_Z_UP)
    """Columns: the person's left, up and front in the armature's space."""
    skin: Person | None = None


def _sided(pairs: dict[str, str], left: str, right: str) -> dict[str, str]:
    """`{}` in a bone's name stands for the side."""
    found = {}
    for joint, bone in pairs.items():
        if "{}" in bone:
            found |= {f"left_{joint}": bone.format(left), f"right_{joint}": bone.format(right)}
        else:
            found[joint] = bone
    return found


def _fingers(pattern: Callable[[str, int], str]) -> dict[str, str]:
    return {f"{finger}{i}": pattern(finger, i) for finger in _FINGERS for i in (1, 2, 3)}


_NUMBERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
BY_HAND = {
    "makehuman": _sided({
        "pelvis": "root", "spine1": "spine04", "spine2": "spine02", "spine3": "spine01", "neck": "neck01",
        "head": "head", "jaw": "jaw", "eye_smplhf": "eye.{}", "collar": "clavicle.{}", "shoulder": "upperarm01.{}",
        "elbow": "lowerarm01.{}", "wrist": "wrist.{}", "hip": "upperleg01.{}", "knee": "lowerleg01.{}",
        "ankle": "foot.{}", "foot": "toe2-1.{}", **_fingers(lambda f, i: f"finger{_NUMBERS[f]}-{i}.{{}}"),
    }, "L", "R"),
    "mixamo": {joint: "mixamorig:" + bone for joint, bone in _sided({
        "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
        "collar": "{}Shoulder", "shoulder": "{}Arm", "elbow": "{}ForeArm", "wrist": "{}Hand", "hip": "{}UpLeg",
        "knee": "{}Leg", "ankle": "{}Foot", "foot": "{}ToeBase", **_fingers(lambda f, i: f"{{}}Hand{f.title()}{i}"),
    }, "Left", "Right").items()},
    "game_engine": _sided({
        "pelvis": "pelvis", "spine1": "spine_01", "spine2": "spine_02", "spine3": "spine_03", "neck": "neck_01",
        "head": "head", "collar": "clavicle_{}", "shoulder": "upperarm_{}", "elbow": "lowerarm_{}", "wrist": "hand_{}",
        "hip": "thigh_{}", "knee": "calf_{}", "ankle": "foot_{}", "foot": "ball_{}",
        **_fingers(lambda f, i: f"{f}_0{i}_{{}}"),
    }, "l", "r"),
    "cmu": _sided({
        "pelvis": "Hips", "spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1", "neck": "Neck", "head": "Head",
        "collar": "{}Shoulder", "shoulder": "{}Arm", "elbow": "{}ForeArm", "wrist": "{}Hand", "hip": "{}UpLeg",
        "knee": "{}Leg", "ankle": "{}Foot", "foot": "{}ToeBase",
    }, "Left", "Right"),
    "rigify": _sided({
        "pelvis": "spine", "spine1": "spine.001", "spine2": "spine.002", "spine3": "spine.004", "neck": "spine.005",
        "head": "spine.006", "jaw": "jaw_master", "eye_smplhf": "eye.{}", "collar": "shoulder.{}",
        "shoulder": "upper_arm.{}", "elbow": "forearm.{}", "wrist": "hand.{}", "hip": "thigh.{}", "knee": "shin.{}",
        "ankle": "foot.{}", "foot": "toe.{}",
        **_fingers(lambda f, i: f"thumb.0{i}.{{}}" if f == "thumb" else f"f_{f}.0{i}.{{}}"),
    }, "L", "R"),
}  # fmt: skip


def real_rigs(folder: Path, body: str = "man") -> list[TestRig]:
    """MakeHuman's skeletons in one of its bodies, from the folder with its files."""
    jaws = {"makehuman": 0.35, "rigify": 0.35}
    people = {kind: person(folder, kind, body) for kind in BY_HAND}
    return [
        TestRig(f"{kind}, {body}", people[kind].joints, bones, jaw=jaws.get(kind), skin=people[kind])
        for kind, bones in BY_HAND.items()
    ]


def own_skeleton(arms_down: float = 0.0, palms_forward: float = 0.0, roll: float = 0.0, **ratios: float) -> TestRig:
    """The takes' own skeleton at rest, with its arms lowered and its palms turned (degrees), and parts made longer."""
    turns = {joint: np.eye(3) for joint in JOINT_NAMES}
    for side, sign in (("left", 1), ("right", -1)):
        down = matrices(np.array([0, 0, -sign * np.radians(arms_down)]))
        palm = matrices(np.array([-np.radians(palms_forward), 0, 0]))
        for joint in JOINT_NAMES:
            if joint.startswith(side) and any(part in joint for part in ("shoulder", "elbow", "wrist", *_FINGERS)):
                turns[joint] = down if "shoulder" in joint or "elbow" in joint else down @ palm
    heads = {}
    for joint in JOINT_NAMES:
        parent = PARENTS[joint]
        if parent is None:
            heads[joint] = REST[joint] + [0, 1.0, 0]
            continue
        ratio = next((ratio for part, ratio in ratios.items() if part in parent), 1.0)
        heads[joint] = heads[parent] + turns[parent] @ (REST[joint] - REST[parent]) * ratio
    rng = np.random.default_rng(3)
    joints = []
    for joint in JOINT_NAMES:
        children = [other for other in JOINT_NAMES if PARENTS[other] == joint]
        if joint in ("pelvis", "spine3", "left_wrist", "right_wrist"):
            side = joint.partition("_")[0]
            children = [{"pelvis": "spine1", "spine3": "neck"}.get(joint, f"{side}_middle1")]
        if len(children) == 1:
            tail = heads[children[0]]
        elif joint == "head":
            tail = heads[joint] + [0, 0.15, 0]
        else:
            tail = heads[joint] + 0.8 * (heads[joint] - heads[PARENTS[joint]])
        turn = roll * rng.choice([-1, 1])
        joints.append(Joint(joint, PARENTS[joint], TO_Z_UP @ heads[joint], TO_Z_UP @ tail, np.radians(turn)))
    return TestRig("own", tuple(joints), {joint: joint for joint in JOINT_NAMES}, jaw=0.35)


def without(rig: TestRig, *parts: str) -> TestRig:
    """The rig without the bones of these joints, by parts of their names; their children hang on their parents."""
    parents = {joint.name: joint.parent for joint in rig.joints}
    gone = {rig.bones[joint] for joint in rig.bones if any(part in joint for part in parts)}

    def parent(name: str | None) -> str | None:
        return parent(parents[name]) if name in gone else name

    joints = tuple(replace(joint, parent=parent(joint.parent)) for joint in rig.joints if joint.name not in gone)
    return replace(rig, joints=joints, bones={joint: bone for joint, bone in rig.bones.items() if bone not in gone})


def placed(rig: TestRig, world: np.ndarray, inside: np.ndarray) -> TestRig:
    """The rig with its bones turned and scaled by `inside` (3, 3) in the armature, which stands at `world` (4, 4)."""
    joints = tuple(replace(joint, head=inside @ joint.head, tail=inside @ joint.tail) for joint in rig.joints)
    facing = inside @ rig.facing
    return replace(rig, joints=joints, world=world, facing=facing / np.linalg.norm(facing, axis=0))


def at(scale: float = 1.0, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    """A world matrix: turned by degrees about the axes, one after the other, and scaled."""
    world = np.eye(4)
    for axis, angle in enumerate((x, y, z)):
        world[:3, :3] = matrices(np.radians(angle) * np.eye(3)[axis]) @ world[:3, :3]
    world[:3, :3] *= scale
    world[:3, 3] = (0.3, -0.2, 0.1)
    return world


def _with_helpers(rig: TestRig) -> TestRig:
    """More bones than joints: two more in the spine, metacarpals, twist bones on and in the forearm."""
    joints = {joint.name: joint for joint in rig.joints}
    for below, above in (("spine2", "spine1"), ("spine3", "spine2")):
        middle = (joints[above].head + joints[below].head) / 2
        name = f"{above} upper"
        joints[name] = Joint(name, above, middle, joints[below].head, 0.3)
        joints[below] = replace(joints[below], parent=name)
    for side in ("left", "right"):
        for finger in _FINGERS[:4]:
            first, wrist = joints[f"{side}_{finger}1"], joints[f"{side}_wrist"]
            name = f"{side} metacarpal {finger}"
            joints[name] = Joint(name, wrist.name, wrist.head * 0.7 + first.head * 0.3, first.head, 1.0)
            joints[first.name] = replace(first, parent=name)
        elbow, wrist = joints[f"{side}_elbow"], joints[f"{side}_wrist"]
        middle = (elbow.head + wrist.head) / 2
        if side == "left":  # one in the chain, as MakeHuman has it; one beside it, as Unreal has it
            joints["forearm2"] = Joint("forearm2", elbow.name, middle, wrist.head, 0.2)
            joints[wrist.name] = replace(wrist, parent="forearm2")
        else:
            joints["forearm_twist"] = Joint("forearm_twist", elbow.name, middle, wrist.head, 0.2)
    order: list[str] = []
    while len(order) < len(joints):
        order += [name for name in joints if name not in order and joints[name].parent in [None, *order]]
    return replace(rig, joints=tuple(joints[name] for name in order))


def odd_rigs() -> list[TestRig]:
    """Hand-made rigs, each with another oddity."""
    own, a_pose = own_skeleton(), own_skeleton(arms_down=45, roll=30)
    y_up = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])  # of Z-up places
    return [
        replace(own, name="T-pose"),
        replace(a_pose, name="A-pose, rolled"),
        replace(own_skeleton(arms_down=80, palms_forward=90), name="arms hanging, palms forward"),
        replace(own_skeleton(hip=1.2, knee=0.85, shoulder=0.8, elbow=1.3, collar=1.3), name="other proportions"),
        replace(placed(a_pose, at(0.01, x=90), 100 * y_up), name="centimetres, Y up, as from FBX"),
        replace(placed(own, at(1.0, z=70), np.eye(3)), name="turned object"),
        replace(placed(own, at(2.0, z=180), np.diag([-1.0, -1.0, 1.0])), name="facing +Y, scaled"),
        replace(a_pose, name="Euler angles", modes=("XYZ", "ZXY", "YXZ", "XZY", "ZYX", "YZX", "AXIS_ANGLE")),
        replace(without(a_pose, *_FINGERS, "eye", "jaw"), name="no fingers"),
        replace(without(own, "spine1", "spine3", "collar", "neck", "foot"), name="one spine bone, no collar or neck"),
        replace(without(a_pose, "3", "ring", "pinky"), name="short fingers and spine"),
        replace(_with_helpers(a_pose), name="helper bones"),
        replace(without(own, "hip", "knee", "ankle", "foot"), name="bust"),
    ]
