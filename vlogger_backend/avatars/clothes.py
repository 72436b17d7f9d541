"""Clothes, cut from the base mesh's body suit: a crew-neck jumper, trousers and shoes; the skin beneath is cut away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.special import expit

from ..motion.names import JOINT_INDEX
from .anny_body import AnnyBody, Doubles
from .avatar import Floats, Ints, Material
from .bake import atlas, cavity, jpeg, noise
from .parts import Part, base_part, clipped, vertex_normals

_JUMPER, _TROUSERS, _SHOES, _SOLES = (
    np.array([0.235, 0.345, 0.405]), np.array([0.175, 0.180, 0.205]), np.array([0.30, 0.24, 0.20]),
    np.array([0.80, 0.78, 0.74]),
)  # fmt: skip
_SIZE = 1024
_MARGIN = 0.05  # how far skin reaches under the edges of cloth, metres
_SOLE = 0.012  # thickness, metres
_HEM = 0.008  # how far a hem is turned in, metres


def clothes_parts(body: AnnyBody) -> list[Part]:
    """Jumper, trousers and shoes."""
    cloth = Material("cloth", (1.0, 1.0, 1.0, 1.0), 0.85)
    suit = base_part(body, body.groups == "helper-tights", cloth)
    low, high = suit.uvs.min((0, 1)), suit.uvs.max((0, 1))
    suit = replace(suit, uvs=(0.01 + 0.98 * (suit.uvs - low) / (high - low)).astype(np.float32))
    texels = atlas(suit.uvs, _SIZE)
    parts = []
    for name, looseness, rounds, within, paint, roughness in (
        ("jumper", 0.011, 9, _in_jumper, _paint_jumper, 0.9),
        ("trousers", 0.009, 8, _in_trousers, _paint_trousers, 0.85),
        ("shoes", 0.006, 4, _in_shoes, _paint_shoes, 0.55),
    ):
        snug = _snug(body, suit.vertices) if name == "jumper" else np.zeros(len(suit.vertices))
        draped = _drape(suit, looseness, rounds, snug)
        if name == "shoes":
            draped = _with_soles(draped, body)
        hollow = cavity(suit.vertices, suit.faces, vertex_normals(suit.vertices, suit.faces))
        color = paint(body, texels.sample(draped, suit.faces))
        color = color * (1 - 0.12 * np.clip(texels.sample(hollow[:, None], suit.faces), 0, 1))
        material = Material(
            name, (1.0, 1.0, 1.0, 1.0), roughness, texture=jpeg(color, 85), double_sided=name == "jumper"
        )
        parts.append(_hemmed(clipped(replace(suit, vertices=draped, material=material), within(body, draped))))
    return parts


def uncovered(body: AnnyBody, part: Part) -> Part:
    """The skin that shows: what the clothes hide is cut away, but for a margin under their edges."""
    place = part.vertices
    hidden = np.maximum(_in_jumper(body, place) - _MARGIN, np.minimum(_in_trousers(body, place), 0.01))
    hidden = np.maximum(hidden, np.minimum(_in_shoes(body, place), 0.01))
    return clipped(part, -hidden)


def _in_jumper(body: AnnyBody, place: Doubles | Floats) -> Doubles:
    """Metres within the jumper's outline: below the neckline, above the hem, short of the wrist."""
    neck = _neckline(body, place)
    hem = place[..., 1] - (body.joints[JOINT_INDEX["left_hip"], 1] - 0.035)
    wrist = body.joints[JOINT_INDEX["left_wrist"], 0] - 0.020 - np.abs(place[..., 0])
    return np.asarray(np.minimum(np.minimum(-neck, hem), wrist))


