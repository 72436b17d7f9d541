"""Making one line: what of it is missing, the task that makes it, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError
from ..motion.take import Meta, hash_of, read_meta
from ..products import SUFFIXES
from ..speech.voice import is_spoken_so, say
from ..work.task import Animate, Died, Done, Failed, MakeProducts, Outcome
from .lines import Line

TAKE = ".npz"
PRODUCTS = tuple(suffix for suffix in SUFFIXES if suffix != TAKE)
"""What can be made of a take, beside it."""


@dataclass(frozen=True)
class Todo:
    """What is to be made of a line in `folder`: its take or not, and these products (suffixes).

    `kept` are the suffixes of what is there and still good, `meta` what a take among them says of itself. With
    `again`, the line's sound is spoken anew too. `made_with` is as in Take.
    """

    line: Line
    folder: Path
    take: bool
    products: tuple[str, ...]
    kept: tuple[str, ...] = ()
    meta: Meta | None = None
    again: bool = False
    made_with: str = ""

    def path(self, suffix: str) -> Path:
        """Where the line's file of this kind belongs."""
        return self.folder / f"{self.line.name}{suffix}"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The suffixes of what is to be made."""
        return ((TAKE,) if self.take else ()) + self.products


class Status(StrEnum):
    MADE = "made"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True)
class Result:
    """What came of a line. `left` says that the batch was stopped before it was its turn.

    seconds  : of sound; 0 if the line failed before it was heard
    elapsed  : seconds that it took
    method   : how its speech was found: aligned with the text, or recognised
    error    : for a failed line, the reason in one sentence; `mendable` says that it is due to what the user gave
    files    : that are there and good
    """

    line: Line
    status: Status
    seconds: float = 0.0
    elapsed: float = 0.0
    method: str = ""
    warnings: tuple[str, ...] = ()
    error: str = ""
    mendable: bool = True
    files: tuple[Path, ...] = ()
    trace: str = field(default="", repr=False)

    @property
    def exit_code(self) -> int:
        return 0 if self.status is not Status.FAILED else 2 if self.mendable else 1

    def to_json(self) -> dict[str, Any]:
        return {
            "line": self.line.number,
            "output": self.line.name,
            "status": self.status.value,
            "seconds": round(self.seconds, 3),
            "elapsed": round(self.elapsed, 3),
            "method": self.method or None,
            "warnings": list(self.warnings),
            "error": self.error or None,
            "files": [str(path) for path in self.files],
        }


def examine(line: Line, folder: Path, products: Sequence[str], again: bool, made_with: str = "") -> Todo:
    """What is missing or out of date of a line, which is made with the model of this hash (`animate.models_behind`).

    The take says itself what it was made of (request, sound, model and version); a product is good if it is no older
    than it.
    """
    todo = Todo(line, folder, True, tuple(products), again=again, made_with=made_with)
    meta = None if again else _good_meta(todo)
    if meta is None:
        return todo
    made = todo.path(TAKE).stat().st_mtime_ns
    kept = tuple(suffix for suffix in products if _is_newer(todo.path(suffix), made))
    rest = tuple(suffix for suffix in products if suffix not in kept)
    return replace(todo, take=False, products=rest, kept=(TAKE, *kept), meta=meta)


def unchanged(todo: Todo) -> Result:
    """What came of a line of which nothing is to be made."""
    return _with_facts(todo, Result(todo.line, Status.UNCHANGED))


def speak(todo: Todo) -> None:
    """Let the line's voice speak it, if it has one and hasn't done so yet.

    Raises InputError if the text can't be spoken, or the sound not written.
    """
    line, request = todo.line, todo.line.request
    if line.voice and request.text is not None:
        path = Path(request.audio)
        if todo.again or not is_spoken_so(path, request.text, request.language, line.voice):
            say(request.text, path, request.language, line.voice)


def task_of(todo: Todo, folder: Path, take: Path, sound: Path) -> Animate | MakeProducts:
    """The task that makes it in `folder`; `take` and `sound` are where they are now."""
    name = todo.path(TAKE).name.removesuffix(TAKE)
    if todo.take:
        return Animate(folder, todo.line.request, sound, todo.products, name=name)
    return MakeProducts(folder, take, sound, todo.products, name)


def result_of(todo: Todo, outcome: Outcome, made: Sequence[str], started: float, died: str = "") -> Result:
    """What came of a line whose files with the suffixes `made` are in their place now.

    `started` is when it began (`time.perf_counter`); `died` why its first worker did not live to finish it.
    """
    elapsed = time.perf_counter() - started
    warnings = (f"It was made a second time: {died}",) if died else ()
    if isinstance(outcome, Done):
        result = Result(todo.line, Status.MADE, elapsed=elapsed, warnings=warnings)
    elif isinstance(outcome, Failed):
        result = failed(todo.line, outcome.sentence, outcome.mendable, outcome.trace)
    else:
        sentence = outcome.sentence if isinstance(outcome, Died) else "It was cancelled."
        result = failed(todo.line, sentence, mendable=False)
    return _with_facts(replace(todo, kept=(*todo.kept, *made)), replace(result, elapsed=elapsed))


def failed(line: Line, sentence: str, mendable: bool = True, trace: str = "") -> Result:
    return Result(line, Status.FAILED, error=sentence, mendable=mendable, trace=trace)


def _with_facts(todo: Todo, result: Result) -> Result:
    """The result with what the take says of itself, and the files that are good."""
    files = [todo.path(suffix) for suffix in todo.kept]
    if todo.line.voice and Path(todo.line.request.audio).is_file():
        files.insert(0, Path(todo.line.request.audio))
    if TAKE not in todo.kept:
        return replace(result, files=tuple(files))
    meta = todo.meta or read_meta(todo.path(TAKE))
    warnings = [*result.warnings]
    if not meta.spoken:
        warnings.append("No speech was heard in it; the character only idles.")
    if stale := ",".join(_stale(todo)):
        warnings.append(f"There are files of an earlier take; --products {stale} makes them anew.")
    return replace(result, seconds=meta.duration, method=meta.method, warnings=tuple(warnings), files=tuple(files))


def _stale(todo: Todo) -> Iterator[str]:
    """The kinds of files beside the take that nobody asked for this time, and that are older than it."""
    made = todo.path(TAKE).stat().st_mtime_ns
    for suffix in PRODUCTS:
        path = todo.path(suffix)
        if suffix not in (*todo.products, *todo.kept) and path.is_file() and not _is_newer(path, made):
            yield suffix[1:]


def _good_meta(todo: Todo) -> Meta | None:
    """What the line's take says of itself, if it is there and what would be made now."""
    line, request = todo.line, todo.line.request
    sound = Path(request.audio)
    try:
        meta = read_meta(todo.path(TAKE))
        good = (meta.vlogger, meta.request, meta.made_with) == (__version__, request, todo.made_with)
        if line.voice and good:
            good = is_spoken_so(sound, request.text or "", request.language, line.voice)
        return meta if good and meta.audio_sha256 == hash_of(sound) else None
    except (InputError, OSError):
        return None


def _is_newer(path: Path, moment: int) -> bool:
    try:
        return path.stat().st_mtime_ns >= moment
    except OSError:
        return False
