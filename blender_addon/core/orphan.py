"""A child process that must not outlive whoever started it."""

from __future__ import annotations

import contextlib
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


def end_with_starter() -> None:
    """Have Linux kill this process when the thread that started it ends, even if it hangs in a C call by then.

    Elsewhere this does nothing: watch stdin too, whose other end the starter holds.
    """
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
