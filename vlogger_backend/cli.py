"""The `vlogger` command: thin. It reads options, calls the engine, and says what came of it.

Exit codes: 0 done, 2 something that the user can mend (or Ctrl-C), 1 our own fault.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .errors import InputError
from .request import Body, Request, Style

if TYPE_CHECKING:
    from rich.console import Console

    from .batch import Result


app = typer.Typer(
    help="Speech in, editable character animation out: face, lips, eyes, head, body and hands. Offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Every command takes --debug, which shows the trace of an error.",
)

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
        "--body", help=f"A slider of the avatar, NAME=0..1. Names: {', '.join(f.name for f in fields(Body))}."
    ),
]

_LONGEST_TEXT = 10_000_000
"""Bytes; a day of speech is about one million."""


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


@app.command()
def animate(
    context: typer.Context,
    audio: Annotated[list[str], typer.Argument(help="Sound or video files, one take each.")],
    text: Annotated[str | None, typer.Option(help="What is said; the lips follow it exactly.")] = None,
    text_file: Annotated[Path | None, typer.Option(help="A text file (UTF-8) with what is said.")] = None,
    language: Language = "en",
    fps: Fps = 30.0,
    seed: Seed = 0,
    output: Out = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also the .fbx, the .glb, the preview video and the picture, as the demo does."),
    ] = False,
    energy: Dial = 1.0,
    gesture: Dial = 1.0,
    head: Dial = 1.0,
    gaze: Dial = 1.0,
    blink: Dial = 1.0,
    body: BodySliders = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn sounds into takes: animation curves for face, head, eyes, body and hands."""
    from .animate import Animator
    from .batch import run_batch, take_paths

    words = _text(text, text_file)
    if words is not None and len(audio) > 1:
        raise InputError(
            f"One text can't be what is said in {len(audio)} sounds; animate them one by one, or without text."
        )
    style = Style(energy=energy, gesture=gesture, head=head, gaze=gaze, blink=blink)
    requests = [Request(os.path.abspath(sound), words, language, fps, seed, style, _body(body)) for sound in audio]
    results = run_batch(Animator(), requests, take_paths(requests, output), everything, _console(), quiet)
    if as_json:
        typer.echo(json.dumps([result.to_json() for result in results], indent=1, ensure_ascii=False))
    _end(results, debug=context.obj)


@app.command()
def demo(
    context: typer.Context,
    output: Out = None,
    seed: Seed = 0,
    fps: Fps = 30.0,
    body: BodySliders = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """The main job on a built-in line: take, .fbx, .glb, preview video and picture in one folder."""
    from .demo import run_demo

    result = run_demo(output or Path("vlogger-demo"), seed, fps, _body(body), _console(), quiet)
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=1, ensure_ascii=False))
    _end([result], debug=context.obj)


@app.command()
def preview(
    take: Annotated[Path, typer.Argument(help="A take (.npz).")],
    output: Out = None,
    audio: Annotated[Path | None, typer.Option(help="The sound, if it is no longer where it was.")] = None,
    body: BodySliders = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Render a take on the built-in avatar: a video with sound (.mp4), or a picture of the whole line (.png)."""
    from .products import PREVIEWS

    path = output or take.with_suffix(".mp4")
    if path.suffix.lower() not in PREVIEWS:
        raise InputError(f"{path} is neither .mp4 nor .png; a preview is one of them.")
    _produce(path, take, audio, body, quiet, as_json)


@app.command()
def export(
    take: Annotated[Path, typer.Argument(help="A take (.npz).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="x.fbx, x.glb or x.npz")],
    body: BodySliders = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Export a take: the animated character as .fbx or .glb, or the curves alone as .npz."""
    from .exports.export import SUFFIXES

    if output.suffix.lower() not in SUFFIXES:
        raise InputError(f"{output} can't be exported: the name must end in .fbx, .glb or .npz.")
    _produce(output, take, None, body, quiet, as_json)


@app.command()
def speech(
    audio: Annotated[Path, typer.Argument(help="A sound or video file.")],
    text: Annotated[str | None, typer.Option(help="What is said.")] = None,
    text_file: Annotated[Path | None, typer.Option(help="A text file (UTF-8) with what is said.")] = None,
    language: Language = "en",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """What is heard in a sound: phones, words, times and accents (with --json also loudness, pitch and emphasis)."""
    from .speech.listen import Listener, to_json

    with _bars(quiet) as progress:
        heard = Listener().listen(audio, _text(text, text_file), language, progress)
    if as_json:
        typer.echo(json.dumps(to_json(heard, tracks=True), ensure_ascii=False))
        return
    for phone in heard.phones:
        word = heard.words[phone.word].text if phone.word >= 0 else ""
        typer.echo(f"{phone.start:8.2f} {phone.end:8.2f}  {phone.symbol or '·':<4} {word}")


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .wav to write.")],
    language: Language = "en",
    voice: Annotated[str, typer.Option(help="female or male")] = "female",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Speak a text with the offline voice (espeak-ng), for a first pass before the actor is recorded."""
    from .speech.voice import say as speak

    if output.suffix.lower() != ".wav":
        raise InputError(f"{output} can't be spoken into: the voice writes .wav; give a name that ends so.")
    speak(text, output, language, voice)
    _made(output, quiet, as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """What this installation can do, what is missing, and what that costs."""
    from .doctor import examine, show

    findings = examine()
    if as_json:
        typer.echo(json.dumps([finding.to_json() for finding in findings], indent=1))
    else:
        show(findings, _console())
    if not all(finding.fine for finding in findings if finding.needed):
        raise typer.Exit(2)


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: runs the command and ends the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    sys.exit(_run([a for a in given if a != "--debug"], debug))


def _run(arguments: list[str], debug: bool) -> int:
    from .console import interrupted, watching_interruptions

    with watching_interruptions():
        code = _run_watched(arguments, debug)
        if interrupted():
            return _fail("Stopped. What was finished is kept, and nothing is half-written.", 2, debug)
        return code


def _run_watched(arguments: list[str], debug: bool) -> int:
    from .console import interrupted

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


def _end(results: Sequence[Result], debug: bool) -> None:
    """End with the worst exit code of a batch, which has told what failed; `debug` adds the traces."""
    for result in results:
        if debug and result.trace:
            print(result.trace, file=sys.stderr)
    codes = [result.exit_code for result in results]
    if any(codes):
        raise typer.Exit(1 if 1 in codes else 2)


def _fail(sentence: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print(sentence, file=sys.stderr)
    return code


def _text(text: str | None, text_file: Path | None) -> str | None:
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


def _body(sliders: list[str] | None, default: Any = Body()) -> Any:  # noqa: B008 (frozen)
    """The body of `--body NAME=VALUE …`; `default` if none is given."""
    if not sliders:
        return default
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


def _console() -> Console:
    from .console import open_console

    return open_console()


def _bars(quiet: bool) -> Any:
    from .console import Bars, open_console

    return Bars(open_console(), quiet)


def _produce(path: Path, take: Path, audio: Path | None, sliders: list[str] | None, quiet: bool, as_json: bool) -> None:
    from .motion.take import read_take
    from .products import write_product

    with _bars(quiet) as progress:
        write_product(path, read_take(take), take, audio, _body(sliders, None), progress)
    _made(path, quiet, as_json)


def _made(path: Path, quiet: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"file": str(path)}, ensure_ascii=False))
    if not quiet:
        print(path, file=sys.stderr)
