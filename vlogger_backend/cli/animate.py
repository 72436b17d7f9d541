"""`vlogger animate` and `vlogger demo`: sounds become takes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from ..request import Request, Style
from .options import BodySliders, Dial, Fps, Json, Language, Out, Quiet, Seed, body_of, end, text_of


def animate(
    context: typer.Context,
    audio: Annotated[list[str], typer.Argument(help="Sound or video files, one take each.")],
    text: Annotated[str | None, typer.Option(help="What is said; the lips follow it exactly.")] = None,
    text_file: Annotated[Path | None, typer.Option(help="A text file (UTF-8) with what is said.")] = None,
    language: Language = "en",
    fps: Fps = 30.0,
    seed: Seed = 0,
    output: Out = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also the .fbx, the .glb, the preview video and the picture, as the demo does."),
    ] = False,
    energy: Dial = 1.0,
    gesture: Dial = 1.0,
    head: Dial = 1.0,
    gaze: Dial = 1.0,
    blink: Dial = 1.0,
    body: BodySliders = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn sounds into takes: animation curves for face, head, eyes, body and hands."""
    from ..animate import Animator
    from ..batch.sounds import run_batch, take_paths
    from ..console import open_console

    words = text_of(text, text_file)
    if words is not None and len(audio) > 1:
        raise InputError(
            f"One text can't be what is said in {len(audio)} sounds; animate them one by one, or without text."
        )
    style = Style(energy=energy, gesture=gesture, head=head, gaze=gaze, blink=blink)
    requests = [Request(os.path.abspath(sound), words, language, fps, seed, style, body_of(body)) for sound in audio]
    results = run_batch(Animator(), requests, take_paths(requests, output), everything, open_console(), quiet)
    if as_json:
        typer.echo(json.dumps([result.to_json() for result in results], indent=1, ensure_ascii=False))
    end(results, debug=context.obj)


def demo(
    context: typer.Context,
    output: Out = None,
    seed: Seed = 0,
    fps: Fps = 30.0,
    body: BodySliders = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """The main job on a built-in line: take, .fbx, .glb, preview, picture and the shot of a photo, in one folder."""
    from ..console import open_console
    from ..demo import BODY, run_demo

    result = run_demo(output or Path("vlogger-demo"), seed, fps, body_of(body, BODY), open_console(), quiet)
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=1, ensure_ascii=False))
    end([result], debug=context.obj)
