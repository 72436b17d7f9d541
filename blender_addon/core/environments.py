"""What an environment is, by asking it: is it vlogger, of which version, and what of it works on this machine?"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backend_folder import python_in
from .commands import CommandError, Commands
from .errors import AddonError
from .pythons import last_json
from .version import VERSION

_ASK = (
    "import json, platform; import vlogger_backend; "
    "print(json.dumps({'version': vlogger_backend.__version__, 'python': platform.python_version()}))"
)


@dataclass(frozen=True)
class Backend:
    """A backend that answered. `python_version` is "" if it was asked by its `vlogger` command."""

    program: Path
    version: str
    python_version: str


def program_at(path: Path) -> Path:
    """The program to run for what a user may choose: a Python, a `vlogger` command, or the folder of an environment.

    Raises AddonError if there is none.
    """
    if path.is_dir():
        places = (python_in(path), *(path / name for name in _NAMES), *(path / _FOLDER / name for name in _NAMES))
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise AddonError(
                f"{path} is not a Python environment. Choose the folder of the one that vlogger is installed in."
            )
        return found
    if not path.is_file():
        raise AddonError(f"There is nothing at {path}. Choose the environment that vlogger is installed in.")
    return path


def ask(program: Path, commands: Commands) -> Backend:
    """Ask a Python or a `vlogger` command which vlogger it has.

    Raises AddonError if it has none, or not one of our version.
    """
    python = program.stem.lower().startswith("python")
    try:
        if python:
            facts = last_json(commands.run([program, "-I", "-X", "utf8", "-c", _ASK], patience=60))
        else:
            said = re.search(r"\bvlogger (\d\S*)", "\n".join(commands.run([program, "--version"], patience=60)))
            facts = {"version": said[1]} if said else {}
    except CommandError as error:
        raise AddonError(_no_backend(program, error)) from error
    if not isinstance(facts.get("version"), str):
        raise AddonError(
            f"{program} answers, but not as vlogger does. Choose the environment that vlogger is installed in."
        )
    found = Backend(program, facts["version"], str(facts.get("python", "")))
    if found.version.split(".")[:2] != VERSION.split(".")[:2]:
        raise AddonError(
            f"{program} has vlogger {found.version}, and this add-on is version {VERSION}. Update the older of the two."
        )
    return found


def notes(python: Path, commands: Commands) -> tuple[str, ...]:
    """What does not work on this machine: for each part a sentence with the remedy, as `vlogger doctor` tells it.

    Raises AddonError if the backend can't even say that.
    """
    command = [str(python), *"-I -X utf8 -m vlogger_backend.cli doctor --json".split()]
    try:
        lines = commands.run(command, patience=300)
    except CommandError as error:  # 2 is its exit code if something is missing
        if error.code != 2:
            raise AddonError(
                f"The backend is installed, but does not run: {error}. Copy the report and send it to us."
            ) from error
        lines = error.lines
    return tuple(_note(finding) for finding in _findings(lines) if finding.get("needed") and not finding.get("fine"))


_NAMES = ("python.exe", "python3", "python", "vlogger.exe", "vlogger")
_FOLDER = "Scripts" if sys.platform == "win32" else "bin"


def _findings(lines: tuple[str, ...]) -> list[dict[str, Any]]:
    """The list that `vlogger doctor --json` writes, among whatever libraries write besides."""
    starts = [i for i, line in enumerate(lines) if line.startswith("[")]
    for start in starts:
        try:
            found, _ = json.JSONDecoder().raw_decode("\n".join(lines[start:]))
        except ValueError:
            continue
        if isinstance(found, list) and all(isinstance(finding, dict) for finding in found):
            return found
    return []


def _note(finding: dict[str, Any]) -> str:
    return f"{str(finding.get('name')).capitalize()}: {finding.get('detail')}. {str(finding.get('cost')).capitalize()}."


def _no_backend(program: Path, error: CommandError) -> str:
    if any("No module named 'vlogger_backend'" in line for line in error.lines):
        return f"{program} has no vlogger. Install it there with pip, or choose another environment."
    if error.code is None:
        return f"{program} does not answer. Choose the environment that vlogger is installed in."
    return f"{program} can't be used: {error}. Choose the environment that vlogger is installed in."
