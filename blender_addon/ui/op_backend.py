"""The preferences' buttons: installing the backend, removing it, asking what another one is."""

from pathlib import Path
from typing import Any

import bpy

from ..core.commands import Commands
from ..core.connection import Address, Patience
from ..core.environments import ask, program_at
from ..core.errors import AddonError
from ..core.installer import Installer
from ..core.report import report
from ..core.service_process import check
from ..scene.compat import why_offline
from .backend import backend, close_backend, facts, open_backend, size
from .chosen import library_of, preferences, remote_address
from .operator import Operator
from .session import session


def _busy() -> str:
    """Why neither an installation nor a removal can begin now, "" if one can."""
    if backend().installer.poll().busy:
        return "Something is being installed or removed already"
    return "A take is being made: wait until it is, or cancel it" if session().active else ""


class VLOGGER_OT_install_backend(Operator):
    """Install the backend: a Python environment of its own, in the add-on's folder. Nothing else is changed"""

    bl_idname = "vlogger.install_backend"
    bl_label = "Install Backend"
    bl_options = {"INTERNAL"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        if not (backend().installer.recipe.sources / "pyproject.toml").is_file():
            return "This copy of the add-on carries no backend: install the extension's zip"
        return why_offline() or _busy()

    def run(self, context: Any) -> str:
        backend().start(Installer.install, library_of(preferences(context)))
        return ""


class VLOGGER_OT_cancel_install(Operator):
    """End the installation; nothing is left of it but what was downloaded, which the next try uses"""

    bl_idname = "vlogger.cancel_install"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        state = backend().installer.poll()
        return "" if state.busy and not state.cancelling else "There is nothing to cancel"

    def run(self, context: Any) -> str:
        backend().installer.cancel()
        return ""


class VLOGGER_OT_remove_backend(Operator):
    """Delete what was installed, and nothing else: takes and the service's library are kept"""

    bl_idname = "vlogger.remove_backend"
    bl_label = "Remove Backend"
    bl_options = {"INTERNAL"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        return _busy()

    def invoke(self, context: Any, event: Any) -> set[str]:
        return set(context.window_manager.invoke_props_dialog(self, width=420))

    def draw(self, context: Any) -> None:
        environment = backend().environment
        column = self.layout.column(align=True)
        what = f"the backend ({size(environment.size)})" if environment else "what was downloaded"
        column.label(text=f"Delete {what} from this folder?", icon="QUESTION")
        column.label(text=str(backend().installer.folder.root), icon="BLANK1")
        column.label(text="Takes and the service's library are kept.", icon="BLANK1")

    def run(self, context: Any) -> str:
        session().disconnect()
        backend().start(Installer.remove, library_of(preferences(context)))
        return ""


class VLOGGER_OT_check_backend(Operator):
    """Ask the environment or the service which version of vlogger it is"""

    bl_idname = "vlogger.check_backend"
    bl_label = "Check"
    bl_options = {"INTERNAL"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        if backend().asking:
            return "It is being asked"
        chosen = preferences(context)
        if chosen.backend == "remote":
            return "" if chosen.url and chosen.token else "Fill in the address and the token first"
        return "" if chosen.program else "Choose the environment first"

    def run(self, context: Any) -> str:
        chosen = preferences(context)
        if chosen.backend == "remote":
            address = remote_address(chosen)
            backend().ask(chosen.backend, lambda: _ask_service(address))
        else:
            place = Path(bpy.path.abspath(chosen.program))
            backend().ask(chosen.backend, lambda: _ask_environment(place))
        return ""


class VLOGGER_OT_copy_install_report(Operator):
    """Copy what was run and what it said, with the versions of everything and without private paths"""

    bl_idname = "vlogger.copy_install_report"
    bl_label = "Copy Report"
    bl_options = {"INTERNAL"}

    def run(self, context: Any) -> str:
        state, log = backend().installer.poll(), backend().installer.log
        error = state.error or AddonError(state.said or "Nothing was installed yet.")
        context.window_manager.clipboard = report(error, facts(context), log[-120:])
        return "The report is on the clipboard."


def _ask_environment(place: Path) -> str:
    found = ask(program_at(place), Commands({}))
    python = f" in Python {found.python_version}" if found.python_version else ""
    return f"This is vlogger {found.version}{python}. It fits this add-on."


def _ask_service(address: Address) -> str:
    found = check(address, Patience())
    return f"vlogger {found.health.get('version')} answers there. It fits this add-on."


def _ended(doing: str) -> None:
    """What was installed is used at once."""
    if doing == "install" and preferences().backend == "own":
        try:
            session().reconnect()
        except AddonError as error:
            session().notices.tell(error)


CLASSES = (
    VLOGGER_OT_install_backend,
    VLOGGER_OT_cancel_install,
    VLOGGER_OT_remove_backend,
    VLOGGER_OT_check_backend,
    VLOGGER_OT_copy_install_report,
)


def register() -> None:
    open_backend(_ended)


def unregister() -> None:
    close_backend()
