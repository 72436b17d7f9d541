"""`vlogger preview` and `vlogger export`: what is made of a take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .options import BodySliders, Json, Out, Quiet, bars, body_of, made


def preview(
    take: Annotated[Path, typer.Argument(help="A take (.npz).")],
    output: Out = None,
    audio: Annotated[Path | None, typer.Option(help="The sound, if it is no longer where it was.")] = None,
    body: BodySliders = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Render a take on the built-in avatar: a video with sound (.mp4), or a picture of the whole line (.png)."""
    from ..products import PREVIEWS

    path = output or take.with_suffix(".mp4")
    if path.suffix.lower() not in PREVIEWS:
        raise InputError(f"{path} is neither .mp4 nor .png; a preview is one of them.")
    _produce(path, take, audio, body, quiet, as_json)


def export(
    take: Annotated[Path, typer.Argument(help="A take (.npz).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="x.fbx, x.glb or x.npz")],
    body: BodySliders = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Export a take: the animated character as .fbx or .glb, or the curves alone as .npz."""
    from ..exports.export import SUFFIXES

    if output.suffix.lower() not in SUFFIXES:
        raise InputError(f"{output} can't be exported: the name must end in .fbx, .glb or .npz.")
    _produce(output, take, None, body, quiet, as_json)


def _produce(path: Path, take: Path, audio: Path | None, sliders: list[str] | None, quiet: bool, as_json: bool) -> None:
    from ..motion.take import read_take
    from ..products import write_product

    with bars(quiet) as progress:
        write_product(path, read_take(take), take, audio, body_of(sliders, None), progress)
    made(path, quiet, as_json)
