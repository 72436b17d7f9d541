"""`vlogger serve`."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer


def serve(
    context: typer.Context,
    library: Annotated[
        Path | None, typer.Option(help="The folder of jobs and results; .vlogger in your home, or VLOGGER_LIBRARY.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen at; others than this machine's own need TLS.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 0,
    quota: Annotated[
        float | None, typer.Option(min=0.1, help="Gigabytes that results and uploads may take; 20 if not given.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="A PEM file with the certificate, for TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="A PEM file with its private key.")] = None,
    stay_with_stdin: Annotated[
        bool,
        typer.Option("--stay-with-stdin", help="End when standard input is closed."),
    ] = False,
    install: Annotated[
        bool, typer.Option("--install", help="Start now and whenever you log in, with these options.")
    ] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Undo --install; the library stays.")] = False,
) -> None:
    """Work on jobs for Blender and other programs, over HTTP, until Ctrl-C."""
    if uninstall:
        from ..service.install import uninstall as undo

        typer.echo(undo())
        return
    from ..service.serve import Serving
    from ..service.serve import serve as run

    serving = Serving(library, host, port, certificate=certificate, key=key, stay_with_stdin=stay_with_stdin)
    if quota is not None:
        serving = replace(serving, quota=round(quota * 1e9))
    if install:
        from ..service.install import install as start_by_itself

        typer.echo(start_by_itself(serving.arguments()))
        return
    level = logging.DEBUG if context.obj else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(serving)
