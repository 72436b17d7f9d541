"""Which body models the user has registered, where each file is, and what it was like then; and which persons are
fitted to them. No file is ever copied.

The list is `models.json` in the user's data folder. Reading it imports neither numpy nor the readers of models, so a
command that asks whether there is a model costs nothing where there is none.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...errors import InputError
from ...files import writing
from ...folders import data_folder
from .makers import NO_MODEL, Source, source_of

if TYPE_CHECKING:
    from .body_model import BodyModel, Kind, LandmarkEmbedding

State = Literal["there", "moved", "changed"]

_LIST = "models.json"
_FORMAT = 1
_LANDMARKS = 51
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
    seen        : the landmarks of a file that has none, as they were seen on its face when it was registered: for each
                  of the 51 its triangle and three barycentric coordinates there
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
    seen: tuple[tuple[float, ...], ...] = ()

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


@dataclass(frozen=True)
class Person:
    """Somebody on a model.

    name        : what the user calls them
    model       : the name of the model that they are fitted to
    sha256      : the hash of its file then
    betas       : as many identity components as it has
    source      : the file that they were fitted to
    mean, worst : how far the fit is off, on the average and at 95 %, metres
    """

    name: str
    model: str
    sha256: str
    betas: tuple[float, ...]
    source: str
    mean: float
    worst: float

    @property
    def unusual(self) -> float:
        """How far from the average person they are: the largest component, in standard deviations."""
        return max(map(abs, self.betas), default=0.0)


def registered() -> tuple[Registered, ...]:
    """The models that the user has registered, in the order of their names.

    Raises InputError if the list can't be read.
    """
    return _read()[0]


def persons() -> tuple[Person, ...]:
    """The persons who are fitted to models, in the order of their names.

    Raises InputError if the list can't be read.
    """
    return _read()[1]


def _read() -> tuple[tuple[Registered, ...], tuple[Person, ...]]:
    path = data_folder() / _LIST
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["format"] != _FORMAT:
            raise ValueError(f"its format is {data['format']}")
        people = tuple(_person(item) for item in data.get("persons", []))  # older lists have none
        return tuple(_entry(item) for item in data["models"]), people
    except (FileNotFoundError, NotADirectoryError):
        return (), ()
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"The list of body models, {path}, can't be read ({error}); delete it and add your models again."
        ) from error


def add(
    path: Path, name: str | None = None, see: Callable[[BodyModel], LandmarkEmbedding | None] | None = None
) -> Registered:
    """Check a model's file and remember it; `name` is by default made of its title, such as "smplx-neutral".

    A name that is taken is given anew only if what it stands for is the same file, has moved or has changed. `see` is
    asked for the landmarks of a face that has none.

    Raises InputError if the file is no body model (`reading.read_model`), or the name won't do.
    """
    _check_name(name)
    from .reading import read_model

    model = read_model(path)
    seen = see(model) if see and model.landmarks is None and model.expressions.shape[2] else None
    entry = _described(path, model, name or "", seen)
    others, people = _read()
    if name is None:
        known = next((other.name for other in others if other.sha256 == entry.sha256), None)
        name = known or _free(
            _slug(model.title), [*(other.name for other in others), *(person.name for person in people)]
        )
    if any(person.name == name for person in people):
        raise InputError(f"There is already a person {name}; choose another name with --name.")
    taken = next((other for other in others if other.name == name), None)
    if taken and taken.sha256 != entry.sha256 and taken.state == "there":
        raise InputError(
            f"There is already a model {name}, {taken.path}; choose another name with --name, "
            f"or forget that one with: vlogger models remove {name}"
        )
    entry = replace(entry, name=name)
    _write([*(other for other in others if other.name != name), entry], people)
    return entry


def check_free(name: str, source: str) -> None:
    """Can a person who is fitted to `source` be called so?

    Raises InputError if the name won't do, or if it is a model's or another person's.
    """
    _check_name(name)
    others, people = _read()
    if any(other.name == name for other in others):
        raise InputError(f"There is already a model {name}; choose another name with --name.")
    taken = next((other for other in people if other.name == name), None)
    if taken and taken.source != source:
        raise InputError(
            f"There is already a person {name}, fitted to {taken.source}; choose another name with --name, or forget "
            f"that one with: vlogger models remove {name}"
        )


def add_person(person: Person) -> None:
    """Remember a person; one of that name who was fitted to the same source is given up for them.

    Raises InputError as `check_free`.
    """
    check_free(person.name, person.source)
    others, people = _read()
    _write(others, [*(other for other in people if other.name != person.name), person])


def remove(name: str) -> Registered | Person:
    """Forget a model or a person; files are left alone.

    Raises InputError if there is none of that name, or if persons are fitted to the model.
    """
    others, people = _read()
    if found := find_person(name):
        _write(others, [person for person in people if person.name != name])
        return found
    model = _named(name)
    if on_it := [person.name for person in people if person.model == name]:
        raise InputError(
            f"{', '.join(on_it)} can't be without {name}; forget them first, with: vlogger models remove {on_it[0]}"
        )
    _write([other for other in others if other.name != name], people)
    return model


def find_person(name: str) -> Person | None:
    """The person of that name, whatever has become of their model; None if there is none."""
    return next((person for person in persons() if person.name == name), None)


def find(name: str) -> Registered:
    """The model of that name, or that of the person of that name, its file being there and the same as when it was
    registered.

    Raises InputError if there is none of that name, or if its file has moved or changed, or is not the one that the
    person was fitted to.
    """
    person = find_person(name)
    found = _named(person.model if person else name)
    if person and person.sha256 != found.sha256:
        raise InputError(
            f"{found.name} is another file now than {name} was fitted to; fit them again with: "
            f"vlogger models fit {found.name} {person.source} --name {name}"
        )
    name = found.name
    again = f"vlogger models add FILE --name {name}"
    if found.state == "moved":
        raise InputError(f"The model {name} is no longer at {found.path}; say where it is now with: {again}")
    path = Path(found.path)
    if found.state == "there" and (path.stat().st_mtime_ns == found.modified or _hash(path) == found.sha256):
        return found
    raise InputError(f"{found.path} has changed since it was registered as {name}; if that is right, do: {again}")


def open_model(name: str) -> BodyModel:
    """The body model of that name, or of the person of that name, who is not on it yet (`betas_of`).

    Raises InputError as `find`, or if the file can't be read.
    """
    found = find(name)
    from .reading import read_model

    model = read_model(Path(found.path))
    if model.landmarks is None and found.seen:
        model = replace(model, landmarks=_embedding(found.seen))
    return model


def betas_of(name: str) -> tuple[float, ...]:
    """A person's identity components; none of a model."""
    person = find_person(name)
    return person.betas if person else ()


