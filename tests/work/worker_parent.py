"""A program to be killed: `python worker_parent.py FOLDER SOUND`. It tells its worker and each event on a line."""

import sys
from pathlib import Path

from vlogger_backend.request import Request
from vlogger_backend.work.process import WorkerProcess
from vlogger_backend.work.task import Animate

folder, sound = Path(sys.argv[1]), Path(sys.argv[2])
worker = WorkerProcess("of a parent")
worker.run(
    Animate(folder, Request(sound.name), sound, (".fbx",)),
    lambda event: print(worker.pid, event, flush=True),
)
