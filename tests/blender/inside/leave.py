"""How a script leaves Blender's Python: with its arrays written, and without the teardown, in which bpy can hang."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np


def leave(main: Callable[..., dict[str, Any]]) -> NoReturn:
    """Call `main` with the script's arguments, write what it returns to the .npz that the first one names, and exit."""
    code = 0
    try:
        np.savez(sys.argv[1], **main(*sys.argv[2:]))
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
