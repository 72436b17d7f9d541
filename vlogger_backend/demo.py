"""The main job on a built-in line, for a first look: the character's performance, and beside it a photo's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from .animate import Animator
from .batch.sounds import Result, run_batch
from .motion.take import read_take
from .painting import Painting
from .progress import Progress
from .request import Body, Request

if TYPE_CHECKING:
    from rich.console import Console

    from .renderers.stage import Picture

LINE = "Hello! All of this is generated. Every word, every blink and every gesture is a curve that you can edit."
"""It is also said by the person of a photo who never said it: so it says what it is, and nothing about her."""
BODY = Body(gender=1.0)
"""A woman's, since the photo is of one, and both speak with the same voice."""
_WHO = (
    "This is NASA's portrait of an astronaut, a test picture in the public domain; the demo has her say that all of it "
    "is generated, and nothing else."
)
"""What stands in the place of a user's affirmation."""
_SIDE = 512
"""Pixels of the shot, and of the preview beside it."""


def run_demo(folder: Path, seed: int, fps: float, body: Body, console: Console, quiet: bool = False) -> Result:
    """Speak `LINE`, animate it, and leave take, .fbx, .glb, video and picture in `folder`; and a portrait of a photo,
    with a video in which it performs the same beside the preview.

    Raises InputError if the folder can't be written.
    """
    from .console import Bars
    from .renderers.registry import BUILTIN, open_renderer
    from .speech.voice import say

    sound = folder / "hello.wav"
    say(LINE, sound, voice="female" if body.gender > 0.5 else "male")
    request = Request(str(sound.absolute()), LINE, fps=fps, seed=seed, body=body)
    [result] = run_batch(Animator(), [request], [folder / "hello.npz"], everything=True, console=console, quiet=quiet)
    if result.error:
        return result
    lacking = open_renderer(BUILTIN).renderer.check().missing
    if not lacking:
        portrait, shot = folder / "hello-portrait.portrait", folder / "hello-shot.mp4"
        with Bars(console, quiet) as progress:
            _make_portrait(portrait, progress)
            _paint_beside(shot, folder / "hello.npz", portrait, sound, seed, progress)
        result = replace(result, files=(*result.files, portrait, shot))
    if not quiet:
        painted = f"There is no shot of a photo: {lacking}" if lacking else (
            "[bold]hello-shot.mp4[/bold] has the person of a photo beside it: NASA's portrait of an astronaut, who "
            "never said this."
        )  # fmt: skip
        console.print(
            "\nWatch [bold]hello.mp4[/bold], look at [bold]hello.png[/bold], "
            "and import [bold]hello.fbx[/bold] or [bold]hello.glb[/bold] into Blender, Unity, Unreal or Godot.\n"
            f"{painted}\n"
            "Your own sound: vlogger animate my.wav --all; your own photo: vlogger portrait me.jpg --consent",
        )
    return result


def _make_portrait(path: Path, progress: Progress) -> None:
    import skimage.data
    from PIL import Image

    from .portraits.making import make_portrait
    from .portraits.portrait import Consent
    from .portraits.storage import write_portrait

    consent = Consent(_WHO, datetime.now(UTC).isoformat(timespec="seconds"))
    with TemporaryDirectory() as folder:
        photo = Path(folder) / "astronaut.png"
        Image.fromarray(skimage.data.astronaut()).save(photo)  # type: ignore[no-untyped-call]
        write_portrait(make_portrait(photo, consent, progress=progress), path)


def _paint_beside(path: Path, take: Path, portrait: Path, sound: Path, seed: int, progress: Progress) -> None:
    """The preview, and right of it the portrait, performing the take."""
    from .avatars.bodies import avatar_for
    from .renderers.following import filmed
    from .renderers.paint import paint_shot
    from .renderers.preview import render_views

    played = read_take(take)
    avatar = avatar_for(played.request.body)
    views = render_views(avatar, played.motion, [filmed(avatar, played.motion, (_SIDE, _SIDE), "face")])
    with closing(views):
        beside: Callable[[int], Picture] = lambda frame: next(views)[0]  # noqa: E731
        paint_shot([path], take, portrait, Painting(longest=_SIDE, seed=seed), sound, progress, beside=beside)
