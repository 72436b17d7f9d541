"""An OpenGL context off screen (pyrender's platforms: EGL on Linux, the system's own elsewhere)."""

from __future__ import annotations

import os
import sys

from ..errors import InputError


class Context:
    """To be closed after use. Raises InputError if no OpenGL can be opened."""

    def __init__(self) -> None:
        if sys.platform.startswith("linux"):
            os.environ.setdefault("PYOPENGL_PLATFORM", "egl")  # must be set before OpenGL is first imported
        try:
            import pyrender

            self._offscreen = pyrender.OffscreenRenderer(16, 16)
        except Exception as error:
            raise InputError(
                "No OpenGL could be opened to draw pictures; install a graphics driver or Mesa (on Debian and Ubuntu: "
                f"apt install libegl1 libgl1-mesa-dri). OpenGL said: {error or type(error).__name__}"
            ) from error

    def make_current(self) -> None:
        self._offscreen._platform.make_current()

    def close(self) -> None:
        platform = self._offscreen._platform
        if not hasattr(platform, "_egl_display"):
            self._offscreen.delete()
            return
        # On EGL pyrender would end the whole display, and with it every other context of this process.
        from OpenGL import EGL

        platform.make_current()
        EGL.eglDestroyContext(platform._egl_display, platform._egl_context)
        platform._egl_display = None