def _neckline(body: AnnyBody, place: Doubles | Floats) -> Doubles:
    """Metres above the neckline: a plane through the base of the neck that dips in front, and ends at the shoulders."""
    neck = body.joints[JOINT_INDEX["neck"]]
    slope = np.array([0.0, 1.0, 0.42])
    slope /= np.linalg.norm(slope)
    above = (place - (neck + np.array([0.0, 0.022, 0.0]))) @ slope
    half = body.joints[JOINT_INDEX["left_shoulder"], 0] * 0.6
    return np.asarray(np.minimum(above, half - np.hypot(place[..., 0], place[..., 2] - neck[2])))


def _in_trousers(body: AnnyBody, place: Doubles | Floats) -> Doubles:
    waist = body.joints[JOINT_INDEX["left_hip"], 1] + 0.03 - place[..., 1]
    ankle = place[..., 1] - (body.joints[JOINT_INDEX["left_ankle"], 1] + 0.008)
    arms = body.joints[JOINT_INDEX["left_shoulder"], 0] * 1.25 - np.abs(place[..., 0])
    return np.asarray(np.minimum(np.minimum(waist, ankle), arms))


def _in_shoes(body: AnnyBody, place: Doubles | Floats) -> Doubles:
    return np.asarray(body.joints[JOINT_INDEX["left_ankle"], 1] + 0.045 - place[..., 1])


def _snug(body: AnnyBody, place: Doubles) -> Doubles:
    """1 at the neckline and the cuffs, where a jumper hugs the body, less on the sleeves, 0 on the chest."""
    wrist = body.joints[JOINT_INDEX["left_wrist"], 0] - np.abs(place[:, 0])
    rims = np.minimum(np.abs(_neckline(body, place)) / 0.07, np.abs(wrist) / 0.09)
    sleeve = 0.35 * np.clip((np.abs(place[:, 0]) - body.joints[JOINT_INDEX["left_shoulder"], 0]) / 0.05, 0, 1)
    return np.asarray(np.clip(np.maximum(1 - rims, sleeve), 0, 1))


def _drape(suit: Part, looseness: float, rounds: int, snug: Doubles) -> Doubles:
    """The suit smoothed, as cloth bridges hollows, held off the skin except where `snug`, with soft folds."""
    spread = _neighbour_mean(suit.faces, len(suit.vertices))
    smooth = suit.vertices
    for _ in range(rounds):
        smooth = spread @ smooth
    smooth = smooth + (suit.vertices - smooth) * snug[:, None]
    out = vertex_normals(smooth, suit.faces)
    # Smoothing shrinks: keep at least `looseness` outside the suit.
    lost = np.einsum("vi,vi->v", suit.vertices - smooth, out)
    lift = np.maximum(lost, 0)
    for _ in range(3):
        lift = np.maximum(spread @ lift, lift * 0.9)
    squeezed = suit.vertices * np.array([1.0, 1.6, 1.0])  # folds run across more than along
    folds = 0.0022 * noise(squeezed, 0.07, 31) + 0.0012 * noise(squeezed, 0.035, 32)
    free = 1 - snug
    return np.asarray(smooth + out * (lift * free + 0.0025 + (looseness + folds) * free)[:, None])


def _with_soles(place: Doubles, body: AnnyBody) -> Doubles:
    """The feet standing on flat soles: what is lowest is drawn down to one level."""
    ground = _ground(body)
    shod = place.copy()
    low = np.clip((shod[:, 1] - ground) / 0.03, 0, 1)
    shod[:, 1] = np.where(low < 1, ground - _SOLE + (0.03 + _SOLE) * low, shod[:, 1])
    return shod


def _ground(body: AnnyBody) -> float:
    return float(body.vertices[np.unique(body.faces[body.groups == "body"]), 1].min())


