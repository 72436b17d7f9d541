"""Installing the backend, and taking it away again: what a button in the preferences does.

    installer = Installer(Recipe(sources, ...), BackendFolder(root), release)
    installer.install()                   # or remove(), or clean(); they return at once
    state = installer.poll()              # in a timer, until `state.busy` is False
    installer.cancel()                    # whenever the user wants

All work is done by a thread, and by programs that it runs (see commands.py). An installation is made beside the one
that is there, which goes on working until the new one is complete; one that fails or is cancelled leaves only downloads
behind, and the next one uses them.
"""

from __future__ import annotations

import errno
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from .backend_folder import BackendFolder, Environment, python_in, size_of
from .commands import CancelledError, CommandError, Commands
from .environments import ask, notes
from .errors import AddonError
from .pip_words import PROGRESS, Progress, plain_name, why, words_of
from .pythons import NEEDED, QUIET, Python, fetch, look_at, places

PATIENCE = 600.0
"""Seconds for which pip may show no sign of life: a virus scanner makes unpacking slow."""
_FULL = 100_000_000
"""Bytes: with less than this, that is why it failed."""
_IS_FULL = "The disk is full. Free some space and press Install again; what was downloaded is kept."
_PYTHON = ".".join(map(str, NEEDED))
_NOT_SOURCES = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info")


class InstallError(AddonError):
    """The backend could not be installed or removed. Its buttons: try again, and copy the report."""


@dataclass(frozen=True)
class Recipe:
    """What is installed. `sources` is a folder that pip can install, of version `version`.

    pip, uv  : requirements; uv is only needed where there is no fitting Python
    download : bytes that will be fetched, about
    disk     : bytes that must be free
    """

    sources: Path
    version: str
    pip: str = "pip>=25.1"  # from then on it goes on with downloads that broke off, and trusts whom the system trusts
    uv: str = "uv==0.13.9"
    download: int = 900_000_000
    disk: int = 5_000_000_000
    patience: float = PATIENCE


@dataclass(frozen=True)
class Step:
    """Something that is done or will be. `detail` is what came of it, or of what it does, the latest."""

    name: str
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    detail: str = ""


@dataclass(frozen=True)
class State:
    """How far it is, for the preferences to draw.

    doing     : what goes on or has ended: "install", "remove", "clean", or "" before anything
    fraction  : 0 to 1 of it
    seconds   : since it began, until it ended
    cancelling: it will end soon
    error     : why it failed, if so
    said      : how it ended, a sentence
    """

    doing: Literal["", "install", "remove", "clean"] = ""
    busy: bool = False
    steps: tuple[Step, ...] = ()
    fraction: float = 0.0
    seconds: float = 0.0
    cancelling: bool = False
    error: AddonError | None = None
    said: str = ""


