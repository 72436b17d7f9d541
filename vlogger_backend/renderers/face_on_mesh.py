"""Where the face is on any mesh: the mesh is drawn in plain grey, the picture's face found as in a photo.

MediaPipe finds faces in plain shaded pictures of heads. Which way the mesh stands and faces isn't known, so it is
looked at from all sides, each way up. Where a landmark is in the picture, a ray from the camera meets the mesh; looks
from several sides are averaged.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..avatars.avatar import Avatar, Material, Morph
from ..avatars.licensed.built_in import built_in_face
from ..avatars.similarity import similarity
from ..camera import Pinhole
from ..motion.names import ARKIT_NAMES, JOINT_NAMES
from ..portraits.finding import find_faces
from ..progress import Progress, no_progress
from .compositing import over
from .skeleton import IBUG
from .stage import Picture, Stage

Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]

_SIDE = 640
_WALL = 178
_GREY = Material("", (0.42, 0.40, 0.38, 1.0), 0.6, double_sided=True)
_AWAY = 3.0
"""How far the camera is away from all of the mesh, in its radii."""
_CLOSE, _ROOM = 7.0, 2.6
"""How far the camera is away from a face, and what it shows, in distances from brow to chin, about."""
_LOOKS = ((0, 0), (14, 0), (-14, 0), (0, 10), (0, -10))
"""Degrees to the side and downwards from which a face is looked at."""
_ASIDE, _DEEP = 4.0, 0.012
"""Pixels, and a part of the way to the camera: which lips and lids are closed is where a ray goes in between them."""
_UNLIKE = 0.2
"""By how much of its own size a face's landmarks may lie otherwise than the built-in face's, on the average."""
_BROWS = 0.011
"""By how much, of a face like the built-in one, brows are put too low where there are none to be seen, metres."""
_UPS = ("y", "z", "x", "-y", "-z", "-x")


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face on a mesh.

    places    : (51, 3) iBUG's landmarks without the jaw line
    triangles : (51,) in which they are
    shares    : (51, 3) their barycentric coordinates there
    turn      : (3, 3) the rotation that makes the face stand upright (Y) and look along +Z
    """

    places: Doubles
    triangles: Ints
    shares: Doubles
    turn: Doubles


def see_face(vertices: Doubles, faces: Ints, progress: Progress = no_progress) -> SeenFace | None:
    """The face on a mesh (n, 3) with triangles (f, 3), in whatever unit and however it stands; None if there is none.

    Raises InputError if no OpenGL can be opened.
    """
    used = np.unique(faces)
    low, high = vertices[used].min(axis=0), vertices[used].max(axis=0)
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low) / 2)
    if not radius > 0:
        return None
    places = (vertices - middle) / radius  # so that the camera's near plane is right for any unit
    with closing(Stage(_drawn(places, faces))) as stage:
        ways = _ways()
        for number, turn in enumerate(ways):
            progress("Looking for the face on the mesh", number / len(ways))
            view = _View(turn, np.zeros(3), _AWAY, 2 * float(np.arcsin(1 / _AWAY)))
            first = _landmarks(stage, view, places, faces)
            if first is None:
                continue
            closer = _landmarks(stage, _before(first, _facing(first)), places, faces)
            if closer is None:
                continue
            seen = _settled(stage, closer, places, faces)
            if seen is not None:
                progress("Looking for the face on the mesh", 1.0)
                return SeenFace(seen.places * radius + middle, seen.triangles, seen.shares, seen.turn)
    return None


def _drawn(vertices: Doubles, faces: Ints) -> Avatar:
    """The mesh as the stage wants it."""
    count = len(vertices)
    return Avatar(
        name="mesh",
        vertices=vertices.astype(np.float32),
        faces=faces,
        uvs=np.zeros((len(faces), 3, 2), np.float32),
        face_material=np.zeros(len(faces), np.int16),
        materials=(_GREY,),
        joints=np.zeros((len(JOINT_NAMES), 3), np.float32),
        joint_indices=np.zeros((count, 4), np.uint8),
        joint_weights=np.full((count, 4), 0.25, np.float32),
        morphs=(Morph(np.zeros(0, np.int32), np.zeros((0, 3), np.float32)),) * len(ARKIT_NAMES),
    )


