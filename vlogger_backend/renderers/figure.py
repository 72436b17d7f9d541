"""Who is drawn: the built-in avatar or a model of the user's, shaped like a portrait's person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..avatars.avatar import Avatar, Floats
from ..portraits.head import load_head
from ..portraits.portrait import Portrait
from ..progress import Progress, no_progress
from .regions import NUMBER, built_in_regions, regions_of_model

_OF_A_HEAD = range(NUMBER["neck"] + 1)
"""Regions that a FLAME head has, or hides."""


@dataclass(frozen=True, eq=False)
class Figure:
    """What is drawn in control images, V vertices and F triangles, and what moves the photo.

    avatar    : shaped like the person, its head where the photo's is
    template  : (V, 3) where each vertex is on the default avatar, metres
    landmarks : (478, V) sparse; times the vertices it gives the places of MediaPipe's landmarks
    regions, borders : (F, 2) and (F, 3) as `regions.built_in_regions` gives them
    person    : the built-in avatar with the person's shape, which does what the figure does; it moves the photo
    made_of   : a hash of the model that it was made of, "" for the built-in avatar
    """

    avatar: Avatar
    template: Floats
    landmarks: sparse.csr_matrix
    regions: NDArray[np.uint8]
    borders: NDArray[np.float32]
    person: Avatar
    made_of: str = ""


@lru_cache(maxsize=2)
def built_in_figure(portrait: Portrait) -> Figure:
    """The built-in avatar. The same one each time, since what poses it is kept for each."""
    return figure_of_person(replace(load_head().avatar, vertices=portrait.fit.vertices))


@lru_cache(maxsize=2)
def figure_of_person(person: Avatar) -> Figure:
    """A figure's `person`, drawn itself: hair, teeth and body are there, whatever the figure has of these."""
    head = load_head()
    return Figure(person, head.avatar.vertices, head.landmarks, *built_in_regions(), person)


def figure_of(portrait: Portrait, body: str, progress: Progress = no_progress) -> Figure:
    """The model or person that the user has registered under this name. A model gets the identity of the portrait's
    head, a person keeps theirs. Below a FLAME head is the built-in avatar's body.

    Raises InputError if there is none, if it can't be read, or if it has no face that can be prepared.
    """
    from ..avatars.licensed import shelf
    from ..avatars.licensed.faces import fingerprint
    from ..avatars.licensed.likeness import likeness_of
    from ..avatars.licensed.preparing import prepared

    known = prepared(body, progress)
    progress("Fitting the model to the portrait", 0.0)
    fit = portrait.fit
    model = shelf.open_model(body)
    found = likeness_of(model, known, fit.vertices, fit.arkit, np.array(shelf.betas_of(body)))
    progress("Fitting the model to the portrait", 1.0)
    landmarks = (load_head().landmarks @ found.onto).tocsr()
    regions = regions_of_model(found.avatar, found.of)
    figure = Figure(found.avatar, found.template, landmarks, *regions, found.person, fingerprint(body))
    return _on_a_body(figure) if model.kind == "flame" else figure


def _on_a_body(figure: Figure) -> Figure:
    """The figure, which is a head, with all that the built-in avatar has below the neck: clothes and hands."""
    head, body = figure.avatar, load_head().avatar
    regions, borders = built_in_regions()
    below = ~np.isin(regions[:, 0], list(_OF_A_HEAD))
    numbers, faces = np.unique(body.faces[below], return_inverse=True)
    avatar = Avatar(
        name=head.name,
        vertices=np.concatenate([head.vertices, figure.person.vertices[numbers]]),
        faces=np.concatenate([head.faces, (faces.reshape(-1, 3) + len(head.vertices)).astype(np.int32)]),
        uvs=np.concatenate([head.uvs, body.uvs[below]]),
        face_material=np.concatenate([head.face_material, body.face_material[below] + np.int16(len(head.materials))]),
        materials=head.materials + body.materials,
        joints=head.joints,
        joint_indices=np.concatenate([head.joint_indices, body.joint_indices[numbers]]),
        joint_weights=np.concatenate([head.joint_weights, body.joint_weights[numbers]]),
        morphs=head.morphs,
    )
    return replace(
        figure,
        avatar=avatar,
        template=np.concatenate([figure.template, body.vertices[numbers]]),
        landmarks=sparse.hstack(
            [figure.landmarks, sparse.csr_matrix((figure.landmarks.shape[0], len(numbers)))]
        ).tocsr(),
        regions=np.concatenate([figure.regions, regions[below]]),
        borders=np.concatenate([figure.borders, borders[below]]),
    )
