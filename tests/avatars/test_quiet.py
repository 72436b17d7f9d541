"""Building a body says nothing of its own: standard output belongs to `--json`."""

import subprocess
import sys


def test_building_a_body_prints_nothing() -> None:
    code = (
        "from vlogger_backend.avatars.anny_body import load_body; from vlogger_backend.request import Body; "
        "load_body(Body())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == ""
