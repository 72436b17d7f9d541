"""Rigs as others make them: each bone is found, limbs point where the take's do, feet stay."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import characters
import numpy as np
import pytest
from bodies import angle, posed
from box_person import moved_joints
from characters import DESCRIPTIONS, targets
from odd_rigs import talking_take
from skeletons import places, read_skeletons, rig_of

from blender_addon.core.matching import match_rig
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.retarget import retarget
from blender_addon.core.skeleton import FINGERS, REST, SIDES

SKELETONS = read_skeletons()
TAKE = talking_take(40)
EXPECTED = moved_joints(
    SimpleNamespace(joints=np.array([REST[joint] for joint in JOINT_NAMES])), TAKE.poses, TAKE.trans
)[1]
_LIMBS = ("shoulder elbow", "elbow wrist", "wrist middle1", "hip knee", "knee ankle")
_FINGERS = tuple(f"{finger}{i} {finger}{i + 1}" for finger in FINGERS for i in (1, 2))
_NUMBERS_ALONE = (
    "unreal manny", "character creator 4", "daz genesis 8", "daz genesis 9", "vroid 1", "mixamo numbered prefix",
    "mmd japanese mmd_tools", "advanced skeleton", "maya L_ names jnt", "source valve biped", "rokoko newton",
    "auto-rig pro export humanoid", "vrchat base booth", "roblox r15", "blender hand-made numbered spine", "lafan1",
)  # fmt: skip


def turned(x: float = 0.0, z: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """An object's matrix, degrees."""
    a, b = np.radians([x, z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    world = np.eye(4)
    world[:3, :3] = scale * about_z @ about_x
    world[:3, 3] = (4, -2, 1)
    return world


FACING_BACK = np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, 1.0, 0]])
WAYS = {
    "as it comes": {},
    "centimetres, Y up, bones all along one axis": {
        "place": 100 * np.eye(3),
        "world": turned(x=90, scale=0.01),
        "tails": "up",
    },
    "arms hanging, palms ahead, rolled": {
        "joints": places(78, 80),
        "rolls": np.random.default_rng(5),
        "world": turned(z=130, scale=3),
    },
    "small and stocky, facing back": {
        "joints": places(60, 0, {"hip": 0.6, "knee": 0.6, "shoulder": 0.7, "elbow": 0.7, "neck": 1.5}),
        "place": 0.01 * FACING_BACK,
    },
}


@pytest.mark.parametrize("name", SKELETONS)
def test_every_bone_is_found_and_follows(name: str) -> None:
    skeleton = SKELETONS[name]
    for way, settings in WAYS.items():
        rig = rig_of(skeleton, **settings)  # type: ignore[arg-type]
        mapping = match_rig(rig, DESCRIPTIONS)[0]
        assert targets(mapping) == skeleton.bones, way
        assert mapping.score > 0.69, way
        follows(
            skeleton.bones, rig, retarget(TAKE, rig, mapping), settings.get("place", rig_of.__kwdefaults__["place"])
        )


def follows(bones: dict[str, str], rig: object, motion: object, place: np.ndarray) -> None:
    there = posed(rig, motion)  # type: ignore[arg-type]
    axes = place / np.linalg.norm(place, axis=0)
    ours = {joint: there[bone] @ axes for joint, bone in bones.items()}
    takes = {joint: EXPECTED[:, JOINT_NAMES.index(joint)] for joint in bones}
    for side in SIDES:
        for pair in (*_LIMBS, *_FINGERS):
            start, end = (f"{side}_{part}" for part in pair.split())
            if start in bones and end in bones:
                off = angle(ours[end] - ours[start], takes[end] - takes[start])
                assert off.max() < (15 if pair in _FINGERS else 10), start
                assert pair in _FINGERS or np.median(off) < 3, start
        hip, knee, ankle = (f"{side}_{part}" for part in ("hip", "knee", "ankle"))
        if ankle in bones and rig.bones[0].name not in (bones[ankle],):  # type: ignore[attr-defined]
            leg, leg_of_take = (
                np.linalg.norm(at[hip][0] - at[knee][0]) + np.linalg.norm(at[knee][0] - at[ankle][0])
                for at in (ours, takes)
            )
            slid = (ours[ankle] - ours[ankle][0]) * leg_of_take / leg - (takes[ankle] - takes[ankle][0])
            assert np.abs(slid).max() < 0.003, ankle  # metres at the take's size


