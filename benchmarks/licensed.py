"""Licensed bodies: what becomes of ARKit performances on models like SMPL-X and FLAME, through `smplx` itself.

    python benchmarks/licensed.py

The models are made of the built-in avatar for the tests (tests/avatars/licensed_models.py): another head, another
mesh, an expression basis that is random and smooth ("random") or has the ARKit shapes' principal components
("spanning"). Nothing licensed is needed but the library `smplx`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "tests" / "avatars")]

from by_smplx import by_smplx, turns_off  # noqa: E402
from licensed_models import made  # noqa: E402
from licensed_performances import performance, poses_of  # noqa: E402

from vlogger_backend.avatars.licensed.body_model import BodyModel  # noqa: E402
from vlogger_backend.avatars.licensed.carrying import Carried  # noqa: E402
from vlogger_backend.avatars.licensed.posing import posed  # noqa: E402
from vlogger_backend.avatars.licensed.preparing import prepare  # noqa: E402
from vlogger_backend.avatars.licensed.solving import performed, weights_of  # noqa: E402
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES  # noqa: E402

MODELS = (("flame", 10), ("flame", 50), ("flame", 100), ("smplx", 10), ("smplx", 50), ("smplx", 100))
FRAMES = 20
TAKE = 36_000  # ten minutes at 60 fps
COLUMNS = (
    "prepare s", "off mm", "worst mm", "of mm", "seal mm", "in span mm", "joints deg", "take s", "back s", "back mm",
)  # fmt: skip


def main() -> None:
    print(f"{'':<22}" + "".join(f"{name:>12}" for name in COLUMNS))
    for kind, count in MODELS:
        for spans in (True, False):
            figures = measured(made(kind, count, spans=spans).model)
            print(f"{kind} {count:>3} {'spanning' if spans else 'random':<12}" + "".join(f"{n:12.3f}" for n in figures))


def measured(model: BodyModel) -> list[float]:
    start = time.perf_counter()
    ready = prepare(model)
    took = time.perf_counter() - start
    solution = ready.solution
    weights = performance(TAKE)
    start = time.perf_counter()
    done = performed(solution, weights)
    forth = time.perf_counter() - start
    start = time.perf_counter()
    again = performed(solution, weights_of(solution, done))
    back = time.perf_counter() - start
    off = np.hstack([again.expression - done.expression, again.jaw - done.jaw])
    with tempfile.TemporaryDirectory() as folder:
        mesh = by_smplx(model, Path(folder))
        best = within_span(model, ready.shapes, solution.jaws)
        skin = ready.shapes.numbers[ready.shapes.share > 0]
        rng = np.random.default_rng(1)
        apart, degrees = [], []
        for frame in range(FRAMES):
            poses = poses_of(model, done, frame, rng.normal(0, 0.15, (len(model.joints), 3)))
            wanted = posed(model, poses, weights[frame] @ best)
            here = mesh(poses, done.expression[frame])
            apart.append(np.linalg.norm(here - wanted, axis=1)[skin].mean())
            if frame < 3:
                degrees.append(max(turns_off(model, mesh, poses, done.expression[frame]).values()))
    moves = solution.moved > 0
    return [
        took,
        1000 * solution.mean[moves].mean(),
        1000 * solution.mean.max(),
        1000 * solution.moved[moves].mean(),
        1000 * seal(model, ready.solution.expressions, ready.solution.jaws),
        1000 * max(apart),
        max(degrees),
        forth,
        back,
        1000 * float(np.sqrt(np.einsum("ti,ij,tj->t", off, solution.metric, off)).max()),
    ]


def within_span(model: BodyModel, shapes: Carried, jaws: NDArray[np.float64]) -> NDArray[np.float64]:
    """(52, E) the expressions that come nearest to the carried shapes, without any regularisation or bound."""
    skin = shapes.share > 0
    numbers, share = shapes.numbers[skin], np.sqrt(shapes.share[skin])
    rest, basis = model.template[numbers], model.expressions[numbers]
    flat = (share[:, None, None] * basis).reshape(-1, basis.shape[-1])
    opening, closing = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    best = np.zeros((len(ARKIT_NAMES), basis.shape[-1]))
    for number, shape in enumerate(shapes.shapes[:, skin]):
        over = number == closing
        target = rest + shape + (shapes.shapes[opening, skin] if over else 0)
        left = unposed(model, numbers, target, jaws[number] + (jaws[opening] if over else 0)) - rest
        best[number] = np.linalg.lstsq(flat, (share[:, None] * left).ravel(), rcond=None)[0]
    best[closing] -= best[opening]
    return best


def unposed(
    model: BodyModel, numbers: NDArray[np.intp], target: NDArray[np.float64], jaw: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where vertices are to be, so that the turned jaw takes them to `target`."""
    joint = model.joints.index("jaw")
    poses = np.zeros((len(model.joints), 3))
    poses[joint] = jaw
    turn = Rotation.from_rotvec(jaw).as_matrix() - np.eye(3)
    blended = np.eye(3) + model.weights[numbers, joint][:, None, None] * turn
    shift = posed(model, poses)[numbers] - np.einsum("kab,kb->ka", blended, model.template[numbers])
    return np.asarray(np.linalg.solve(blended, (target - shift)[..., None])[..., 0])


def seal(model: BodyModel, expressions: NDArray[np.float64], jaws: NDArray[np.float64]) -> float:
    """How much further the lips are apart than at rest when they are closed over a jaw that is open by 0.4, metres."""
    assert model.landmarks
    corners = model.faces[model.landmarks.faces]

    def gap(weight: float) -> float:
        both = [ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]]
        poses = np.zeros((len(model.joints), 3))
        poses[model.joints.index("jaw")] = weight * jaws[both].sum(axis=0)
        places = posed(model, poses, weight * expressions[both].sum(axis=0))[corners]
        upper, lower = np.einsum("lk,lkc->lc", model.landmarks.shares, places)[[45, 49]]
        return float(upper[1] - lower[1])

    return gap(0.4) - gap(0.0)


if __name__ == "__main__":
    main()
