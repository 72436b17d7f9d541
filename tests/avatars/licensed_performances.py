"""Performances for licensed models: ARKit weights as faces have them, and a model's poses for them."""

import numpy as np

from vlogger_backend.avatars.licensed.body_model import BodyModel
from vlogger_backend.avatars.licensed.solving import Performed
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES, EYE_JOINTS


def performance(frames: int, seed: int = 0) -> np.ndarray:
    """(frames, 52) weights as faces have them: opposites not at once, lips closed no further than the jaw is open."""
    rng = np.random.default_rng(seed)
    weights = rng.random((frames, len(ARKIT_NAMES))) * (rng.random((frames, len(ARKIT_NAMES))) < 0.3)
    opposites = [("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")]
    for side in ("Left", "Right"):
        opposites += [
            (f"eyeLook{one}{side}", f"eyeLook{other}{side}") for one, other in (("Up", "Down"), ("In", "Out"))
        ]
    for one, other in opposites:
        weights[:, ARKIT_INDEX[other]] *= weights[:, ARKIT_INDEX[one]] == 0
    weights[:, ARKIT_INDEX["mouthClose"]] *= weights[:, ARKIT_INDEX["jawOpen"]]
    weights[:, ARKIT_INDEX["tongueOut"]] = 0
    return weights


def poses_of(model: BodyModel, done: Performed, frame: int, body: np.ndarray | None = None) -> np.ndarray:
    poses = np.zeros((len(model.joints), 3)) if body is None else body.copy()
    poses[model.joints.index("jaw")] = done.jaw[frame]
    for side, name in enumerate(EYE_JOINTS):
        poses[model.joints.index(name)] = done.eyes[frame, side]
    return poses
