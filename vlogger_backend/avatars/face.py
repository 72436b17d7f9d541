"""The face at rest and its morphs, set right: MakeHuman's neutral face looks sleepy, and its actions are small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from ..motion.names import ARKIT_INDEX
from .anny_body import AnnyBody, Doubles

_WAKE = 0.5  # of eyeWide goes into the rest face
_SMILE = 0.06  # of mouthSmile: a friendly neutral
_SHUT = 0.03  # of jawOpen, the other way: MakeHuman's lips leave a slit
_BLINK = 0.77  # of eyeBlink shuts the lids; MakeHuman's whole one drives the upper lid into the cheek
_LIDS_FOLLOW = {"eyeLookUp": 1.9, "eyeLookDown": 1.35, "eyeLookIn": 1.2, "eyeLookOut": 1.2}
_SMOOTHED = ("jawOpen", "mouthClose", "jawForward", "jawLeft", "jawRight", "mouthFunnel")


def at_ease(body: AnnyBody) -> AnnyBody:
    """The body with open eyes, lips that touch and the hint of a smile at rest, and morphs that mean what they say.

    A blink closes the lids from where they now are. Lids follow the eyes, which turn further than MakeHuman's
    (see `eyes.FULL_LOOK`). The jaw's morphs are smoothed round the mouth, where MakeHuman's leave a pointed lip;
    mouthClose alike, so that it still closes what jawOpen opens.
    """
    vertices, morphs = body.vertices.copy(), body.morphs.copy()
    for side in ("Left", "Right"):
        wide, blink = ARKIT_INDEX[f"eyeWide{side}"], ARKIT_INDEX[f"eyeBlink{side}"]
        woken = _WAKE * morphs[wide]
        vertices += woken + _SMILE * morphs[ARKIT_INDEX[f"mouthSmile{side}"]]
        morphs[blink] = _BLINK * (morphs[blink] - woken)
        for name, gain in _LIDS_FOLLOW.items():
            morphs[ARKIT_INDEX[name + side]] *= gain
    smooth = _smoother(body)
    for name in _SMOOTHED:
        morphs[ARKIT_INDEX[name]] = smooth @ morphs[ARKIT_INDEX[name]]
    vertices -= _SHUT * morphs[ARKIT_INDEX["jawOpen"]]
    return replace(body, vertices=vertices, morphs=morphs)


def _smoother(body: AnnyBody) -> sparse.csr_matrix:
    """A matrix (V, V) that averages neighbouring skin vertices near the lips, and leaves the rest alone."""
    faces = body.faces[body.groups == "body"]
    count = len(body.vertices)
    pairs = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    links = sparse.csr_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    links.data[:] = 1
    mean = sparse.diags(1 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1)) @ links
    amount = sparse.diags(0.6 * _near_lips(body))
    step = sparse.identity(count) - amount + amount @ mean
    return (step @ step @ step @ step @ step @ step).tocsr()


def _near_lips(body: AnnyBody) -> Doubles:
    """1 at the lips' edge (where lip actions move most), fading to 0 some 3 cm away; 0 off the skin."""
    lips = sum(np.linalg.norm(body.morphs[ARKIT_INDEX[f"mouth{a}"]], axis=1) for a in ("RollLower", "RollUpper"))
    strength = np.asarray(lips) / np.max(lips)
    centre = (body.vertices * strength[:, None] ** 4).sum(axis=0) / (strength**4).sum()
    near = np.exp(-((np.linalg.norm(body.vertices - centre, axis=1) / 0.03) ** 4))
    skin = np.zeros(len(body.vertices))
    skin[np.unique(body.faces[body.groups == "body"])] = 1
    return np.asarray(near * skin)
