"""Which bone of a rig is which joint, and which shape keys say what: by names, by parents, and by where things are.

Every description of `rigs/` is tried on the rig, and the rig is also read by its structure alone. What fits best comes
first, with its reasons in words.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from .anatomy import BELOW, EYE_PARTS, Check, Figure, above, check_person, swapped_sides
from .canonical import sided, spellings, without_zeros, words
from .corrections import Correction
from .descriptions import BodyDescription, BoneName, Descriptions
from .faces import BY_HAND, FaceMatch, corrected, match_face
from .losses import losses
from .rig import Match, Rig, RigMapping
from .skeleton import PARENTS, SIDES
from .structure import Reading, read_face, read_structure
from .trunk import SPINE, spine_by_place

_WEIGHTS = {
    "pelvis": 3, "spine1": 1, "spine2": 0.5, "spine3": 1.5, "neck": 1, "head": 2, "jaw": 0.2, "eye_smplhf": 0.2,
    "collar": 0.7, "shoulder": 2, "elbow": 2, "wrist": 2, "hip": 2, "knee": 2, "ankle": 2, "foot": 0.5,
}  # fmt: skip
_FINGER_WEIGHT = 0.1
_ORDER = {joint: i for i, joint in enumerate(PARENTS)}
_CORE = ("pelvis", "head", *(f"{side}_{part}" for side in SIDES for part in ("hip", "knee", "shoulder", "elbow")))
_FACE = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
_HEAD = ("neck", "head", *_FACE)
_AS_NAMED, _OTHER_SPELLING, _OTHER_NUMBERS, _BY_PLACE = 1.0, 0.98, 0.95, 0.6
_SYNONYM = 0.01
"""What a description's second-best name is worth less, and its third less than that."""
_BEST_BY_STRUCTURE = 0.75
_LEAST_CORE = 3
"""Of the joints that every person has, a description must find that many to be tried at all,"""
_LEAST_COVERAGE = 0.25
"""... and of all that it describes, by weight, that part; and not much less than the best description finds."""
_SURE = 0.5
"""Below this a mapping is no more than a guess, and says so."""
_LEAST = 0.05


def match_rig(rig: Rig, descriptions: Descriptions, correction: Correction | None = None) -> list[RigMapping]:
    """How a take could drive this rig, the best first; never empty.

    `correction` is what the user has set by hand for rigs with these bones (see `corrections`); it is applied to each.
    """
    figure = Figure(rig)
    face = match_face(rig, descriptions.faces)
    structure = read_structure(figure)
    indices = _indices(figure)
    named = _all_named(figure, descriptions.bodies, indices)
    most = max((coverage for _, coverage, _ in named), default=0.0)
    tried = [_matched(figure, *name, structure) for name in named if name[1] >= max(_LEAST_COVERAGE, 0.6 * most)]
    matched = [body for body in tried if body.score >= _LEAST]
    read = _by_structure(figure, structure)
    if not structure.joints and not matched:
        read = _head_alone(figure, descriptions.bodies, indices, structure) or read
    matched = sorted([*matched, read], key=lambda body: -body.score)
    if correction is not None:
        matched = [_by_hand(figure, body, correction) for body in matched]
        face = corrected(face, rig, correction.keys)
    return [_mapping(figure, body, face, read.problems) for body in matched]


@dataclass(frozen=True)
class _Found:
    """A joint's bone, by its number, how sure that is, and why."""

    bone: int
    sure: float
    reason: str


_Joints = dict[str, _Found]


@dataclass(frozen=True)
class _Body:
    """A skeleton as matched."""

    description: BodyDescription | None
    joints: Dictionary[str, _Found]
    score: float
    problems: tuple[str, ...]
    carriers: Dictionary[str, str | None]


_Meanings = tuple[str, tuple[str, str], tuple[str, str]]


class _Index:
    """The bones of a rig by their names, read in one way."""

    def __init__(self, meanings: Sequence[_Meanings]) -> None:
        self.plain: dict[str, list[int]] = {}
        self.sided: dict[tuple[str, str], list[int]] = {}
        self.loose: dict[tuple[str, str], list[int]] = {}
        for i, (plain, what, loose) in enumerate(meanings):
            self.plain.setdefault(plain, []).append(i)
            self.sided.setdefault(what, []).append(i)
            self.loose.setdefault(loose, []).append(i)

    def has(self, name: BoneName) -> bool:
        return name.plain in self.plain or name.sided in self.sided or name.loose in self.loose


