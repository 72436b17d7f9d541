"""Pieces that several panels and the preferences are drawn with."""

from __future__ import annotations

from typing import Any

import blf
import bpy

from ..scene.compat import draw_progress, set_font_size
from .session import session

_MARGIN = 100.0
"""Pixels of the sidebar's width, at the usual scale, that a line of text in a box can't use: tabs, margins, icon."""


def draw_text(layout: Any, text: str, context: Any, icon: str = "NONE") -> None:
    """A sentence over as many lines as the panel's width asks for."""
    column = layout.column(align=True)
    for i, line in enumerate(_lines(text, context)):
        column.label(text=line, icon=icon if i == 0 else ("BLANK1" if icon != "NONE" else "NONE"))


def draw_hint(layout: Any, text: str, icon: str = "NONE") -> None:
    """A line in grey."""
    row = layout.row()
    row.active = False
    row.label(text=text, icon=icon)


def draw_errand(layout: Any, kind: str) -> bool:
    """How far an errand is, with the button that ends it; False if there is none."""
    errand = session().errands.get(kind)
    if errand is None:
        return False
    draw_progress(layout, errand.at.done, errand.at.stage)
    layout.operator("vlogger.stop", icon="X").kind = kind
    return True


def redraw() -> None:
    """Have the sidebar's panels and the preferences drawn anew; the view sees to itself."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions if area.type in ("VIEW_3D", "PREFERENCES") else ():
                if area.type == "PREFERENCES" or region.type == "UI":
                    region.tag_redraw()


def _lines(text: str, context: Any) -> list[str]:
    """`text` in lines that fit into the panel."""
    scale = context.preferences.system.ui_scale
    room = context.region.width - _MARGIN * scale
    set_font_size(context.preferences.ui_styles[0].widget.points * scale)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and blf.dimensions(0, longer)[0] > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