@pytest.mark.parametrize("name", _NUMBERS_ALONE)
def test_they_are_read_by_their_places_too(name: str) -> None:
    skeleton = SKELETONS[name]
    rig = rig_of(skeleton)
    numbers = {bone.name: f"Bone.{i:03d}" for i, bone in enumerate(rig.bones)}
    found = targets(match_rig(characters.renamed(rig, numbers.__getitem__), DESCRIPTIONS)[0])
    joints = [j for j in skeleton.bones if j not in ("jaw", "spine1", "spine2") and not j.endswith("eye_smplhf")]
    heads = {bone.name: bone.head for bone in rig.bones}
    names = {number: bone for bone, number in numbers.items()}
    for joint in joints:  # of bones in one place, any will do
        assert joint in found, joint
        np.testing.assert_allclose(heads[names[found[joint]]], heads[skeleton.bones[joint]], atol=0.06, err_msg=joint)


@pytest.mark.parametrize("name", ["metahuman body and face", "character creator 4", "microsoft rocketbox", "lafan1"])
@pytest.mark.parametrize("spelt", ["{}.001", "Scene:Bob:{}", "bind_{}_JNT"])
def test_what_stands_around_all_names_doesn_t_matter(name: str, spelt: str) -> None:
    skeleton = SKELETONS[name]
    rig = characters.renamed(rig_of(skeleton), lambda bone: spelt.replace("{}", bone))
    plain = match_rig(rig_of(skeleton), DESCRIPTIONS)[0]
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    assert targets(mapping) == {joint: spelt.replace("{}", bone) for joint, bone in skeleton.bones.items()}
    assert mapping.kind == plain.kind


def test_two_characters_in_one_armature_are_not_mixed() -> None:
    skeleton = SKELETONS["unreal manny"]
    rig = rig_of(skeleton)
    twin = characters.renamed(rig, lambda bone: f"{bone}.001")
    aside = np.array([1.5, 0, 0])
    beside = tuple(replace(b, head=b.head + aside, tail=b.tail + aside) for b in twin.bones)
    assert targets(match_rig(characters.with_bones(rig, *beside), DESCRIPTIONS)[0]) == skeleton.bones


def test_without_a_front_the_names_tell_left_from_right() -> None:
    skeleton = SKELETONS["simple one-spine robot"]
    odd = {bone.name: bone.name.replace("arm", "limba").replace("leg", "limbb") for bone in rig_of(skeleton).bones}
    back = characters.renamed(rig_of(skeleton, place=FACING_BACK), odd.__getitem__)
    mapping = match_rig(back, DESCRIPTIONS)[0]
    assert mapping.kind == ""
    assert targets(mapping)["left_shoulder"] == odd[skeleton.bones["left_shoulder"]]
    assert targets(mapping)["right_knee"] == odd[skeleton.bones["right_knee"]]


def test_the_bone_that_carries_the_arms_is_moved_however_many_there_are() -> None:
    """Spines of one to six bones under names that their kind knows fewer of."""
    from characters import BODIES, bone, described

    rig, names = described(BODIES["blender"])
    chest = next(b for b in rig.bones if b.name == names["spine3"])
    extra = [bone(f"spine.{i:03d}", chest.name if i == 11 else f"spine.{i - 1:03d}", chest.head) for i in (11, 12, 13)]
    bones = [b if b.parent != chest.name else characters.replace(b, parent="spine.013") for b in rig.bones]
    order = [b for b in bones if b.parent != "spine.013"]
    later = [b for b in bones if b not in order]
    below = {b.name for b in later}
    tail = []
    for b in order[:]:
        if b.parent in below:
            below.add(b.name)
            tail.append(b)
            order.remove(b)
    found = targets(match_rig(characters.replace(rig, bones=(*order, *extra, *later, *tail)), DESCRIPTIONS)[0])
    assert found["spine3"] == "spine.013"
    assert found["spine1"] == names["spine1"]


def test_a_metahumans_lower_lip_goes_with_its_jaw() -> None:
    rig = rig_of(SKELETONS["metahuman body and face"])
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    motion = retarget(TAKE, rig, mapping)
    np.testing.assert_allclose(
        motion.rotations["FACIAL_C_LowerLipRotation"], motion.rotations["FACIAL_C_Jaw"], atol=1e-9
    )
    assert np.ptp(motion.rotations["FACIAL_C_Jaw"], axis=0).max() > 0.02
