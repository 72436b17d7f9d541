"""Options that several commands have, and what they mean."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from ..errors import InputError
from ..request import Body

if TYPE_CHECKING:
    from ..console import Bars

Out = Annotated[Path | None, typer.Option("-o", "--output", help="The file or folder to write.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Language = Annotated[str, typer.Option(help="An espeak-ng language code: en, de, fr, ja, pt-br, …")]
Fps = Annotated[float, typer.Option(help="Frames per second of the curves.")]
Seed = Annotated[int, typer.Option(help="Another seed, another take of the same line.")]
Dial = Annotated[float, typer.Option(min=0, max=2, help="0 none, 1 an ordinary speaker, 2 a lot.")]
BodySliders = Annotated[
    list[str] | None,
    typer.Option(
        "--body",
        help="A model or person of yours (`vlogger models list`), or a slider of the built-in avatar, NAME=0..1. "
        f"Names: {', '.join(f.name for f in fields(Body))}.",
    ),
]
FigureName = Annotated[
    str | None,
    typer.Option("--body", help="A model or person of yours (`vlogger models list`), in place of the built-in avatar."),
]

_LONGEST_TEXT = 10_000_000
"""Bytes; a day of speech is about one million."""


def text_of(text: str | None, text_file: Path | None) -> str | None:
    """What is said, by `--text` or `--text-file`."""
    if text_file is None:
        return text
    if text is not None:
        raise InputError("Both --text and --text-file are given; leave one of them out.")
    if text_file.exists() and not text_file.is_file():
        raise InputError(f"{text_file} is not a text file; give a file with what is said.")
    try:
        if text_file.stat().st_size > _LONGEST_TEXT:
            raise InputError(f"{text_file} is too large to be what is said; give a file of at most 10 MB.")
        return text_file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{text_file} is not UTF-8 text; save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{text_file} can't be read: {error.strerror}. Check the path of the text.") from error


def body_of(sliders: list[str] | None, default: Any = Body()) -> Any:  # noqa: B008 (frozen)
    """The body of `--body NAME=VALUE …`, or the name of `--body MODEL`; `default` if none is given."""
    if not sliders:
        return default
    if len(sliders) == 1 and "=" not in sliders[0] and sliders[0] not in {f.name for f in fields(Body)}:
        return _model(sliders[0])
    values = {}
    known = [f.name for f in fields(Body)]
    for slider in sliders:
        name, _, value = slider.partition("=")
        try:
            values[name.strip()] = float(value)
        except ValueError:
            name = ""
        if name.strip() not in known:
            raise InputError(
                f"--body {slider} is not understood; write NAME=VALUE with NAME one of {', '.join(known)}."
            )
    return Body(**values)


def _model(name: str) -> str:
    from ..avatars.licensed.shelf import find

    find(name)
    return name


def bars(quiet: bool) -> Bars:
    from ..console import Bars, open_console

    return Bars(open_console(), quiet)


def made(path: Path, quiet: bool, as_json: bool) -> None:
    """Say which file was made."""
    if as_json:
        typer.echo(json.dumps({"file": str(path)}, ensure_ascii=False))
    if not quiet:
        print(path, file=sys.stderr)


class Ended(Protocol):
    """What came of one thing of several."""

    @property
    def exit_code(self) -> int: ...
    @property
    def trace(self) -> str: ...


def end(results: Iterable[Ended], debug: bool) -> None:
    """End with the worst exit code of several things, which have told what failed; `debug` adds the traces."""
    codes = set()
    for result in results:
        if debug and result.trace:
            print(result.trace, file=sys.stderr)
        codes.add(result.exit_code)
    if codes - {0}:
        raise typer.Exit(1 if 1 in codes else 2)
