"""A rig as data: the bones and shape keys of someone's character, and which of them perform what.

Everything is in Blender's coordinates (Z up) in the armature's own space and units, as it stands in its rest pose.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bone:
    """One bone at rest: `axes` (3, 3) has the bone's X, Y and Z axes as columns, Y from `head` to `tail`, each (3,).

    connected        : it begins where its parent ends and can't be moved
    inherit_rotation : it turns when its parent turns
    local_location   : it is moved along its own axes, otherwise along its parent's
    """

    name: str
    parent: str | None
    head: Floats
    tail: Floats
    axes: Floats
    deform: bool = True
    connected: bool = False
    inherit_rotation: bool = True
    local_location: bool = True


@dataclass(frozen=True)
class FaceMesh:
    """A mesh of the character that has shape keys; `ranges` are the sliders' least and greatest values."""

    name: str
    keys: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Rig:
    """An armature and the meshes that hang on it. `world` (4, 4) is the armature's place in the scene.

    `bones` has parents before children. `carriers` names, for bones of control rigs that turn with another bone than
    their parent, that bone; None if they turn with nothing. `skin` are some points (P, 3) of the meshes at rest,
    in the armature's space, by the bone that carries them the most.
    """

    name: str
    bones: tuple[Bone, ...]
    faces: tuple[FaceMesh, ...] = ()
    world: Floats = field(default_factory=lambda: np.eye(4))
    carriers: Dictionary[str, str | None] = field(default_factory=dict)
    skin: Dictionary[str, Floats] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Match:
    """Why something of the rig performs something of the take: `score` 0 to 1, `reason` in words for the user."""

    target: str
    score: float
    reason: str


@dataclass(frozen=True)
class RigMapping:
    """How a take drives a rig.

    kind  : the name of the description in `rigs/` that fits best, "" if the rig was read by its structure
    bones : a match for each SMPL-X joint that has a bone; `target` is the bone's name
    face  : for each mesh and shape key, by how much each ARKit shape (or viseme, `viseme_PP`) moves it
    jaw   : the radians that the jaw bone opens at jawOpen 1, None if the shape keys do it
    score : 0 to 1, how sure this is; `problems` are sentences on what is missing and what that costs
    switches : the values that custom properties of bones, (bone, property), must have for the keys to show, as the
               switch from IK to FK
    carriers : as in `Rig`, for the mapped bones of control rigs
    aims     : for eyes that look at a bone instead of being turned, by joint: that bone, and the eye's own
    followers : bones that turn as the bone of a joint does, beside it: the joint of each
    """

    kind: str
    bones: Dictionary[str, Match]
    face: Dictionary[tuple[str, str], Dictionary[str, float]] = field(default_factory=dict)
    face_kind: str = ""
    face_reasons: Dictionary[tuple[str, str], str] = field(default_factory=dict)
    jaw: float | None = None
    score: float = 0.0
    problems: tuple[str, ...] = ()
    switches: Dictionary[tuple[str, str], float] = field(default_factory=dict)
    carriers: Dictionary[str, str | None] = field(default_factory=dict)
    aims: Dictionary[str, tuple[str, str]] = field(default_factory=dict)
    followers: Dictionary[str, str] = field(default_factory=dict)
