"""What many lines cost: on this machine with one and two workers, and on Ray; and that the results are the same bytes.

    python benchmarks/batch.py                # 60 lines
    python benchmarks/batch.py --lines 1000   # a small game

The lines are short, as in games (4 to 16 words), spoken by the built-in voice and given with their text. Each row is
`vlogger batch` in a process of its own, its start included. "CPU s" is the processor time of all its processes, which
tells the cost on a machine that has other things to do too. Memory is the largest sum over them (resident size, in
which what they share is counted for each). "again" is a second run, in which nothing has changed.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from vlogger_backend.speech.voice import say

WORDS = (
    "take the lantern and don't look back until you have crossed the river then wait for me beneath the old bridge "
    "nobody is coming tonight my friend so close the gate before they see us or we will never find what she has "
    "hidden under these stones because the king knows every road to the mountain and his riders are quick"
).split()
ROWS = {"1 worker": ["--workers", "1"], "2 workers": ["--workers", "2"], "Ray": ["--cluster"]}
EVERY = 0.25


@dataclass(frozen=True)
class Cost:
    """Seconds on the wall and of the processor, and the largest sum of resident memory in bytes."""

    seconds: float
    processor: float
    memory: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = write_lines(folder, options.lines)
        print(f"{options.lines} lines, {sound:.0f} s of sound, {os.cpu_count()} cores")
        heads = ("s", "CPU s", "lines/s", "x real time", "speed", "memory MB", "again s")
        print(f"{'':<12}" + "".join(f"{head:>13}" for head in heads) + "  same bytes")
        first: Cost | None = None
        for row, arguments in ROWS.items():
            if "--cluster" in arguments and importlib.util.find_spec("ray") is None:
                print(f'{row:<12}not installed: pip install ".[cluster]"')
                continue
            out = folder / row
            cost, again = run(folder, out, arguments), run(folder, out, arguments)
            first = first or cost
            same = "yes" if contents(out) == contents(folder / next(iter(ROWS))) else "NO"
            values = (
                cost.seconds, cost.processor, options.lines / cost.seconds, sound / cost.seconds,
                first.seconds / cost.seconds, cost.memory / 2**20, again.seconds,
            )  # fmt: skip
            print(f"{row:<12}" + "".join(f"{value:>13.2f}" for value in values) + f"  {same}", flush=True)


def write_lines(folder: Path, lines: int) -> float:
    """The recordings and their table; returns the seconds of sound."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(4, 17))) for _ in range(lines)]
    paths = [folder / "sounds" / f"{i // 100:02}" / f"line-{i:05}.wav" for i in range(lines)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(say, texts, paths))
    with open(folder / "lines.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["audio", "text"])
        writer.writerows([path.relative_to(folder).as_posix(), text] for path, text in zip(paths, texts, strict=True))
    return sum(length(path) for path in paths)


def length(path: Path) -> float:
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()


def run(folder: Path, out: Path, arguments: list[str]) -> Cost:
    """`vlogger batch` of the table into `out`."""
    command = [sys.executable, "-c", "from vlogger_backend.cli import main; main()", "batch"]
    started = time.perf_counter()
    package = str(Path(__file__).resolve().parents[1])
    process = subprocess.Popen(
        [*command, str(folder / "lines.csv"), "-o", str(out), "-q", *arguments],
        env={**os.environ, "PYTHONPATH": package},
    )
    ended, largest = threading.Event(), 0
    processor: dict[int, float] = {}  # by process, as it was last seen

    def watch() -> None:
        nonlocal largest
        while not ended.wait(EVERY):
            family = family_of(process.pid)
            largest = max(largest, sum(memory for _, memory in family.values()))
            processor.update({pid: seconds for pid, (seconds, _) in family.items()})

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"vlogger batch ended with {code}")
    return Cost(seconds, sum(processor.values()), largest)


def family_of(pid: int) -> dict[int, tuple[float, int]]:
    """Processor seconds and resident bytes of a process and of all that it has started, by their ids."""
    costs = {}
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return {}
    for member in family:
        try:
            times = member.cpu_times()
            costs[member.pid] = (times.user + times.system, member.memory_info().rss)
        except psutil.Error:
            continue
    return costs


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.npz")}


if __name__ == "__main__":
    main()
