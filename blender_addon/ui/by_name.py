"""Choices from lists that the service tells, which change: what is chosen is kept by its name.

Properties are annotations, as Blender wants them, so this module must not postpone their evaluation.
"""

from collections.abc import Callable
from typing import Any

from bpy.props import EnumProperty

Item = tuple[str, str, str]
"""Name, label and description of a choice, as Blender wants them; the name "" is one like others."""

_NAMELESS = "*"
"""Blender takes a choice without a name for a heading."""


def choice_by_name(kept: str, items: Callable[[], list[Item]], name: str, description: str) -> Any:
    """A menu over the string property `kept` beside it. What is chosen and not in the list is in the menu too."""
    shown: list[Item] = []  # Blender keeps no copy of the words: without this they are freed while they are drawn

    def names(settings: Any) -> list[str]:
        found = items()
        chosen = getattr(settings, kept)
        if chosen not in [name for name, *_ in found]:  # one that the service doesn't tell any more, or not yet
            found.append((chosen, chosen, ""))
        shown[:] = [(name or _NAMELESS, label, words) for name, label, words in found]
        return [name for name, *_ in found]

    def listed(settings: Any, context: Any) -> list[Item]:
        names(settings)
        return shown

    def get(settings: Any) -> int:
        return names(settings).index(getattr(settings, kept))

    def choose(settings: Any, index: int) -> None:
        setattr(settings, kept, names(settings)[index])

    return EnumProperty(name=name, description=description, items=listed, get=get, set=choose)
