"""The add-on's preferences: which backend is used, and where; installing it."""

import sys
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..core.installer import State
from ..core.service_process import default_library
from ..core.version import VERSION
from ..scene.compat import draw_online_switch, draw_progress, why_offline
from .backend import backend, clock, size
from .chosen import PACKAGE
from .drawing import draw_hint, draw_text
from .session import session

_ICONS = {"waiting": "RADIOBUT_OFF", "running": "RADIOBUT_ON", "done": "CHECKMARK", "failed": "X"}


_MORE = " (on Linux NVIDIA's libraries besides, unless pip is set up otherwise)" if sys.platform == "linux" else ""


def _changed(chosen: Any, context: Any) -> None:
    """What was found out was about another service, and so was the connection."""
    backend().finding = None
    if not session().active:
        session().disconnect()


class VLOGGER_Preferences(bpy.types.AddonPreferences):
    """Where the backend is."""

    bl_idname = PACKAGE

    backend: EnumProperty(
        name="Backend",
        items=(
            ("own", "Installed Here", "An environment that this add-on makes and looks after"),
            ("existing", "My Environment", "A Python environment in which you have installed vlogger"),
            ("remote", "Another Machine", "A vlogger service that runs somewhere else"),
        ),
        default="own",
        update=_changed,
    )
    program: StringProperty(
        name="Environment",
        description="The environment's folder, its Python, or its vlogger command",
        subtype="FILE_PATH",
        update=_changed,
    )
    library: StringProperty(
        name="Library",
        description="Where the service keeps its jobs; empty is the usual folder",
        subtype="DIR_PATH",
        update=_changed,
    )
    url: StringProperty(name="Address", description="Of the service, like https://host:8443", update=_changed)
    token: StringProperty(
        name="Token", description="From the file `token` of its library", subtype="PASSWORD", update=_changed
    )
    authority: StringProperty(
        name="Certificate",
        description="The .pem file that the service was started with, if it made its own",
        subtype="FILE_PATH",
        update=_changed,
    )
    start_early: BoolProperty(
        name="Start Early",
        description="Start or look for the service in the background when the panel is first used, so that the first "
        "take comes sooner. Not while Blender's online access is off, and not without a window",
        default=True,
    )

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.row().prop(self, "backend", expand=True)
        body = layout.column()
        body.use_property_split, body.use_property_decorate = True, False
        if self.backend == "own":
            _draw_own(body, context)
        elif self.backend == "existing":
            body.prop(self, "program")
            _draw_finding(body, context, "existing", "Check")
        else:
            for name in ("url", "token", "authority"):
                body.prop(self, name)
            if why_offline():
                draw_hint(body, "Blender's online access is off: only an address of this machine is used.", "INFO")
                draw_online_switch(body, context)
            _draw_finding(body, context, "remote", "Test")
        if self.backend == "own" and backend().environment is None:
            return
        if self.backend != "remote":
            body.separator()
            body.prop(self, "library")
            if not self.library:
                draw_hint(body, f"Jobs are kept in {default_library()}")
        body.separator()
        body.prop(self, "start_early")
        _draw_service(body, context)