def _ways() -> list[Doubles]:
    """Rotations that turn some axis of the mesh up and some side of it towards +Z, the usual ones first."""
    first: list[Doubles] = []
    then: list[Doubles] = []
    last: list[Doubles] = []
    for up in _UPS:
        axis = np.zeros(3)
        axis["xyz".index(up[-1])] = -1.0 if up[0] == "-" else 1.0
        # As a glTF has it that was Z up before: what looked along -Y then looks along +Z.
        side = np.array([0.0, -1.0, 0.0]) if up[-1] == "z" else np.array([0.0, 0.0, 1.0])
        base = np.stack([np.cross(axis, side), axis, side])
        for around in range(0, 360, 45):
            turn = Rotation.from_euler("y", around, degrees=True).as_matrix() @ base
            straight = around % 90 == 0
            if up in ("y", "z"):
                (first if straight else then).append(turn)
            elif straight:
                last.append(turn)
    return [*first, *then, *last]


@dataclass(frozen=True, eq=False)
class _View:
    """The mesh is turned, so that light comes from above, and `target` looked at from so far away."""

    turn: Doubles
    target: Doubles
    away: float
    field: float

    def turned(self, points: Doubles) -> Doubles:
        return np.asarray(points @ self.turn.T)

    @property
    def camera(self) -> Pinhole:
        pose = np.eye(4)
        pose[:3, 3] = self.turn @ self.target + (0, 0, self.away)
        return Pinhole(pose, self.field, (_SIDE, _SIDE))


def _before(places: Doubles, turn: Doubles) -> _View:
    size = _size(places)
    return _View(turn, np.nanmean(places, axis=0), _CLOSE * size, 2 * float(np.arctan(_ROOM / 2 / _CLOSE)))


def _size(places: Doubles) -> float:
    """About from brow to chin: twice the way from the brows to the lips' middle."""
    return float(1.6 * np.linalg.norm(np.nanmean(places[:10], axis=0) - np.nanmean(places[31:], axis=0)))


def _facing(places: Doubles) -> Doubles:
    """(3, 3) the rotation that makes these landmarks face +Z, upright."""
    met = ~np.isnan(places[:, 0])
    return similarity(places[met], built_in_face().landmarks[met])[0]


def _landmarks(stage: Stage, view: _View, vertices: Doubles, faces: Ints) -> Doubles | None:
    """Where the landmarks (51, 3) of the largest face in the picture are on the mesh; None if there is no face."""
    camera, turned = view.camera, view.turned(vertices)
    stage.pose(turned.astype(np.float32))
    picture: Picture = np.full((_SIDE, _SIDE, 3), _WALL, np.uint8)
    picture = over(stage.draw(camera.size, camera.pose, camera.field), picture)
    found = [face for face in find_faces(np.ascontiguousarray(picture)) if not face.upside_down]
    for face in sorted(found, key=lambda face: -face.size):
        triangles, shares = _skin(camera, face.landmarks[list(IBUG[17:]), :2].astype(np.float64), turned, faces)
        met = triangles >= 0
        if met.mean() < 0.9:
            continue
        places = np.einsum("lk,lkc->lc", shares, vertices[faces[triangles]])
        if _like_a_face(places, met):
            return np.where(met[:, None], places, np.nan)
    return None


def _like_a_face(places: Doubles, met: NDArray[np.bool_]) -> bool:
    turn, scale, shift = similarity(built_in_face().landmarks[met], places[met])
    off = np.linalg.norm(scale * built_in_face().landmarks[met] @ turn.T + shift - places[met], axis=1).mean()
    return bool(off < _UNLIKE * 0.1 * scale)


