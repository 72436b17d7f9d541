"""How quick the built-in renderer is: `python benchmarks/painting.py PORTRAIT TAKE [--size 512] [--frames 60]`.

Stage by stage, in milliseconds a frame, beside a plain copy of the photo as the least that a frame can cost.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from vlogger_backend.motion.take import read_take
from vlogger_backend.painting import Painting
from vlogger_backend.portraits.storage import read_portrait
from vlogger_backend.renderers.builtin.painter import Painter
from vlogger_backend.renderers.builtin.puppet import Puppet
from vlogger_backend.renderers.builtin.renderer import straight
from vlogger_backend.renderers.figure import built_in_figure
from vlogger_backend.renderers.paint import paint_shot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portrait", type=Path)
    parser.add_argument("take", type=Path)
    parser.add_argument("--size", type=int, default=512, help="of the square picture, in pixels")
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    portrait, motion = read_portrait(options.portrait), read_take(options.take).motion
    size = (options.size, options.size)
    view = portrait.fit.camera.pinhole()
    behind = np.zeros((*size, 3), np.uint8)
    spent: dict[str, float] = defaultdict(float)
    person = built_in_figure(portrait).person
    started = time.perf_counter()
    with closing(Puppet(person, portrait, size)) as puppet:
        painter = Painter(portrait.picture, puppet.patches_in_photo(), 0)
        ready = time.perf_counter() - started
        count = min(options.frames, len(motion))
        for index in range(count):
            moments = [time.perf_counter()]
            moment = motion.poses[index], motion.trans[index], motion.arkit[index]
            frame = puppet.frame(*moment, view.pose, view.field)
            moments.append(time.perf_counter())
            painted = painter.paint(frame, behind)
            moments.append(time.perf_counter())
            straight(painted)
            moments.append(time.perf_counter())
            painted.copy()
            moments.append(time.perf_counter())
            for name, first, last in zip(("drawing", "painting", "alpha", "copy"), moments, moments[1:], strict=False):
                spent[name] += last - first
    for name, seconds in spent.items():
        print(f"{name:10} {1e3 * seconds / count:7.1f} ms a frame")
    rate = count / sum(seconds for name, seconds in spent.items() if name != "copy")
    print(f"{rate:.1f} frames a second at {size[0]} x {size[1]}, after {ready:.1f} s to begin")
    painted_at: list[float] = []
    with TemporaryDirectory() as folder:
        painting = Painting(longest=options.size, last=count - 1)
        shot = Path(folder) / "shot.mp4"
        note = lambda *_: painted_at.append(time.perf_counter())  # noqa: E731
        paint_shot([shot], options.take, options.portrait, painting, watch=note)
    rate = (count - 1) / (painted_at[-1] - painted_at[0])
    print(f"{rate:.1f} frames a second as a shot: over the background, kept, marked, encoded and signed")


if __name__ == "__main__":
    main()
