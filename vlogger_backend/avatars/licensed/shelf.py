"""Which body models the user has registered: where each file is, and what it was like then. No file is ever copied.

The list is `models.json` in the user's data folder. Reading it imports neither numpy nor the readers of models, so a
command that asks whether there is a model costs nothing where there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...errors import InputError
from ...files import writing
from ...folders import data_folder
from .makers import NO_MODEL, Source, source_of

if TYPE_CHECKING:
    from .body_model import BodyModel, Kind

State = Literal["there", "moved", "changed"]

_LIST = "models.json"
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Registered:
    """A model's file as it was when it was registered.

    name        : what the user calls it
    path        : where the file is, absolute
    kind, title : as in BodyModel
    identity    : number of identity components, and
    expression  : of expression components
    landmarks   : whether it has landmarks of the face
    size        : of the file, bytes
    modified    : its time of change, nanoseconds
    sha256      : its hash
    """

    name: str
    path: str
    kind: Kind
    title: str
    identity: int
    expression: int
    landmarks: bool
    size: int
    modified: int
    sha256: str

    @property
    def source(self) -> Source:
        """Whose it is, with its licence."""
        return source_of(self.kind, self.title)

    @property
    def state(self) -> State:
        """Whether the file still seems to be there and the same; its hash is not looked at."""
        try:
            found = Path(self.path).stat()
        except OSError:
            return "moved"
        return "there" if found.st_size == self.size else "changed"


def registered() -> tuple[Registered, ...]:
    """The models that the user has registered, in the order of their names.

    Raises InputError if the list can't be read.
    """
    path = data_folder() / _LIST
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["format"] != _FORMAT:
            raise ValueError(f"its format is {data['format']}")
        return tuple(_entry(item) for item in data["models"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"The list of body models, {path}, can't be read ({error}); delete it and add your models again."
        ) from error


def add(path: Path, name: str | None = None) -> Registered:
    """Check a model's file and remember it; `name` is by default made of its title, such as "smplx-neutral".

    A name that is taken is given anew only if what it stands for is the same file, has moved or has changed.

    Raises InputError if the file is no body model (`reading.read_model`), or the name won't do.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a model; use letters, digits, dots, dashes and underscores.")
    from .reading import read_model

    model = read_model(path)
    entry = _described(path, model, name or "")
    others = registered()
    if name is None:
        known = next((other.name for other in others if other.sha256 == entry.sha256), None)
        name = known or _free(_slug(model.title), [other.name for other in others])
    taken = next((other for other in others if other.name == name), None)
    if taken and taken.sha256 != entry.sha256 and taken.state == "there":
        raise InputError(
            f"There is already a model {name}, {taken.path}; choose another name with --name, "
            f"or forget that one with: vlogger models remove {name}"
        )
    entry = replace(entry, name=name)
    _write([*(other for other in others if other.name != name), entry])
    return entry


def remove(name: str) -> Registered:
    """Forget a model; its file is left alone.

    Raises InputError if there is none of that name.
    """
    found = _named(name)
    _write([other for other in registered() if other.name != name])
    return found


def find(name: str) -> Registered:
    """The model of that name, its file being there and the same as when it was registered.

    Raises InputError if there is none of that name, or if its file has moved or changed.
    """
    found = _named(name)
    again = f"vlogger models add FILE --name {name}"
    if found.state == "moved":
        raise InputError(f"The model {name} is no longer at {found.path}; say where it is now with: {again}")
    path = Path(found.path)
    if found.state == "there" and (path.stat().st_mtime_ns == found.modified or _hash(path) == found.sha256):
        return found
    raise InputError(f"{found.path} has changed since it was registered as {name}; if that is right, do: {again}")


def open_model(name: str) -> BodyModel:
    """The body model of that name.

    Raises InputError as `find`, or if the file can't be read.
    """
    found = find(name)
    from .reading import read_model

    return read_model(Path(found.path))


def _named(name: str) -> Registered:
    all_of_them = registered()
    for entry in all_of_them:
        if entry.name == name:
            return entry
    if not all_of_them:
        raise InputError(f"There is no model {name}, since none is registered. {NO_MODEL}")
    raise InputError(f"There is no model {name}; there are: {', '.join(entry.name for entry in all_of_them)}.")


def _described(path: Path, model: BodyModel, name: str) -> Registered:
    path = path.resolve()
    stat = path.stat()
    return Registered(
        name=name,
        path=str(path),
        kind=model.kind,
        title=model.title,
        identity=model.shapes.shape[2],
        expression=model.expressions.shape[2],
        landmarks=model.landmarks is not None,
        size=stat.st_size,
        modified=stat.st_mtime_ns,
        sha256=_hash(path),
    )


def _hash(path: Path) -> str:
    from ...motion.take import hash_of

    try:
        return hash_of(path)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}. Check its permissions.") from error


def _slug(title: str) -> str:
    return title.lower().replace("smpl-", "smpl").replace(" ", "-")


def _free(name: str, taken: Sequence[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free = f"{name}-{number}"
        number += 1
    return free


def _entry(data: dict[str, Any]) -> Registered:
    entry = Registered(**data)
    for name, kind in (("name", str), ("path", str), ("kind", str), ("title", str), ("size", int), ("sha256", str)):
        if not isinstance(getattr(entry, name), kind):
            raise TypeError(f"its {name} is none")
    return entry


def _write(entries: Sequence[Registered]) -> None:
    models = [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.name)]
    with writing(data_folder() / _LIST) as temporary:
        temporary.write_text(json.dumps({"format": _FORMAT, "models": models}, indent=1), "utf-8")
