"""How long the add-on holds Blender's thread: every button, and every tick of its timer, the longest of each stage.

    python benchmarks/ticks.py                        # in this Python, which has the bpy module
    python benchmarks/ticks.py PYTHON... --times 3    # in others, one after the other (see tests/blender/conftest.py)

`own` are the milliseconds that the thread worked, `clock` those that went by on the wall: on a machine that is busy
with other things, those are longer. Of each stage the best and the worst time are told. `plain` is the built-in
character (56 bones, 52 shape keys), `heavy` one with 200 bones and six face meshes among 1,000 other objects,
`controls` Rigify's generated human (706 bones). A long take is ten minutes at 60 frames a second.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
TESTS = HERE.parents[1] / "tests/blender"
LONG = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="*", default=[sys.executable])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--rigs", nargs="*", default=["plain", "heavy", "controls"])
    options = parser.parse_args()
    for python in options.python:
        for rig in options.rigs:
            measure(python, rig, options.times)


def measure(python: str, rig: str, times: int) -> None:
    """Measure with a service of its own, and print a table."""
    from PIL import Image
    from skimage import data

    from vlogger_backend.avatars.library import load_avatar
    from vlogger_backend.exports.character import write_character
    from vlogger_backend.speech.voice import say

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        character, sound, out = folder / "character.npz", folder / "bonny.wav", folder / "out.npz"
        Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
        write_character(character, load_avatar())
        say("My bonny lies over the ocean, my bonny lies over the sea.", sound)
        users = {f"BLENDER_USER_{kind}": str(folder) for kind in ("CONFIG", "SCRIPTS", "DATAFILES")}
        path = os.pathsep.join([str(HERE.parents[1]), str(TESTS)])
        script = str(TESTS / "inside/measure_ticks.py")
        given = [folder, sys.executable, character, sound, rig, times, LONG if rig == "plain" else 0]
        done = subprocess.run(
            [python, script, str(out), *map(str, given)],
            env={**os.environ, **users, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not out.exists():
            sys.exit(done.stderr[-3000:])
        print(f"\n{rig:<44}{'own ms':>16}{'clock ms':>18}   {python}")
        with np.load(out, allow_pickle=False) as found:
            for stage in found["stages"]:
                best, worst = 1000 * found[str(stage)].min(axis=0), 1000 * found[str(stage)].max(axis=0)
                own, clock = (f"{best[i]:.1f} to {worst[i]:.1f}" for i in range(2))
                print(f"{stage!s:<44}{own:>16}{clock:>18}")


if __name__ == "__main__":
    main()