class Installer:
    """Installs into a folder and removes from it; its methods return at once and are for one thread.

    `release` is called, in a thread, before files of an environment are deleted that something may be running from.
    """

    def __init__(self, recipe: Recipe, folder: BackendFolder, release: Callable[[], None] = lambda: None) -> None:
        self.recipe = recipe
        self.folder = folder
        self._release = release
        self._commands = Commands({})
        self._state = State()
        self._shares: tuple[float, ...] = ()
        self._lock = threading.Lock()
        self._began = 0.0

    def install(self) -> None:
        """Install the backend, or install it anew, or mend what is there if only its Python is gone."""
        self._start("install", self._install)

    def remove(self) -> None:
        """Take away everything that was installed."""
        self._start("remove", self._remove)

    def clean(self) -> None:
        """Take away what an installation left that was killed, if another Blender is not at it."""
        if self.folder.leftovers():
            self._start("clean", self._clean)

    def cancel(self) -> None:
        """End the installation that is going on; soon `poll` says that it has ended. Nothing else can be cancelled."""
        with self._lock:
            if not self._state.busy or self._state.doing != "install":
                return
            self._state = replace(self._state, cancelling=True)
        self._commands.cancel()

    def poll(self) -> State:
        """How far it is."""
        with self._lock:
            if self._state.busy:
                self._state = replace(self._state, seconds=time.monotonic() - self._began)
            return self._state

    @property
    def log(self) -> tuple[str, ...]:
        """What was run, and what it said, for a report."""
        return self._commands.log

    def _start(self, doing: Literal["install", "remove", "clean"], work: Callable[[], str]) -> None:
        with self._lock:
            if self._state.busy:
                return
            self._state = State(doing, busy=True)
            self._began = time.monotonic()
        temporary = str(self.folder.temporary)
        # pip unpacks where TMPDIR says, and /tmp may be small
        self._commands = Commands(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary), PROGRESS)
        threading.Thread(target=self._whole, args=(work,), name=f"vlogger-{doing}", daemon=True).start()

    # What follows runs in the thread.

    def _whole(self, work: Callable[[], str]) -> None:
        said, error = "", None
        try:
            with self.folder.locked():
                said = work()
        except CancelledError:
            said = "Cancelled. Nothing is left of it but the downloads, which the next try uses."
        except AddonError as known:
            error = known
        except OSError as known:
            error = InstallError(_in_words(known))
            error.__cause__ = known
        except Exception as fault:
            error = InstallError(
                f"The add-on itself failed ({type(fault).__name__}: {fault}). Copy the report and send it to us."
            )
            error.__cause__ = fault
        with self._lock:
            steps = tuple(
                replace(step, state="failed") if step.state == "running" else step for step in self._state.steps
            )
            self._state = replace(self._state, busy=False, cancelling=False, steps=steps, error=error, said=said)

    def _install(self) -> str:
        recipe, folder, commands = self.recipe, self.folder, self._commands
        self._plan((f"Make an environment with Python {_PYTHON}", 10), ("Download and unpack", 80), ("Try it", 10))
        folder.clean()
        before = folder.current()
        if before is not None and before.version == recipe.version and not before.has_python and self._mend(before):
            self._next("")
            return f"vlogger {before.version} works again."
        self._check_disk()
        place = folder.begin()
        try:
            folder.temporary.mkdir(exist_ok=True)
            python = self._make(place)
            self._next(f"{python.version}, {python.path}")
            packages = self._fill(place)
            self._next(f"{packages} packages")
            found = ask(python_in(place), commands)
            if found.version != recipe.version:
                raise InstallError(
                    f"What was installed is vlogger {found.version}, and not {recipe.version}: the add-on is damaged. "
                    "Install the add-on anew."
                )
            not_working = notes(python_in(place), commands)
            commands.check()
            folder.complete(Environment(place, found.version, python.version, size_of(place), not_working))
        except BaseException as error:
            full = isinstance(error, AddonError) and folder.free() < _FULL
            folder.clean()
            if full:  # not every program says so
                raise InstallError(_IS_FULL) from error
            raise
        self._next(f"{len(not_working)} parts don't work on this machine" if not_working else "Everything works")
        folder.forget_downloads()
        if before is not None:
            with suppress(AddonError):  # then the old one's files are deleted at the next start
                self._release()
        folder.clean()
        return f"vlogger {recipe.version} is installed."

    def _remove(self) -> str:
        self._plan(("Delete the files", 1))
        self._release()
        remains = self.folder.remove()
        self._next("")
        if remains:
            names = ", ".join(str(path) for path in remains[:5])
            return f"The backend is removed. The add-on did not make these, and has left them: {names}."
        return "The backend is removed. Your takes and the service's library are kept."

    def _clean(self) -> str:
        self.folder.clean()
        return ""

    def _mend(self, environment: Environment) -> bool:
        """Lead an environment to another Python, if its own is gone because Blender was moved, updated or removed."""
        with suppress(AddonError, CommandError, OSError):
            self.folder.temporary.mkdir(exist_ok=True)
            for link in python_in(environment.folder).parent.glob("python*"):
                link.unlink()
            python = self._make(environment.folder, "--upgrade", "--without-pip")
            ask(environment.python, self._commands)
            self.folder.complete(replace(environment, python_version=python.version))
            self.folder.clean()
            return True
        return False

    def _check_disk(self) -> None:
        free = self.folder.free()
        if free < self.recipe.disk:
            raise InstallError(
                f"The backend needs {self.recipe.disk / 1e9:.0f} GB of disk while it is installed, and where "
                f"{self.folder.root} is, {free / 1e9:.1f} GB are free. Free some space and press Install again."
            )

    def _make(self, place: Path, *options: str) -> Python:
        """Make a virtual environment with the first Python that can; raises InstallError if none can."""
        reasons = []
        for name, command in places():
            try:
                self._say(f"Trying {name}")
                python = look_at(command, self._commands)
                self._commands.run([python.path, "-I", "-m", "venv", *options, place], patience=300)
                return python
            except (AddonError, CommandError) as error:
                reasons.append(f"{name}: {error}")
        tried = f" ({'; '.join(reasons)})" if reasons else ""
        try:
            self._say(f"Fetching Python {_PYTHON}")
            folder = self.folder
            python = fetch(
                self.recipe.uv, place / "python", folder.downloads, folder.temporary, self._commands, self._show
            )
            self._commands.run([python.path, "-I", "-m", "venv", *options, place], patience=300)
            return python
        except (AddonError, CommandError) as error:
            reason = why(error.lines) if isinstance(error, CommandError) else f"{error}."
            raise InstallError(
                f"The backend needs Python {_PYTHON}, and none that can be used is here{tried}. It could not be "
                f"fetched either: {reason} Or install Python {_PYTHON} from python.org."
            ) from error

    def _fill(self, place: Path) -> int:
        """Install the sources and all that they need; returns how many packages that are."""
        version = self._newer_pip(place)
        # pip builds where they are, and the add-on's folder is not for writing
        sources = self.folder.temporary / "sources"
        shutil.copytree(self.recipe.sources, sources, ignore=_NOT_SOURCES)
        options: list[str | Path] = ["--no-compile"]
        options += ["--progress-bar=raw"] if version >= (24, 1) else []
        options += ["--resume-retries=5"] if version >= (25, 1) else []
        progress = Progress(self.recipe.download)

        def look() -> set[str]:
            there = _packages(place)
            if progress.packages:
                done = len(there.intersection(progress.packages))
                self._say(f"Unpacking: {done} of {len(progress.packages)} packages", progress.done(done))
            return there

        def hear(line: str) -> None:
            progress.hear(line)
            self._say(progress.words, progress.done(0))

        try:
            self._pip(place, [*options, sources], hear, look)
        except CommandError as error:
            if error.code is None:
                raise InstallError(
                    "The installation stands still: nothing has come for "
                    f"{self.recipe.patience:.0f} s. Check the network and press Install again; what was downloaded is "
                    "kept."
                ) from error
            raise InstallError(why(error.lines)) from error
        return len(progress.packages)

    def _newer_pip(self, place: Path) -> tuple[int, ...]:
        """Update pip, if that can be done, and return its version."""
        self._say("Updating pip")
        with suppress(CommandError):  # why that is, the next command will say; or the old one will do
            self._pip(place, ["--upgrade", "--retries=2", self.recipe.pip], self._show)
        said = " ".join(self._commands.run([python_in(place), "-I", "-m", "pip", "--version"]))
        match = re.search(r"\bpip (\d+)\.(\d+)", said)
        return (int(match[1]), int(match[2])) if match else (0,)

    def _pip(
        self,
        place: Path,
        arguments: list[str | Path],
        hear: Callable[[str], None],
        signs: Callable[[], object] = lambda: None,
    ) -> None:
        command = [str(python_in(place)), *"-I -u -X utf8 -m pip install".split(), *QUIET]
        self._commands.run(
            [*command, "--cache-dir", self.folder.downloads, *arguments], hear, self.recipe.patience, signs
        )

    def _plan(self, *steps: tuple[str, float]) -> None:
        self._shares = tuple(share for _, share in steps)
        with self._lock:
            waiting = [Step(name) for name, _ in steps]
            self._state = replace(self._state, steps=(replace(waiting[0], state="running"), *waiting[1:]), fraction=0.0)

    def _show(self, line: str) -> None:
        if words := words_of(line):
            self._say(words)

    def _say(self, detail: str, done: float = 0.0) -> None:
        """Show what the present step does, and how far it is."""
        with self._lock:
            steps = self._state.steps
            at = next(i for i, step in enumerate(steps) if step.state == "running")
            fraction = (sum(self._shares[:at]) + done * self._shares[at]) / sum(self._shares)
            steps = (*steps[:at], replace(steps[at], detail=detail), *steps[at + 1 :])
            self._state = replace(self._state, steps=steps, fraction=max(fraction, self._state.fraction))

    def _next(self, detail: str) -> None:
        """The present step is done; `detail` is what came of it."""
        with self._lock:
            steps = self._state.steps
            at = next(i for i, step in enumerate(steps) if step.state == "running")
            ahead = [replace(step, state="running" if i == 0 else "waiting") for i, step in enumerate(steps[at + 1 :])]
            done = replace(steps[at], state="done", detail=detail)
            fraction = sum(self._shares[: at + 1]) / sum(self._shares)
            self._state = replace(self._state, steps=(*steps[:at], done, *ahead), fraction=fraction)


def _packages(place: Path) -> set[str]:
    """The names of what is installed in an environment."""
    folder = "Lib/site-packages" if sys.platform == "win32" else f"lib/python{_PYTHON}/site-packages"
    return {plain_name(path.name.partition("-")[0]) for path in (place / folder).glob("*.dist-info")}


def _in_words(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _IS_FULL
    where = f" ({error.filename})" if error.filename else ""
    return f"A file could not be written{where}: {error.strerror or error}. Check the permissions and try again."
