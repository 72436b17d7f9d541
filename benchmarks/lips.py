"""Are the lips where the sounds are? Scores takes of labelled speech, with the text and without, beside chance.

    python benchmarks/lips.py --data DATA --tools TOOLS [--fps 30]

DATA holds folders of NAME.flac, NAME.phn.json (phone times) and, where known, NAME.txt. TOOLS holds `eval_curves.py`,
which scores ARKit curves through the lips of a real mesh and prints chance (each take against another's labels).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from vlogger_backend.animate import Animator
from vlogger_backend.errors import InputError
from vlogger_backend.request import Request

COLUMNS = ("bilabials", "closed_at_mid", "closed_near", "false_closed_open", "rounding_auc")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--fps", type=float, default=30.0)
    options = parser.parse_args()
    print(f"{'':<44}" + "".join(f"{name:>18}" for name in COLUMNS) + f"{'silence gap mm':>18}")
    animator = Animator()
    for folder in sorted({path.parent for path in options.data.glob("*/*.phn.json")}):
        for with_text in (True, False):
            if not with_text or any(folder.glob("*.txt")):
                score(animator, folder, with_text, options.tools, options.fps)


def score(animator: Animator, folder: Path, with_text: bool, tools: Path, fps: float) -> None:
    """Animate every labelled sound of a folder and print a row for the takes and one for chance."""
    with tempfile.TemporaryDirectory() as takes:
        for labels in sorted(folder.glob("*.phn.json")):
            name = labels.name.removesuffix(".phn.json")
            text = (folder / f"{name}.txt").read_text() if with_text else None
            try:
                animator.animate(Request(str(folder / f"{name}.flac"), text, fps=fps), Path(takes) / f"{name}.npz")
            except InputError as error:
                print(error)
        command = [sys.executable, str(tools / "eval_curves.py"), "--sys", takes, "--ref", str(folder)]
        scores = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for kind, label in (("phones", "with text" if with_text else "without"), ("chance", "chance")):
        row = scores[kind]
        values = "".join(f"{row[name]:>18}" for name in COLUMNS)
        print(f"{folder.name + ', ' + label:<44}{values}{row['gap_mm'].get('silence', '-'):>18}", flush=True)


if __name__ == "__main__":
    main()
