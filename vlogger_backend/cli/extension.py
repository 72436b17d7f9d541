"""`vlogger extension`: the add-on for Blender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Json, Quiet, made

extension = typer.Typer(help="The add-on for Blender.", no_args_is_help=True)


@extension.command()
def build(
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")] = Path("vlogger-extension"),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the add-on as one zip that Blender installs, in a folder that serves as an extension repository."""
    from ..extension import build_extension

    made(build_extension(output), quiet, as_json)
