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
from .regions import built_in_regions, regions_of_model


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
    head, a person keeps theirs.

    Raises InputError if there is none, if it can't be read, or if it has no face that can be prepared.
    """
    from ..avatars.licensed import shelf
    from ..avatars.licensed.faces import fingerprint
    from ..avatars.licensed.likeness import likeness_of
    from ..avatars.licensed.preparing import prepared

    known = prepared(body, progress)
    progress("Fitting the model to the portrait", 0.0)
    fit = portrait.fit
    found = likeness_of(shelf.open_model(body), known, fit.vertices, fit.arkit, np.array(shelf.betas_of(body)))
    progress("Fitting the model to the portrait", 1.0)
    landmarks = (load_head().landmarks @ found.onto).tocsr()
    regions = regions_of_model(found.avatar, found.of)
    return Figure(found.avatar, found.template, landmarks, *regions, found.person, fingerprint(body))
