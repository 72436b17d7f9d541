"""The question that is asked most, answered before all else: `GET /v1/jobs/ID`, from memory, as it is.

A crowd that polls costs half as much as on FastAPI's own way to a route. FastAPI has this one too, for its description,
for questions with parameters, and for jobs that are not there.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import JobNotFound
from .queue import Queue
from .wire import JobWriter

_JOBS = "/v1/jobs/"


class Polls:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, queue: Queue, writer: JobWriter) -> None:
        self._app = app
        self._queue = queue
        self._writer = writer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self._answer(scope) if scope["type"] == "http" else None
        if body is None:
            await self._app(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> bytes | None:
        path: str = scope["path"]
        if scope["method"] != "GET" or scope["query_string"] or not path.startswith(_JOBS):
            return None
        try:
            return self._writer.job(self._queue.get(path[len(_JOBS) :]))
        except JobNotFound:
            return None
