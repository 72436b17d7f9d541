"""What every renderer is: something that paints frames of a portrait performing a take."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..camera import Camera
from ..motion.motion import Motion
from ..progress import Progress, no_progress

if TYPE_CHECKING:
    from ..portraits.portrait import Portrait
    from .figure import Figure
    from .stage import Picture


@dataclass(frozen=True, eq=False)
class Scene:
    """What is to be painted: `portrait` performing the frames `first` to `last` (inclusive) of `motion`, seen by
    `camera` (still, or one pose for each of these frames), whose size is the picture's.

    `start` is the first frame still to be painted, where a shot that was interrupted goes on; None is `first`. What is
    before it is not yielded, and what comes is what would have come.

    `figure` performs it for the person: a model of the user's, or None for the built-in avatar.

    The same scene, seed and renderer give the same pixels on the same machine.
    """

    portrait: Portrait
    motion: Motion
    camera: Camera
    first: int
    last: int
    seed: int = 0
    start: int | None = None
    figure: Figure | None = None

    @property
    def drawn(self) -> Figure:
        """What is drawn of the person in control images."""
        from .figure import built_in_figure

        return self.figure or built_in_figure(self.portrait)

    @property
    def in_photo(self) -> Figure:
        """What moves the photo: the built-in avatar, doing what `drawn` does."""
        from .figure import figure_of_person

        return figure_of_person(self.drawn.person)

    @property
    def frames(self) -> range:
        """The frames that are to be yielded."""
        return range(self.first if self.start is None else max(self.start, self.first), self.last + 1)


@dataclass(frozen=True)
class Readiness:
    """Whether a renderer can work here. `missing` is empty, or one sentence that says what it lacks and how to get it.

    `needs` says what it needs in a few words; `largest` is the greatest width and height that it can do here.
    """

    needs: str
    largest: tuple[int, int]
    missing: str = ""


class Renderer(Protocol):
    """A way of painting."""

    @property
    def name(self) -> str: ...

    def check(self) -> Readiness:
        """Whether it can work here; quick, loads no weights."""
        ...

    def paint(self, scene: Scene, progress: Progress = no_progress) -> Generator[tuple[int, Picture], None, None]:
        """Yield each frame's number and its picture (height, width, 4): sRGB with straight alpha, in order.

        Alpha is the person's; what is behind is put there afterwards. Memory doesn't grow with the shot's length.
        `progress` may raise to cancel, and is called at least once for each frame and each denoising step.
        Raises InputError if something that the user can mend is wrong.
        """
        ...
