"""The `vlogger` command: thin. It reads options, calls the engine, and says what came of it. One module a family
of commands; `main` registers and runs them.

Exit codes: 0 done, 2 something that the user can mend (or Ctrl-C), 1 our own fault.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from .. import __version__
from ..errors import InputError
from .animate import animate, demo
from .batch import batch
from .controls import controls
from .doctor import doctor
from .extension import extension
from .models import models
from .portraits import portrait
from .render import render
from .serve import serve
from .sounds import say, speech
from .takes import export, import_, preview
from .verify import verify

app = typer.Typer(
    help="Speech in, editable character animation out: face, lips, eyes, head, body and hands. Offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Every command takes --debug, which shows the trace of an error.",
)
for _command in (animate, batch, demo, preview, export, portrait, render, controls, verify, speech, say, serve, doctor):
    app.command()(_command)
app.command("import")(import_)
app.add_typer(extension, name="extension")
app.add_typer(models, name="models")


def _version(show: bool) -> None:
    if show:
        typer.echo(f"vlogger {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None: ...


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: runs the command and ends the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    sys.exit(_run([a for a in given if a != "--debug"], debug))


def _run(arguments: list[str], debug: bool) -> int:
    from ..console import interrupted, watching_interruptions

    with watching_interruptions():
        code = _run_watched(arguments, debug)
        if interrupted():
            return _fail("Stopped. What was finished is kept, and nothing is half-written.", 2, debug)
        return code


def _run_watched(arguments: list[str], debug: bool) -> int:
    from ..console import interrupted

    try:
        app(arguments, prog_name="vlogger", obj=debug)
    except SystemExit as end:  # typer ends so, its own complaints about options included
        return end.code if isinstance(end.code, int) else 0
    except InputError as error:
        return 2 if interrupted() else _fail(str(error), 2, debug)
    except Exception as error:
        if interrupted():  # a library's last words
            return 2
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return _fail(f"vlogger itself failed ({reason}). Run it again with --debug and report what it says.", 1, debug)
    return 0


def _fail(sentence: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    shown = (letter if letter.isprintable() or letter == "\n" else " " for letter in sentence)
    print("".join(shown), file=sys.stderr)
    return code
