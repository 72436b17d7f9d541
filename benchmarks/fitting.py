"""How well is the head fitted to faces, and followed through a video?

    python benchmarks/fitting.py [PHOTO_OR_VIDEO...] [--heads 40]

Synthetic truth: pictures of the avatar with random heads (of the head model's shapes, and bumps that it doesn't
know), expressions and poses, up to 40 degrees to a side, are drawn, MediaPipe looks at them, and the fit is compared
with what was drawn; first of all with the landmarks where the mesh has them, instead of where MediaPipe sees them.
Beside the fit stand the same without a shape of its own (mean head) and without expression. Of
photos and videos the landmarks' errors are measured, and in a video those of every frame after the first.

error      mean distance of the fitted landmarks from those found, in percent of the distance between the eyes
pose       degrees between the drawn and the fitted head's rotation
shape      mean distance of the front of the face from the drawn one, both at rest and laid over one another, mm
lips       correlation of the gap between the lips with the drawn one
shut       the gap between the lips of the fitted head at rest, mm
r          correlation of a weight with the drawn one over all pictures; 1 is perfect
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.avatars.similarity import similarity
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES
from vlogger_backend.portraits.faces import load_face
from vlogger_backend.portraits.finding import find_faces
from vlogger_backend.portraits.fitting import camera_of, fit_error, fit_face
from vlogger_backend.portraits.head import Head, load_head
from vlogger_backend.portraits.portrait import Fit
from vlogger_backend.portraits.solving import Task, first_guess, placed, solve
from vlogger_backend.portraits.tracking import track
from vlogger_backend.renderers.stage import Stage

Doubles = NDArray[np.float64]

SIZE = (512, 512)
MOST = np.radians([40.0, 15.0, 12.0])
SHAPES = {
    "eyeBlink": 0.8, "eyeLookDown": 0.5, "eyeLookUp": 0.4, "eyeSquint": 0.5, "eyeWide": 0.5, "jawOpen": 0.7,
    "mouthPucker": 0.7, "mouthFunnel": 0.5, "mouthSmile": 0.8, "mouthFrown": 0.5, "mouthStretch": 0.5,
    "mouthRollLower": 0.5, "mouthRollUpper": 0.5, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "browDown": 0.8,
    "browInnerUp": 0.8, "browOuterUp": 0.8, "mouthLeft": 0.4, "mouthRight": 0.4, "noseSneer": 0.6,
}  # fmt: skip
"""What is drawn, to which weight at most."""


@dataclass(frozen=True)
class Drawn:
    """A picture's truth; `exact` are the landmarks (478, 2) where the mesh has them, `landmarks` what was found."""

    landmarks: Doubles
    exact: Doubles
    vertices: Doubles
    arkit: Doubles
    turn: Doubles


def drawn_heads(count: int) -> Iterator[Drawn]:
    """Pictures that MediaPipe found a face in."""
    head = load_head()
    rng = np.random.default_rng(3)
    with closing(Stage(head.avatar)) as stage:
        for _ in range(count):
            vertices, arkit = random_head(head, rng), random_expression(rng)
            person = replace(head.avatar, vertices=vertices.astype(np.float32))
            turn = Rotation.from_euler("YXZ", rng.uniform(-MOST, MOST))
            distance = rng.uniform(0.5, 2.0)
            pose = np.eye(4)
            pose[:3, :3] = turn.as_matrix()
            pose[:3, 3] = np.array([0, 1.62, 0.08]) + turn.apply([0.03, 0, distance])
            posed = posed_vertices(person, np.zeros((55, 3)), np.zeros(3), arkit)
            stage.pose(posed)
            picture = stage.draw(SIZE, pose, 2 * np.arctan(0.2 / distance))
            wall = ((255 - picture[..., 3:]) * np.array([0.5, 0.55, 0.6])).astype(np.uint8)
            faces = find_faces(picture[..., :3] + wall)
            if faces:
                y = turn.inv().apply(head.landmarks @ posed.astype(np.float64) - pose[:3, 3])
                exact = (1 + y[:, :2] / -y[:, 2:] * distance / 0.2 * (1, -1)) * np.divide(SIZE, 2)
                yield Drawn(faces[0].landmarks, exact, vertices, arkit, turn.as_matrix())


