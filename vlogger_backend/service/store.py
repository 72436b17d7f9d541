"""The list of jobs on disk: one SQLite file, used by one service at a time.

What `write` has written survives a kill and a power cut, or was never there: SQLite's write-ahead log with
synchronous=FULL. The lock on the file is held as long as the store is open; the system takes it back when the process
is gone, however it went. Each row carries a checksum, because SQLite has none for its pages.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from ..errors import InputError
from .errors import LibraryFull
from .jobs import Job, State

APPLICATION = 0x766C6F67
"""What marks our files among all of SQLite's ("vlog")."""
VERSION = 1
"""Rises when what was written before can't be read as it is: another table, or jobs that are checked more strictly."""
_PATIENCE = 1.0
"""Seconds that another service has to let go of the library."""
_MOST = 2**53
"""Numbers from here on can't be told exactly by JSON."""

_SCHEMA = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    removed INTEGER NOT NULL,
    size INTEGER NOT NULL,
    source TEXT NOT NULL,
    key TEXT UNIQUE,
    job BLOB NOT NULL,
    seal BLOB NOT NULL
) STRICT
"""
_COLUMNS = "number, id, state, removed, size, source, key, job"
_WRITE = f"""
INSERT INTO jobs ({_COLUMNS}, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE SET
    state = excluded.state, removed = excluded.removed, size = excluded.size, job = excluded.job, seal = excluded.seal
"""

_UNREADABLE = (sqlite3.Error, ValueError, TypeError)
"""What reading a damaged file can raise: sqlite3 doesn't expect bytes that are no text in a name, for one."""
_NO_ACCESS = (
    sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_IOERR,
)  # fmt: skip

_JOBS: TypeAdapter[Job] = TypeAdapter(Job)


@dataclass(frozen=True, slots=True)
class Entry:
    """The little of a job that is kept in memory for each, however old.

    size   : bytes of its results
    source : the files that it is made from, as the submission names them, one a line
    key    : the idempotency key
    """

    number: int
    id: str
    state: State
    removed: bool = False
    size: int = 0
    source: str = ""
    key: str | None = None

    @property
    def sources(self) -> list[str]:
        return self.source.splitlines()


class Store:
    """The open file. Thread-safe.

    Raises InputError if it can't be used: locked, damaged, from a newer version, not ours. It is then left as it was.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        if not path.exists():
            _create(path)
        _check_owner(path)
        try:
            self._connection = _open(path)
        except _UNREADABLE as error:
            raise _refusal(path, error) from error
        try:
            self.last, self.entries = self._load()
        except BaseException as error:
            self._connection.close()
            if isinstance(error, _UNREADABLE):
                raise _refusal(path, error) from error
            raise

    def read(self, number: int) -> Job:
        """The job as it was written last. Raises KeyError if there is none with this number."""
        with self._lock:
            row = self._connection.execute("SELECT job FROM jobs WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise KeyError(number)
        return _JOBS.validate_json(row[0])

    def write(self, jobs: Iterable[tuple[Entry, Job]], deleted: Iterable[int] = ()) -> None:
        """Keep these jobs as they are, and forget others by their numbers: all of it or nothing, on disk on return.

        Raises LibraryFull if the disk doesn't take it, InputError if a text in a job is not Unicode.
        """
        rows = [_row(entry, job) for entry, job in jobs]
        with self._lock:
            execute = self._connection.execute
            try:
                execute("BEGIN IMMEDIATE")
                for number in deleted:
                    execute("DELETE FROM jobs WHERE number = ?", (number,))
                for row in rows:
                    execute(_WRITE, row)
                execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise _not_written(self._path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def _load(self) -> tuple[int, dict[str, Entry]]:
        """The highest number that was ever given, and all jobs in the order of their numbers."""
        if self._connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise _damaged(self._path)
        entries: dict[str, Entry] = {}
        last = 0
        for *row, seal in self._connection.execute(f"SELECT {_COLUMNS}, seal FROM jobs ORDER BY number"):
            if seal != _seal(row):
                raise _damaged(self._path)
            last, id, state, removed, size, source, key, _ = row
            entries[id] = Entry(last, id, State(state), bool(removed), size, source, key)
        given = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
        if given is not None and not (isinstance(given[0], int) and last <= given[0] < _MOST):
            raise _damaged(self._path)
        return (given[0] if given else last), entries


def _create(path: Path) -> None:
    """Make an empty list under a temporary name, so that there is none that is half made."""
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=path.name, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute(_SCHEMA)
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        try:
            os.link(temporary, path)  # unlike os.replace, it leaves a list alone that another service has just made
        except FileExistsError:
            pass
        except OSError:
            os.rename(temporary, path)  # a disk without hard links
    except sqlite3.Error as error:
        raise _not_written(path, error) from error
    except OSError as error:
        raise InputError(f"The list of jobs {path} can't be made: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _check_owner(path: Path) -> None:
    """Look at the file's first page without touching it. `immutable` keeps SQLite from journals and locks."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        finally:
            connection.close()
    except _UNREADABLE as error:
        raise _refusal(path, error) from error
    _check_version(path, application, version)


def _check_version(path: Path, application: int, version: int) -> None:
    if application != APPLICATION:
        raise InputError(f"{path} is no list of jobs of vlogger; choose another library with --library.")
    if version > VERSION:
        raise InputError(
            f"The library {path.parent} was written by a newer vlogger; update this one, or choose another with "
            "--library."
        )
    if version < 1:
        raise _damaged(path)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None,
        check_same_thread=False,
    )  # fmt: skip
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA fullfsync=ON")  # macOS: through the drive's own cache too
        connection.execute("BEGIN IMMEDIATE")  # now the lock is ours
        connection.execute("ROLLBACK")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _check_version(path, application, version)  # again: what it says may have been in the log
    except BaseException:
        connection.close()
        raise
    return connection


def _row(entry: Entry, job: Job) -> list[object]:
    try:
        data = _JOBS.dump_json(job)
    except ValueError as error:
        raise InputError("A text of the job is not Unicode; send it as UTF-8.") from error
    row: list[object] = [
        entry.number, entry.id, str(entry.state), int(entry.removed), entry.size, entry.source, entry.key, data
    ]  # fmt: skip
    return [*row, _seal(row)]


def _seal(row: Iterable[object]) -> bytes:
    *columns, data = row
    assert isinstance(data, bytes)
    return hashlib.blake2b(data, digest_size=16, key=hashlib.sha256(json.dumps(columns).encode()).digest()).digest()


def _damaged(path: Path) -> InputError:
    return InputError(
        f"The list of jobs {path} is damaged; move the folder {path.parent} away and start again: the results in its "
        "folder jobs are as they were."
    )


def _refusal(path: Path, error: Exception) -> InputError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return InputError(
            f"The library {path.parent} is in use by another service; use that one or end it, or choose another "
            "library with --library."
        )
    if code == sqlite3.SQLITE_FULL:
        return _not_written(path, error)
    if code in _NO_ACCESS:
        return InputError(f"The list of jobs {path} can't be opened ({error}); choose another library with --library.")
    return _damaged(path)


def _not_written(path: Path, error: Exception) -> LibraryFull:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        return LibraryFull(f"The disk is full: {path} could not be written. Free some space and try again.")
    return LibraryFull(f"{path} could not be written ({error}); look after the disk and try again.")
