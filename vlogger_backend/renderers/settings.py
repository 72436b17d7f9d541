"""Large renderers are described in a TOML file: which one, where its weights are, and what is to be otherwise."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from .animatediff import AnimateDiff, ControlSource
from .renderer import Renderer
from .wan_animate import WanAnimate

_KINDS: Mapping[str, type[AnimateDiff] | type[WanAnimate]] = {"animatediff": AnimateDiff, "wan-animate": WanAnimate}
_PATHS = ("base", "motion", "ip_adapter", "image_encoder", "model", "kept")
_NOT_THERE = ("name", "head")


def read_renderer(path: Path) -> Renderer:
    """The renderer that a TOML file describes: `renderer` is "animatediff" or "wan-animate", everything else is a field
    of `AnimateDiff` or `WanAnimate`; each of `controlnets` is a source, or a table with `source` and `strength`.
    Relative paths are from the file's folder, if they exist there.

    Raises InputError if the file can't be read, or says something that is not understood.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Check the path of the renderer's file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML file ({error}); see docs/renderers.md for one.") from error
    kind = said.pop("renderer", None)
    if kind not in _KINDS:
        choice = " or ".join(f'"{name}"' for name in _KINDS)
        raise InputError(f"{path} must say renderer = {choice}.")
    made = _KINDS[kind]
    known = {f.name: f for f in fields(made) if f.name not in _NOT_THERE}
    for name in said:
        if name not in known:
            raise InputError(f"{path} says {name}, which {kind} does not have; it has {', '.join(known)}.")
    missing = [f.name for f in known.values() if f.default is MISSING and f.name not in said]
    if missing:
        raise InputError(f"{path} does not say {missing[0]}, without which {kind} can't paint; see docs/renderers.md.")
    return made(**{name: _understood(path, name, value, known[name].type) for name, value in said.items()})


def _understood(path: Path, name: str, value: Any, kind: Any) -> Any:
    """A value as its field wants it. The fields' types are their annotations' texts."""
    if name == "controlnets":
        if not isinstance(value, dict):
            raise InputError(f"{path}: controlnets is a table of kinds and sources; see docs/renderers.md.")
        return {control: _control(path, control, source) for control, source in value.items()}
    expected: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float)}
    if isinstance(value, bool) or not isinstance(value, expected.get(str(kind), (str,))):
        raise InputError(f"{path}: {name} is {value!r}; give {'a number' if str(kind) in expected else 'a text'}.")
    if name in _PATHS:
        value = _beside(path, str(value))
    return Path(value) if name == "kept" else value


def _control(path: Path, kind: str, source: Any) -> ControlSource:
    table: Any = {"source": source} if isinstance(source, str) else source
    if not isinstance(table, dict) or not isinstance(table.get("source"), str) or set(table) - {"source", "strength"}:
        raise InputError(f"{path}: the ControlNet {kind} is a source, or a table with source and strength.")
    strength = table.get("strength", ControlSource("").strength)
    if isinstance(strength, bool) or not isinstance(strength, int | float):
        raise InputError(f"{path}: the strength of the ControlNet {kind} is {strength!r}; give a number, 0 to 2.")
    return ControlSource(_beside(path, table["source"]), float(strength))


def _beside(path: Path, source: str) -> str:
    """A path from the file's folder, if there is such a one; else as it is, since it may be a hub's name."""
    beside = path.parent / source
    return str(beside) if source and beside.exists() else source
