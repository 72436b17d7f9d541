"""The main path clicked through in a real window: Debian's Blender (3.4) on a virtual screen.

It needs the programs blender, Xvfb, xdotool and import (Debian's packages blender, python3-numpy, xvfb, xdotool and
imagemagick), and is skipped without them. With VLOGGER_SCREENSHOT=docs/panel.png it writes the picture of the docs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vlogger_backend.extension import build_extension

HERE = Path(__file__).parent
PROGRAMS = ("blender", "Xvfb", "xdotool", "import")
SIZE = (1600, 900)
TAB, ANIMATE, VIEW, FRAME_40 = (1308, 255), (1200, 323), (760, 600), (244, 855)
"""Where things are in a window of this size, in pixels."""

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason=f"no window without the programs {', '.join(PROGRAMS)}"
)


class Window:
    """Blender in a window on a screen of its own."""

    def __init__(self, display: str, state: Path) -> None:
        self.display, self._state = display, state

    def click(self, place: tuple[int, int]) -> None:
        slowly = ("sleep", "0.5", "mousedown", "1", "sleep", "0.2", "mouseup", "1")  # a busy Blender misses quick ones
        self._do("xdotool", "mousemove", *map(str, place), *slowly)

    def click_until(self, place: tuple[int, int], so: Callable[[dict[str, Any]], bool]) -> None:
        """Click until Blender's state is so: a window that is being laid out may not see a click."""
        for _ in range(5):
            self.click(place)
            with suppress(AssertionError):
                self.until(so, 10)
                return
        raise AssertionError(f"five clicks at {place} did nothing: {self.state()}")

    def press(self, *keys: str) -> None:
        """Keys with the mouse over the 3D view."""
        for key in keys:
            self._do("xdotool", "mousemove", *map(str, VIEW), "sleep", "0.3", "key", key, "sleep", "0.5")

    def press_until(self, key: str, so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Press a key up to three times until Blender's state is so: some steps for undo change nothing to be seen."""
        for _ in range(3):
            self.press(key)
            with suppress(AssertionError):
                return self.until(so, 8)
        raise AssertionError(f"{key} did nothing: {self.state()}")

    def move(self, place: tuple[int, int]) -> None:
        """A mouse that moves makes Blender draw."""
        self._do("xdotool", "mousemove", *map(str, place))

    def picture(self, path: Path) -> np.ndarray:
        self._do("import", "-window", "root", str(path))
        return np.asarray(Image.open(path).convert("RGB"), np.float32)

    def state(self) -> dict[str, Any]:
        return dict(json.loads(self._state.read_text())) if self._state.is_file() else {}

    def until(self, so: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        """Wait until Blender's state is so; the mouse trembles meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if state and so(state):
                return state
            self.move((VIEW[0] + int(time.monotonic() * 5) % 7, VIEW[1]))
            time.sleep(0.2)
        raise AssertionError(f"Blender's state was {self.state()}")

    def _do(self, *command: str) -> None:
        subprocess.run(command, env={**os.environ, "DISPLAY": self.display}, check=True, timeout=60)


@pytest.fixture(scope="module")
def window(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    folder = tmp_path_factory.mktemp("window")
    with zipfile.ZipFile(build_extension(folder / "extension")) as zipped:
        zipped.extractall(folder / "scripts" / "addons" / "vlogger")
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24"], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert screen.stdout is not None
    display = f":{screen.stdout.readline().strip()}"
    state = folder / "state.json"
    users = {f"BLENDER_USER_{name}": str(folder / name.lower()) for name in ("CONFIG", "SCRIPTS", "DATAFILES")}
    arguments = [str(state), str(line), sys.executable, str(folder / "library")]
    script = [str(HERE / "inside" / "open_window.py"), "--", *arguments]
    log = open(folder / "blender.log", "w")  # noqa: SIM115
    blender = subprocess.Popen(
        ["blender", "--window-geometry", "0", "0", *map(str, SIZE), "--python", *script],
        env={**os.environ, **users, "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        yield Window(display, state)
    finally:
        blender.terminate()
        blender.wait(30)
        screen.terminate()
        screen.wait(30)
        log.close()


def test_two_clicks_animate_the_character(window: Window, tmp_path: Path) -> None:
    window.until(lambda state: state["ready"], 120)
    drawn = picture_when_drawn(window, tmp_path)
    assert window.state()["service"] == "", "nothing was asked for yet"
    window.click_until(TAB, lambda state: state["drawn"] > 0)
    window.until(lambda state: state["service"] == "ready", 60)  # it starts while the user looks at the panel
    window.click_until(ANIMATE, lambda state: bool(state["takes"]))
    state = window.until(lambda state: not state["making"], 120)
    assert state["said"].startswith("line is keyed.")
    assert state["keys"] > 10_000
    window.click(FRAME_40)
    spoken = picture_when_drawn(window, tmp_path)
    arms = np.s_[330:470, 220:480]
    assert np.abs(spoken[arms] - drawn[arms]).mean() > 10, "it still stands with its arms stretched out"
    wanted = os.environ.get("VLOGGER_SCREENSHOT")
    if wanted:
        shutil.copyfile(tmp_path / "ready.png", wanted)


def test_the_take_is_undone_and_redone_with_the_usual_keys(window: Window) -> None:
    """After the test before: a take is there."""
    before = window.until(lambda state: not state["making"] and state["keys"] > 0, 120)
    window.press_until("ctrl+z", lambda state: not state["takes"] and not state["keys"])
    after = window.press_until("ctrl+shift+z", lambda state: state["keys"] == before["keys"])
    assert after["takes"] == before["takes"]


def test_undo_while_a_take_is_made_and_while_it_plays(window: Window) -> None:
    before = window.until(lambda state: not state["making"], 120)
    window.click_until(ANIMATE, lambda state: len(state["takes"]) > len(before["takes"]) or bool(state["making"]))
    window.press("space")
    undone = window.press_until("ctrl+z", lambda state: not state["making"] and state["takes"] == before["takes"])
    assert undone["keys"] == before["keys"]
    assert not undone["unfinished"]


def picture_when_drawn(window: Window, folder: Path) -> np.ndarray:
    """The window once the character's colours are compiled and drawn: two pictures running are nearly the same."""
    pictures = [window.picture(folder / "ready.png")]
    end = time.monotonic() + 120
    while time.monotonic() < end:
        window.until(lambda _: True, 5)
        time.sleep(2)
        pictures.append(window.picture(folder / "ready.png"))
        coloured = np.ptp(pictures[-1][200:600, 300:1000], axis=2).mean() > 8
        changed = (np.abs(pictures[-1] - pictures[-2]).max(axis=2) > 40).mean()  # smoothing goes on for a while
        if coloured and changed < 0.002:
            return pictures[-1]
    raise AssertionError("Blender never drew the character")
