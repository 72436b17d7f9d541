"""Whose the body models are: which file is meant, where it is to be had, and under which licence.

All that may be said of them while none is registered, so nothing is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .body_model import Kind

_RESEARCH = "for non-commercial research, education and art only, unless you have another agreement with its makers"


@dataclass(frozen=True)
class Source:
    """Where a model comes from.

    name    : what its makers call it
    file    : the file to register, as they call it
    site    : where it is to be had, after registering there
    terms   : the page of its licence
    licence : what the licence allows, to follow "licensed"
    """

    name: str
    file: str
    site: str
    terms: str
    licence: str = _RESEARCH

    @property
    def remedy(self) -> str:
        """What to do for this model, to follow a semicolon or begin a sentence."""
        return f"give {self.offer}"

    @property
    def offer(self) -> str:
        return f"{self.name}'s {self.file} from {self.site} (licensed {self.licence}: {self.terms})"


SMPLX = Source(
    "SMPL-X", "SMPLX_NEUTRAL.npz", "https://smpl-x.is.tue.mpg.de", "https://smpl-x.is.tue.mpg.de/modellicense.html"
)
SMPLH = Source(
    "SMPL-H",
    "SMPLH_MALE.pkl or AMASS's model.npz",
    "https://mano.is.tue.mpg.de",
    "https://mano.is.tue.mpg.de/license.html",
)
FLAME = Source(
    "FLAME", "generic_model.pkl or flame2023.pkl", "https://flame.is.tue.mpg.de",
    "https://flame.is.tue.mpg.de/modellicense.html",
)  # fmt: skip
FLAME_OPEN = Source(
    "FLAME 2023 Open", "flame2023_Open.pkl", "https://flame.is.tue.mpg.de",
    "https://flame.is.tue.mpg.de/modellicense.html",
    "under CC BY 4.0, with its makers and your changes named, but not for pornography or misleading content",
)  # fmt: skip
SOURCES: dict[Kind, Source] = {"smplx": SMPLX, "smplh": SMPLH, "flame": FLAME}

NO_MODEL = f"Give {SMPLX.offer}, or {FLAME_OPEN.offer}, with: vlogger models add FILE"
"""What to do for whoever has none."""


def source_of(kind: Kind, title: str) -> Source:
    """The source of a model, by its kind and title (`BodyModel.title`)."""
    return FLAME_OPEN if title.startswith(FLAME_OPEN.name) else SOURCES[kind]
