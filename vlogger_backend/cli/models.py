"""`vlogger models`: files of SMPL-X, SMPL-H and FLAME that the user has, and persons on them."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .options import Json, Quiet, bars

if TYPE_CHECKING:
    from ..avatars.licensed.body_model import BodyModel, LandmarkEmbedding
    from ..avatars.licensed.shelf import Person, Registered
    from ..persons import FittedPerson

models = typer.Typer(
    help="Body models of yours: SMPL-X, SMPL-H and FLAME files, which are licensed and not part of vlogger.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(help="The name of a model or person, as `vlogger models list` shows it.")]


@models.command()
def add(
    file: Annotated[Path, typer.Argument(help="A model's file from its makers: .npz or .pkl.")],
    name: Annotated[str | None, typer.Option(help="What to call it (made of what it is).")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check a model's file and remember where it is. It is never copied, and no program in it is run."""
    from ..avatars.licensed import shelf

    entry = shelf.add(file, name, _seen)
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
    """Show the models that are registered, and whether their files are still there; and the persons on them."""
    from ..avatars.licensed import shelf

    entries, people = shelf.registered(), shelf.persons()
    if as_json:
        told = [*map(_told, entries), *map(_told_of, people)]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    if not entries:
        from ..avatars.licensed.makers import NO_MODEL

        print(f"No body model is registered. {NO_MODEL}", file=sys.stderr)
    width = max(map(len, (*(entry.name for entry in entries), *(person.name for person in people))), default=0)
    for entry in entries:
        state = {"there": "", "moved": "  (no longer there)", "changed": "  (has changed)"}[entry.state]
        typer.echo(f"{entry.name:<{width}}  {entry.title}, {_parts(entry)}  {entry.path}{state}")
    for person in people:
        typer.echo(f"{person.name:<{width}}  on {person.model}, {_off(person)}  {person.source}")


@models.command()
def remove(name: Name, quiet: Quiet = False) -> None:
    """Forget a model or a person. Files are left alone."""
    from ..avatars.licensed import shelf

    gone = shelf.remove(name)
    if not quiet:
        path = gone.source if isinstance(gone, shelf.Person) else gone.path
        print(f"{name} is forgotten; this file is untouched: {path}", file=sys.stderr)


@models.command()
def fit(
    model: Annotated[str, typer.Argument(help="The name of a model, as `vlogger models list` shows it.")],
    source: Annotated[
        Path,
        typer.Argument(
            help="Who it is to be: a .portrait, or a mesh (.obj, .ply, .stl, .glb): the model's own in any pose, a "
            "scan of a head or bust, or of a whole body with its arms apart."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="What to call the person (by default as the file).")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the betas to this .npz too, for the smplx library.")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find a person's identity components (betas) on a model. `--body NAME` is then that person."""
    from ..avatars.licensed import shelf
    from ..files import check_writable
    from ..persons import fit_person

    if output is not None:
        if output.suffix.lower() != ".npz":
            raise InputError(f"{output} can't be written: betas are an .npz; give a name that ends in .npz.")
        check_writable(output)
    called = name or re.sub(r"[^A-Za-z0-9._-]+", "-", source.stem).strip("-._")[:64] or "person"
    shelf.check_free(called, str(source.resolve()))
    if shelf.find_person(model):
        raise InputError(f"{model} is a person; name the model: {shelf.find(model).name}.")
    entry = shelf.find(model)
    with bars(quiet) as progress:
        found = fit_person(model, source, progress)
    person = shelf.Person(
        called, entry.name, entry.sha256, tuple(found.betas.tolist()), str(source.resolve()), found.mean, found.worst
    )
    shelf.add_person(person)
    if output is not None:
        _write_betas(output, found, entry.kind)
    if as_json:
        typer.echo(json.dumps({**_told_of(person), "betas": person.betas, "unit": found.unit}, ensure_ascii=False))
    if not quiet:
        unit = f" The mesh is taken to be in {found.unit}." if found.unit else ""
        print(f"{called}: on {entry.name}, {_off(person)}.{unit} Use it with --body {called}", file=sys.stderr)


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
    from ..avatars.licensed.as_avatar import load_licensed
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
        write_shape_pictures(path, load_avatar(), load_licensed(name), solution, progress)
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


def _seen(model: BodyModel) -> LandmarkEmbedding | None:
    """The landmarks of a face that has none; where no picture of it can be drawn, none."""
    from ..persons import landmarks_seen

    try:
        return landmarks_seen(model)
    except InputError:
        return None


def _write_betas(path: Path, found: FittedPerson, kind: str) -> None:
    import numpy as np

    from ..files import write_npz

    arrays = {"betas": found.betas[None].astype(np.float32), "model_type": np.array(kind)}
    write_npz(path, arrays | ({"gender": np.array(found.gender)} if found.gender else {}))


def _off(person: Person) -> str:
    return (
        f"{1000 * person.mean:.1f} mm off (95 %: {1000 * person.worst:.1f} mm), at most {person.unusual:.1f} standard "
        "deviations from the average"
    )


def _told_of(person: Person) -> dict[str, Any]:
    return {
        "name": person.name, "kind": "person", "model": person.model, "source": person.source,
        "mean_mm": round(1000 * person.mean, 3), "worst_mm": round(1000 * person.worst, 3),
        "unusual": round(person.unusual, 3),
    }  # fmt: skip


def _parts(entry: Registered) -> str:
    expression = f" and {entry.expression} of expression" if entry.expression else ""
    landmarks = ", without landmarks of the face" if entry.kind != "smplh" and not entry.landmarks else ""
    return f"{entry.identity} components of identity{expression}{landmarks}"


def _told(entry: Registered) -> dict[str, Any]:
    source = entry.source
    told = {name: value for name, value in asdict(entry).items() if name != "seen"}
    return {**told, "state": entry.state, "licence": source.licence, "terms": source.terms}
