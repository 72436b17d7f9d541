"""Many sounds in one call: each gets its take, and one that fails doesn't stop the others."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..animate import Animated, Animator
from ..console import interrupted
from ..errors import InputError
from ..motion.take import read_take
from ..products import write_product
from ..request import Request

if TYPE_CHECKING:
    from rich.console import Console

EVERYTHING = (".fbx", ".glb", ".mp4", ".png")
"""What is made beside the take when everything is asked for."""


@dataclass(frozen=True)
class Result:
    """What came of one line: its files, or the sentence that says why there are none. `exit_code` as in `cli`."""

    audio: str
    animated: Animated | None = None
    files: tuple[Path, ...] = ()
    error: str = ""
    exit_code: int = 0
    trace: str = field(default="", repr=False)

    def to_json(self) -> dict[str, Any]:
        done = self.animated
        figures = (
            {"seconds": done.duration, "spoken": done.spoken, "frames": done.frames, "elapsed": round(done.elapsed, 2)}
            if done
            else {}
        )
        return {
            "audio": self.audio,
            "take": str(done.take) if done else None,
            "files": [str(path) for path in self.files],
            **figures,
            "error": self.error or None,
        }


def take_paths(requests: Sequence[Request], output: Path | None) -> list[Path]:
    """Where the take of each request goes: `output` itself if it is a `.npz`, else a file in that folder.

    Without `output` it is the present folder. Two sounds of one name get `name` and `name-2`.

    Raises InputError if `output` names one file for several sounds, or a file that isn't a take.
    """
    if output is not None and output.suffix.lower() == ".npz":
        if len(requests) > 1:
            raise InputError(f"{output} is one file for {len(requests)} sounds; give a folder with -o.")
        return [output]
    if output is not None and (output.suffix.lower() in EVERYTHING or output.is_file()):
        raise InputError(f"{output} can't hold a take; give a .npz or a folder with -o, then: vlogger export TAKE -o …")
    if output is not None and not output.is_dir() and (output.suffix[1:].isalpha() or output == Path("-")):
        raise InputError(f"{output} is neither a .npz nor a folder; give one of them with -o.")
    folder, taken, paths = output or Path(), set[str](), []
    for request in requests:
        stem, count = Path(request.audio).stem, 1
        name = stem
        while name.lower() in taken:
            count += 1
            name = f"{stem}-{count}"
        taken.add(name.lower())
        paths.append(folder / f"{name}.npz")
    return paths


def run_batch(
    animator: Animator,
    requests: Sequence[Request],
    paths: Sequence[Path],
    everything: bool,
    console: Console,
    quiet: bool = False,
) -> list[Result]:
    """Make the take of every request, and with `everything` the other files beside it; then say what came of it."""
    from ..console import Bars

    results = []
    for i, (request, path) in enumerate(zip(requests, paths, strict=True)):
        if not quiet:
            count = f"{i + 1}/{len(requests)} " if len(requests) > 1 else ""
            console.print(f"{count}{Path(request.audio).name}", style="bold", markup=False, soft_wrap=True)
        with Bars(console, quiet) as progress:
            results.append(_run_one(animator, request, path, everything, progress))
    _summarise(results, console, quiet)
    if not everything and not quiet and any(result.files for result in results):
        console.print("The character, a video and a picture of it too: --all; or vlogger export, vlogger preview")
    return results


def _run_one(animator: Animator, request: Request, path: Path, everything: bool, progress: Any) -> Result:
    animated, files = None, []
    try:
        animated = animator.animate(request, path, progress)
        files.append(path)
        if everything:
            take = read_take(path)
            for suffix in EVERYTHING:
                files.append(write_product(path.with_suffix(suffix), take, path, None, request.body, progress))
        return Result(request.audio, animated, tuple(files))
    except InputError as error:
        if interrupted():
            raise KeyboardInterrupt from error
        return Result(request.audio, animated, tuple(files), str(error), 2, traceback.format_exc())
    except Exception as error:  # one line's fault must not cost the others
        if interrupted():
            raise KeyboardInterrupt from error
        sentence = f"vlogger itself failed on {request.audio}: {type(error).__name__}: {error}"
        return Result(request.audio, animated, tuple(files), sentence.splitlines()[0], 1, traceback.format_exc())


def _summarise(results: Sequence[Result], console: Console, quiet: bool) -> None:
    done = [result for result in results if not result.error]
    for result in results:
        made = result.animated
        if made is not None and not quiet:
            name = f"{Path(result.audio).name} -> " if len(results) > 1 else ""
            heard = f"{made.method} speech" if made.spoken else "sound"
            console.print(
                f"  {name}{made.take}  {made.duration:.1f} s of {heard}, {made.frames} frames, in {made.elapsed:.1f} s",
                markup=False,
                soft_wrap=True,
            )
            for path in result.files[1:]:
                console.print(f"  {path}", markup=False, soft_wrap=True)
            if not made.spoken:
                said = f"No speech was heard in {result.audio}; the character only idles."
                console.print(said, style="yellow", markup=False, soft_wrap=True)
        if result.error:
            console.print(result.error, style="red", markup=False, soft_wrap=True)
    if len(results) > 1 and (not quiet or len(done) < len(results)):
        console.print(
            f"{len(done)} of {len(results)} done"
            + (f", {len(results) - len(done)} failed" if len(done) < len(results) else "")
        )
