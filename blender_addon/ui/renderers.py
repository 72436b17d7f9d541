"""What can paint a photo's person: what the service has told of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from .session import session

_LABELS = {"builtin": "Built-in", "warp": "Warp (Quick Draft)"}


@dataclass(frozen=True)
class Renderer:
    """One of the service's renderers. `missing` is what it lacks, "" if it can work."""

    name: str
    detail: str
    missing: str

    @property
    def label(self) -> str:
        return _LABELS.get(self.name, self.name)


def renderers() -> list[Renderer]:
    """All of them, the usual one first; none while the service has not told."""
    found = []
    with suppress(KeyError, TypeError, AttributeError):  # another version's answer may be another
        for told in session().answers.of("capabilities").get("renderers", []):
            missing = "" if told["ready"] else str(told["missing"] or told["detail"])
            found.append(Renderer(str(told["name"]), str(told["detail"]), missing))
    return found


def what_lacks(name: str) -> str:
    """What a renderer lacks to work, "" if nothing, or if that is not known."""
    known = {renderer.name: renderer.missing for renderer in renderers()}
    return known.get(name, f"The service has no renderer {name}: choose another") if known else ""
