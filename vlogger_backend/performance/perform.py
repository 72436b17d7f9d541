"""The procedural performer: Speech in, Motion out.

Every part first plans the whole speech, as short lists of events, then is sampled in windows. The parts draw from
generators of their own, so that a change to one leaves the others' choices alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..motion.motion import Motion
from ..motion.names import ARKIT_INDEX, ARKIT_NAMES, EYE_JOINTS, JOINT_INDEX, JOINT_NAMES
from ..motion.speech import Speech
from ..progress import Progress, no_progress
from ..request import Style
from .arms import Arms, plan_arms
from .brows import Brows, plan_brows
from .gaze import Gaze, eye_rotation, in_head, look_weights, plan_gaze
from .gesture import plan_gestures
from .head import Head, plan_head, split
from .legs import Stance, plan_stance, stand
from .lids import Lids, lid_weights, plan_lids
from .lips import LipPlan, plan_lips
from .torso import Torso, plan_torso

Floats = NDArray[np.float64]

WINDOW = 10.0
"""Seconds of motion made at a time."""
JAW_OPEN = 0.35
"""Radians that the jaw joint turns at jawOpen 1."""
_PARTS = ("gaze", "lids", "brows", "head", "torso", "stance", "gesture", "arms", "lips", "face")


@dataclass(frozen=True)
class Performance:
    """Everything planned for one speech."""

    duration: float
    gaze: Gaze
    lids: Lids
    brows: Brows
    head: Head
    torso: Torso
    stance: Stance
    arms: Arms
    lips: LipPlan
    relaxed_lid: float

    def at(self, times: Floats, fps: float) -> Motion:
        """Motion at `times`, (T,) seconds, whole frames of `fps`."""
        torso = self.torso.at(times)
        head = self.head.at(times)
        eyes = in_head(self.gaze.at(times), head)
        face = self._face(times, fps, eyes)

        trans, joints = stand(self.stance, torso.shift, torso.pelvis)
        back = Rotation.from_rotvec((torso.pelvis.inv() * torso.chest).as_rotvec() / 3.0)
        neck, skull = split(torso.chest.inv() * head, 0.45)
        joints |= {
            "pelvis": torso.pelvis,
            "spine1": back,
            "spine2": back,
            "spine3": back,
            "neck": neck,
            "head": skull,
        }

        poses = np.zeros((len(times), len(JOINT_NAMES), 3))
        for name, rotation in joints.items():
            poses[:, JOINT_INDEX[name]] = rotation.as_rotvec()
        for name, rotvec in self.arms.at(times, torso.shrug).items():
            if name.endswith("hand"):
                first = JOINT_INDEX[name.removesuffix("hand") + "index1"]
                poses[:, first : first + 15] = rotvec
            else:
                poses[:, JOINT_INDEX[name]] = rotvec
        poses[:, JOINT_INDEX["jaw"], 0] = JAW_OPEN * face[:, ARKIT_INDEX["jawOpen"]]
        for name in EYE_JOINTS:
            poses[:, JOINT_INDEX[name]] = eye_rotation(eyes)
        return Motion(
            fps=fps,
            poses=poses.astype(np.float32),
            trans=trans.astype(np.float32),
            arkit=face.astype(np.float32),
            expression=np.zeros((len(times), 0), np.float32),
        )

    def _face(self, times: Floats, fps: float, eyes: Floats) -> Floats:
        """(T, 52) weights, 0 to 1; where two parts move the same thing they add up."""
        weights = np.zeros((len(times), len(ARKIT_NAMES)))
        parts = (
            self.lips.at(times, fps),
            self.brows.at(times),
            lid_weights(self.lids.at(times, fps), eyes, self.relaxed_lid),
            look_weights(eyes),
        )
        for part in parts:
            for name, curve in part.items():
                weights[:, ARKIT_INDEX[name]] += curve
        return np.clip(weights, 0.0, 1.0)


def plan(speech: Speech, style: Style, seed: int) -> Performance:
    """Plan every part for the whole speech. The same arguments give the same plan."""
    rngs = {part: np.random.default_rng([seed, i]) for i, part in enumerate(_PARTS)}
    gaze = plan_gaze(speech, style, rngs["gaze"])
    return Performance(
        duration=speech.duration,
        gaze=gaze,
        lids=plan_lids(speech, style, rngs["lids"], gaze.shifts),
        brows=plan_brows(speech, style, rngs["brows"]),
        head=plan_head(speech, style, rngs["head"], gaze),
        torso=plan_torso(speech, style, rngs["torso"]),
        stance=plan_stance(rngs["stance"]),
        arms=plan_arms(plan_gestures(speech, style, rngs["gesture"]), rngs["arms"]),
        lips=plan_lips(speech, style, rngs["lips"]),
        relaxed_lid=float(rngs["face"].uniform(0.0, 0.06)),
    )


def perform(speech: Speech, style: Style, seed: int, fps: float, progress: Progress = no_progress) -> Iterator[Motion]:
    """Yield the performance of `speech` as consecutive windows of 10 s, `round(duration * fps)` frames in all.

    seed : 0 or more; another seed is another performance
    fps  : frames per second, of the curves; what happens doesn't depend on it, only where it is sampled

    There is always at least one frame. Memory doesn't grow with the length of the speech, apart from the plan.
    """
    whole = plan(speech, style, seed)
    frames = max(round(speech.duration * fps), 1)
    step = max(round(WINDOW * fps), 1)
    for start in range(0, frames, step):
        stop = min(start + step, frames)
        yield whole.at(np.arange(start, stop) / fps, fps)
        progress("Performing", stop / frames)