def random_head(head: Head, rng: np.random.Generator) -> Doubles:
    """Of the model's shapes, with bumps of a millimetre or two that it doesn't know."""
    shape = rng.normal(0, 0.7, len(head.basis))
    shape[head.symmetric :] *= 0.5
    rest = head.avatar.vertices[head.vertices]
    front = np.flatnonzero(rest[:, 2] > 0.1)
    skin = head.mean + np.tensordot(shape, head.basis, 1)
    for _ in range(6):
        middle = rest[rng.choice(front)] * rng.choice([-1, 1])
        near = np.exp(-(((rest - middle) / 0.025) ** 2).sum(axis=1))
        skin += near[:, None] * rng.normal(0, 0.001, 3)
    eyes = head.eyes_mean + np.tensordot(shape, head.eyes_basis, 1)
    return head.avatar.vertices + head.spread(skin, eyes)


def random_expression(rng: np.random.Generator) -> Doubles:
    """A few shapes, mostly alike on both sides."""
    weights = np.zeros(len(ARKIT_NAMES))
    for name in rng.choice(list(SHAPES), 5, replace=False):
        value = rng.uniform(0.2, 1) * SHAPES[name]
        for side in ("", "Left", "Right"):
            if name + side in ARKIT_INDEX:
                weights[ARKIT_INDEX[name + side]] = np.clip(value + rng.normal(0, 0.08), 0, 1)
    return weights


def lip_gap(vertices: Doubles, arkit: Doubles) -> float:
    """Millimetres between the lips' middles."""
    head = load_head()
    person = replace(head.avatar, vertices=vertices.astype(np.float32))
    places = head.landmarks @ posed_vertices(person, np.zeros((55, 3)), np.zeros(3), arkit)
    return 1000 * float(places[13, 1] - places[14, 1])


@dataclass(frozen=True)
class Score:
    """Of one way of fitting one drawn head."""

    error: float
    pose: float
    shape: float
    lips: tuple[float, float]
    shut: float
    arkit: Doubles


def score(drawn: Drawn, fit: Fit, front: NDArray[np.intp]) -> Score:
    """Compare a fit with what was drawn."""
    turn = np.array(fit.camera.poses[0]).reshape(3, 4)[:, :3]
    own = fit.vertices[front].astype(np.float64)
    rotation, scale, shift = similarity(own, drawn.vertices[front])
    apart = np.linalg.norm(scale * own @ rotation.T + shift - drawn.vertices[front], axis=1)
    return Score(
        100 * fit.error.mean / fit.error.between_eyes,
        float(np.degrees(Rotation.from_matrix(turn.T @ drawn.turn).magnitude())),
        1000 * float(apart.mean()),
        (lip_gap(fit.vertices, fit.arkit), lip_gap(drawn.vertices, drawn.arkit)),
        lip_gap(fit.vertices, np.zeros(len(ARKIT_NAMES))),
        fit.arkit.astype(np.float64),
    )


def rigid(drawn: Drawn, shape: bool, expression: bool) -> Fit:
    """The fit with the shape, or the expression, held at nothing: only camera and pose are left to both."""
    face = load_face()
    none = np.zeros_like(face.shapes), np.zeros_like(face.expressions)
    face = replace(
        face, shapes=face.shapes if shape else none[0], expressions=face.expressions if expression else none[1]
    )
    task = Task(face, SIZE, drawn.landmarks.astype(np.float64), np.ones(len(drawn.landmarks)))
    found = solve(task, first_guess(task))
    vertices = load_head().shaped(found.shape)
    error = fit_error(found.seen(placed(face, found.shape, found.arkit), SIZE), task.landmarks)
    plain = vertices.astype(np.float32), found.arkit.astype(np.float32), task.landmarks[:, :2].astype(np.float32)
    return Fit(camera_of(found, SIZE), *plain, error)