def _indices(figure: Figure) -> list[_Index]:
    """The names of a rig in all the ways in which they may be decorated."""
    all_parts = [words(name) for name in figure.names]
    plain = [_meanings(parts) for parts in all_parts]
    indices = [_Index(plain)]
    for spelling in spellings(figure.names)[1:]:
        read = [spelling.read(parts) for parts in all_parts]
        if any(new is not parts for new, parts in zip(read, all_parts, strict=True)):
            changed = zip(read, all_parts, plain, strict=True)
            indices.append(_Index([old if new is parts else _meanings(new) for new, parts, old in changed]))
    return indices


@lru_cache(maxsize=16384)
def _meanings(parts: tuple[str, ...]) -> _Meanings:
    what, side = sided(parts)
    return "".join(parts), (what, side), (without_zeros(what), side)


def _all_named(
    figure: Figure, bodies: Sequence[BodyDescription], indices: Sequence[_Index]
) -> list[tuple[BodyDescription, float, _Joints]]:
    """How much of each description is there by name, 0 to 1, and where. Fingers that no kind finds lack in none."""
    hits = [_core_hits(body, indices) for body in bodies]
    enough = max(_LEAST_CORE, 0.5 * max(map(max, hits), default=0))
    found: list[tuple[BodyDescription, float, _Joints]] = [
        (body, *(_best_named(figure, body, indices, counts) if max(counts) >= enough else (0.0, {})))
        for body, counts in zip(bodies, hits, strict=True)
    ]
    fingers = any(_weight(joint) == _FINGER_WEIGHT for _, _, joints in found for joint in joints)
    coverages = []
    for body, weight, joints in found:
        whole = sum(_weight(joint) for joint in body.bones if fingers or _weight(joint) != _FINGER_WEIGHT)
        coverages.append((body, weight / whole, joints))
    return coverages


def _core_hits(body: BodyDescription, indices: Sequence[_Index]) -> list[int]:
    """How many of the joints that every person has are there, in each reading of the names."""
    core = [body.bones.get(joint, ()) for joint in _CORE]
    return [sum(any(map(index.has, names)) for names in core) for index in indices]


def _best_named(
    figure: Figure, body: BodyDescription, indices: Sequence[_Index], hits: Sequence[int]
) -> tuple[float, _Joints]:
    """The bones that a description names, in the best reading of the names, and their weight; 0 for hardly any."""
    whole = sum(_weight(joint) for joint in body.bones)
    best: tuple[float, _Joints] = (0.0, {})
    for index, count in zip(indices, hits, strict=True):
        if count < max(_LEAST_CORE, *hits) or best[0] > 0.98 * whole:
            continue
        joints = _named(figure, body, index)
        weight = sum(_weight(joint) * found.sure for joint, found in joints.items())
        if weight > best[0] + 1e-9:
            best = (weight, joints)
    weight, joints = best
    if sum(joint in joints for joint in _CORE) < _LEAST_CORE:
        return 0.0, {}
    return weight, joints


def _matched(figure: Figure, body: BodyDescription, coverage: float, joints: _Joints, structure: Reading) -> _Body:
    """A description whose names were found, held against where the bones are and how they hang together."""
    problems: list[str] = []
    joints = _sides_by_place(figure, joints, problems)
    _fill(figure, joints, structure)
    if not body.control:
        if spine := spine_by_place(figure, _bones(joints)):
            as_named = {found.bone: found for found in joints.values()}
            joints = {joint: found for joint, found in joints.items() if joint not in SPINE}
            by_place = "found by its place in the trunk"
            joints |= {joint: as_named.get(i, _Found(i, _BY_PLACE, by_place)) for joint, i in spine.items()}
        if "head" in joints:
            _add_face(figure, joints)
    check = check_person(figure, _bones(joints))
    order, carriers = _order(figure, body, _bones(joints))
    missing = sum(joint not in joints for joint in _CORE)
    score = coverage**0.7 * 0.95**missing * (0.35 + 0.65 * order) * check.score
    names = "\n".join(figure.names)
    tells = sum(bool(tell.search(names)) for tell in body.tells) / max(len(body.tells), 1)
    denied = any(deny.search(names) for deny in body.denies)
    score = 0.95 * score + (0.05 * tells if score > _SURE else 0) - (0.08 if denied else 0)
    return _Body(body, joints, max(score, 0.0), (*problems, *check.problems), carriers)


