"""`vlogger speech` and `vlogger say`: hearing a sound, and speaking one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .options import Json, Language, Quiet, bars, made, text_of


def speech(
    audio: Annotated[Path, typer.Argument(help="A sound or video file.")],
    text: Annotated[str | None, typer.Option(help="What is said.")] = None,
    text_file: Annotated[Path | None, typer.Option(help="A text file (UTF-8) with what is said.")] = None,
    language: Language = "en",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """What is heard in a sound: phones, words, times and accents (with --json also loudness, pitch and emphasis)."""
    from ..speech.listen import Listener, to_json

    with bars(quiet) as progress:
        heard = Listener().listen(audio, text_of(text, text_file), language, progress)
    if as_json:
        typer.echo(json.dumps(to_json(heard, tracks=True), ensure_ascii=False))
        return
    for phone in heard.phones:
        word = heard.words[phone.word].text if phone.word >= 0 else ""
        typer.echo(f"{phone.start:8.2f} {phone.end:8.2f}  {phone.symbol or '·':<4} {word}")


def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .wav to write.")],
    language: Language = "en",
    voice: Annotated[str, typer.Option(help="female or male")] = "female",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Speak a text with the offline voice (espeak-ng), for a first pass before the actor is recorded."""
    from ..speech.voice import say as speak

    if output.suffix.lower() != ".wav":
        raise InputError(f"{output} can't be spoken into: the voice writes .wav; give a name that ends so.")
    speak(text, output, language, voice)
    made(output, quiet, as_json)
