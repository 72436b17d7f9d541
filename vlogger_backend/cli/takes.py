"""`vlogger preview`, `export` and `import`: what is made of a take, and takes that others recorded."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ..errors import InputError
from .options import BodySliders, Json, Out, Quiet, bars, body_of, made

if TYPE_CHECKING:
    from ..motion.take import Take


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

    if take.is_dir():
        raise InputError(f"{take} is not a take but a folder; name a .npz file.")
    path = output or take.with_suffix(".mp4")
    if path.suffix.lower() not in PREVIEWS:
        raise InputError(f"{path} is neither .mp4 nor .png; a preview is one of them.")
    _produce(path, take, audio, body, quiet, as_json)


def export(
    take: Annotated[Path, typer.Argument(help="A take (.npz).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="x.fbx, x.glb or x.npz")],
    body: BodySliders = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--as", help="For an .npz, whose layout: amass, smplx, beat2, flame, or same: of the file it was read from."
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Export a take: the animated character as .fbx or .glb, or the curves alone as .npz."""
    if form is not None:
        _write_as(output, take, form, body, quiet)
        made(output, quiet, as_json)
        return
    from ..exports.export import SUFFIXES

    if output.suffix.lower() not in SUFFIXES:
        raise InputError(f"{output} can't be exported: the name must end in .fbx, .glb or .npz.")
    _produce(output, take, None, body, quiet, as_json)


def import_(
    file: Annotated[Path, typer.Argument(help="A sequence (.npz) of AMASS, SMPL-X, BEAT2 or FLAME.")],
    output: Out = None,
    fps: Annotated[float, typer.Option(min=1, max=1000, help="Frames per second, if the file doesn't say.")] = 30.0,
    audio: Annotated[Path | None, typer.Option(help="Its sound (looked for beside it, as NAME.wav).")] = None,
    body: Annotated[
        str | None,
        typer.Option(help="A model of yours (`vlogger models list`), of which its expression becomes ARKit weights."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn a sequence that others recorded into a take. `vlogger export TAKE -o FILE.npz --as same` is the way back."""
    from ..motion.sequences import read_sequence
    from ..motion.take import save_take

    if file.is_dir():
        raise InputError(f"{file} is a folder; name the sequence's file in it.")
    path = output or file.with_name(f"{file.stem}-take.npz")
    if path.suffix.lower() != ".npz":
        raise InputError(f"{path} is no name for a take; give one that ends in .npz.")
    if path.resolve() == file.resolve():
        raise InputError(f"{path} is the sequence itself; give another name for the take, with -o.")
    read = read_sequence(file, fps, audio)
    if body is not None:
        from ..avatars.licensed.faces import with_weights

        with bars(quiet) as progress:
            read = with_weights(read, body, progress)
    save_take(path, read)
    made(path, quiet, as_json)


def _write_as(path: Path, take: Path, form: str, body: list[str] | None, quiet: bool) -> None:
    from ..motion.sequences import FORMS, Form, write_sequence
    from ..motion.take import read_take

    if path.suffix.lower() != ".npz":
        raise InputError(f"{path} can't be written with --as: the name must end in .npz.")
    if form not in FORMS:
        raise InputError(f"--as {form} is not known; it is one of {', '.join(FORMS)}.")
    if body and (len(body) > 1 or "=" in body[0] or form == "same"):
        raise InputError(
            "With --as, --body is one model of yours, whose expression the face becomes; `vlogger models list` has "
            "their names. A file that stays the same takes none."
        )
    read = read_take(take)
    if form not in ("same", "amass"):  # which has no face
        read = _with_face_of(read, take, form == "flame", body[0] if body else "", quiet)
    write_sequence(path, read, cast(Form, form))


def _with_face_of(read: Take, path: Path, flame: bool, body: str, quiet: bool) -> Take:
    """The take with the expression of the model `body`, or with what it has, if that is of this kind of model."""
    from ..avatars.licensed import shelf
    from ..avatars.licensed.faces import is_of_flame, with_expression

    kind = "FLAME" if flame else "SMPL-X"
    if body:
        if ((entry := shelf.find(body)).kind == "flame") != flame:
            raise InputError(
                f"{body} is {entry.title}, and the file is to have {kind}'s face; give a model of that kind."
            )
        with bars(quiet) as progress:
            return replace(read, motion=with_expression(read.motion, body, progress))
    if is_of_flame(read) in (flame, None):
        return read
    if not quiet:
        print(
            f"The expression in {path} is not of {kind}, so it is left out; --body MODEL makes it one of yours.",
            file=sys.stderr,
        )
    return replace(read, motion=replace(read.motion, expression=read.motion.expression[:, :0]))


def _produce(path: Path, take: Path, audio: Path | None, sliders: list[str] | None, quiet: bool, as_json: bool) -> None:
    from ..motion.take import read_take
    from ..products import write_product

    with bars(quiet) as progress:
        write_product(path, read_take(take), take, audio, body_of(sliders, None), progress)
    made(path, quiet, as_json)