def _hemmed(part: Part) -> Part:
    """The part with its open edges turned inwards, so that cloth looks thick and its inside doesn't show."""
    edges = np.concatenate([part.faces[:, [0, 1]], part.faces[:, [1, 2]], part.faces[:, [2, 0]]])
    edge_uvs = np.concatenate([part.uvs[:, [0, 1]], part.uvs[:, [1, 2]], part.uvs[:, [2, 0]]])
    known = {(int(a), int(b)) for a, b in edges}
    open_edges = np.array([(int(b), int(a)) not in known for a, b in edges])
    rim, rim_uvs = edges[open_edges], edge_uvs[open_edges]
    vertices = np.unique(rim)
    normals = vertex_normals(part.vertices, part.faces)
    inner = part.vertices[vertices] - normals[vertices] * _HEM
    new = np.full(len(part.vertices), -1)
    copy = len(part.vertices) + np.arange(len(vertices))
    inside = copy + len(vertices)
    turned = np.full(len(part.vertices), -1)
    new[vertices], turned[vertices] = copy, inside
    a, b = rim[:, 0], rim[:, 1]
    faces = np.concatenate(
        [np.stack([new[b], new[a], turned[a]], axis=1), np.stack([new[b], turned[a], turned[b]], axis=1)]
    )
    uv_a, uv_b = rim_uvs[:, 0], rim_uvs[:, 1]
    uvs = np.concatenate([np.stack([uv_b, uv_a, uv_a], axis=1), np.stack([uv_b, uv_a, uv_b], axis=1)])
    binding = sparse.vstack([part.binding, part.binding[vertices], part.binding[vertices]]).tocsr()
    return replace(
        part,
        vertices=np.concatenate([part.vertices, part.vertices[vertices], inner]),
        faces=np.concatenate([part.faces, faces]).astype(np.int32),
        uvs=np.concatenate([part.uvs, uvs]).astype(np.float32),
        binding=binding,
    )


def _paint_jumper(body: AnnyBody, place: Floats) -> Floats:
    """Heathered wool with ribbed neck, hem and cuffs."""
    wrist = body.joints[JOINT_INDEX["left_wrist"], 0]
    on_sleeve = np.abs(place[..., 0]) > wrist * 0.7
    elbow = body.joints[JOINT_INDEX["left_elbow"]]
    ribs_round = np.where(place[..., 1] > body.joints[JOINT_INDEX["spine2"], 1], 40, 92)
    around = np.where(
        on_sleeve,
        np.arctan2(place[..., 2] - elbow[2], place[..., 1] - elbow[1]) * 26,
        np.arctan2(place[..., 0], place[..., 2] - body.joints[JOINT_INDEX["neck"], 2]) * ribs_round,
    )
    hips, cuff = body.joints[JOINT_INDEX["left_hip"], 1], wrist - 0.020 - np.abs(place[..., 0])
    rims = np.stack([-_neckline(body, place) - 0.022, place[..., 1] - hips - 0.02, cuff - 0.045])
    within = rims.min(axis=0)  # metres from the nearest ribbed rim; negative inside it
    ribs = np.where(within < 0, 0.86 + 0.14 * np.sin(around), 1.0) * np.where(np.abs(within) < 0.0016, 0.80, 1.0)
    speckle = np.random.default_rng(33).normal(0, 0.035, place.shape[:2])
    heather = 1 + speckle + 0.045 * noise(place, 0.016, 34)
    return np.asarray(_JUMPER * (ribs * heather)[..., None], np.float32)


def _paint_trousers(body: AnnyBody, place: Floats) -> Floats:
    """Cotton with a fine twill."""
    twill = 1 + np.random.default_rng(35).normal(0, 0.03, place.shape[:2]) + 0.05 * noise(place, 0.03, 36)
    return np.asarray(_TROUSERS * twill[..., None], np.float32)


def _paint_shoes(body: AnnyBody, place: Floats) -> Floats:
    """Leather over a light sole."""
    leather = expit((place[..., 1] - _ground(body) - 0.006) / 0.0012)[..., None]
    grain = 1 + 0.06 * noise(place, 0.012, 37)[..., None]
    return np.asarray((_SHOES * leather + _SOLES * (1 - leather)) * grain, np.float32)


def _neighbour_mean(faces: Ints, count: int) -> sparse.csr_matrix:
    pairs = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    links = sparse.csr_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    links.data[:] = 1
    return (sparse.diags(1 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1)) @ links).tocsr()
