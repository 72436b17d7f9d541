"""One job from its submission to its results. It runs in a thread of its own, so no job waits for another's files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from .connection import Connection, NonsenseError, RefusedError, StoppedError, UnreachableError
from .errors import AddonError
from .jobs import (
    ENDED,
    CurvesCame,
    Ended,
    FileCame,
    FrameCame,
    JobFailedError,
    JobGoneError,
    JobHandle,
    Moved,
    Snapshot,
    Update,
    View,
    Written,
    first_frame,
    read_snapshot,
)
from .keeper import Keeper, Line
from .take import Take, read_piece, read_take
from .version import API

T = TypeVar("T")

_JOBS = f"/v{API}/jobs"


class Follower:
    """Submits `job` (None: it was submitted before), follows it, and fetches what it makes into the handle's folder.

    tell : takes each piece of news, in order
    key  : by which the service knows a job that it was sent twice
    """

    def __init__(
        self,
        handle: JobHandle,
        job: Mapping[str, Any] | None,
        key: str,
        keeper: Keeper,
        tell: Callable[[Update], None],
    ) -> None:
        self.handle = handle
        self._job = job
        self._key = key
        self._tell = tell
        self._line = Line(keeper, self._waits, self._given_up)
        self._view = handle.view
        self._id = handle.view.id
        self._posted: Mapping[str, Any] | None = None
        self._cancelled = threading.Event()
        self._closed = threading.Event()
        self._files: set[str] = set()
        self._names: dict[str, str] = {}
        self._pieces = self._frames = self._curve_frames = 0

    def run(self) -> None:
        """The whole life of the job; it always ends with the news `Ended`, unless the client was closed."""
        try:
            try:
                self._make()
            except StoppedError:
                if not self._closed.is_set():
                    self._take_back()
        except UnreachableError as error:  # given up, which happens only when it was cancelled or closed
            self._end(
                "cancelled", AddonError(f"{error} The job may still run there: cancel it when the service is back.")
            )
        except AddonError as error:
            self._end("failed", error)
        except Exception as error:  # a fault of ours must not leave the panel waiting for ever
            self._end("failed", AddonError(f"The add-on itself failed ({type(error).__name__}: {error}). Report it."))
        finally:
            self._line.close()

    def cancel(self) -> None:
        """From another thread: end the job."""
        self._cancelled.set()
        self._line.interrupt()

    def close(self) -> None:
        """From another thread: leave the job alone, and end `run`."""
        self._closed.set()
        self._line.interrupt()

    def _make(self) -> None:
        """Submit the job, and bring what it makes until it has ended."""
        if self._job is not None:
            self._posted = self._uploaded(self._job)
            self._move(stage="Submitting", done=1.0)
            snapshot = self._post(self._posted)
        else:
            snapshot = self._look(None)
        while snapshot.view.state not in ENDED:
            self._set_view(snapshot.view)
            self._fetch(snapshot)
            snapshot = self._look(snapshot.revision)
        self._fetch(snapshot)
        if snapshot.view.state == "done" and snapshot.removed:
            raise JobGoneError("The results of this job were removed to make room. Make it again.")
        error = JobFailedError(self._in_names(snapshot.error)) if snapshot.error else None
        self._end(snapshot.view.state, error, self._in_names(snapshot.view.note))

    def _in_names(self, sentence: str) -> str:
        """A sentence of the service's, with files by their own names."""
        for upload, name in self._names.items():
            sentence = sentence.replace(upload, name)
        return sentence

    def _take_back(self) -> None:
        """Cancel the job, wherever it is; even one whose submission was interrupted, as the service may have it."""
        self._line.resume()
        if self._id is None and self._posted is not None:
            self._post(self._posted)
        if self._id is not None:
            try:
                self._line.call(lambda connection: connection.ask("POST", f"{self._path}/cancel"))
            except RefusedError as refusal:
                if refusal.status not in (404, 409):  # it was deleted, or has ended meanwhile
                    raise
        self._end("cancelled", None)

    def _uploaded(self, value: Any) -> Any:
        """`value` with each Path, or Written, in it sent to the service and replaced by the upload's name."""
        if isinstance(value, Written):
            if value.write is not None:
                self._move(stage=f"Writing {value.path.name}", done=0.0)
                value.write()
            return self._uploaded(value.path)
        if isinstance(value, Path):
            self._move(stage=f"Sending {value.name}", done=0.0)
            upload = self._line.call(lambda connection: connection.upload(value, self._sending))
            self._names[upload] = value.name
            return upload
        if isinstance(value, Mapping):
            return {key: self._uploaded(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._uploaded(item) for item in value]
        return value

    def _post(self, job: Mapping[str, Any]) -> Snapshot:
        headers = {"Idempotency-Key": self._key}
        snapshot = self._line.call(lambda line: _snapshot(line, line.ask("POST", _JOBS, job, headers=headers)))
        self._id = snapshot.view.id
        return snapshot

    def _look(self, since: int | None) -> Snapshot:
        """The job as it is; with `since`, as soon as its revision is another one."""

        def get(connection: Connection) -> Snapshot:
            wait = 0.0 if since is None else connection.patience.watch
            question = "" if since is None else f"?since={since}&wait={wait:g}"
            return _snapshot(connection, connection.ask("GET", f"{self._path}{question}", wait=wait))

        try:
            return self._line.call(get)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise
            raise JobGoneError("The service has no such job any more: it was deleted. Make it again.") from refusal

    @property
    def _path(self) -> str:
        return f"{_JOBS}/{quote(str(self._id), safe='')}"

    def _fetch(self, snapshot: Snapshot) -> None:
        """Fetch what is new. What is gone (the service began again, or is done) is left for the next look."""
        folder = self.handle.folder
        try:
            while self._pieces < snapshot.pieces:
                self._piece(
                    self._download(f"{self._path}/curves/{self._pieces}", folder / f".piece-{self._pieces}.npz")
                )
                self._pieces += 1
            while self._frames < snapshot.frames:
                frame = self._first(snapshot) + self._frames
                path = self._download(f"{self._path}/frames/{frame}", folder / "frames" / f"{frame:06}.png")
                self._tell(FrameCame(self.handle, frame, path))
                self._frames += 1
            for name in snapshot.files:
                if name not in self._files and not name.startswith("frames/"):
                    path = self._download(f"{self._path}/files/{quote(name)}", folder / name)
                    if name == "take.npz":
                        self._curves(0, _read(read_take, path))
                    self._tell(FileCame(self.handle, name, path))
                    self._files.add(name)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise
            if snapshot.view.state == "done":
                raise JobGoneError("The results of this job are no longer there. Make it again.") from refusal

    def _first(self, snapshot: Snapshot) -> int:
        """The take's frame that is the job's first picture."""
        if snapshot.first is not None:
            return snapshot.first
        if self._job is None:  # a long submission is told only when it is asked for
            self._job = self._line.call(lambda connection: connection.ask("GET", f"{self._path}/submission"))
        return first_frame(self._job)

    def _piece(self, path: Path) -> None:
        try:
            self._curves(*_read(read_piece, path))
        finally:
            path.unlink()

    def _curves(self, start: int, curves: Take) -> None:
        """Tell curves that begin at frame `start`, without what was told before: a job may begin again."""
        known = self._curve_frames - start
        if 0 <= known < len(curves):
            self._tell(CurvesCame(self.handle, self._curve_frames, curves.since(known)))
            self._curve_frames += len(curves) - known

    def _download(self, path: str, target: Path) -> Path:
        """Fetch a file under a temporary name, and give it its own when it is whole."""
        part = target.with_name(f".{target.name}.part")
        try:
            part.unlink(missing_ok=True)
            self._line.call(lambda connection: connection.download(path, part))
            os.replace(part, target)
        except OSError as error:
            raise AddonError(
                f"{target} can't be written ({error.strerror or error}). Choose another folder."
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return target

    def _sending(self, done: float) -> bool:
        self._move(done=done)
        return not (self._cancelled.is_set() or self._closed.is_set())

    def _waits(self, reason: AddonError) -> None:
        self._move(stage=f"Waiting for the service: {reason}", left=None)

    def _given_up(self, tries: int) -> bool:
        return self._closed.is_set() or (self._cancelled.is_set() and tries > 1)

    def _move(self, **changes: Any) -> None:
        self._set_view(View(**{**vars(self._view), **changes}))

    def _set_view(self, view: View) -> None:
        if view != self._view:
            self._view = view
            if self.handle.show(view):
                self._tell(Moved(self.handle))

    def _end(self, state: Any, error: AddonError | None, note: str = "") -> None:
        if self._closed.is_set():
            return
        view = View(self._id, state, "", 1.0 if state == "done" else self._view.done, None, note)
        self._tell(Ended(self.handle, view, error))


def _snapshot(connection: Connection, answer: Mapping[str, Any]) -> Snapshot:
    try:
        return read_snapshot(answer)
    except ValueError as error:
        raise NonsenseError(
            f"What answers at {connection.address.url} is not a vlogger service, or a damaged one: it sent {error}. "
            "Check the address, or restart the service."
        ) from error


def _read(read: Callable[[Path], T], path: Path) -> T:
    try:
        return read(path)
    except AddonError as error:
        raise AddonError(
            f"The service sent curves that can't be read ({error.__cause__}). Restart the service and make them again."
        ) from error
