"""The light on the stage."""

from __future__ import annotations

from dataclasses import dataclass

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Opening:
    """The slit between the lips, through which light comes into the mouth.

    middle : in metres
    half   : from its middle to a corner of the mouth, in metres
    area   : in square metres
    """

    middle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    half: tuple[float, float, float] = (0.0, 0.0, 0.0)
    area: float = 0.0


@dataclass(frozen=True)
class Lighting:
    """Three lights from afar, and light from all around. Colours are linear.

    directions  : unit vectors to the lights
    colors      : of the lights
    sky, ground : what comes from above and below
    opening     : through which the inside of the mouth is lit; without area, that is as bright as it is painted
    thrown_back : how much of the light in the mouth its walls throw back
    """

    directions: tuple[Color, Color, Color]
    colors: tuple[Color, Color, Color]
    sky: Color
    ground: Color
    opening: Opening = Opening()
    thrown_back: float = 0.5


STUDIO = Lighting(
    directions=((-0.479, 0.559, 0.678), (0.770, 0.150, 0.620), (0.451, 0.552, -0.702)),
    colors=((2.55, 2.40, 2.22), (0.62, 0.70, 0.80), (1.45, 1.50, 1.60)),
    sky=(0.50, 0.52, 0.56),
    ground=(0.22, 0.20, 0.19),
)
"""A portrait studio: a warm key from the upper left, a cool fill from the right, a rim light from behind."""
