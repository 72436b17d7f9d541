"""Body models in the form of SMPL-X and FLAME, made of the built-in avatar: nothing licensed is in them.

The surface of the built-in avatar, its head another person's, is cut into another mesh: vertices are strewn over it
and joined where their geodesic Voronoi cells touch. So lips can part, what is where on the built-in head is known, and
no vertex or triangle is one of its own. The expression basis is random and smooth, or spans the ARKit shapes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.licensed.body_model import BodyModel, LandmarkEmbedding
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES, EYE_JOINTS, JOINT_INDEX, JOINT_NAMES, JOINT_PARENTS
from vlogger_backend.portraits.head import load_head

IBUG = (
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
"""MediaPipe's landmarks that are next to the 51 of iBUG's scheme: brows, nose, eyes, lips."""
_RINGS, _SEGMENTS = 16, 34
_EYE_VERTICES = _RINGS * _SEGMENTS + 2
_SIZES = {"flame": 5023, "smplx": 10475}


@dataclass(frozen=True, eq=False)
class Made:
    """A model, and what is known of it.

    source : (V, avatar's vertices) sparse; where each vertex is on the built-in avatar, rows of eyeballs are empty
    arkit  : (52, V, 3) how the built-in avatar's shapes move the surface there, metres; eyeballs don't move
    """

    model: BodyModel
    source: sparse.csr_matrix
    arkit: np.ndarray


def made(
    kind: Literal["flame", "smplx"] = "flame",
    components: int = 50,
    seed: int = 0,
    spans: bool = True,
    landmarks: bool = True,
) -> Made:
    """A model whose expression basis has so many components, and spans the ARKit shapes as well as these can."""
    base = _base(kind, seed)
    rng = np.random.default_rng((seed, components, spans))
    own = _spanning(base, components) if spans else np.zeros((0, *base.template.shape))
    rest = _smooth_fields(base, components - len(own), rng)
    turn = np.linalg.qr(rng.normal(size=(components, components)))[0]
    fields = np.concatenate([own, rest])
    expressions = np.tensordot(turn, fields, 1).transpose(1, 2, 0)
    model = BodyModel(
        kind=kind,
        title=f"{kind} made for tests",
        template=base.template,
        faces=base.faces,
        shapes=base.shapes,
        expressions=np.ascontiguousarray(expressions),
        correctives=base.correctives,
        regressor=base.regressor,
        weights=base.weights,
        parents=base.parents,
        joints=base.joints,
        landmarks=base.landmarks if landmarks else None,
    )
    return Made(model, base.source, base.arkit)


@dataclass(frozen=True, eq=False)
class _Base:
    """All but the expressions."""

    template: np.ndarray
    faces: np.ndarray
    shapes: np.ndarray
    correctives: np.ndarray
    regressor: sparse.csr_matrix
    weights: np.ndarray
    parents: np.ndarray
    joints: tuple[str, ...]
    landmarks: LandmarkEmbedding
    source: sparse.csr_matrix
    arkit: np.ndarray
    jaw: np.ndarray


@lru_cache(maxsize=4)
def _base(kind: Literal["flame", "smplx"], seed: int) -> _Base:
    head = load_head()
    avatar = head.avatar
    rng = np.random.default_rng(seed)
    shape = rng.normal(0, 0.8, len(head.basis))
    shape[head.symmetric :] *= 0.5
    person = head.shaped(shape)
    centres = head.eye_centres + head.eyes_mean + np.tensordot(shape, head.eyes_basis, 1)

    names = ("face", "mouth", "skin", *(("jumper", "trousers", "shoes") if kind == "smplx" else ()))
    surface = np.concatenate([avatar.faces_of(name) for name in names])
    if kind == "flame":
        places = avatar.vertices[surface]
        surface = surface[((places[..., 1] > 1.44) & (np.abs(places[..., 0]) < 0.11)).all(axis=1)]
    count = _SIZES[kind] - 2 * _EYE_VERTICES
    skin, faces = _remeshed(person, surface, centres, count, 2 if kind == "flame" else 1, rng)
    source = sparse.vstack([skin, sparse.csr_matrix((2 * _EYE_VERTICES, len(person)))]).tocsr()
    ball, ball_faces = _sphere()
    balls = [centre + 0.0138 * ball for centre in centres]
    template = np.concatenate([skin @ person, *balls])
    all_faces = np.concatenate([faces, ball_faces + count, ball_faces + count + _EYE_VERTICES]).astype(np.int32)

    moved = [np.concatenate([skin @ head.spread(basis, eyes), *(np.repeat(eyes, _EYE_VERTICES, axis=0),)])
             for basis, eyes in zip(head.basis[:10], head.eyes_basis[:10], strict=True)]  # fmt: skip
    arkit = np.zeros((len(ARKIT_NAMES), len(template), 3))
    for offsets, morph in zip(arkit, avatar.morphs, strict=True):
        dense = np.zeros(person.shape)
        dense[morph.vertices] = morph.offsets
        offsets[:count] = skin @ dense

    joints = avatar.joints.astype(np.float64)
    joints[[JOINT_INDEX[name] for name in EYE_JOINTS]] = centres
    jaw = _jaw_share(template, arkit, joints[JOINT_INDEX["jaw"]])
    if kind == "smplx":
        rest = sparse.csr_matrix(
            (
                avatar.joint_weights.ravel(),
                (np.repeat(np.arange(len(person)), 4), avatar.joint_indices.ravel()),
            ),
            (len(person), len(JOINT_NAMES)),
        )
        weights = np.asarray((source @ rest).todense(), np.float64)
        parents, called = np.array(JOINT_PARENTS, np.int32), JOINT_NAMES
    else:
        joints = joints[[JOINT_INDEX[name] for name in ("neck", "head", "jaw", *EYE_JOINTS)]]
        up = np.clip((template[:, 1] - joints[0, 1]) / 0.06, 0, 1)
        weights = np.column_stack([1 - up, up, np.zeros((len(up), 3))])
        parents, called = np.array([-1, 0, 1, 1, 1], np.int32), ("", "neck", "jaw", *EYE_JOINTS)
    weights *= (1 - jaw)[:, None] / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    weights[:, called.index("jaw")] = jaw
    weights[count:] = 0
    for side, name in enumerate(EYE_JOINTS):
        weights[count + side * _EYE_VERTICES : count + (side + 1) * _EYE_VERTICES, called.index(name)] = 1
    shift = np.array([0.003, 0.25, 0.02]) - (joints[0] if kind == "flame" else joints[0] * (1, 1.2, 1))
    template, joints = template + shift, joints + shift

    correctives = np.zeros((9 * (len(joints) - 1), template.size))
    first = 9 * (called.index("jaw") - 1)
    bumps = _bumps(template, template[:count][jaw[:count] > 0.3], 9, rng) * jaw[:, None]
    correctives[first : first + 9] = 0.001 * bumps.reshape(9, -1)
    wanted = (head.landmarks @ person)[list(IBUG)] + shift
    return _Base(
        template=template,
        faces=all_faces,
        shapes=np.stack(moved, axis=-1),
        correctives=correctives,
        regressor=_regressor(template, joints, count),
        weights=weights,
        parents=parents,
        joints=called,
        landmarks=_embedding(template, faces, wanted, jaw),
        source=source,
        arkit=arkit,
        jaw=jaw,
    )


def _remeshed(
    person: np.ndarray, surface: np.ndarray, eyes: np.ndarray, count: int, times: int, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """A surface's points (count, V), sparse, and the triangles between them: the dual of geodesic Voronoi cells."""
    used, faces = np.unique(surface, return_inverse=True)
    faces = faces.reshape(-1, 3)
    fine = sparse.csr_matrix((np.ones(len(used)), (np.arange(len(used)), used)), (len(used), len(person)))
    for _ in range(times):
        fine, faces = _subdivided(fine, faces)
    places = fine @ person
    edges = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    lengths = np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1)
    graph = sparse.csr_matrix((np.maximum(lengths, 1e-9), edges.T), (len(places), len(places)))
    mouth = np.array([0, eyes[:, 1].mean() - 0.073, eyes[:, 2].mean() + 0.025])
    near = np.min([np.linalg.norm(places - point, axis=1) for point in (*eyes, mouth)], axis=0)
    face = np.linalg.norm(places - (eyes.mean(axis=0) + mouth) / 2, axis=1)
    density = 1 + 6 * (face < 0.1) + 14 * np.exp(-((near / 0.025) ** 2))
    share = np.zeros(len(places))
    corners = places[faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    np.add.at(share, faces.ravel(), np.repeat(areas, 3))
    share *= density
    seeds = rng.choice(len(places), count, replace=False, p=share / share.sum())
    for _ in range(2):  # Lloyd's algorithm
        label = _cells(graph, seeds)
        total = np.maximum(np.bincount(label, share, count), 1e-15)
        middles = np.stack([np.bincount(label, share * axis, count) for axis in places.T], axis=1) / total[:, None]
        off = np.linalg.norm(places - middles[label], axis=1)
        order = np.lexsort([off, label])
        seeds = order[np.searchsorted(label[order], np.arange(count))]
    triangles = _cells(graph, seeds)[faces]
    apart = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
    triangles = triangles[apart]
    first = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)[1]
    return fine[seeds], triangles[np.sort(first)]


