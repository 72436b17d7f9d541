"""A program on a leash: `python leash.py PROGRAM ARGUMENT…` runs it for as long as whoever started this is there.

The starter holds the other end of stdin. When that closes, because it wants so or because it was killed, the program
ends at once with all that it has started. On Linux and macOS this must be the first of its process group, which is
what is killed. It is run by its path, in whatever Python is at hand, so it imports nothing of the add-on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

NOT_THERE = 127
"""The exit code if the program can't be run, as shells have it; a sentence about it was written."""


def main() -> int:
    """Run the program of the command line, and return its exit code."""
    threading.Thread(target=_end_with_starter, daemon=True).start()
    try:
        with subprocess.Popen(
            sys.argv[1:], stdin=subprocess.DEVNULL, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
        ) as program:
            return program.wait()
    except OSError as error:
        print(f"{sys.argv[1]} can't be run: {error.strerror or error}", flush=True)
        return NOT_THERE


def _end_with_starter() -> None:
    while os.read(0, 1):
        pass
    if sys.platform == "win32":
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(os.getpid())],
            creationflags=subprocess.CREATE_NO_WINDOW,
            check=False,
        )
        os._exit(1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code & 255)  # not sys.exit, which would wait for the thread that reads
