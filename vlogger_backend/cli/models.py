"""`vlogger models`: files of SMPL-X, SMPL-H and FLAME that the user has."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .options import Json, Quiet, bars

if TYPE_CHECKING:
    from ..avatars.licensed.shelf import Registered

models = typer.Typer(
    help="Body models of yours: SMPL-X, SMPL-H and FLAME files, which are licensed and not part of vlogger.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="The model's name, as `vlogger models list` shows it.")]


@models.command()
def add(
    file: Annotated[Path, typer.Argument(help="A model's file from its makers: .npz or .pkl.")],
    name: Annotated[str | None, typer.Option(help="What to call it (made of what it is).")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check a model's file and remember where it is. It is never copied, and no program in it is run."""
    from ..avatars.licensed import shelf

    entry = shelf.add(file, name)
    if as_json:
        typer.echo(json.dumps(_told(entry), ensure_ascii=False))
    if not quiet:
        source = entry.source
        print(
            f"{entry.name}: {entry.title}, {_parts(entry)}.\n"
            f"{source.name} is licensed {source.licence} ({source.terms}).\n"
            f"The file stays where it is: {entry.path}",
            file=sys.stderr,
        )


@models.command("list")
def list_(as_json: Json = False) -> None:
    """Show the models that are registered, and whether their files are still there."""
    from ..avatars.licensed import shelf

    entries = shelf.registered()
    if as_json:
        typer.echo(json.dumps([_told(entry) for entry in entries], ensure_ascii=False, indent=1))
        return
    if not entries:
        from ..avatars.licensed.makers import NO_MODEL

        print(f"No body model is registered. {NO_MODEL}", file=sys.stderr)
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        state = {"there": "", "moved": "  (no longer there)", "changed": "  (has changed)"}[entry.state]
        typer.echo(f"{entry.name:<{width}}  {entry.title}, {_parts(entry)}  {entry.path}{state}")


@models.command()
def remove(name: Name, quiet: Quiet = False) -> None:
    """Forget a model. Its file is left alone."""
    from ..avatars.licensed import shelf

    entry = shelf.remove(name)
    if not quiet:
        print(f"{name} is forgotten; its file is untouched: {entry.path}", file=sys.stderr)


@models.command()
def check(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The picture to write, a PNG (NAME-shapes.png).")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show how well a model does the 52 ARKit shapes: how far each is off, and a picture of all, beside the built-in
    avatar's. The first time, all that is needed of the model is found out, which takes up to a minute, and kept."""
    from ..avatars.library import load_avatar
    from ..avatars.licensed import shelf
    from ..avatars.licensed.as_avatar import avatar_of
    from ..avatars.licensed.preparing import prepared
    from ..files import check_writable
    from ..motion.names import ARKIT_NAMES
    from ..renderers.shape_pictures import write_shape_pictures

    path = output or Path(f"{name}-shapes.png")
    if path.suffix.lower() != ".png":
        raise InputError(f"{path} can't be written: the picture is a PNG; give a name that ends in .png.")
    check_writable(path)
    with bars(quiet) as progress:
        solution = prepared(name, progress).solution
        write_shape_pictures(path, load_avatar(), avatar_of(shelf.open_model(name), solution), solution, progress)
    rows = [
        {
            "shape": shape,
            "mean_mm": round(1000 * mean, 3),
            "worst_mm": round(1000 * worst, 3),
            "moves_mm": round(far, 2),
        }
        for shape, mean, worst, far in zip(
            ARKIT_NAMES, solution.mean.tolist(), solution.worst.tolist(), (1000 * solution.moved).tolist(), strict=True
        )
    ]
    if as_json:
        typer.echo(json.dumps({"model": name, "picture": str(path), "shapes": rows}, ensure_ascii=False))
        return
    typer.echo(f"{'shape':<20} off on average   at most   moves by   (mm)")
    for row in rows:
        typer.echo(f"{row['shape']:<20} {row['mean_mm']:14.2f} {row['worst_mm']:9.2f} {row['moves_mm']:10.2f}")
    if not quiet:
        print(f"The picture: {path}", file=sys.stderr)


def _parts(entry: Registered) -> str:
    expression = f" and {entry.expression} of expression" if entry.expression else ""
    landmarks = ", without landmarks of the face" if entry.kind != "smplh" and not entry.landmarks else ""
    return f"{entry.identity} components of identity{expression}{landmarks}"


def _told(entry: Registered) -> dict[str, Any]:
    source = entry.source
    return {**asdict(entry), "state": entry.state, "licence": source.licence, "terms": source.terms}
