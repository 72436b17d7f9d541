"""`vlogger render`: a portrait performs a take."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .options import FigureName, Json, Quiet, bars

if TYPE_CHECKING:
    from ..camera import Camera
    from ..painting import Move


def render(
    take: Annotated[Path, typer.Argument(help="A take (.npz).")],
    portrait: Annotated[Path, typer.Option(help="Who performs it (.portrait).")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="An .mp4 (TAKE-shot.mp4), a .png or .exr of one frame, a folder for PNGs, or a name with #### for a "
            "sequence.",
        ),
    ] = None,
    renderer: Annotated[str, typer.Option(help="builtin, warp, one of your own, or a .toml that describes one.")] = (
        "builtin"
    ),
    size: Annotated[int | None, typer.Option(help="Pixels of the longer side (the photo's, 512 to 1024).")] = None,
    camera: Annotated[
        str | None, typer.Option(help="dolly, orbit, handheld, or a JSON file of a camera (the photo's, still).")
    ] = None,
    background: Annotated[
        str, typer.Option(help="photo, none (alpha), a colour as #rrggbb, or a picture or video.")
    ] = "photo",
    body: FigureName = None,
    audio: Annotated[Path | None, typer.Option(help="The sound, if it is no longer where it was.")] = None,
    first: Annotated[int, typer.Option("--from", min=0, help="The first frame, counted from 0.")] = 0,
    last: Annotated[int | None, typer.Option("--to", min=0, help="The last frame (the take's).")] = None,
    seed: Annotated[int, typer.Option(help="Of what is painted, and of the camera's hand.")] = 0,
    no_mark: Annotated[
        bool, typer.Option("--no-mark", help="No invisible mark in the pixels; the credentials will say so.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Paint a take performed by the person of a portrait: a video with sound, or frames with alpha.

    What was painted before Ctrl-C is kept beside the output: the same command goes on from there.
    """
    from ..painting import Painting
    from ..products import sound_if_there
    from ..renderers.paint import paint_shot

    path = output or take.with_name(f"{take.stem}-shot.mp4")
    painting = Painting(renderer, _camera(camera), size, background, seed, first, last, not no_mark, body)
    sound, complaint = sound_if_there(take, audio) if path.suffix.lower() == ".mp4" else (None, "")
    with bars(quiet) as progress:
        painted = paint_shot([path], take, portrait, painting, sound, progress)
    if as_json:
        told = {"file": str(path), "frames": painted.frames, "kept": painted.kept, "sound": sound and str(sound)}
        told["remark"] = painted.remark
        typer.echo(json.dumps(told, ensure_ascii=False))
    if not quiet:
        before = f", {painted.kept} of them painted before" if painted.kept else ""
        print(f"{path}  {painted.frames} frames{before}", file=sys.stderr)
    for remark in filter(None, (painted.remark, complaint)):
        print(remark, file=sys.stderr)


def _camera(said: str | None) -> Camera | Move | None:
    """A move by its name, or what the file says."""
    from ..camera import camera_from_dict
    from ..painting import MOVES

    if said in (None, "photo"):
        return None
    for move in MOVES:
        if said == move:
            return move
    path = Path(said or "")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"--camera {path} is neither {', '.join(MOVES)} nor a file that can be read ({error.strerror})."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON, so it can't be a camera; see docs/service.md for one.") from error
    if not isinstance(data, dict):
        raise InputError(f"{path} is no camera; see docs/service.md for one.")
    return camera_from_dict(data)