def synthetic(count: int) -> None:
    """Print the table of the drawn heads."""
    heads = list(drawn_heads(count))
    rest = load_head().avatar.vertices
    face = np.unique(load_head().avatar.faces_of("face"))
    front = face[(rest[face, 2] > 0.08) & (rest[face, 1] > 1.52)]
    ways: dict[str, Callable[[Drawn], Fit]] = {
        "exact landmarks": lambda drawn: fit_face(SIZE, drawn.exact),
        "fit": lambda drawn: fit_face(SIZE, drawn.landmarks),
        "mean head": lambda drawn: rigid(drawn, shape=False, expression=True),
        "no expression": lambda drawn: rigid(drawn, shape=True, expression=False),
        "mean head, none": lambda drawn: rigid(drawn, shape=False, expression=False),
    }
    print(f"{len(heads)} of {count} drawn heads found")
    print(f"{'':<18}" + "".join(f"{name:>9}" for name in ("error %", "pose", "shape", "lips r", "shut", "arkit r")))
    truth = np.stack([drawn.arkit for drawn in heads])
    lines = []
    for name, way in ways.items():
        scores = [score(drawn, way(drawn), front) for drawn in heads]
        found = np.stack([each.arkit for each in scores])
        means = [np.mean([getattr(each, column) for each in scores]) for column in ("error", "pose", "shape")]
        lips = correlation(*np.transpose([each.lips for each in scores]))
        shut = np.mean([abs(each.shut) for each in scores])
        print(f"{name:<18}" + "".join(f"{v:9.2f}" for v in (*means, lips, shut, correlation(found, truth))))
        each = {n: correlation(found[:, i], truth[:, i]) for i, n in enumerate(ARKIT_NAMES) if truth[:, i].any()}
        if shapes := ", ".join(f"{n} {r:.2f}" for n, r in sorted(each.items(), key=lambda item: -item[1]) if r):
            lines.append(f"r of each shape, {name}: {shapes}")
    print("\n".join(lines))


def correlation(one: Doubles, other: Doubles) -> float:
    """Pearson's, 0 if either doesn't change."""
    if np.std(one) == 0 or np.std(other) == 0:
        return 0.0
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def seen(path: Path) -> None:
    """Print the errors of a photo, or of a video's frames."""
    import av

    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
        fps = float(stream.average_rate or 25)
    faces = find_faces(frames[0])
    if not faces:
        print(f"{path.name:<18} no face")
        return
    fit = fit_face((frames[0].shape[1], frames[0].shape[0]), faces[0].landmarks)
    percent = 100 / fit.error.between_eyes
    print(
        f"{path.name:<18} fit: mean {fit.error.mean * percent:.2f} %, worst {fit.error.worst * percent:.1f} %", end=""
    )
    if len(frames) > 1:
        tracked = track(frames, fit, fps)
        errors = np.array([(error.mean, error.worst) for error in tracked.errors]) * percent
        eyes = np.linalg.norm(tracked.landmarks[:, 473, :2] - tracked.landmarks[:, 468, :2], axis=1)
        seen_gap = (tracked.landmarks[:, 14, 1] - tracked.landmarks[:, 13, 1]) / eyes
        gap = np.array([lip_gap(fit.vertices, weights) for weights in tracked.motion.arkit])
        shut = gap[seen_gap < 0.01]
        print(
            f"; {len(frames)} frames: mean {errors[:, 0].mean():.2f} %, the worst's {errors[:, 0].max():.2f} %, "
            f"lips r {correlation(gap, seen_gap):.3f}, shut {np.abs(shut).mean() if len(shut) else 0:.2f} mm",
            end="",
        )
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="*")
    parser.add_argument("--heads", type=int, default=40)
    options = parser.parse_args()
    for path in options.pictures:
        seen(path)
    if options.heads:
        synthetic(options.heads)


if __name__ == "__main__":
    main()
