"""Which shape keys say what: by the conventions of `rigs/`, in all the ways in which people spell them.

Keys that are one muscle each are driven by the take's ARKit weights. Keys that are the mouth of a whole sound are
driven by its visemes: for each viseme we find the mixture of the face's own mouths that comes nearest to it, none of
them negative. Lips that a take closes stay closed, since visemes that open them are 0 then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .canonical import sided, words
from .descriptions import FaceDescription, FaceKey
from .expressions import component_drives
from .rig import FaceMesh, Rig
from .visemes import MILLIMETRES, POSES

Floats = NDArray[np.float64]

REGIONS = ("mouth", "lids", "gaze", "brows", "nose")
BY_HAND = "set by hand"
BY_EXPRESSION = (
    "Its face has shape keys of SMPL-X's or FLAME's expression: takes move them if they were made with such a model "
    "registered (vlogger models add FILE)."
)
_LONE_JAW = 0.4
"""Radians that a jaw bone alone opens at jawOpen 1: the built-in face's lips part 35 mm then, 90 mm from the hinge."""
_LEAST_QUALITY = 0.04
_NOT_BEFORE_ONE_WORD = {"viseme", "v", "vrc"}
"""A name of one word means something only alone, or behind a prefix that its neighbours have too, but for these."""
_LEAST_PART, _MOST = 0.03, 1.25
_SHARED_PREFIX = 3
_LETTERS = 2
"""So short a name means something only beside others of its convention."""
_SHARED_ENDING = 0.6
"""Of a mesh's keys: a word that so many end with says nothing."""


@dataclass(frozen=True)
class FaceMatch:
    """How a take drives the shape keys of all meshes of a character; the fields are those of `RigMapping`.

    `opens` says whether the shape keys alone open the mouth; else a jaw bone must, by `jaw` radians.
    """

    kind: str = ""
    drives: Dictionary[tuple[str, str], Dictionary[str, float]] = field(default_factory=dict)
    reasons: Dictionary[tuple[str, str], str] = field(default_factory=dict)
    jaw: float | None = None
    opens: bool = False
    problems: tuple[str, ...] = ()


def match_face(rig: Rig, conventions: Sequence[FaceDescription]) -> FaceMatch:
    """Find the conventions of a character's faces, for mouth, lids, gaze, brows and nose apart."""
    spelt = [_Keys(mesh) for mesh in rig.faces]
    found = {(description.name, keys.mesh): keys.find(description) for description in conventions for keys in spelt}
    drives: dict[tuple[str, str], dict[str, float]] = {}
    reasons: dict[tuple[str, str], str] = {}
    kinds: dict[str, FaceDescription] = {}
    for region in REGIONS:
        ranked = _ranked(region, conventions, found, [keys.mesh for keys in spelt])
        if not ranked:
            continue
        kinds[region] = ranked[0]
        for keys in spelt:
            # The same convention on all meshes, as far as they have it: teeth and lashes go with the face.
            here = next((d for d in ranked if _roles_in(region, d, found[d.name, keys.mesh])), None)
            if here is None:
                continue
            present = {role for mesh in spelt for role in found[here.name, mesh.mesh]}
            parts = _drives(here, frozenset(present))
            for key in here.keys:
                if key.region != region or key.role not in found[here.name, keys.mesh] or key.role not in parts:
                    continue
                place = (keys.mesh, found[here.name, keys.mesh][key.role])
                if place not in drives and parts[key.role]:
                    drives[place] = dict(parts[key.role])
                    reasons[place] = _reason(here, key, parts[key.role])
    _close_without_close(drives)
    components = {place: parts for place, parts in component_drives(rig).items() if place not in drives}
    drives |= components
    reasons |= dict.fromkeys(components, "a component of SMPL-X's or FLAME's expression")
    mouth = kinds.get("mouth")
    jaw = mouth.jaw if mouth else _LONE_JAW
    main = mouth or next(iter(kinds.values()), None)
    return FaceMatch(
        main.name if main else "expression" if components else "",
        drives,
        reasons,
        jaw,
        mouth is not None and jaw is None,
        (BY_EXPRESSION,) if components and not kinds else tuple(_problems(rig, kinds)),
    )


