"""Reading `rigs/`: what is known of other people's skeletons and faces, one JSON file each (see `rigs/README.md`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .canonical import LEFT, RIGHT, sided, without_zeros, words
from .errors import AddonError
from .names import JOINT_NAMES

SIDES = (LEFT, RIGHT)
_REGIONS = (
    ("lids", ("eyeBlink", "eyeSquint", "eyeWide", "cheekSquint")),
    ("gaze", ("eyeLook",)),
    ("brows", ("brow",)),
    ("nose", ("nose",)),
)


@dataclass(frozen=True)
class BoneName:
    """A name that a description gives, ready to be looked up: as it is, by what and which side, and without zeros."""

    name: str
    plain: str
    sided: tuple[str, str]
    loose: tuple[str, str]


@dataclass(frozen=True)
class Switch:
    """A custom property of a bone that must have this value for the keyed bones to show."""

    bone: str
    property: str
    value: float


@dataclass(frozen=True)
class BodyDescription:
    """A skeleton.

    bones    : for each SMPL-X joint that it has, the names its bone may have, the best first; in the order in which
               they are to be found, since no bone is taken twice
    tells    : patterns of lines in the list of all names that only this kind has; `denies`: that it never has
    control  : whether the bones are controls, which pass their turns on by constraints rather than by parents
    switches : what has to be switched before its controls work
    aims     : for eyes that look at a bone, by joint: that bone's name, and the eye's own
    followers : names of bones that turn as the bone of a joint does, beside it, by joint
    problems : sentences that are true of every rig of this kind
    """

    name: str
    title: str
    bones: Dictionary[str, tuple[BoneName, ...]]
    tells: tuple[re.Pattern[str], ...] = ()
    denies: tuple[re.Pattern[str], ...] = ()
    control: bool = False
    switches: tuple[Switch, ...] = ()
    aims: Dictionary[str, tuple[str, str]] = field(default_factory=dict)
    followers: Dictionary[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaceKey:
    """A shape key: `names` that mean it, the best first, and either what drives it or what it looks like.

    drive  : by how much each ARKit shape moves it
    looks  : which visemes it resembles, and how much of each; it is then driven so that the face comes nearest
    unless : roles that, if all there, do its work better
    """

    role: str
    names: tuple[str, ...]
    drive: Dictionary[str, float]
    looks: Dictionary[str, float]
    unless: tuple[str, ...] = ()
    weight: float = 1.0

    @cached_property
    def region(self) -> str:
        """The part of the face that it moves: mouth, lids, gaze, brows or nose."""
        name = "" if self.looks else next(iter(self.drive), "")
        return next((region for region, starts in _REGIONS if name.startswith(starts)), "mouth")


@dataclass(frozen=True)
class FaceDescription:
    """A convention of shape keys. `rank`, 0 to 1, is how well a face can perform with it when it is all there.

    `jaw` is the angle, radians, to which the jaw bone must open with the shape keys, None if they open the mouth alone.
    """

    name: str
    title: str
    rank: float
    keys: tuple[FaceKey, ...]
    jaw: float | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Descriptions:
    """All that a folder of descriptions says."""

    bodies: tuple[BodyDescription, ...]
    faces: tuple[FaceDescription, ...]


def load_descriptions(folder: Path) -> Descriptions:
    """Read every description in a folder, in the order of the files' names.

    Raises AddonError, naming the file, if one can't be read, or if there is none.
    """
    bodies: list[BodyDescription] = []
    faces: list[FaceDescription] = []
    for path in sorted(folder.glob("*.json")):
        if path.name == "schema.json":
            continue
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            kind = data["kind"]
            if kind == "body":
                bodies.append(_body(data))
            elif kind == "face":
                faces.append(_face(data))
            else:
                raise ValueError(f"its kind is {kind!r}, not body or face")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, re.error) as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else error
            raise AddonError(f"{path} does not describe a rig ({reason}). Mend it, or take it out.") from error
    if not bodies:
        raise AddonError(f"There are no descriptions of rigs in {folder}. Install the add-on again.")
    return Descriptions(tuple(bodies), tuple(faces))


def bone_name(name: str) -> BoneName:
    """A name, ready to be looked up."""
    what, side = sided(words(name))
    return BoneName(name, "".join(words(name)), (what, side), (without_zeros(what), side))


def _body(data: dict[str, Any]) -> BodyDescription:
    sides = {side: str(data.get("sides", {}).get(side, "")) for side in SIDES}
    bones: dict[str, tuple[BoneName, ...]] = {}
    for part, names in data["bones"].items():
        if part in JOINT_NAMES:
            bones[part] = tuple(bone_name(name) for name in names)
            continue
        for side in SIDES:
            joint = f"{side}_{part}"
            if joint not in JOINT_NAMES:
                raise ValueError(f"{part} is not a joint")
            bones[joint] = tuple(bone_name(name.replace("{}", sides[side])) for name in names)
    switches = [
        Switch(bone, str(item["property"]), float(item["value"]))
        for item in data.get("switches", ())
        for bone in dict.fromkeys(item["bone"].replace("{}", sides[side]) for side in SIDES)
    ]
    aims = {
        f"{side}_{part}": (item["target"].replace("{}", sides[side]), item["eye"].replace("{}", sides[side]))
        for part, item in data.get("aims", {}).items()
        for side in SIDES
    }
    return BodyDescription(
        name=str(data["name"]),
        title=str(data["title"]),
        bones=bones,
        tells=tuple(_pattern(text) for text in data.get("tells", ())),
        denies=tuple(_pattern(text) for text in data.get("denies", ())),
        control=bool(data.get("control", False)),
        switches=tuple(switches),
        aims=aims,
        followers={joint: tuple(names) for joint, names in data.get("followers", {}).items()},
        problems=tuple(data.get("problems", ())),
    )


def _pattern(text: str) -> re.Pattern[str]:
    """`^` is where a name begins, or what follows its makers' prefix."""
    return re.compile(re.sub(r"^\^", r"(?:^|[:|_.\\- ])", text), re.MULTILINE)


def _face(data: dict[str, Any]) -> FaceDescription:
    keys = []
    for role, item in data["keys"].items():
        looks = {str(name): float(weight) for name, weight in item.get("looks", {}).items()}
        drive = {str(name): float(weight) for name, weight in item.get("drive", {} if looks else {role: 1}).items()}
        keys.append(
            FaceKey(
                role=role,
                names=tuple(item.get("names", [role])),
                drive=drive,
                looks=looks,
                unless=tuple(item.get("unless", ())),
                weight=float(item.get("weight", 1.0)),
            )
        )
    return FaceDescription(
        name=str(data["name"]),
        title=str(data["title"]),
        rank=float(data["rank"]),
        keys=tuple(keys),
        jaw=None if data.get("jaw") is None else float(data["jaw"]),
        problems=tuple(data.get("problems", ())),
    )
