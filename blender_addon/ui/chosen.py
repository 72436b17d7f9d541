"""Which service the preferences say, and why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..core.connection import Address
from ..core.environments import program_at
from ..core.errors import AddonError
from ..core.service_process import LocalService, RemoteService, StartError, default_library, seems_to_run
from ..core.version import VERSION
from ..scene.compat import why_offline
from .backend import backend

PACKAGE = __package__.rpartition(".")[0]


def preferences(context: Any = None) -> Any:
    """The add-on's preferences."""
    return (context or bpy.context).preferences.addons[PACKAGE].preferences


def library_of(chosen: Any) -> Path:
    """Where a service of this machine keeps its jobs."""
    return Path(bpy.path.abspath(chosen.library)) if chosen.library else default_library()


def chosen_service() -> LocalService | RemoteService:
    """The service that the preferences say. Raises StartError if they say none that can be used."""
    chosen = preferences()
    if chosen.backend == "remote":
        if not chosen.url.strip() or not chosen.token.strip():
            raise StartError(
                "Another machine is to make the animation, and its address or token is not filled in. "
                "Fill them in, in the preferences."
            )
        return RemoteService(remote_address(chosen))
    library = library_of(chosen)
    if chosen.backend == "existing":
        if not chosen.program:
            raise StartError(
                "No environment is chosen. Choose the one that vlogger is installed in, in the preferences."
            )
        try:
            return LocalService(library, program_at(Path(bpy.path.abspath(chosen.program))))
        except AddonError as error:
            raise StartError(str(error)) from error
    return _own_service(library)


def remote_address(chosen: Any) -> Address:
    """Where the service on another machine is.

    Raises StartError if that can't be an address, or Blender's online access is off and it is not this machine.
    """
    authority = Path(bpy.path.abspath(chosen.authority)) if chosen.authority else None
    try:
        address = Address(chosen.url.strip(), chosen.token.strip(), authority)
    except AddonError as error:
        raise StartError(str(error)) from error
    offline = "" if address.is_here else why_offline("the service is on another machine")
    if offline:
        raise StartError(f"{offline}.")
    return address


def why_no_service() -> str:
    """Why nothing can be asked for now, "" if there may be a service. It looks at a few small files, no more."""
    state = backend().installer.poll()
    if state.busy and state.doing in ("install", "remove") and preferences().backend == "own":
        return f"The backend is being {'installed' if state.doing == 'install' else 'removed'}: wait until it is"
    try:
        chosen_service()
    except StartError as error:
        return str(error).rstrip(".")
    return ""


def may_start_early() -> bool:
    """May the service be started before anything is asked of it?"""
    return preferences().start_early and not why_offline() and not why_no_service()


def _own_service(library: Path) -> LocalService:
    environment = backend().installer.folder.current()
    if environment is None:
        if seems_to_run(library):  # someone started it by hand
            return LocalService(library, None)
        raise StartError("The backend, which makes the animation, is not installed. Install it in the preferences.")
    if not environment.has_python:
        raise StartError(
            "The backend's Python is gone, as Blender was moved or updated. Press Mend in the preferences."
        )
    if environment.version.split(".")[:2] != VERSION.split(".")[:2]:
        raise StartError(
            f"The backend is version {environment.version}, and this add-on is version {VERSION}. Press Update in the "
            "preferences."
        )
    return LocalService(library, environment.python)
