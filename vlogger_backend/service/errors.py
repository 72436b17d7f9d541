"""What a client can mend, by kind: each kind is a status of its own in the answer."""

from ..errors import InputError


class NotFound(InputError):  # noqa: N818
    """There is no such thing here."""


class JobNotFound(NotFound):
    """No job has this id."""


class Conflict(InputError):  # noqa: N818
    """The job's state doesn't allow what was asked, or a key was used for another job before."""


class LibraryFull(InputError):  # noqa: N818
    """The quota or the disk has no room for it."""
