"""Licensed bodies: what becomes of ARKit performances on models like SMPL-X and FLAME, through `smplx` itself.

    python benchmarks/licensed.py

The models are made of the built-in avatar for the tests (tests/avatars/licensed_models.py): another head, another
mesh, an expression basis that is random and smooth ("random") or has the ARKit shapes' principal components
("spanning"). Nothing licensed is needed but the library `smplx`.

The second table: people found on the models, from the built-in head fitted to a photo, from scans and from the model's
own mesh; those that the model's identity spans (its own) and others (anybody).
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "tests" / "avatars")]

from by_smplx import by_smplx, turns_off  # noqa: E402
from licensed_models import made  # noqa: E402
from licensed_performances import performance, poses_of  # noqa: E402

from vlogger_backend.avatars.licensed.body_model import BodyModel  # noqa: E402
from vlogger_backend.avatars.licensed.built_in import built_in_face  # noqa: E402
from vlogger_backend.avatars.licensed.carrying import Carried  # noqa: E402
from vlogger_backend.avatars.licensed.head import landmarks_of, registered  # noqa: E402
from vlogger_backend.avatars.licensed.identity import (  # noqa: E402
    identity_of_face,
    identity_of_scan,
    identity_of_vertices,
)
from vlogger_backend.avatars.licensed.moving import Moving  # noqa: E402
from vlogger_backend.avatars.licensed.posing import posed  # noqa: E402
from vlogger_backend.avatars.licensed.preparing import prepare  # noqa: E402
from vlogger_backend.avatars.licensed.solving import performed, weights_of  # noqa: E402
from vlogger_backend.avatars.posing import posed_vertices  # noqa: E402
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES  # noqa: E402
from vlogger_backend.portraits.head import load_head  # noqa: E402
from vlogger_backend.renderers.face_on_mesh import see_face  # noqa: E402

MODELS = (("flame", 10), ("flame", 50), ("flame", 100), ("smplx", 10), ("smplx", 50), ("smplx", 100))
FRAMES = 20
PEOPLE = 4
PEOPLE_COLUMNS = ("fit s", "seen mm", "said mm", "face mm", "all mm", "betas")
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
    print(f"\n{'':<30}" + "".join(f"{name:>12}" for name in PEOPLE_COLUMNS))
    for kind in ("flame", "smplx"):
        for source in ("portrait", "scan", "own mesh"):
            for own in (True, False) if source != "own mesh" else (True,):
                found = np.mean([identified(kind, source, own, seed) for seed in range(PEOPLE)], axis=0)
                title = f"{kind} {source:<12}{'its own' if own else 'anybody':<12}"
                print(f"{title:<30}" + "".join(f"{n:12.3f}" for n in found))


def identified(kind: Literal["flame", "smplx"], source: str, own: bool, seed: int) -> list[float]:
    """Of one person: seconds, how far seen landmarks are off, how far the fit says that it is off, how far skin of the
    face and of all is from where it is on the person, and the largest error of the first three betas; lengths in mm."""
    one, head, rng = made(kind, 50, 0), load_head(), np.random.default_rng(seed)
    model = one.model
    shape = np.random.default_rng(0).normal(0, 0.8, len(head.basis))
    shape[head.symmetric :] *= 0.5  # the person that the model is made of
    betas = rng.normal(0, 1, 10)
    shape[:10] += betas
    person = head.shaped(shape if own else rng.normal(0, 0.8, len(head.basis)))
    landmarks, seen_off = landmarks_of(model)[0], 0.0
    start = time.perf_counter()
    if source == "portrait":
        placed = identity_of_face(model, registered(model, built_in_face()), person)
        found, there, said = placed.betas, placed.there(model.template + model.shapes @ placed.betas), placed.mean
    else:
        if source == "own mesh":
            poses = rng.normal(0, 0.2, (len(model.joints), 3))
            mesh = 100 * posed(model, poses, rng.normal(0, 0.5, 50), betas)
            start = time.perf_counter()
            identity = identity_of_vertices(model, mesh)
        else:
            poses = np.zeros((len(JOINT_NAMES), 3))
            for name, way in (("left_shoulder", -0.8), ("right_shoulder", 0.8)):
                poses[JOINT_INDEX[name], 2] = way * (kind == "smplx")
            avatar = replace(head.avatar, vertices=person.astype(np.float32))
            person = posed_vertices(avatar, poses, np.zeros(3), np.zeros(len(ARKIT_NAMES))).astype(np.float64)
            names = ("face", "skin", "eyes", "mouth", "hair", *(("jumper", "trousers", "shoes") * (kind == "smplx")))
            faces = np.concatenate([avatar.faces_of(name) for name in names])
            if kind == "flame":
                faces = faces[(person[faces][..., 1] > 1.4).all(axis=1)]
            start = time.perf_counter()
            seen = see_face(100 * person, faces)
            assert seen
            corners = one.model.faces[model.landmarks.faces]
            true = np.einsum("lk,lkc->lc", model.landmarks.shares, (one.source @ person)[corners])
            seen_off = float(np.linalg.norm(seen.places / 100 - true, axis=1).mean())
            identity = identity_of_scan(model, landmarks, 100 * person, faces, seen.places)
        assert identity
        moving = Moving(model, np.arange(len(model.template)), (), sized=True)
        found, said = identity.betas, identity.mean
        there = mesh / 100 if source == "own mesh" else moving.places(identity.stance)
    took = time.perf_counter() - start
    skin = np.asarray(one.source.sum(axis=1)).ravel() > 0.5
    face = skin & (np.linalg.norm(model.template - landmarks.mean(axis=0), axis=1) < 0.1)
    off = np.linalg.norm(there - one.source @ person, axis=1) * (np.nan if source == "own mesh" else 1)
    wrong = float(np.abs(found - betas)[:3].max()) if own else np.nan
    return [took, *(1000 * n for n in (seen_off, said, off[face].mean(), off[skin].mean())), wrong]


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
