"""Renderers by name. What one needs is imported when it is opened."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from ..folders import data_folder
from ..provenance.provenance import Source
from .renderer import Readiness, Renderer

BUILTIN, WARP = "builtin", "warp"
_SUFFIX = ".toml"


@dataclass(frozen=True)
class Opened:
    """A renderer that was asked for.

    identity : what its pixels depend on besides the scene: its weights, or the text that describes it
    source   : of what its pictures are made
    """

    renderer: Renderer
    identity: str
    source: Source


def renderers_folder() -> Path:
    """Where the user's own renderers are described, each in `NAME.toml`; beside the credentials."""
    return data_folder() / "renderers"


def renderer_names() -> tuple[str, ...]:
    """The names of all renderers that can be asked for, the default first."""
    own = sorted(path.stem for path in renderers_folder().glob(f"*{_SUFFIX}") if path.is_file())
    return BUILTIN, WARP, *(name for name in own if name not in (BUILTIN, WARP))


def open_renderer(name: str, kept: Path | None = None) -> Opened:
    """The renderer of this name, or that a TOML file at this path describes (docs/renderers.md).

    `kept` is a folder in which it may keep what an interrupted shot goes on from. Raises InputError if there is none.
    """
    if name == BUILTIN:
        from .builtin.painter import WEIGHTS
        from .builtin.renderer import BuiltinRenderer

        weights = _hash(WEIGHTS.read_bytes()) if WEIGHTS.is_file() else ""
        return Opened(BuiltinRenderer(), f"{name} {weights}", Source.PHOTO_AND_PAINTED)
    if name == WARP:
        from .warp import Warp

        return Opened(Warp(), name, Source.PHOTO_AND_PAINTED)
    path = Path(name) if name.lower().endswith(_SUFFIX) else renderers_folder() / f"{name}{_SUFFIX}"
    if name not in renderer_names() and path.suffix != Path(name).suffix:
        raise InputError(
            f"There is no renderer {name[:80]}; choose from {', '.join(renderer_names())}, or name a .toml file that "
            "describes one (docs/renderers.md)."
        )
    from .settings import read_renderer
    from .wan_animate import WanAnimate

    renderer = read_renderer(path)
    identity = f"{renderer.name} {_hash(path.read_bytes())}"
    if isinstance(renderer, WanAnimate) and renderer.kept is None:
        renderer = replace(renderer, kept=kept)
    return Opened(renderer, identity, Source.PAINTED)


def readiness() -> dict[str, Readiness]:
    """Whether each renderer can work here, by name."""
    found = {}
    for name in renderer_names():
        try:
            found[name] = open_renderer(name).renderer.check()
        except InputError as error:
            found[name] = Readiness("", (0, 0), str(error))
    return found


def check_ready(renderer: Renderer, size: tuple[int, int]) -> None:
    """Raises InputError if it can't paint pictures of this size here, with what it lacks."""
    ready = renderer.check()
    if ready.missing:
        raise InputError(ready.missing)
    largest = ready.largest
    if largest != (0, 0) and (size[0] > largest[0] or size[1] > largest[1]):
        raise InputError(
            f"{renderer.name} paints at most {largest[0]} x {largest[1]} pixels here, not {size[0]} x {size[1]}; ask "
            "for a smaller size."
        )


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
