"""Which Python the backend's environment is made with: it needs 3.11, and Blender's own is one only from 4.2 to 5.0."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backend_folder import python_in
from .commands import CommandError, Commands
from .errors import AddonError

NEEDED = (3, 11)
"""As the backend's pyproject.toml says."""
_NAME = ".".join(map(str, NEEDED))
_LOOK = (
    "import importlib.util, json, platform, struct, sys; "
    "print(json.dumps({'path': sys.executable, 'version': list(sys.version_info[:3]), "
    "'bits': 8 * struct.calcsize('P'), "
    "'kind': platform.python_implementation(), "
    "'lacks': [name for name in ('venv', 'ensurepip') if importlib.util.find_spec(name) is None]}))"
)


@dataclass(frozen=True)
class Python:
    """A Python that can make the environment."""

    path: Path
    version: str


def places() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where a fitting Python may be: what to call it, and the command that runs it. Blender's own comes first."""
    if sys.version_info[:2] == NEEDED:
        yield "Blender's own Python", (sys.executable,)
    found = shutil.which(f"python{_NAME}", path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_beside_path()]))
    if found:
        yield found, (found,)
    if sys.platform == "win32" and (launcher := shutil.which("py")):
        yield f"py -{_NAME}", (launcher, f"-{_NAME}")


def look_at(command: Sequence[str], commands: Commands) -> Python:
    """The Python that a command runs.

    Raises AddonError with the reason if it does not fit.
    """
    try:
        facts = last_json(commands.run([*command, "-I", "-c", _LOOK], patience=30))
    except CommandError as error:
        raise AddonError(f"it can't be run: {error}") from error
    if not facts:
        raise AddonError("it does not answer as a Python does")
    version = ".".join(map(str, facts.get("version", ["?"])))
    if tuple(facts.get("version", ())[:2]) != NEEDED or facts.get("kind") != "CPython" or facts.get("bits") != 64:
        raise AddonError(f"it is {facts.get('kind', 'something else')} {version}, {facts.get('bits')} bit")
    if facts.get("lacks"):
        raise AddonError(
            f"it lacks {' and '.join(facts['lacks'])}; on Debian and Ubuntu: apt install python{_NAME}-venv"
        )
    path = Path(facts["path"])
    if "WindowsApps" in path.parts:
        raise AddonError("it is from the Microsoft Store, whose environments can be used by nothing else")
    return Python(path, version)


def fetch(uv: str, into: Path, cache: Path, temporary: Path, commands: Commands, say: Callable[[str], None]) -> Python:
    """Fetch a Python for the environment into `into`. `uv` is the requirement of the program that does it.

    Raises CommandError if it can't be fetched, AddonError if what comes does not fit.
    """
    program = _fetching_program(uv, cache, temporary, commands, say)
    commands.run(
        [
            program, "python", "install", _NAME, "--install-dir", into, "--no-bin", "--no-registry",
            "--no-config", "--system-certs", "--cache-dir", cache / "uv",
        ],
        say,
        patience=300,
    )  # fmt: skip
    name = "python.exe" if sys.platform == "win32" else f"bin/python{_NAME}"
    found = sorted(into.glob(f"cpython-{_NAME}*/{name}"))
    if not found:
        raise AddonError(f"uv has put no Python {_NAME} into {into}")
    return look_at([str(found[-1])], commands)


def _fetching_program(
    uv: str, cache: Path, temporary: Path, commands: Commands, say: Callable[[str], None]
) -> str | Path:
    """uv, in an environment that Blender's own Python makes; if that has no pip, the user's own."""
    bootstrap = python_in(temporary / "uv")
    try:
        commands.run([sys.executable, "-I", "-m", "venv", temporary / "uv"], say, patience=300)
        commands.run([bootstrap, "-I", "-m", "pip", "install", *QUIET, "--cache-dir", cache, uv], say, patience=300)
    except CommandError:
        found = shutil.which("uv")
        if found is None:
            raise
        return found
    return bootstrap.with_name("uv.exe" if sys.platform == "win32" else "uv")


QUIET = (
    "--no-input", "--no-user", "--disable-pip-version-check", "--no-warn-script-location", "--progress-bar=off",
)  # fmt: skip
"""Options with which pip asks nothing, and says nothing that is of no use here."""


def last_json(lines: Sequence[str]) -> dict[str, Any]:
    """The last line that is a JSON object, {} if there is none: some programs write warnings besides."""
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def _beside_path() -> list[str]:
    """Where Pythons are installed that are in PATH in a terminal, but not for a program that was started by a click."""
    return ["/opt/homebrew/bin", "/usr/local/bin", str(Path.home() / ".local" / "bin")] if os.name == "posix" else []
