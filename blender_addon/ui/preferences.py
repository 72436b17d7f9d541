"""The add-on's preferences: which backend is used, and where."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from ..core.connection import Address
from ..core.errors import AddonError
from ..core.service_process import LocalService, RemoteService, default_library

PACKAGE = __package__.rpartition(".")[0]


class VLOGGER_Preferences(bpy.types.AddonPreferences):
    """Where the backend is."""

    bl_idname = PACKAGE

    backend: EnumProperty(
        name="Backend",
        items=(
            ("own", "Installed Here", "An environment that this add-on has made"),
            ("existing", "Existing", "A Python or a vlogger command that you have installed"),
            ("remote", "Another Machine", "A service that runs somewhere else"),
        ),
        default="own",
    )
    program: StringProperty(
        name="Program", description="The environment's Python, or its vlogger command", subtype="FILE_PATH"
    )
    library: StringProperty(
        name="Library", description="Where the service keeps its jobs; empty is the usual folder", subtype="DIR_PATH"
    )
    url: StringProperty(name="Address", description="Of the service, like https://host:8443")
    token: StringProperty(name="Token", description="From the file `token` of its library", subtype="PASSWORD")
    authority: StringProperty(
        name="Certificate", description="The .pem file that the service was started with", subtype="FILE_PATH"
    )

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(self, "backend", expand=True)
        if self.backend == "existing":
            layout.prop(self, "program")
        if self.backend == "remote":
            for name in ("url", "token", "authority"):
                layout.prop(self, name)
        else:
            layout.prop(self, "library")
        layout.operator("vlogger.connect", icon="FILE_REFRESH")


def preferences(context: Any = None) -> Any:
    """The add-on's preferences."""
    return (context or bpy.context).preferences.addons[PACKAGE].preferences


def chosen_service() -> LocalService | RemoteService:
    """The service that the preferences say. Raises AddonError if they say none."""
    chosen = preferences()
    if chosen.backend == "remote":
        authority = Path(bpy.path.abspath(chosen.authority)) if chosen.authority else None
        return RemoteService(Address(chosen.url.strip(), chosen.token.strip(), authority))
    library = Path(bpy.path.abspath(chosen.library)) if chosen.library else default_library()
    if chosen.backend == "existing":
        program = Path(bpy.path.abspath(chosen.program)) if chosen.program else None
        if program is None or not program.is_file():
            raise AddonError("The backend's program is not there. Choose its Python in the preferences of the add-on.")
        return LocalService(library, program)
    return LocalService(library, None)


CLASSES = (VLOGGER_Preferences,)
