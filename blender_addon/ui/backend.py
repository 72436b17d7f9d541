"""The backend as preferences and panel show it: what is installed, what goes on, what an environment or a service said.

Threads do the work; a timer looks at them while there is something to see, and has them drawn anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core.backend_folder import BackendFolder, usual_root
from ..core.connection import Patience
from ..core.errors import AddonError
from ..core.installer import Installer, Recipe
from ..core.service_process import shut_down
from ..core.version import VERSION
from ..scene.compat import user_folder
from .drawing import redraw

_PACKAGE = Path(__file__).parents[1]
_QUICK = 0.15
"""Seconds between two looks."""


@dataclass(frozen=True)
class Finding:
    """What came of asking an environment or a service. `kind` is the choice in the preferences that it was about."""

    kind: str
    sentence: str
    error: AddonError | None = None


class Backend:
    """The installer, and the latest finding. `ended` is called when an installation or a removal has ended well."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._library = Path()
        self._was_busy = False
        self.installer = Installer(
            Recipe(sources(), VERSION),
            BackendFolder(usual_root(user_folder())),
            lambda: shut_down(self._library, Patience()),
        )
        self.environment = self.installer.folder.current()
        self.finding: Finding | None = None
        self.asking = ""

    def start(self, what: Callable[[Installer], None], library: Path) -> None:
        """Start something of the installer's. A service that runs on `library` is ended when its files are to go."""
        self._library = library
        what(self.installer)
        self._was_busy = True
        self._watch()

    def ask(self, kind: str, question: Callable[[], str]) -> None:
        """Ask, in a thread; `question` returns a sentence or raises AddonError."""

        def whole() -> None:
            try:
                self.finding = Finding(kind, question())
            except AddonError as error:
                self.finding = Finding(kind, str(error), error)
            self.asking = ""

        self.finding, self.asking = None, kind
        threading.Thread(target=whole, name="vlogger-question", daemon=True).start()
        self._watch()

    def look(self) -> float | None:
        """What the timer does; returns the seconds until the next time, None if there is nothing more to see."""
        state = self.installer.poll()
        if self._was_busy and not state.busy:
            self._was_busy = False
            self.environment = self.installer.folder.current()
            if state.error is None:
                self._ended(state.doing)
        redraw()
        return _QUICK if state.busy or self.asking else None

    def close(self) -> None:
        self.installer.cancel()

    def _watch(self) -> None:
        if not bpy.app.timers.is_registered(_look):
            bpy.app.timers.register(_look, first_interval=_QUICK, persistent=True)


def sources() -> Path:
    """What is installed: inside of the extension; in a checkout, the checkout."""
    inside = _PACKAGE / "backend"
    return inside if inside.is_dir() else _PACKAGE.parent


def _look() -> float | None:
    return backend().look() if _held else None


_held: list[Backend] = []
"""The one of this Blender; empty while the add-on is disabled."""


def backend() -> Backend:
    return _held[0]


def open_backend(ended: Callable[[str], None]) -> None:
    """Called when the add-on is enabled; what a killed installation left is cleared up, unless a script is at work."""
    _held[:] = [Backend(ended)]
    if not bpy.app.background:
        backend().start(Installer.clean, Path())


def close_backend() -> None:
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    for held in _held:
        held.close()
    _held.clear()


def size(count: float) -> str:
    """Bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def facts(context: Any) -> dict[str, str]:
    """What a report says of this Blender."""
    return {"Blender": bpy.app.version_string, "Folder": str(backend().installer.folder.root)}