def _bones(joints: Dictionary[str, _Found]) -> dict[str, int]:
    return {joint: found.bone for joint, found in joints.items()}


def _named(figure: Figure, body: BodyDescription, index: _Index) -> _Joints:
    """The bones that have the description's names, the surest spelling first; no bone twice."""
    joints: _Joints = {}
    bones: dict[str, int] = {}
    taken: set[int] = set()
    for level, worth in (("plain", _AS_NAMED), ("sided", _OTHER_SPELLING), ("loose", _OTHER_NUMBERS)):
        table = getattr(index, level)
        how = "named as" if level == "plain" else "named like"
        for joint, names in body.bones.items():
            if joint in joints:
                continue
            for rank, name in enumerate(names):
                hits = [i for i in table.get(getattr(name, level), ()) if i not in taken]
                if hits:
                    bones[joint] = _nearest(figure, joint, bones, hits)
                    reason = f"{how} {name.name} of {body.title}"
                    joints[joint] = _Found(bones[joint], worth - _SYNONYM * rank, reason)
                    taken.add(bones[joint])
                    break
    return joints


def _nearest(figure: Figure, joint: str, bones: Dictionary[str, int], hits: list[int]) -> int:
    """Of bones with the same name, the one that hangs on the bone of the joint above."""
    parent = above(joint, bones)
    if len(hits) == 1 or parent is None:
        return hits[0]
    return next((i for i in hits if figure.descends(i, bones[parent])), hits[0])


def _sides_by_place(figure: Figure, joints: _Joints, problems: list[str]) -> _Joints:
    """The same with left where the character's left is, whatever the names say."""
    for parts in swapped_sides(figure, _bones(joints)):
        here = {f"{side}_{part}" for part in parts for side in SIDES}
        swapped = {
            _mirror(joint): replace(found, reason=f"{found.reason}, on the other side")
            for joint, found in joints.items()
            if joint in here
        }
        joints = {joint: found for joint, found in joints.items() if joint not in here} | swapped
        what = {"collar": "arms", "hip": "legs"}.get(parts[0], "eyes")
        problems.append(
            f"The bones of its {what} that are named left are on its right: they are matched by where they are. "
            "If that is wrong, assign them by hand."
        )
    return joints


def _mirror(joint: str) -> str:
    side, _, part = joint.partition("_")
    return f"{SIDES[1 - SIDES.index(side)]}_{part}" if side in SIDES else joint


def _fill(figure: Figure, joints: _Joints, structure: Reading) -> None:
    """Add joints of limbs and trunk that the names don't give where the structure has them, if the two agree."""
    bones = _bones(joints)
    known = [joint for joint in structure.joints if joint in bones]
    if sum(bones[joint] == structure.joints[joint] for joint in known) < 0.6 * len(known):
        return
    for joint, i in structure.joints.items():
        if joint in bones or i in bones.values() or joint in _FACE:
            continue
        parent = above(joint, bones)
        below = [bones[other] for other in BELOW[joint] if other in bones]
        if (parent is None or figure.descends(i, bones[parent])) and all(figure.descends(other, i) for other in below):
            bones[joint] = i
            joints[joint] = _Found(i, _BY_PLACE, "found by its place in the skeleton")


def _add_face(figure: Figure, joints: _Joints) -> None:
    """Add jaw and eyes that the description doesn't know of, by their names."""
    bones = _bones(joints)
    face = {joint: i for joint, i in read_face(figure, bones["head"]).items() if i not in bones.values()}
    if any(joint in bones for joint in face):
        return
    if EYE_PARTS in swapped_sides(figure, {**bones, **face}):
        face = {_mirror(joint): i for joint, i in face.items()}
    for joint, i in face.items():
        joints[joint] = _Found(i, _OTHER_SPELLING, "found by its name under the head")


def _order(figure: Figure, body: BodyDescription, bones: Dictionary[str, int]) -> tuple[float, dict[str, str | None]]:
    """How much of the matches hang on the match above, 0 to 1; and for controls, with which bone they turn instead."""
    right = total = 0.0
    carriers: dict[str, str | None] = {}
    for joint, i in bones.items():
        parent = above(joint, bones)
        if parent is None:
            continue
        weight = _weight(joint)
        total += weight
        good = figure.descends(i, bones[parent])
        if good and joint.endswith(("collar", "shoulder")) and "neck" in bones:
            good = not figure.descends(i, bones["neck"])
        if not good and body.control:
            carriers[figure.names[i]] = figure.names[bones[parent]]
            good = True
        right += weight * good
    return (right / total if total else 0.0), carriers


