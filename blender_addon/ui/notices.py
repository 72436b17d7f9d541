"""What the panel tells."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import AddonError


@dataclass(frozen=True)
class Notice:
    """What the panel tells: a sentence, and the class of the error, by which it knows the button that mends it."""

    sentence: str
    error: AddonError | None = None


class Notices:
    """The latest of them, None if there is nothing to tell. `changed` is called when panels should be drawn anew."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.changed = changed
        self.latest: Notice | None = None

    def say(self, sentence: str) -> None:
        """Show a sentence, "" for none."""
        self.latest = Notice(sentence) if sentence else None

    def tell(self, error: AddonError) -> None:
        """Show an error."""
        self.latest = Notice(str(error), error)
        self.changed()


def gone(error: Exception) -> AddonError:
    """What to tell when something was removed while it was needed."""
    told = AddonError("What this was about was removed, or undone, meanwhile. Start it again if you still want it.")
    told.__cause__ = error
    return told


def own_fault(error: Exception) -> AddonError:
    """What to tell of a fault of our own; the trace goes to the console."""
    traceback.print_exception(error)
    told = AddonError(
        f"The add-on itself failed ({type(error).__name__}: {error}). Press Copy Report and send it to us."
    )
    told.__cause__ = error
    return told
