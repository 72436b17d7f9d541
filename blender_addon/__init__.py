"""The Blender add-on: speech becomes animation curves on the user's own rig.

`core` is plain Python and numpy; `scene` is everything that touches Blender's data; `ui` is what the user sees. Nothing
here imports the backend, which is another process (docs/service.md). Nothing is imported before `register`, so that
`core` and `scene` can be used without a window.
"""

bl_info = {  # for Blender before 4.2, which knows no blender_manifest.toml
    "name": "VLOGGER",
    "author": "The vlogger authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > VLOGGER",
    "description": "Speech to animation curves for face, head, body and hands",
    "category": "Animation",
}


def register() -> None:
    """Called by Blender when the add-on is enabled."""
    from .ui import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the add-on is disabled, and when it quits."""
    from .ui import registration

    registration.unregister()
