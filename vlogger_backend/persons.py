"""Persons on the user's models: a portrait or a scan becomes identity components that stand on the shelf."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .progress import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .avatars.licensed.body_model import BodyModel, LandmarkEmbedding
    from .avatars.licensed.identity import Identity


@dataclass(frozen=True, eq=False)
class FittedPerson:
    """Somebody in a model's terms.

    betas       : (S,)
    mean, worst : metres; how far the skin is off, on the average and at 95 %
    unit        : what a mesh turned out to be in, "" if in none that is known; a portrait has none
    gender      : of the model, as its title has it, "" if that doesn't say
    """

    betas: NDArray[np.float64]
    mean: float
    worst: float
    unit: str
    gender: str


def fit_person(model_name: str, source: Path, progress: Progress = no_progress) -> FittedPerson:
    """Find out who the person of a portrait or a mesh is on a model that the user has registered.

    Raises InputError if the model or the source can't be read, or if no such person can be found in it.
    """
    from .avatars.licensed import shelf

    model = shelf.open_model(model_name)
    if not model.shapes.shape[2]:
        raise InputError(f"{model.title} has no components of identity; use another file of it.")
    if not source.exists():
        raise InputError(f"There is no file {source}; give a .portrait, or a mesh as .obj, .ply, .stl or .glb.")
    gender = next((word for word in ("female", "male", "neutral") if word in model.title.split()), "")
    if source.suffix.lower() == ".portrait":
        return _of_portrait(model_name, model, source, gender, progress)
    found = of_mesh(model, source, progress)
    return FittedPerson(found.betas, found.mean, found.worst, found.unit, gender)


def _of_portrait(model_name: str, model: BodyModel, source: Path, gender: str, progress: Progress) -> FittedPerson:
    from .avatars.licensed.identity import identity_of_face
    from .avatars.licensed.preparing import prepared
    from .portraits.storage import read_portrait

    if model.kind == "smplh":
        raise InputError(
            f"{model.title} has no face that could be laid over a portrait's; use a SMPL-X or FLAME file, or fit "
            f"{model.title} to a scan of the whole body."
        )
    portrait = read_portrait(source)
    found = identity_of_face(model, prepared(model_name, progress).registration, portrait.fit.vertices)
    return FittedPerson(found.betas, found.mean, found.worst, "", gender)


def of_mesh(model: BodyModel, source: Path, progress: Progress = no_progress) -> Identity:
    """The person of a mesh: the model's own in any pose, or a scan of a head, a bust or a whole body.

    Raises InputError if the mesh can't be read, if no face is seen on it or on the model, or if they don't fit.
    """
    from .avatars.licensed.identity import identity_of_scan, identity_of_vertices
    from .avatars.scan import read_scan
    from .renderers.face_on_mesh import see_face

    progress("Reading the mesh", 0.0)
    scan = read_scan(source)
    progress(f"Fitting {model.title} to the mesh", 0.0)
    if len(scan.vertices) == len(model.template) and (own := identity_of_vertices(model, scan.vertices)):
        return own
    whole = scan.joined()
    seen = see_face(whole.vertices, whole.faces, progress)
    if seen is None:
        raise InputError(
            f"No face is seen on {source}; give a scan of a head, a bust or a whole body whose face is open to the "
            "front, neither masked nor without its surface."
        )
    embedding = model.landmarks or landmarks_seen(model)
    if embedding is None:
        raise InputError(f"No face is seen on the mesh of {model.title}; use a SMPL-X or FLAME file.")
    landmarks = (model.template[model.faces[embedding.faces]] * embedding.shares[:, :, None]).sum(axis=1)
    return identity_of_scan(model, landmarks, whole.vertices, whole.faces, seen.places, progress)


def landmarks_seen(model: BodyModel) -> LandmarkEmbedding | None:
    """The landmarks of a model that has none, as they are seen on its own face; None if no face is seen.

    Raises InputError if no OpenGL can be opened.
    """
    from .avatars.licensed.body_model import LandmarkEmbedding
    from .renderers.face_on_mesh import see_face

    seen = see_face(model.template, model.faces)
    return LandmarkEmbedding(seen.triangles, seen.shares) if seen else None
