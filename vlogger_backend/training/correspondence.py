"""Find where MediaPipe's landmarks are on the avatar's mesh, by showing MediaPipe pictures of it.

Many heads of random shape, expression and view are drawn, and each landmark is put on that point of the skin whose
projections are nearest to where MediaPipe sees it. What must lie on an edge of the mesh is then set there: the lids'
margins, the lips' seam, the irises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ..avatars.avatar import Avatar, Ints
from ..avatars.eyes import IRIS
from ..avatars.parts import vertex_normals
from ..avatars.posing import posed_vertices
from ..motion.names import ARKIT_INDEX
from ..portraits.head import LANDMARKS, Doubles, Head, Numbers, eye_centres
from ..portraits.landmarks import INNER_LIPS, LEFT_EYE, LEFT_IRIS, LEFT_PUPIL, RIGHT_EYE, RIGHT_IRIS, RIGHT_PUPIL
from ..portraits.quiet import quiet

_VIEWS = 200
_SIZE = 640
_TARGET = np.array([0.0, 1.625, 0.08])
_WALL = np.array([0.60, 0.62, 0.65])
_TURNS = np.array([38.0, 18.0, 10.0])  # degrees, at most
_FINE = 8  # steps along a triangle's edge
_ROBUST = 0.004  # metres
_RAYS = 1e-4  # metres between them
_CLOSE = 0.012

Edge = tuple[NDArray[Any], Doubles]


@dataclass(frozen=True, eq=False)
class Views:
    """What MediaPipe saw, in metres across the view at the head's distance.

    landmarks : (n, 478, 2)
    vertices  : (n, V, 2) where the mesh's vertices are seen
    facing    : (n, V) the cosine between a vertex' normal and the direction to the camera
    """

    landmarks: Doubles
    vertices: NDArray[np.float32]
    facing: NDArray[np.float32]


def landmarks_on(head: Head) -> dict[str, NDArray[Any]]:
    """The arrays `landmark_vertices`, `landmark_weights`, `landmark_noise` (metres) and `landmark_mirror` of a head
    model's file. The landmarks of `head` itself are not used."""
    avatar = head.avatar
    views = _views(head)
    mirror = _mirror(views)
    corners, weights, noise = _on_skin(avatar, views, mirror)
    places = np.einsum("lk,lkc->lc", weights, avatar.vertices[corners].astype(np.float64))
    for numbers, edge in (*_lips(avatar, places), *_lids(avatar, places), *_irises(avatar)):
        corners[numbers], weights[numbers] = edge
    return {
        "landmark_vertices": corners.astype(np.int32),
        "landmark_weights": weights.astype(np.float32),
        "landmark_noise": noise.astype(np.float32),
        "landmark_mirror": mirror.astype(np.int16),
    }


