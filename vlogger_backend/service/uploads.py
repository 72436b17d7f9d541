"""Files that clients send: taken in block by block, known by the hash of their bytes, never by a name of the client's.

A file gets to its place whole and on disk, after its first bytes have said what it is. Nothing is decoded here.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import threading
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from ..errors import InputError
from ..files import writing
from ..kinds import HEAD, FileKind, Recognised, check_pixels, recognise
from .errors import LibraryFull, NotFound
from .library import Library, sync_folder
from .queue import Queue

MOST = 10_000
"""Uploads in a library."""
LONGEST_NAME = 200

_BLOCK = 1 << 20
_SPARE = 200 << 20
"""Bytes of the disk that uploads leave to others."""
_KINDS: dict[str, FileKind] = {
    ".npz": "take",
    ".png": "picture",
    ".jpg": "picture",
    ".webp": "picture",
    ".portrait": "portrait",
}


@dataclass(frozen=True)
class Uploaded:
    """`id` is the SHA-256 of its bytes; `name` is what the client called it, to be shown and for nothing else."""

    id: str
    name: str
    size: int
    kind: FileKind


class Uploads:
    """The uploads of a library. Thread-safe."""

    def __init__(self, library: Library, queue: Queue) -> None:
        self._library = library
        self._queue = queue
        self._labels = library.uploads / "names.json"
        self._lock = threading.Lock()
        self._arriving: dict[Path, int] = {}  # in the event loop's thread only
        self._names = _read_names(self._labels)

    def all(self) -> list[Uploaded]:
        """Every upload, the newest first."""
        uploads = sorted(self._library.find_uploads(), key=lambda upload: (upload.age, upload.id))
        return [self._describe(upload.path, upload.size) for upload in uploads]

    async def take_in(self, name: str, blocks: AsyncIterator[bytes], expected: int) -> Uploaded:
        """Keep a file that arrives in `blocks`; `expected` is its length in bytes, 0 if the client didn't say.

        Raises LibraryFull if there is no room, InputError as soon as it is seen not to be a file that is used here.
        """
        temporary: Path | None = None
        try:
            with NamedTemporaryFile(dir=self._library.uploads, prefix=".", delete=False) as file:
                temporary = Path(file.name)
                what, digest, size = None, hashlib.sha256(), 0
                async for block in _gathered(blocks):
                    what = what or recognise(block[:HEAD])
                    size += len(block)
                    if self._arriving.get(temporary, 0) < max(size, expected):
                        self._arriving[temporary] = max(size, expected)
                        await asyncio.to_thread(self._make_room, sum(self._arriving.values()))
                    await asyncio.to_thread(_add, file, digest, block)
            what = what or recognise(b"")
            return await asyncio.to_thread(self._keep, temporary, digest.hexdigest(), what, clean_name(name), size)
        except OSError as error:
            raise LibraryFull("The upload could not be written; the disk of the library may be full.") from error
        finally:
            if temporary is not None:
                self._arriving.pop(temporary, None)
                with suppress(OSError):
                    temporary.unlink()

    def delete(self, id: str) -> None:
        """Remove an upload. Raises NotFound, or Conflict if a job that waits or runs needs it."""
        self._find(id)
        self._queue.remove_upload(id)

    def _keep(self, file: Path, id: str, what: Recognised, name: str, size: int) -> Uploaded:
        path = self._library.uploads / f"{id}{what.suffix}"
        try:
            os.utime(path)  # it is here already, and new again
        except FileNotFoundError:
            with open(file, "rb+") as whole:
                if what.kind == "picture":
                    check_pixels(whole, what.suffix)
                os.fsync(whole.fileno())
            os.replace(file, path)
            sync_folder(path.parent)
        with self._lock:
            if self._names.get(id) != name:
                kept = {upload.id for upload in self._library.find_uploads()}
                self._names = {known: label for known, label in self._names.items() if known in kept} | {id: name}
                with suppress(InputError), writing(self._labels) as temporary:  # a name is not worth an upload
                    temporary.write_text(json.dumps(self._names, ensure_ascii=False), encoding="utf-8")
        return self._describe(path, size)

    def _make_room(self, size: int) -> None:
        """See that so many bytes fit in: all that are on their way."""
        if sum(1 for _ in self._library.uploads.iterdir()) > MOST:
            raise LibraryFull(f"There are {MOST:,} uploads already; delete some of them first.")
        if shutil.disk_usage(self._library.folder).free < size + _SPARE:
            raise LibraryFull("The disk of the library is nearly full; free some space on it.")
        self._queue.make_room(size)

    def _find(self, id: str) -> Path:
        try:
            return self._library.upload(id)
        except InputError as error:
            raise NotFound(str(error)) from error

    def _describe(self, path: Path, size: int) -> Uploaded:
        return Uploaded(path.stem, self._names.get(path.stem, ""), size, _KINDS.get(path.suffix, "sound"))


def clean_name(name: str) -> str:
    """A client's name for a file, as it can be shown: its last part, of printable characters, of a decent length."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return shown[:LONGEST_NAME]


async def _gathered(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger blocks, so that a disk that is slow is waited for less often."""
    gathered = bytearray()
    async for block in blocks:
        gathered += block
        if len(gathered) >= _BLOCK:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _add(file: IO[bytes], digest: hashlib._Hash, block: bytes) -> None:
    file.write(block)
    digest.update(block)


def _read_names(path: Path) -> dict[str, str]:
    """The names kept at `path`; they are only labels, so a damaged file is none."""
    with suppress(OSError, ValueError):
        names = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(names, dict):
            return {str(id): str(name) for id, name in names.items()}
    return {}