def _cells(graph: sparse.csr_matrix, seeds: np.ndarray) -> np.ndarray:
    """(n,) the number of the seed that is nearest along the edges."""
    nearest = dijkstra(graph, directed=False, indices=seeds, min_only=True, return_predecessors=True)[2]
    number = np.zeros(graph.shape[0], np.intp)
    number[seeds] = np.arange(len(seeds))
    return number[nearest]


def _subdivided(fine: sparse.csr_matrix, faces: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Each triangle in four."""
    edges, numbered = np.unique(
        np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0, return_inverse=True
    )
    ab, bc, ca = (numbered.reshape(-1, 3) + fine.shape[0]).T
    a, b, c = faces.T
    middles = (fine[edges[:, 0]] + fine[edges[:, 1]]) / 2
    parts = [np.stack(part, axis=1) for part in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return sparse.vstack([fine, middles]).tocsr(), np.concatenate(parts)


def _sphere() -> tuple[np.ndarray, np.ndarray]:
    """A unit sphere round +Z, of rings."""
    polar = np.pi * np.arange(1, _RINGS + 1) / (_RINGS + 1)
    around = 2 * np.pi * np.arange(_SEGMENTS) / _SEGMENTS
    ring = np.stack(np.broadcast_arrays(
        np.sin(polar)[:, None] * np.cos(around), np.sin(polar)[:, None] * np.sin(around), np.cos(polar)[:, None]
    ), axis=-1)  # fmt: skip
    places = np.concatenate([ring.reshape(-1, 3), [[0, 0, 1], [0, 0, -1]]])
    grid = np.arange(_RINGS * _SEGMENTS).reshape(_RINGS, _SEGMENTS)
    after = np.roll(grid, -1, axis=1)
    front, back = np.full(_SEGMENTS, len(places) - 2), np.full(_SEGMENTS, len(places) - 1)
    triangles = [
        np.stack([grid[:-1], grid[1:], after[:-1]], axis=-1).reshape(-1, 3),
        np.stack([after[:-1], grid[1:], after[1:]], axis=-1).reshape(-1, 3),
        np.stack([front, grid[0], after[0]], axis=-1),
        np.stack([back, after[-1], grid[-1]], axis=-1),
    ]
    return places, np.concatenate(triangles)


def _jaw_share(places: np.ndarray, arkit: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """(V,) how far each vertex goes with the jaw, as a share of what a stiff jaw would take it."""
    turn = Rotation.from_rotvec([0.33, 0, 0]).as_matrix()
    stiff = (places - joint) @ turn.T + joint - places
    moved = arkit[ARKIT_INDEX["jawOpen"]]
    share = (moved * stiff).sum(axis=1) / np.maximum((stiff**2).sum(axis=1), 1e-12)
    return np.asarray(np.clip(share, 0, 1) * (np.linalg.norm(moved, axis=1) > 1e-5))


def _bumps(places: np.ndarray, around: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, V, 3) smooth random fields, about 1 at most."""
    fields = np.zeros((count, *places.shape))
    for number in range(count):
        for centre in around[rng.choice(len(around), 5)]:
            wide = rng.uniform(0.012, 0.035)
            bump = np.exp(-(((places - centre) ** 2).sum(axis=1)) / (2 * wide**2))
            fields[number] += bump[:, None] * rng.normal(0, 0.5, 3)
    return fields


def _smooth_fields(base: _Base, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, V, 3) smooth random changes of the face, some millimetres, none of the eyeballs."""
    moved = np.abs(base.arkit).max(axis=(0, 2)) > 5e-4
    soft = np.clip(np.abs(base.arkit).max(axis=(0, 2)) / 0.002, 0, 1)
    return 0.003 * _bumps(base.template, base.template[moved], count, rng) * soft[:, None]


def _spanning(base: _Base, count: int) -> np.ndarray:
    """(at most count, V, 3) the principal components of what the ARKit shapes do to the face besides the jaw's turn."""
    stiff = base.arkit[ARKIT_INDEX["jawOpen"]]
    shapes = base.arkit.copy()
    shapes[ARKIT_INDEX["jawOpen"]] -= stiff * (base.jaw > 0.05)[:, None]
    shapes[ARKIT_INDEX["tongueOut"]] = 0
    flat = shapes.reshape(len(shapes), -1)
    sizes, ways = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(sizes)[::-1][: min(count, int((sizes > 1e-9).sum()))]
    return 0.5 * np.asarray(ways[:, order].T @ flat).reshape(len(order), -1, 3)


def _regressor(template: np.ndarray, joints: np.ndarray, skin: int) -> sparse.csr_matrix:
    """(J, V): each joint from some vertices round it; the eyes' from their balls."""
    rows = np.zeros((len(joints), len(template)))
    for row, joint in zip(rows[:-2] if len(joints) == 5 else rows, joints, strict=False):
        near = np.argsort(((template[:skin] - joint) ** 2).sum(axis=1))[:60]
        equations = np.column_stack([template[near], np.ones(len(near))]).T
        row[near] = np.linalg.lstsq(equations, np.append(joint, 1), rcond=None)[0]
    eyes = (3, 4) if len(joints) == 5 else tuple(JOINT_INDEX[name] for name in EYE_JOINTS)
    for side, eye in enumerate(eyes):
        rows[eye] = 0
        rows[eye, skin + side * _EYE_VERTICES : skin + (side + 1) * _EYE_VERTICES] = 1 / _EYE_VERTICES
    return sparse.csr_matrix(rows)


def _embedding(template: np.ndarray, faces: np.ndarray, wanted: np.ndarray, jaw: np.ndarray) -> LandmarkEmbedding:
    """Each landmark in the triangle that is nearest to it; those of the lips' edges on their own lip."""
    import trimesh

    chosen, shares = np.zeros(len(wanted), np.int32), np.zeros((len(wanted), 3))
    corners = template[faces]
    lower = jaw[faces].mean(axis=1)
    for number, point in enumerate(wanted):
        ours = np.ones(len(faces), bool)
        if number in (44, 45, 46):
            ours = lower < 0.4
        elif number in (48, 49, 50):
            ours = lower > 0.4
        off = np.where(ours, ((corners.mean(axis=1) - point) ** 2).sum(axis=1), np.inf)
        near = np.argsort(off)[:40]
        places = trimesh.triangles.closest_point(corners[near], np.repeat(point[None], len(near), axis=0))
        best = np.argmin(((places - point) ** 2).sum(axis=1))
        chosen[number] = near[best]
        shares[number] = trimesh.triangles.points_to_barycentric(corners[near[best]][None], places[best][None])[0]
    return LandmarkEmbedding(chosen, shares)