def _settled(stage: Stage, first: Doubles, vertices: Doubles, faces: Ints) -> SeenFace | None:
    """The mean of several looks."""
    turn = _facing(first)
    straight = _before(first, turn)
    looks = []
    for aside, down in _LOOKS:
        tilt = Rotation.from_euler("yx", [aside, down], degrees=True).as_matrix()
        look = _landmarks(stage, _before(first, tilt @ turn), vertices, faces)
        if look is not None:
            looks.append(straight.camera.seen(straight.turned(look))[0])
    if not looks:
        return None
    pixels = np.nanmedian(looks, axis=0)
    scale = similarity(built_in_face().landmarks, straight.turned(np.where(np.isnan(first), straight.target, first)))[1]
    pixels[:10, 1] -= _BROWS * scale * straight.camera.focal / straight.away
    triangles, shares = _skin(straight.camera, pixels, straight.turned(vertices), faces)
    if (triangles < 0).any():
        return None
    places = np.einsum("lk,lkc->lc", shares, vertices[faces[triangles]])
    return SeenFace(places, triangles, shares, _facing(places))


def _skin(camera: Pinhole, pixels: Doubles, vertices: Doubles, faces: Ints) -> tuple[Ints, Doubles]:
    """As `_hits`, but a ray that goes in between lips or lids gives way to one beside it that doesn't."""
    triangles, shares = _hits(camera, pixels, vertices, faces)
    depths = _depths(camera, triangles, shares, vertices, faces)
    beside = [_hits(camera, pixels + np.array([0, _ASIDE * side]), vertices, faces) for side in (1, -1)]
    for others, theirs in beside:
        nearer = _depths(camera, others, theirs, vertices, faces)
        deep = nearer < depths - _DEEP * float(np.nanmedian(depths))
        triangles, shares = np.where(deep, others, triangles), np.where(deep[:, None], theirs, shares)
        depths = np.where(deep, nearer, depths)
    return triangles.astype(np.int32), shares


def _depths(camera: Pinhole, triangles: Ints, shares: Doubles, vertices: Doubles, faces: Ints) -> Doubles:
    depths = camera.seen(np.einsum("lk,lkc->lc", shares, vertices[faces[triangles]]))[1]
    return np.where(triangles >= 0, depths, np.inf)


def _hits(camera: Pinhole, pixels: Doubles, vertices: Doubles, faces: Ints) -> tuple[Ints, Doubles]:
    """The nearest triangle (k,) that each pixel (k, 2) shows, -1 for none, and the barycentric coordinates (k, 3)."""
    seen, depths = camera.seen(vertices)
    corners, far = seen[faces], depths[faces]
    low, high = corners.min(axis=1), corners.max(axis=1)
    ahead = far.min(axis=1) > 0
    triangles = np.full(len(pixels), -1, np.int32)
    shares = np.zeros((len(pixels), 3))
    for number, pixel in enumerate(pixels):
        if np.isnan(pixel).any():
            continue
        near = np.flatnonzero(ahead & (low <= pixel).all(axis=1) & (high >= pixel).all(axis=1))
        a, b, c = (corners[near, i] for i in range(3))
        whole = _cross(b - a, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = np.stack([_cross(b - pixel, c - pixel), _cross(c - pixel, a - pixel), _cross(a - pixel, b - pixel)])
            flat = (flat / whole).T
            inside = np.isfinite(flat).all(axis=1) & (flat >= -1e-9).all(axis=1)
        if not inside.any():
            continue
        near, flat = near[inside], flat[inside] / far[near[inside]]  # of the picture's plane; in space by depth
        best = int((1 / flat.sum(axis=1)).argmin())
        triangles[number] = near[best]
        shares[number] = np.clip(flat[best] / flat[best].sum(), 0, 1)
    return triangles, shares


def _cross(a: Doubles, b: Doubles) -> Doubles:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
