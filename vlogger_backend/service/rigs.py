"""The rigs that are described in `rigs/`, which lies beside the packages, installed or not."""

from __future__ import annotations

from pathlib import Path

from .errors import NotFound

_FOLDER = Path(__file__).resolve().parents[2] / "rigs"


def names() -> list[str]:
    """The names of all rigs, sorted."""
    return sorted(_files())


def description(name: str) -> bytes:
    """The description of a rig, which is JSON. Raises NotFound."""
    files = _files()
    if name not in files:
        raise NotFound(f"There is no rig {name[:80]}; there are {', '.join(sorted(files)) or 'none'}.")
    return files[name].read_bytes()


def _files() -> dict[str, Path]:
    return {path.stem: path for path in _FOLDER.glob("*.json")}
