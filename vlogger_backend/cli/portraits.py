"""`vlogger portrait`: a photo of a person becomes a portrait."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .options import Json, Quiet, bars


def portrait(
    photo: Annotated[Path, typer.Argument(help="A photo of a person: JPEG, PNG or WebP.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The .portrait to write (beside the photo).")
    ] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="Affirm that the person is you, or has agreed; it is stored with it.")
    ] = False,
    face: Annotated[
        int | None, typer.Option("--face", min=1, help="Which face is meant, counted from the left.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="The picture of the fit, a PNG (beside the portrait, NAME-fit.png).")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit a photo of a person, so that they can perform a take. A picture shows the fit."""
    from ..files import check_writable
    from ..portraits.judging import SeveralPeopleError
    from ..portraits.making import AFFIRMED, affirmed_now, make_portrait
    from ..portraits.sheet import write_sheet
    from ..portraits.storage import SUFFIX, write_portrait

    if not consent:
        raise InputError(
            f'No portrait is made without consent; add --consent to affirm, and store with it: "{AFFIRMED}"'
        )
    path = output or photo.with_suffix(SUFFIX)
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"{path} is no name for a portrait; give one that ends in {SUFFIX}.")
    sheet = picture or path.with_name(f"{path.stem}-fit.png")
    if sheet.suffix.lower() != ".png":
        raise InputError(f"{sheet} can't be written: the picture of the fit is a PNG; give a name that ends in .png.")
    if sheet.exists() and photo.exists() and sheet.samefile(photo):
        raise InputError(f"{sheet} is the photo itself; give another name for the picture of the fit.")
    for file in (path, sheet):
        check_writable(file)
    with bars(quiet) as progress:
        try:
            made = make_portrait(photo, affirmed_now(), face, progress)
        except SeveralPeopleError as several:
            raise InputError(f"{str(several).rstrip('.')}, with --face.") from several
        write_portrait(made, path)
        write_sheet(made, sheet)
    error = made.fit.error
    if as_json:
        told = {"file": str(path), "picture": str(sheet), "error": asdict(error), "consent": asdict(made.consent)}
        typer.echo(json.dumps(told, ensure_ascii=False))
    if not quiet:
        print(
            f"{path}\n{sheet}\nThe fit is {error.mean:.1f} pixels off on average, {error.worst:.1f} at worst, with the "
            f"eyes {error.between_eyes:.0f} apart.",
            file=sys.stderr,
        )