def corrected(face: FaceMatch, rig: Rig, keys: Dictionary[str, Dictionary[str, float]]) -> FaceMatch:
    """The face with what a user says about some keys, on whatever mesh they are; {} for a key that nothing moves."""
    drives = {place: parts for place, parts in face.drives.items() if place[1] not in keys}
    reasons = {place: reason for place, reason in face.reasons.items() if place[1] not in keys}
    for mesh in rig.faces:
        for key in mesh.keys:
            if keys.get(key):
                drives[mesh.name, key] = dict(keys[key])
                reasons[mesh.name, key] = BY_HAND
    return replace(face, drives=drives, reasons=reasons)


class _Keys:
    """A mesh's shape keys by all that their names may mean."""

    def __init__(self, mesh: FaceMesh) -> None:
        self.mesh = mesh.name
        self.meanings: dict[tuple[str, str], list[tuple[tuple[str, ...], int, str]]] = defaultdict(list)
        all_parts = {key: words(key) for key in mesh.keys}
        endings = Counter(parts[-1] for parts in all_parts.values() if len(parts) > 1)
        shared = {end for end, times in endings.items() if times > max(_SHARED_ENDING * len(mesh.keys), _SHARED_PREFIX)}
        for key, parts in all_parts.items():
            idle = parts[-1:] != () and (parts[-1].isdigit() or parts[-1] in shared)  # a copy: jawOpen.001; or a suffix
            for i in range(len(parts)):
                self.meanings[sided(parts[i:])].append((parts[:i], 0, key))
                if idle and i < len(parts) - 1:
                    self.meanings[sided(parts[i:-1])].append((parts[:i], 1, key))

    def find(self, description: FaceDescription) -> dict[str, str]:
        """The key of each role that the mesh has; no key twice."""
        prefixes: Counter[tuple[str, ...]] = Counter()
        for role in description.keys:
            for name in role.names:
                prefixes.update({prefix for prefix, _, _ in self.meanings.get(sided(words(name)), ())})
        found: dict[str, str] = {}
        short: set[str] = set()
        taken: set[str] = set()
        for role in description.keys:
            for name in role.names:
                what = sided(words(name))
                hits = [
                    hit
                    for hit in self.meanings.get(what, ())
                    if hit[2] not in taken and (not hit[0] or len(words(name)) > 1 or self._shared(hit[0], prefixes))
                ]
                if hits:
                    _, _, key = min(hits, key=lambda hit: (hit[1], len(hit[0]) > 0, -prefixes[hit[0]]))
                    found[role.role] = key
                    short |= {role.role} if name.isascii() and len(name) <= _LETTERS else set()
                    taken.add(key)
                    break
        if len(short) < _SHARED_PREFIX:
            found = {role: key for role, key in found.items() if role not in short}
        return found

    @staticmethod
    def _shared(prefix: tuple[str, ...], prefixes: Counter[tuple[str, ...]]) -> bool:
        return prefixes[prefix] >= _SHARED_PREFIX and prefix[-1] not in _NOT_BEFORE_ONE_WORD


def _roles_in(region: str, description: FaceDescription, found: Dictionary[str, str]) -> list[FaceKey]:
    return [key for key in description.keys if key.role in found and key.region == region]


def _ranked(
    region: str,
    conventions: Sequence[FaceDescription],
    found: Dictionary[tuple[str, str], Dictionary[str, str]],
    meshes: Sequence[str],
) -> list[FaceDescription]:
    """The conventions that can do this region of the face, the best first."""
    qualities: list[tuple[float, FaceDescription]] = []
    for description in conventions:
        roles = {role for mesh in meshes for role in found[description.name, mesh]}
        keys = [key for key in description.keys if key.region == region]
        whole = sum(key.weight for key in keys if not key.unless)
        whole = whole or sum(key.weight for key in keys)
        here = sum(key.weight for key in keys if key.role in roles and not _done_by_others(key, roles))
        if whole and here:
            quality = description.rank * min(here / whole, 1.0)
            if quality >= _LEAST_QUALITY:
                qualities.append((quality, description))
    return [description for _, description in sorted(qualities, key=lambda item: -item[0])]


def _done_by_others(key: FaceKey, roles: set[str] | frozenset[str]) -> bool:
    return bool(key.unless) and roles.issuperset(key.unless)


@lru_cache(maxsize=256)
def _drives_cached(keys: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]) -> dict[str, dict[str, float]]:
    return _mixtures({role: dict(looks) for role, looks in keys})


