"""The avatar of the body that a request names."""

from __future__ import annotations

from ..progress import Progress, no_progress
from ..request import Body
from .avatar import Avatar
from .library import load_avatar


def avatar_for(body: Body | str, progress: Progress = no_progress) -> Avatar:
    """The built-in avatar with these sliders, or the user's model or person of this name.

    Raises InputError as `load_avatar`, or if there is no such model or person, or none that can be read and prepared.
    """
    if isinstance(body, str):
        from .licensed.as_avatar import load_licensed

        return load_licensed(body, progress)
    return load_avatar(body, progress)
