"""Building the built-in avatar from Anny. `python -m vlogger_backend.avatars.build` remakes the shipped one."""

from __future__ import annotations

import numpy as np

from ..progress import Progress, no_progress
from ..request import Body
from .anny_body import AnnyBody, data_folder, load_body
from .avatar import Avatar
from .brows import brow_part, lash_part
from .clothes import clothes_parts, uncovered
from .eyes import eye_parts
from .face import at_ease
from .hair import hair_part
from .mouth import mouth_parts
from .parts import Part, assemble
from .skin import skin_parts


def build_avatar(body: Body, progress: Progress = no_progress) -> Avatar:
    """Make the avatar of these sliders. Seconds; a minute or two the first time ever, while Anny reads its data."""
    progress("Building the body (the first time takes a minute or two)", 0.0)
    anny = at_ease(load_body(body))
    progress("Building the body", 0.5)
    avatar = assemble("anny", anny, _parts(anny, body))
    progress("Building the body", 1.0)
    return avatar


def _parts(body: AnnyBody, sliders: Body) -> list[Part]:
    skin = skin_parts(body, sliders.skin, data_folder() / "mpfb2/textures")
    return [
        *(uncovered(body, part) if part.material.name == "skin" else part for part in skin),
        *eye_parts(body),
        *mouth_parts(body),
        hair_part(body),
        brow_part(body),
        lash_part(body),
        *clothes_parts(body),
    ]


def main() -> None:
    """Remake the avatar that ships with the package."""
    from .library import SHIPPED
    from .storage import save_avatar

    np.seterr(all="raise", under="ignore")
    save_avatar(build_avatar(Body(), lambda stage, done: print(f"{stage} {done:.0%}")), SHIPPED)
    print(SHIPPED)


if __name__ == "__main__":
    main()
