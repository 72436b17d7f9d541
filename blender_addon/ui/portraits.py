"""The portrait of a rig: whose photo performs its takes. Its file is remembered with the rig, in the blend file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..core.errors import AddonError
from ..core.portrait import SUFFIX, PortraitFile, read_portrait_file
from ..scene.pictures import single

CHARACTER, PHOTO = "character", "photo"
"""What frames are made with: the 3D character, or the photo."""
FITTED, FIT = "portrait.portrait", "fit.png"
"""A portrait that the service made, and the picture of its fit."""


def portrait_of(armature: Any) -> tuple[Path, PortraitFile]:
    """The file of a rig's portrait, and what it says. Raises AddonError if there is none, or it can't be used."""
    if not armature.vlogger_portrait:
        raise AddonError(f"{armature.name} has no portrait. Fit a photo under Photo, or choose a {SUFFIX} file there.")
    path = Path(bpy.path.abspath(armature.vlogger_portrait))
    return path, read_portrait_file(path)


def fit_of(path: Path) -> Path | None:
    """The picture of the fit beside a portrait, None if there is none."""
    picture = path.with_name(FIT if path.name == FITTED else f"{path.stem}-fit.png")
    return picture if picture.is_file() else None


def fit_image(path: Path, name: str) -> Any:
    """The picture of a portrait's fit as an image. Raises AddonError if there is none."""
    picture = fit_of(path)
    if picture is None:
        raise AddonError(f"There is no picture of the fit beside {path.name}. Fit the photo again to see one.")
    return single(picture, f"Fit of {name}")
