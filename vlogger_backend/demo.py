"""The main job on a built-in line, for a first look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .animate import Animator
from .batch.sounds import Result, run_batch
from .request import Body, Request

if TYPE_CHECKING:
    from rich.console import Console

LINE = (
    "Hello! A moment ago, I was only a sound file. "
    "Now every word, every blink and every gesture is a curve that you can edit."
)


def run_demo(folder: Path, seed: int, fps: float, body: Body, console: Console, quiet: bool = False) -> Result:
    """Speak `LINE`, animate it, and leave take, .fbx, .glb, video and picture in `folder`.

    Raises InputError if the folder can't be written.
    """
    from .speech.voice import say

    sound = folder / "hello.wav"
    say(LINE, sound, voice="female" if body.gender > 0.5 else "male")
    request = Request(str(sound.absolute()), LINE, fps=fps, seed=seed, body=body)
    [result] = run_batch(Animator(), [request], [folder / "hello.npz"], everything=True, console=console, quiet=quiet)
    if not quiet and not result.error:
        console.print(
            "\nWatch [bold]hello.mp4[/bold], look at [bold]hello.png[/bold], "
            "and import [bold]hello.fbx[/bold] or [bold]hello.glb[/bold] into Blender, Unity, Unreal or Godot.\n"
            "Your own sound: vlogger animate my.wav --all",
        )
    return result