def _draw_own(layout: Any, context: Any) -> None:
    """What is installed, what goes on, and the buttons."""
    held = backend()
    state = held.installer.poll()
    if state.busy and state.doing == "install":
        _draw_installing(layout.box().column(), context, state)
        return
    if state.busy and state.doing == "remove":
        layout.label(text="Removing the backend …", icon="SORTTIME")
        return
    environment, recipe = held.environment, held.installer.recipe
    if environment is None:
        draw_text(
            layout,
            "The backend makes the animation. It is a program of its own: this button puts it into a folder of the "
            "add-on, and changes nothing else on this machine.",
            context,
            "INFO",
        )
        draw_text(
            layout,
            f"It downloads about {size(recipe.download)}{_MORE}, which takes some minutes, and fills 3 GB of disk, in "
            f"{held.installer.folder.root}.",
            context,
            "BLANK1",
        )
        _draw_buttons(layout, context, "Install Backend", state, again=False)
    else:
        fits = environment.version == VERSION
        facts = f"{size(environment.size)}, Python {environment.python_version}"
        text = f"vlogger {environment.version} is installed ({facts})"
        layout.label(text=text, icon="CHECKMARK" if fits and environment.has_python else "ERROR")
        draw_hint(layout, str(held.installer.folder.root), "BLANK1")
        if not environment.has_python:
            draw_text(layout, "Its Python is gone, as happens when Blender is moved or updated.", context, "BLANK1")
            _draw_buttons(layout, context, "Mend Backend", state, again=False)
        elif not fits:
            draw_text(layout, f"This add-on is version {VERSION}; the two should be the same.", context, "BLANK1")
            _draw_buttons(layout, context, f"Update Backend to {VERSION}", state, again=False)
        else:
            for note in environment.notes:
                draw_text(layout, note, context, "INFO")
            _draw_buttons(layout, context, "Install Anew", state, again=True)
    _draw_outcome(layout, context, state)


def _draw_buttons(layout: Any, context: Any, text: str, state: State, again: bool) -> None:
    """The button that installs: large, unless all is well. Beside it the one that removes, if there is anything."""
    offline = why_offline()
    if offline and not again:
        box = layout.box().column()
        draw_text(box, f"{offline}.", context, "ERROR")
        draw_online_switch(box, context)
    row = layout.row()
    row.scale_y = 1.0 if again else 1.5
    row.operator("vlogger.install_backend", text=text, icon="FILE_REFRESH" if again else "IMPORT")
    if backend().installer.folder.root.is_dir():
        row.operator("vlogger.remove_backend", text="Remove", icon="TRASH")


def _draw_installing(layout: Any, context: Any, state: State) -> None:
    draw_progress(layout, state.fraction, f"Installing, {clock(state.seconds)}")
    _draw_steps(layout, state)
    row = layout.row()
    row.enabled = not state.cancelling
    row.operator("vlogger.cancel_install", text="Cancelling …" if state.cancelling else "Cancel", icon="X")


def _draw_steps(layout: Any, state: State) -> None:
    column = layout.column(align=True)
    for step in state.steps:
        row = column.row()
        row.active = step.state != "waiting"
        row.label(text=step.name, icon=_ICONS[step.state])
        if step.detail:
            draw_hint(column, step.detail, "BLANK1")


def _draw_outcome(layout: Any, context: Any, state: State) -> None:
    """How the latest installation or removal of this session ended."""
    if state.busy or state.doing not in ("install", "remove"):
        return
    if state.error is None:
        if state.doing == "remove" or state.fraction < 1.0:  # else it is seen that it is installed
            draw_text(layout.box(), state.said, context, "INFO")
        return
    box = layout.box().column()
    draw_text(box, str(state.error), context, "ERROR")
    _draw_steps(box, state)
    box.operator("vlogger.copy_install_report", icon="COPYDOWN")


def _draw_finding(layout: Any, context: Any, kind: str, text: str) -> None:
    """The button that asks, and what the answer was."""
    held = backend()
    layout.operator("vlogger.check_backend", text="Asking …" if held.asking else text, icon="VIEWZOOM")
    if held.finding is not None and held.finding.kind == kind:
        icon = "CHECKMARK" if held.finding.error is None else "ERROR"
        draw_text(layout.box(), held.finding.sentence, context, icon)


def _draw_service(layout: Any, context: Any) -> None:
    service = session().service
    icons = {"ready": "CHECKMARK", "starting": "SORTTIME", "away": "ERROR"}
    row = layout.row()
    row.label(text=service.sentence or "The service starts when it is needed", icon=icons.get(service.state, "DOT"))
    row.operator("vlogger.connect", icon="FILE_REFRESH")


CLASSES = (VLOGGER_Preferences,)
