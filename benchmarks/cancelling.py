"""How soon a task ends after it was cancelled, in each stage of the work: the promise is half a second.

    python benchmarks/cancelling.py            # three times each, some two minutes

Where the process obeys, its models stay loaded; where it gives no sign in time it is ended, and a new one starts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.camera import framing
from vlogger_backend.request import Body, Request
from vlogger_backend.speech.voice import say
from vlogger_backend.work.process import WorkerProcess
from vlogger_backend.work.task import Advanced, Animate, Cancelled, Event, MakeCharacter, Render, Task

TEXT = "The rainbow is a division of white light into many beautiful colours. " * 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="how often each stage is cancelled")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        sounds = {"short": Path(folder) / "short.wav", "long": Path(folder) / "long.wav"}
        say(TEXT[:200], sounds["short"])
        say(TEXT, sounds["long"])
        worker = WorkerProcess("benchmark")
        print(f"{'stage':<22}{'least':>8}{'median':>8}{'most':>8}  its models")
        for stage, task in _tasks(Path(folder), sounds, worker).items():
            measured = [_cancelled(worker, task, stage) for _ in range(times)]
            seconds = sorted(second for second, _ in measured)
            least, middle, most = seconds[0], seconds[len(seconds) // 2], seconds[-1]
            kept = sum(kept for _, kept in measured)
            print(f"{stage:<22}{least:8.3f}{middle:8.3f}{most:8.3f}  kept {kept} of {times}")
        worker.stop()


def _tasks(folder: Path, sounds: dict[str, Path], worker: WorkerProcess) -> dict[str, Task]:
    def animate(sound: str, *products: str) -> Animate:
        return Animate(folder / "job", Request(sound), sounds[sound], products)

    worker.run(Animate(folder / "take", Request("short"), sounds["short"]), lambda event: None)
    take = folder / "take" / "take.npz"
    return {
        "Listening": animate("long"),
        "Performing": animate("long"),
        "Saving the take": animate("long"),
        "Writing FBX": animate("short", ".fbx"),
        "Writing glTF": animate("short", ".glb"),
        "Drawing the preview": animate("short", ".mp4"),
        "Drawing the picture": animate("short", ".png"),
        "Drawing the shot": Render(folder / "shot", take, framing(load_avatar(), (640, 640))),
        "Building": MakeCharacter(folder / "character", Body(age=0.61, weight=0.61)),
    }


def _cancelled(worker: WorkerProcess, task: Task, stage: str) -> tuple[float, bool]:
    """Seconds from the cancel to the end, and whether the process is the same as before."""
    before, asked = worker.pid, 0.0

    def tell(event: Event) -> None:
        nonlocal asked
        if not asked and isinstance(event, Advanced) and event.stage.startswith(stage):
            asked = time.monotonic()
            worker.cancel()

    outcome = worker.run(task, tell)
    seconds = time.monotonic() - asked
    if outcome != Cancelled() or not asked:
        raise SystemExit(f"{stage}: it was to be cancelled, but ended as {outcome}.")
    return seconds, worker.pid is not None and worker.pid == before


if __name__ == "__main__":
    main()
