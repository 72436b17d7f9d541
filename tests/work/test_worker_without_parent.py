"""Whoever starts a worker may be killed: the worker and all that it has started end by themselves."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from worker_runs import SOON, assert_gone

pytestmark = pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy module")


def start_parent(folder: Path, sound: Path) -> subprocess.Popen[str]:
    program = Path(__file__).with_name("worker_parent.py")
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(program), str(folder), str(sound)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=path)


def family_at(parent: subprocess.Popen[str], pattern: str) -> list[psutil.Process]:
    """The worker, as soon as an event is told in which this pattern is found; for FBX also Blender."""
    assert parent.stdout is not None
    event = next(event for event in parent.stdout if re.search(pattern, event))
    worker = psutil.Process(int(event.split()[0]))
    deadline = time.monotonic() + SOON
    while "FBX" in event and not worker.children() and time.monotonic() < deadline:
        continue
    family = [worker, *worker.children(recursive=True)]
    assert len(family) == (2 if "FBX" in event else 1)
    return family


BLENDER_AT_WORK = r"'Writing FBX', done=0\.\d*[1-9]"


@pytest.mark.parametrize("event", ["'Listening'", r"'Writing FBX', done=0\.0\)", BLENDER_AT_WORK])
def test_worker_and_blender_end_when_the_parent_is_killed(line: Path, tmp_path: Path, event: str) -> None:
    parent = start_parent(tmp_path, line)
    family = family_at(parent, event)
    parent.kill()
    parent.wait()
    assert_gone(family)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process that hangs, when its parent is gone")
def test_even_a_worker_that_hangs_ends_when_the_parent_is_killed(line: Path, tmp_path: Path) -> None:
    parent = start_parent(tmp_path, line)
    family = family_at(parent, BLENDER_AT_WORK)
    family[0].send_signal(signal.SIGSTOP)
    parent.kill()
    parent.wait()
    assert_gone(family)