def _by_structure(figure: Figure, structure: Reading) -> _Body:
    check = check_person(figure, structure.joints) if structure.joints else Check(0.0)
    missing = sum(joint not in structure.joints for joint in _CORE)
    ends = sum(f"{side}_{part}" not in structure.joints for side in SIDES for part in ("ankle", "wrist"))
    return _Body(
        description=None,
        joints={
            joint: _Found(i, _BY_PLACE, "found by its place in the skeleton") for joint, i in structure.joints.items()
        },
        score=_BEST_BY_STRUCTURE * check.score * max(1 - 0.1 * missing - 0.05 * ends, 0.1),
        problems=(*structure.problems, *check.problems),
        carriers={},
    )


def _head_alone(
    figure: Figure, bodies: Sequence[BodyDescription], indices: Sequence[_Index], structure: Reading
) -> _Body | None:
    """The head of something that has no body like a person's, by names; None if it has no head."""
    best: _Joints = {}
    for body in bodies:
        head = replace(body, bones={joint: names for joint, names in body.bones.items() if joint in _HEAD})
        for index in indices:
            joints = _named(figure, head, index)
            if ("head" in joints or "jaw" in joints) and len(joints) > len(best):
                best = joints
    if not best:
        return None
    score = _SURE + 0.1 if structure.legs < 2 else _SURE - 0.2
    problems = ("It has a head but no body like a person's: only the head is animated.", *structure.problems)
    return _Body(None, best, score, problems, {})


def _by_hand(figure: Figure, body: _Body, correction: Correction) -> _Body:
    """The skeleton with the user's bones in place of those that were found; no bone is two joints'."""
    chosen = {joint: figure.index[name] for joint, name in correction.bones.items() if name in figure.index}
    joints = {
        joint: found
        for joint, found in body.joints.items()
        if joint not in correction.bones and found.bone not in chosen.values()
    }
    return replace(body, joints=joints | {joint: _Found(i, 1.0, BY_HAND) for joint, i in chosen.items()})


def _mapping(figure: Figure, body: _Body, face: FaceMatch, doubts: Sequence[str]) -> RigMapping:
    """`doubts` are what speaks against the rig being a person at all: said if the match is no more than a guess."""
    description = body.description
    names = set(figure.names)
    jaw = face.jaw if "jaw" in body.joints else None
    aims: dict[str, tuple[str, str]] = {}
    problems = list(body.problems)
    if body.score < _SURE:
        problems = [_doubt(body), *doubts, *problems]
    if description is not None:
        problems += description.problems
        aims = {
            joint: aim
            for joint, aim in description.aims.items()
            if joint not in body.joints and "head" in body.joints and names.issuperset(aim)
        }
    if body.joints:
        problems += losses({*body.joints, *aims})
    problems += face.problems
    if not face.opens and jaw is None:
        problems.append("It has neither shape keys nor a jaw bone that open the mouth: the lips don't move.")
    return RigMapping(
        kind=description.name if description else "",
        bones={
            joint: Match(figure.names[found.bone], round(found.sure, 3), found.reason)
            for joint, found in sorted(body.joints.items(), key=lambda item: _ORDER[item[0]])
        },
        face=face.drives,
        face_kind=face.kind,
        face_reasons=face.reasons,
        jaw=jaw,
        score=round(min(body.score, 1.0), 3),
        problems=tuple(dict.fromkeys(problems)),
        switches={
            (switch.bone, switch.property): switch.value
            for switch in (description.switches if description else ())
            if switch.bone in names
        },
        carriers=body.carriers,
        aims=aims,
        followers={
            name: joint
            for joint, bones in (description.followers if description else {}).items()
            for name in bones
            if joint in body.joints and name in names
        },
    )


def _doubt(body: _Body) -> str:
    if not body.joints:
        return "This is no skeleton of a person: only its face can be animated."
    if body.description is None:
        return "Its bones were guessed: check them before you trust them."
    return f"This is hardly {body.description.title}: check the bones before you trust them."


@cache
def _weight(joint: str) -> float:
    side, _, part = joint.partition("_")
    return _WEIGHTS.get(part if side in SIDES else joint, _FINGER_WEIGHT)