def _views(head: Head) -> Views:
    """Draw random heads and have MediaPipe look at them; the first ones are the mean head from the front."""
    import mediapipe

    from ..renderers.stage import Stage

    avatar = head.avatar
    rng = np.random.default_rng(1)
    found, seen, facing = [], [], []
    with (
        closing(Stage(avatar)) as stage,
        quiet(),
        mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True) as mesh,
    ):
        for view in range(_VIEWS):
            shape = rng.normal(0, 0.8, len(head.basis))
            shape[head.symmetric :] *= 0.5
            turn = Rotation.from_euler("YXZ", rng.uniform(-_TURNS, _TURNS) * (view >= _VIEWS // 8), degrees=True)
            distance = rng.uniform(0.7, 1.8)
            person = replace(avatar, vertices=head.shaped(shape).astype(np.float32))
            still = np.zeros(3)
            vertices = posed_vertices(person, np.zeros((len(avatar.joints), 3)), still, _expression(view, rng))
            pose = np.eye(4)
            pose[:3, :3] = turn.as_matrix()
            pose[:3, 3] = _TARGET + turn.apply([0, 0, distance])
            stage.pose(vertices)
            drawn = stage.draw((_SIZE, _SIZE), pose, 2 * np.arctan(0.17 / distance))
            picture = drawn[..., :3] + ((255 - drawn[..., 3:]) * _WALL).astype(np.uint8)
            faces = mesh.process(np.ascontiguousarray(picture)).multi_face_landmarks
            if not faces:
                continue
            landmarks = np.array([(point.x, point.y) for point in faces[0].landmark])
            found.append((landmarks - 0.5) * (0.34, -0.34))
            y = turn.inv().apply(vertices - pose[:3, 3])
            seen.append((y[:, :2] / -y[:, 2:] * distance).astype(np.float32))
            towards = pose[:3, 3] - vertices
            towards /= np.linalg.norm(towards, axis=1, keepdims=True)
            normals = vertex_normals(vertices.astype(np.float64), avatar.faces)
            facing.append((normals * towards).sum(axis=1).astype(np.float32))
    return Views(np.array(found), np.array(seen), np.array(facing))


def _expression(view: int, rng: np.random.Generator) -> Doubles:
    """Of four kinds by turns: none, an open mouth, a smile, raised brows."""
    weights = np.zeros(len(ARKIT_INDEX))
    kinds: tuple[dict[str, float], ...] = (
        {},
        {"jawOpen": 0.6},
        {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "jawOpen": 0.15},
        {"browInnerUp": 0.6, "jawOpen": 0.3, "eyeBlinkLeft": 0.3, "eyeBlinkRight": 0.3},
    )
    for name, most in kinds[view % len(kinds)].items():
        weights[ARKIT_INDEX[name]] = most * rng.uniform(0.2, 1)
    return weights


def _mirror(views: Views) -> Numbers:
    """(478,) each landmark's number on the other side, from faces seen from the front."""
    front = views.landmarks[: len(views.landmarks) // 8].mean(axis=0)
    front = front - front[[10, 152, 6]].mean(axis=0) * (1, 0)
    apart = np.linalg.norm(front[:, None] * (-1, 1) - front[None], axis=-1)
    mirror = linear_sum_assignment(apart[:468, :468])[1].astype(np.intp)
    irises: dict[int, int] = dict(
        zip((RIGHT_PUPIL, *RIGHT_IRIS), (LEFT_PUPIL, *(LEFT_IRIS[i] for i in (2, 1, 0, 3))), strict=True)
    )
    both = irises | {left: right for right, left in irises.items()}
    return np.array([*mirror, *(both[number] for number in range(468, LANDMARKS))], np.intp)


def _on_skin(avatar: Avatar, views: Views, mirror: Numbers) -> tuple[Ints, Doubles, Doubles]:
    """Triangle corners (478, 3), weights (478, 3) and noise (478,), metres, of each landmark; irises are left out."""
    faces = avatar.faces_of("face")
    rest = avatar.vertices.astype(np.float64)
    skin = np.unique(faces)
    skin = skin[views.facing[: len(views.facing) // 8, skin].mean(axis=0) > 0.1]
    across = np.arange(len(rest))
    across[np.unique(faces)] = _mirrored(rest, np.unique(faces))
    steps = np.array([(i, j, _FINE - i - j) for i in range(_FINE + 1) for j in range(_FINE + 1 - i)]) / _FINE
    middles = rest[faces].mean(axis=1)
    corners, weights, noise = np.zeros((LANDMARKS, 3), np.int32), np.zeros((LANDMARKS, 3)), np.ones(LANDMARKS)

    def errors(landmark: int, numbers: Numbers, shares: Doubles) -> Doubles:
        """(views, c) squared, metres, if the landmark is the point on triangles `numbers` (c, 3) with `shares`."""
        place = np.einsum("nckd,ck->ncd", views.vertices[:, numbers], shares.astype(np.float32))
        return np.asarray(((place - views.landmarks[:, None, landmark].astype(np.float32)) ** 2).sum(axis=-1))

    def best(landmark: int, numbers: Numbers, shares: Doubles, seen: Doubles) -> int:
        """The candidate that suits the landmark, and whose mirror image suits the one on the other side."""
        sides = (landmark, numbers), (int(mirror[landmark]), across[numbers])
        both = [errors(each, places, shares) for each, places in sides]
        return int(sum(w @ (d / (d + _ROBUST**2)) / w.sum() for w, d in zip(seen, both, strict=True)).argmin())

    ones = np.tile([1.0, 0, 0], (len(skin), 1))
    for landmark in range(RIGHT_PUPIL):
        near = skin[best(landmark, np.repeat(skin[:, None], 3, axis=1), ones, np.ones((2, len(views.landmarks))))]
        seen = np.stack([np.clip(views.facing[:, number], 0.05, 1) for number in (near, across[near])])
        close = np.linalg.norm(middles - rest[near], axis=1) < _CLOSE
        numbers, shares = np.repeat(faces[close], len(steps), axis=0), np.tile(steps, (int(close.sum()), 1))
        chosen = best(landmark, numbers, shares, seen)
        corners[landmark], weights[landmark] = numbers[chosen], shares[chosen]
        squared = errors(landmark, numbers[[chosen]], shares[[chosen]])[:, 0]
        share = seen[0] / (squared + _ROBUST**2) ** 2
        noise[landmark] = np.sqrt(share @ squared / share.sum() / 2)
    return corners, weights, noise


def _mirrored(rest: Doubles, numbers: Numbers) -> Numbers:
    """For each of the vertices the one on the other side of the body."""
    return np.asarray(numbers[cKDTree(rest[numbers]).query(rest[numbers] * (-1, 1, 1))[1]])


def _lips(avatar: Avatar, places: Doubles) -> Iterator[tuple[list[int], Edge]]:
    """The inner lips' landmarks on the seam: where upper and lower lip end, seen from the front, as they part."""
    upper = list(INNER_LIPS[1:10])
    lower = list(INNER_LIPS[:10:-1])
    skin = np.concatenate([avatar.faces_of("face"), avatar.faces_of("mouth")])
    rest = avatar.vertices.astype(np.float64)
    jaw = np.zeros(len(rest))
    opening = avatar.morphs[ARKIT_INDEX["jawOpen"]]
    jaw[opening.vertices] = -opening.offsets[:, 1]
    drops = jaw[skin]
    lips = {"upper": skin[drops.max(axis=1) < 0.35 * jaw.max()], "lower": skin[drops.min(axis=1) > 0.1 * jaw.max()]}
    rays = [_Rays(_opened(avatar, amount), skin) for amount in (0.15, 0.25, 0.35)]
    middle = (places[upper] + places[lower]) / 2
    corner = places[INNER_LIPS[0]]
    for index in range(5):  # from the right corner to the middle
        pair = [
            ray.gap(x, middle[4, 1] - 0.02, middle[4, 1] + 0.012, rest)
            for ray in rays
            for x in middle[index, 0] + (-0.0006, 0, 0.0006)
        ]
        # Both lips' landmarks are set where the lips touch: shut lips are then seen as shut.
        seam = np.mean(
            [np.median([each[side] for each in pair if each is not None], axis=0) for side in (0, 1)], axis=0
        )
        seam[0] = middle[index, 0] if index < 4 else 0.0
        for numbers, lip in ((lower, "lower"), (upper, "upper")):
            yield from _both_sides(avatar, [numbers[index], numbers[8 - index]], seam, lips[lip])
    starts = (
        rays[0].gap(x, corner[1] - 0.02, corner[1] + 0.012, rest) for x in corner[0] + np.arange(-5e-3, 5e-3, 3e-4)
    )
    start = next(each for each in starts if each is not None)
    yield from _both_sides(avatar, [INNER_LIPS[0], INNER_LIPS[10]], np.mean(start, axis=0), skin)


def _lids(avatar: Avatar, places: Doubles) -> Iterator[tuple[list[int], Edge]]:
    """The eyes' outlines on the lids' margins, where from the front the eyeball begins; the corners half way there."""
    rest = avatar.vertices.astype(np.float64)
    skin, balls = avatar.faces_of("face"), avatar.faces_of("eyes")
    rays = _Rays(rest, np.concatenate([skin, avatar.faces_of("mouth"), balls]), len(balls))
    eye = eye_centres(avatar)[1]
    low, high = eye[1] - 0.012, eye[1] + 0.012
    opening = [(x, each) for x in eye[0] + np.arange(-0.016, 0.016, 1e-4) if (each := rays.ball(x, low, high, rest))]
    lowered = np.zeros(len(rest))
    for side in ("Left", "Right"):
        blink = avatar.morphs[ARKIT_INDEX[f"eyeBlink{side}"]]
        lowered[blink.vertices] -= blink.offsets[:, 1]
    in_upper = lowered[skin].mean(axis=1) > 0.15 * lowered.max()
    outline = list(RIGHT_EYE)
    outer, inner = outline[0], outline[8]
    ends = [np.mean(opening[i][1], axis=0) for i in (0, -1)]
    corners = [(places[number] + end) / 2 for number, end in zip((outer, inner), ends, strict=True)]
    along = np.array([x for x, _ in opening])
    width = places[inner, 0] - places[outer, 0]
    for index, number in enumerate(outline):
        opposite = LEFT_EYE[index]
        if number in (outer, inner):
            yield from _both_sides(avatar, [number, opposite], corners[index // 8], skin)
            continue
        x = corners[0][0] + (places[number, 0] - places[outer, 0]) / width * (corners[1][0] - corners[0][0])
        edge = opening[int(np.abs(along - x).argmin())][1][int(index > 8)]
        point = edge if along[0] <= x <= along[-1] else (edge + places[number]) / 2
        yield from _both_sides(avatar, [number, opposite], point, skin[in_upper == (index > 8)])


def _irises(avatar: Avatar) -> Iterator[tuple[list[int], Edge]]:
    """Pupil and rim: to the picture's right, above, to its left, below for a person's right eye."""
    rest, balls = avatar.vertices.astype(np.float64), avatar.faces_of("eyes")
    sides = ((RIGHT_PUPIL, RIGHT_IRIS, -1, eye_centres(avatar)[1]), (LEFT_PUPIL, LEFT_IRIS, 1, eye_centres(avatar)[0]))
    for pupil, rim, sign, centre in sides:
        ball = balls[rest[balls].mean(axis=1)[:, 0] * sign > 0]
        gaze = rest[ball.min()] - centre  # a ball's first vertex is its pupil
        radius = np.linalg.norm(gaze)
        gaze /= radius
        across = np.cross([0, 1, 0], gaze)
        across /= np.linalg.norm(across)
        up = np.cross(gaze, across)
        yield [pupil], _nearest(rest, ball, rest[ball.min()])
        for number, out in zip(rim, (across, up, -across, -up), strict=True):
            yield [number], _nearest(rest, ball, centre + radius * (np.cos(IRIS) * gaze + np.sin(IRIS) * out))


class _Rays:
    """Rays from the front, along -Z, onto triangles; the last `apart` of them are another surface."""

    def __init__(self, places: Doubles, faces: Ints, apart: int = 0) -> None:
        self.faces = faces
        self.corners = places[faces]
        self.first_apart = len(faces) - apart

    def gap(self, x: float, low: float, high: float, rest: Doubles) -> tuple[Doubles, Doubles] | None:
        """The points (at rest) below and above the opening, where the depth leaps, on the upright line at `x`."""
        hits, depths, _ = self._line(x, low, high, rest)
        leaps = np.flatnonzero(~(np.abs(np.diff(depths)) < 0.004))
        return (hits[leaps[0]], hits[leaps[-1] + 1]) if len(leaps) else None

    def ball(self, x: float, low: float, high: float, rest: Doubles) -> tuple[Doubles, Doubles] | None:
        """The points (at rest) below and above the other surface."""
        hits, _, apart = self._line(x, low, high, rest)
        within = np.flatnonzero(apart)
        return (hits[within[0] - 1], hits[within[-1] + 1]) if len(within) else None

    def _line(self, x: float, low: float, high: float, rest: Doubles) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
        """Points at rest (n, 3), depths (n,) and whether on the other surface (n,), from below upwards."""
        ys = np.arange(low, high, _RAYS)
        hits, depths = np.full((len(ys), 3), np.nan), np.full(len(ys), -np.inf)
        apart = np.zeros(len(ys), bool)
        flat = self.corners[..., :2]
        least, most = flat.min(axis=1), flat.max(axis=1)
        for number in np.flatnonzero(
            (least[:, 0] <= x) & (most[:, 0] >= x) & (most[:, 1] > low) & (least[:, 1] < high)
        ):
            (ax, ay), (bx, by), (cx, cy) = flat[number]
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if area <= 0:
                continue
            second = ((x - ax) * (cy - ay) - (ys - ay) * (cx - ax)) / area
            third = ((bx - ax) * (ys - ay) - (by - ay) * (x - ax)) / area
            shares = np.stack([1 - second - third, second, third], axis=1)
            depth = shares @ self.corners[number, :, 2]
            nearer = (shares >= 0).all(axis=1) & (depth > depths)
            depths[nearer], apart[nearer] = depth[nearer], number >= self.first_apart
            hits[nearer] = shares[nearer] @ rest[self.faces[number]]
        return hits, depths, apart


def _opened(avatar: Avatar, amount: float) -> Doubles:
    opening = avatar.morphs[ARKIT_INDEX["jawOpen"]]
    places = avatar.vertices.astype(np.float64)
    places[opening.vertices] += amount * opening.offsets
    return places


def _both_sides(avatar: Avatar, numbers: list[int], point: Doubles, faces: Ints) -> Iterator[tuple[list[int], Edge]]:
    """A landmark at `point` on the person's right, and the same on the left; once only if they are one."""
    rest = avatar.vertices.astype(np.float64)
    for number, sign in zip(numbers[: len(set(numbers))], (1, -1), strict=False):
        yield [number], _nearest(rest, faces, point * (sign, 1, 1))


def _nearest(rest: Doubles, faces: Ints, point: Doubles) -> Edge:
    """The point of a surface that is nearest to `point`: a triangle's corners (3,) and their weights (3,)."""
    import trimesh

    near = faces[np.linalg.norm(rest[faces].mean(axis=1) - point, axis=1) < _CLOSE]
    mesh = trimesh.Trimesh(rest, near, process=False)
    places, _, numbers = trimesh.proximity.closest_point_naive(mesh, [point])  # type: ignore[no-untyped-call]
    weights = trimesh.triangles.points_to_barycentric(rest[near[numbers]], places)  # type: ignore[no-untyped-call]
    return near[numbers[0]], weights[0]
