"""Gather pairs on disk: `python -m vlogger_backend.training.gather FOLDER --people 300`.

A person is a file, named by a seed, so that several of these may run at once and a stopped one goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..files import writing
from .pairs import Pairs, performances, random_pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--frames", type=int, default=36)
    parser.add_argument("--first", type=int, default=0, help="the first person's seed")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    motions = performances()
    for seed in range(options.first, options.first + options.people):
        path = options.folder / f"{seed:05d}.npz"
        if not path.exists():
            pairs = random_pairs(np.random.default_rng(seed), motions, options.frames)
            with writing(path) as unfinished, open(unfinished, "wb") as file:
                np.savez(file, **{field.name: getattr(pairs, field.name) for field in fields(Pairs)})
            print(path, flush=True)


if __name__ == "__main__":
    main()
