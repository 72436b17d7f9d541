"""A file as an answer, whole or a part of it (RFC 9110, section 14).

The file is open before the answer begins, so that a job's folder may be renamed while it is read.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

from .security import error_answer

_BLOCK = 1 << 18
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_answer(file: BinaryIO, name: str, asked: str | None) -> Response:
    """The file's bytes, those that the header `Range` asks for; closes the file when they are sent.

    Several ranges in one question are answered by the whole file, as the standard allows.
    """
    size = os.fstat(file.fileno()).st_size
    headers = {"Accept-Ranges": "bytes"}
    start, end, status = 0, size, 200
    found = _RANGE.fullmatch(asked or "")
    span = _span(found[1], found[2], size) if found else None
    if span is not None:
        start, end = span
        if start >= end:
            file.close()
            answer = error_answer(416, "no-such-range", f"The file has {size} bytes; ask for some of them.")
            answer.headers["Content-Range"] = f"bytes */{size}"
            return answer
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return StreamingResponse(_blocks(file, start, end), status, headers, kind)


def _span(first: str, last: str, size: int) -> tuple[int, int] | None:
    """The bytes from `start` up to `end` that a range means: without `first`, so many of the last ones.

    None for one that means nothing and is to be ignored; no bytes for one beyond the file.
    """
    if first and last:
        return (int(first), min(int(last) + 1, size)) if int(first) <= int(last) else None
    if first:
        return int(first), size
    return (max(size - int(last), 0), size) if last else None


async def _blocks(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    with file:
        await asyncio.to_thread(file.seek, start)
        while start < end:
            block = await asyncio.to_thread(file.read, min(_BLOCK, end - start))
            if not block:
                raise OSError("a file became shorter while it was sent")
            start += len(block)
            yield block
