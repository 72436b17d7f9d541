"""What each stage costs: time, real-time factor and peak memory, one table. One core, a process for each stage.

    python benchmarks/speed.py                 # a 1-minute line
    python benchmarks/speed.py --minutes 0.5 30  # and a 30-minute one: memory must not grow

The sound is spoken by the built-in voice and repeated with pauses to the length asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from pathlib import Path

TEXT = (
    "When the sunlight strikes raindrops in the air, they act as a prism and form a rainbow. "
    "The rainbow is a division of white light into many beautiful colors. "
    "These take the shape of a long round arch, with its path high above, and its two ends beyond the horizon."
)

LONGEST_PREVIEW = 120.0
"""Seconds of sound of which the preview video is still measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0])
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        run_stage(options.stage, options.folder)
        return
    print(f"{'stage':<38}{'seconds':>9}{'real-time factor':>18}{'peak memory MB':>16}")
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            measure(minutes, Path(folder))


def measure(minutes: float, folder: Path) -> None:
    """Run the stages one after the other, each in a fresh process, and print a row for each."""
    length = make_sound(folder, minutes * 60)
    print(f"-- a line of {length:.0f} s")
    for stage in STAGES:
        if stage == "preview video" and length > LONGEST_PREVIEW:
            print(f"{stage:<38}left out: it takes hours at this length")
            continue
        command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{stage:<38}failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
            continue
        row = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"{stage:<38}{row['seconds']:>9.2f}{row['seconds'] / length:>18.3f}{row['peak']:>16.0f}", flush=True)


def make_sound(folder: Path, seconds: float) -> float:
    """`sound.wav` and `text.txt`: `TEXT` spoken over and over, half a second between, to `seconds` or just beyond."""
    from vlogger_backend.speech.voice import say

    say(TEXT, folder / "once.wav")
    with wave.open(str(folder / "once.wav")) as once:
        header, sound = once.getparams(), once.readframes(once.getnframes())
    pause = b"\0" * (header.framerate // 2 * header.sampwidth * header.nchannels)
    unit = len(sound + pause) / (header.framerate * header.sampwidth * header.nchannels)
    times = max(1, round(seconds / unit))
    with wave.open(str(folder / "sound.wav"), "wb") as out:
        out.setparams(header)
        for _ in range(times):
            out.writeframes(sound + pause)
    (folder / "text.txt").write_text(" ".join([TEXT] * times))
    return times * unit


def listen(folder: Path, text: str | None) -> None:
    from vlogger_backend.speech.listen import Listener

    Listener().listen(folder / "sound.wav", text)


def animate(folder: Path, text: str | None) -> None:
    from vlogger_backend.animate import Animator
    from vlogger_backend.request import Request

    Animator().animate(Request(str(folder / "sound.wav"), text), folder / "take.npz")


def product(folder: Path, suffix: str) -> None:
    from vlogger_backend.motion.take import read_take
    from vlogger_backend.products import write_product

    write_product(folder / f"take{suffix}", read_take(folder / "take.npz"), folder / "take.npz", None, None)


def load_the_avatar(_: Path) -> None:
    from vlogger_backend.avatars.library import load_avatar

    load_avatar()


def _text(folder: Path) -> str:
    return (folder / "text.txt").read_text()


STAGES: dict[str, Callable[[Path], None]] = {
    "speech without text": lambda f: listen(f, None),
    "speech with text": lambda f: listen(f, _text(f)),
    "speech to take, without text": lambda f: animate(f, None),
    "speech to take, with text": lambda f: animate(f, _text(f)),
    "avatar": load_the_avatar,
    "picture": lambda f: product(f, ".png"),
    "glb": lambda f: product(f, ".glb"),
    "fbx": lambda f: product(f, ".fbx"),
    "preview video": lambda f: product(f, ".mp4"),
}


def run_stage(stage: str, folder: Path) -> None:
    """One stage on one core; prints its seconds (imports and model loading included) and the peak memory in MB."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    started = time.perf_counter()
    STAGES[stage](folder)
    seconds = time.perf_counter() - started
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": seconds, "peak": peak / 1024}))


if __name__ == "__main__":
    main()
