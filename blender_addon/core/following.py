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
        self._sent = job is None
        self._cancelled = threading.Event()
        self._closed = threading.Event()
        self._files: set[str] = set()
        self._pieces = self._frames = self._curve_frames = 0

    def run(self) -> None:
        """The whole life of the job; it always ends with the news `Ended`, unless the client was closed."""
        try:
            self._watch(self._submit() if self._job is not None else self._look(str(self._view.id)))
        except StoppedError:
            self._end("cancelled", None)
        except UnreachableError as error:  # given up, which happens only when it was cancelled or closed
            self._end(
                "cancelled",
                AddonError(f"{error} The job may still be running there; cancel it there once the service is back."),
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

    def _submit(self) -> Snapshot:
        job = self._uploaded(self._job)

        def post(connection: Connection) -> dict[str, Any]:
            self._sent = True  # from here on the service may have it
            return connection.ask("POST", _JOBS, job, headers={"Idempotency-Key": self._key})

        self._move(stage="Submitting", done=1.0)
        try:
            return self._call(lambda connection: _snapshot(connection, post(connection)))
        except StoppedError:
            if not self._sent or self._closed.is_set():
                raise
            self._line.resume()
            return self._call(lambda connection: _snapshot(connection, post(connection)))

    def _uploaded(self, value: Any) -> Any:
        """`value` with each Path in it sent to the service and replaced by the upload's name."""
        if isinstance(value, Path):
            self._move(stage=f"Sending {value.name}", done=0.0)
            return self._call(lambda connection: connection.upload(value, self._sending))
        if isinstance(value, Mapping):
            return {key: self._uploaded(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._uploaded(item) for item in value]
        return value

    def _watch(self, snapshot: Snapshot) -> None:
        told = False  # whether the service knows that it is cancelled
        while True:
            try:
                if self._cancelled.is_set() and not told:
                    self._line.resume()
                    snapshot = self._cancel(str(snapshot.view.id))
                    told = True
                if snapshot.view.state not in ENDED:
                    self._set_view(snapshot.view)
                if not told or snapshot.view.state == "done":
                    self._fetch(snapshot)
                if snapshot.view.state in ENDED:
                    return self._finish(snapshot)
                snapshot = self._look(str(snapshot.view.id), snapshot.revision)
            except StoppedError:
                if self._closed.is_set() or told:
                    raise

    def _look(self, id: str, since: int | None = None) -> Snapshot:
        """The job as it is; with `since`, as soon as it is newer than this revision."""

        def get(connection: Connection) -> Snapshot:
            wait = connection.patience.watch
            question = "" if since is None else f"?since={since}&wait={wait:g}"
            answer = connection.ask(
                "GET", f"{_JOBS}/{quote(id, safe='')}{question}", wait=0.0 if since is None else wait
            )
            return _snapshot(connection, answer)

        try:
            return self._call(get)
        except RefusedError as refusal:
            if refusal.status != 404:
                raise
            raise JobGoneError(
                "The service does not know this job any more: it was deleted. Make it again."
            ) from refusal

    def _cancel(self, id: str) -> Snapshot:
        try:
            self._call(lambda connection: connection.ask("POST", f"{_JOBS}/{quote(id, safe='')}/cancel"))
        except RefusedError as refusal:
            if refusal.status != 409:  # it has ended meanwhile
                raise
        return self._look(id)

    def _fetch(self, snapshot: Snapshot) -> None:
        """Fetch what is new. What is gone (the service began again, or is done) is left for the next look."""
        job = f"{_JOBS}/{quote(str(snapshot.view.id), safe='')}"
        folder = self.handle.folder
        try:
            while self._pieces < snapshot.pieces:
                self._piece(self._download(f"{job}/curves/{self._pieces}", folder / f".piece-{self._pieces}.npz"))
                self._pieces += 1
            while self._frames < snapshot.frames:
                frame = self._first(snapshot) + self._frames
                path = self._download(f"{job}/frames/{frame}", folder / "frames" / f"{frame:06}.png")
                self._tell(FrameCame(self.handle, frame, path))
                self._frames += 1
            for name in snapshot.files:
                if name not in self._files and not name.startswith("frames/"):
                    path = self._download(f"{job}/files/{quote(name)}", folder / name)
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
            path = f"{_JOBS}/{quote(str(snapshot.view.id), safe='')}/submission"
            self._job = self._call(lambda connection: connection.ask("GET", path))
        return int(self._job.get("first", 0))

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

    def _finish(self, snapshot: Snapshot) -> None:
        view = snapshot.view
        if view.state == "done" and snapshot.removed:
            raise JobGoneError("The results of this job were removed to make room. Make it again.")
        self._view = view
        error = None if view.state == "done" or not snapshot.error else JobFailedError(snapshot.error)
        self._end(view.state, error)

    def _download(self, path: str, target: Path) -> Path:
        """Fetch a file under a temporary name, and give it its own when it is whole."""
        part = target.with_name(f".{target.name}.part")
        try:
            part.unlink(missing_ok=True)
            self._call(lambda connection: connection.download(path, part))
            os.replace(part, target)
        except OSError as error:
            raise AddonError(
                f"{target} can't be written ({error.strerror or error}). Choose another folder."
            ) from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return target

    def _call(self, act: Callable[[Connection], T]) -> T:
        return self._line.call(act)

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

    def _end(self, state: Any, error: AddonError | None) -> None:
        if self._closed.is_set():
            return
        view = View(self._view.id, state, "", 1.0 if state == "done" else self._view.done, None)
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