def landmarks_key(entry: Registered) -> str:
    """What tells the landmarks of a model that are not in its file from others; "" if it has no such.

    Raises InputError if the file that lies beside it can't be read.
    """
    from .reading import landmark_file

    if entry.kind == "flame" and (beside := landmark_file(Path(entry.path))):
        return _hash(beside)
    return hashlib.sha256(json.dumps(entry.seen).encode()).hexdigest() if entry.seen else ""


def _named(name: str) -> Registered:
    all_of_them = registered()
    for entry in all_of_them:
        if entry.name == name:
            return entry
    if not all_of_them:
        raise InputError(f"There is no model {name}, since none is registered. {NO_MODEL}")
    names = ", ".join([*(entry.name for entry in all_of_them), *(person.name for person in persons())])
    raise InputError(f"There is no model {name}; there are: {names}.")


def _check_name(name: str | None) -> None:
    if name is not None and not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a model; use letters, digits, dots, dashes and underscores.")


def _embedding(seen: tuple[tuple[float, ...], ...]) -> LandmarkEmbedding:
    import numpy as np

    from .body_model import LandmarkEmbedding

    rows = np.array(seen)
    return LandmarkEmbedding(rows[:, 0].astype(np.int32), rows[:, 1:])


def _described(path: Path, model: BodyModel, name: str, seen: LandmarkEmbedding | None) -> Registered:
    path = path.resolve()
    stat = path.stat()
    return Registered(
        name=name,
        path=str(path),
        kind=model.kind,
        title=model.title,
        identity=model.shapes.shape[2],
        expression=model.expressions.shape[2],
        landmarks=model.landmarks is not None or seen is not None,
        size=stat.st_size,
        modified=stat.st_mtime_ns,
        sha256=_hash(path),
        seen=tuple((float(n), *row) for n, row in zip(seen.faces, seen.shares.tolist(), strict=True)) if seen else (),
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
    entry = Registered(**{**data, "seen": tuple(map(_floats, data.get("seen", [])))})
    for name, kind in (("name", str), ("path", str), ("kind", str), ("title", str), ("size", int), ("sha256", str)):
        if not isinstance(getattr(entry, name), kind):
            raise TypeError(f"its {name} is none")
    if entry.seen and (len(entry.seen) != _LANDMARKS or any(len(row) != 4 for row in entry.seen)):
        raise ValueError("its landmarks are none")
    return entry


def _person(data: dict[str, Any]) -> Person:
    person = Person(**{**data, "betas": _floats(data["betas"])})
    for name in ("name", "model", "sha256", "source"):
        if not isinstance(getattr(person, name), str):
            raise TypeError(f"its {name} is none")
    _floats([person.mean, person.worst])
    return person


def _floats(numbers: Sequence[Any]) -> tuple[float, ...]:
    floats = tuple(float(number) for number in numbers)
    if not all(map(math.isfinite, floats)):
        raise ValueError("its numbers are not finite")
    return floats


def _write(entries: Sequence[Registered], people: Sequence[Person]) -> None:
    models = [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.name)]
    on_them = [asdict(person) for person in sorted(people, key=lambda person: person.name)]
    data = {"format": _FORMAT, "models": models, "persons": on_them}
    try:
        with writing(data_folder() / _LIST) as temporary:
            temporary.write_text(json.dumps(data, indent=1), "utf-8")
    except InputError as error:
        raise InputError(
            f"The list of body models, {data_folder() / _LIST}, can't be written. Set VLOGGER_DATA to a folder that "
            "can be."
        ) from error
