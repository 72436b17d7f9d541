"""`vlogger controls`: the control images of a take, for other renderers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .options import FigureName, Json, Quiet, bars, made

if TYPE_CHECKING:
    from ..camera import Camera
    from ..portraits.portrait import Portrait


def controls(
    take: Annotated[Path, typer.Argument(help="A take (.npz).")],
    portrait: Annotated[Path, typer.Option(help="Who performs it (.portrait).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write to: a folder for each kind.")],
    camera: Annotated[
        str, typer.Option(help="photo: where the photo was taken from; face or body: straight before it.")
    ] = "photo",
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT in pixels.")] = "512x512",
    body: FigureName = None,
    kinds: Annotated[str | None, typer.Option(help="Some of the kinds, by commas (all).")] = None,
    first: Annotated[int, typer.Option("--from", help="The first frame, counted from 0.")] = 0,
    last: Annotated[int | None, typer.Option("--to", help="The last frame (the take's).")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a take's control images as sequences: coordinates, parts, normals, depth, the warped photo, and what
    ControlNets for Stable Diffusion 1.5 expect."""
    from ..motion.take import read_take
    from ..portraits.storage import read_portrait
    from ..renderers.control_files import write_controls
    from ..renderers.figure import figure_of
    from ..renderers.renderer import Scene

    shown = _size(size)
    motion = read_take(take).motion
    end = len(motion) - 1 if last is None else last
    if not 0 <= first <= end < len(motion):
        raise InputError(f"{take} has no frames {first} to {end}; it has {len(motion)}, counted from 0.")
    person = read_portrait(portrait)
    scene = Scene(person, motion, _camera(camera, shown, person), first, end)
    chosen = None if kinds is None else [kind.strip() for kind in kinds.split(",") if kind.strip()]
    with bars(quiet) as progress:
        if body is not None:
            scene = replace(scene, figure=figure_of(person, body, progress))
        write_controls(output, scene, chosen, progress)
    made(output, quiet, as_json)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(text) < 12):
        raise InputError(f"--size {text} is not understood; write WIDTHxHEIGHT, such as 512x512.")
    return int(width), int(height)


def _camera(name: str, size: tuple[int, int], person: Portrait) -> Camera:
    from ..avatars.library import load_avatar
    from ..camera import framing
    from ..renderers.controls import photo_camera

    if name == "photo":
        return photo_camera(person.fit.camera, size)
    if name == "face":
        return framing(load_avatar(), size, "face")
    if name == "body":
        return framing(load_avatar(), size, "body")
    raise InputError(f"--camera {name} is not understood; it is photo, face or body.")
