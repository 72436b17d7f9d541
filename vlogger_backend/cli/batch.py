"""`vlogger batch`: a table of lines becomes takes, on this machine or a cluster."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from .options import Json, Quiet, end

if TYPE_CHECKING:
    from ..batch.run import Maker


def batch(
    context: typer.Context,
    table: Annotated[
        Path,
        typer.Argument(
            metavar="LINES.csv",
            help="Columns audio, text, language, character, body, style, output, seed, fps; audio or text is enough.",
        ),
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder to write (LINES-takes).")] = None,
    products: Annotated[
        str, typer.Option(help="What to make beside each take, some of: fbx,glb,mp4,png.", show_default=False)
    ] = "",
    characters: Annotated[
        Path | None, typer.Option(help="A TOML file that describes the characters that the table names.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Lines made at a time (as many as this machine has cores and memory for).")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Make everything anew, also what is unchanged.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the table; make nothing.")] = False,
    cluster: Annotated[bool, typer.Option("--cluster", help="Let Ray run it, on one machine or many.")] = False,
    address: Annotated[
        str | None,
        typer.Option(help="The Ray cluster, HOST:PORT or auto (one is started here); implies --cluster."),
    ] = None,
    gpus: Annotated[
        float, typer.Option(min=0, help="The part of a GPU that Ray keeps for each line.", show_default=False)
    ] = 0.0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make the takes of a whole table of lines; what is there and unchanged stays. A report is written beside them."""
    from ..batch.board import Board
    from ..batch.lines import REPORT_PAGE, read_script
    from ..batch.problems import ProblemsError
    from ..batch.run import run_batch
    from ..console import open_console

    folder = Path(os.path.abspath(output or table.with_name(f"{table.stem}-takes")))
    suffixes = _suffixes(products)
    try:
        script = read_script(table, folder, characters, suffixes)
    except ProblemsError as error:
        if as_json:
            typer.echo(json.dumps({"problems": [p.to_json() for p in error.found]}, indent=1, ensure_ascii=False))
        raise
    console = open_console()
    if not quiet:
        console.print(script.describe(), markup=False, soft_wrap=True)
    if check:
        if as_json:
            typer.echo(json.dumps({"problems": []}))
        return
    maker = _maker(folder, suffixes, workers, cluster or address is not None, address, gpus)
    with Board(console, quiet) as board:
        results = run_batch(script, folder, suffixes, again, maker, board)
    if not quiet:
        console.print(board.summary(folder / REPORT_PAGE), markup=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps([result.to_json() for result in results], indent=1, ensure_ascii=False))
    end(results, debug=context.obj)


def _suffixes(products: str) -> tuple[str, ...]:
    from ..batch.making import PRODUCTS

    chosen = {f".{name.strip().lower().lstrip('.')}" for name in products.split(",") if name.strip()}
    if unknown := sorted(chosen - set(PRODUCTS)):
        names = ",".join(suffix[1:] for suffix in PRODUCTS)
        raise InputError(f"--products {unknown[0][1:]} is unknown; give some of {names}.")
    return tuple(suffix for suffix in PRODUCTS if suffix in chosen)


def _maker(
    folder: Path, products: tuple[str, ...], workers: int | None, cluster: bool, address: str | None, gpus: float
) -> Maker:
    if cluster:
        from ..batch.cluster import make_on_cluster

        return partial(make_on_cluster, address=address, workers=workers, gpus=gpus)
    if gpus:
        raise InputError("--gpus is for Ray; add --cluster, or leave it out.")
    from ..batch.local import make_here, sensible_workers

    return partial(make_here, folder=folder, workers=workers or sensible_workers(products))
