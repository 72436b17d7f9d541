"""`vlogger doctor`."""

from __future__ import annotations

import json

import typer

from .options import Json


def doctor(as_json: Json = False) -> None:
    """What this installation can do, what is missing, and what that costs."""
    from ..console import open_console
    from ..doctor import examine, show

    findings = examine()
    if as_json:
        typer.echo(json.dumps([finding.to_json() for finding in findings], indent=1))
    else:
        show(findings, open_console())
    if not all(finding.fine for finding in findings if finding.needed):
        raise typer.Exit(2)