def _drives(description: FaceDescription, roles: frozenset[str]) -> dict[str, dict[str, float]]:
    """What drives each role of a convention on a face that has these roles."""
    here = [key for key in description.keys if key.role in roles and not _done_by_others(key, roles)]
    drives = {key.role: dict(key.drive) for key in here if not key.looks}
    looking = tuple((key.role, tuple(key.looks.items())) for key in here if key.looks)
    return drives | _drives_cached(looking)


def _mixtures(looks: Dictionary[str, Dictionary[str, float]]) -> dict[str, dict[str, float]]:
    """By how much each viseme moves each of these mouths, so that together they come nearest to it.

    A viseme that has a mouth of its own is made with that. The others are mixed by nonnegative least squares, in
    millimetres of the lips. Sealed lips and the bite of /f/ are contacts: only a mouth made for them gets them.
    """
    drives: dict[str, dict[str, float]] = {role: {} for role in looks}
    own: dict[str, tuple[float, str]] = {}
    for role, parts in looks.items():
        if len(parts) == 1:
            viseme, weight = next(iter(parts.items()))
            own[viseme] = min(own.get(viseme, (np.inf, role)), (abs(np.log(weight)), role))
    for viseme, (_, role) in own.items():
        drives[role][viseme] = round(1 / looks[role][viseme], 3)
    mouths = [role for role, parts in looks.items() if any(viseme in POSES for viseme in parts)]
    mixed = [viseme for viseme in POSES if viseme not in own]
    if mouths and mixed:
        poses = {viseme: np.array(pose) * MILLIMETRES for viseme, pose in POSES.items()}
        shapes = [sum(w * poses[v] for v, w in looks[role].items() if v in POSES) for role in mouths]
        weights = _nonnegative(np.stack(shapes, axis=1), np.stack([poses[v] for v in mixed], axis=1))
        for role, row in zip(mouths, weights, strict=True):
            drives[role] |= {v: round(float(w), 3) for v, w in zip(mixed, row, strict=True) if w >= _LEAST_PART}
    return drives


def _nonnegative(own: Floats, wanted: Floats) -> Floats:
    """Weights (K, V), 0 to `_MOST`, with `own` (F, K) @ weights nearest to `wanted` (F, V); coordinate descent.

    Every weight is charged a little: one key that fits rather than a little of all.
    """
    gram, pull = own.T @ own, own.T @ wanted
    spare = 0.004 * float(np.mean(np.diag(gram)))
    weights = np.zeros(pull.shape)
    for _ in range(300):
        before = weights.copy()
        for k in range(len(weights)):
            rest = pull[k] - gram[k] @ weights + gram[k, k] * weights[k]
            weights[k] = np.clip((rest - spare) / max(gram[k, k], 1e-12), 0, _MOST)
        if np.abs(weights - before).max() < 1e-5:
            break
    return weights


def _close_without_close(drives: dict[tuple[str, str], dict[str, float]]) -> None:
    """On a face that can't close its lips over an open jaw, the jaw itself must close."""
    if any(parts.get("mouthClose", 0) > 0 for parts in drives.values()):
        return
    for parts in drives.values():
        if "jawOpen" in parts:
            parts["mouthClose"] = -parts["jawOpen"]


def _reason(description: FaceDescription, key: FaceKey, parts: Dictionary[str, float]) -> str:
    if not key.looks:
        return f"{key.names[0]} of {description.title}"
    best = max(parts, key=lambda part: parts[part])
    return f"the mouth of {best.replace('viseme_', '/')}/ in {description.title}"


def _problems(rig: Rig, kinds: Dictionary[str, FaceDescription]) -> list[str]:
    if not rig.faces:
        return ["No mesh of it has shape keys: its face is animated by its jaw and eye bones alone."]
    if not kinds:
        names = [key for mesh in rig.faces for key in mesh.keys]
        some = ", ".join(names[:3])
        return [
            f"None of its {len(names)} shape keys ({some}…) has a name that is known: "
            "rename them as ARKit's, or assign them by hand."
        ]
    problems = []
    if "mouth" not in kinds:
        problems.append("It has no shape keys for the mouth: the lips move only as far as a jaw bone opens them.")
    if "lids" not in kinds:
        problems.append("It has no shape keys for blinking: the eyes stay open.")
    for description in kinds.values():
        problems += [problem for problem in description.problems if problem not in problems]
    return problems
