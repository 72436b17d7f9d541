"""The HTTP interface (docs/service.md): its routes, its errors, its description.

Reading a job takes no disk; what writes or reads files runs in threads (a route that is a plain `def`).
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp

from .. import __version__
from ..errors import InputError
from ..request import Body
from . import API, rigs
from .address import Address
from .capabilities import Capabilities, Examiner
from .errors import Conflict, LibraryFull, NotFound
from .job_routes import add_job_routes
from .jobs import State
from .library import Library
from .news import News
from .polls import Polls
from .queue import Queue
from .security import Guard, error_answer
from .uploads import Uploaded, Uploads
from .wire import KINDS, JobWriter, errors

_CODES = {400: "not-understood", 404: "not-found", 405: "wrong-method", 413: "too-large", 422: "not-valid"}
_REASONS = {
    400: "The request could not be understood; see /v1/openapi.json for what can be sent.",
    404: "There is no such thing here; see /v1/openapi.json for what there is.",
    405: "That method is not for this path; see /v1/openapi.json for those that are.",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueueAnswer:
    queued: int
    running: int


@dataclass(frozen=True)
class LibraryAnswer:
    """Bytes."""

    size: int
    quota: int
    free: int


@dataclass(frozen=True)
class Health:
    name: str
    version: str
    api: int
    pid: int
    queue: QueueAnswer
    library: LibraryAnswer


@dataclass(frozen=True)
class Slider:
    name: str
    least: float
    most: float
    default: float


@dataclass(frozen=True)
class AvatarAnswer:
    name: str
    sliders: list[Slider]


@dataclass(frozen=True)
class AvatarsAnswer:
    avatars: list[AvatarAnswer]


@dataclass(frozen=True)
class RigsAnswer:
    rigs: list[str]


@dataclass(frozen=True)
class UploadsAnswer:
    uploads: list[Uploaded]


def create_app(
    library: Library, queue: Queue, address: Address, token: str, news: News, end: Callable[[], None]
) -> ASGIApp:
    """The whole service as one ASGI application; `end` is called when a client asks the service to end."""
    examiner = Examiner()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        news.open(queue.watch)
        try:
            yield
        finally:
            news.close()
            await examiner.stop()

    app = FastAPI(
        title="vlogger",
        version=f"{API}",
        description="Speech in, character animation out: jobs over HTTP.",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # it would load its scripts from the network
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        lifespan=lifespan,
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
        responses=errors(400, 401, 403, 404, 413, 422),
        exception_handlers={
            InputError: _on_input_error,
            RequestValidationError: _on_invalid_request,
            HTTPException: _on_http_error,
            ClientDisconnect: _on_disconnect,
            Exception: _on_fault,
        },
    )
    writer = JobWriter()
    add_job_routes(app, queue, writer, news, local=address.local)
    _add_upload_routes(app, Uploads(library, queue))
    _add_other_routes(app, library, queue, examiner, end)
    _describe_token(app)
    return Guard(Polls(app, queue, writer), address, token)


def _add_other_routes(
    app: FastAPI, library: Library, queue: Queue, examiner: Examiner, end: Callable[[], None]
) -> None:
    """What this service is, and its end."""

    @app.get("/v1/health")
    def health() -> Health:
        counts = queue.counts()
        return Health(
            "vlogger",
            __version__,
            API,
            os.getpid(),
            QueueAnswer(counts[State.QUEUED], counts[State.RUNNING]),
            LibraryAnswer(queue.used(), library.quota, shutil.disk_usage(library.folder).free),
        )

    @app.get("/v1/capabilities")
    async def capabilities() -> Capabilities:
        return await examiner.capabilities()

    @app.get("/v1/avatars")
    async def avatars() -> AvatarsAnswer:
        sliders = [Slider(field.name, 0.0, 1.0, getattr(Body(), field.name)) for field in fields(Body)]
        return AvatarsAnswer([AvatarAnswer("anny", sliders)])

    @app.get("/v1/rigs")
    def rig_names() -> RigsAnswer:
        return RigsAnswer(rigs.names())

    @app.get("/v1/rigs/{name}", responses=errors(404), response_model=dict[str, Any])
    def rig(name: str) -> Response:
        return Response(rigs.description(name), media_type="application/json")

    @app.post("/v1/shutdown", status_code=202)
    async def shutdown() -> dict[str, bool]:
        end()
        return {"ending": True}


def _add_upload_routes(app: FastAPI, uploads: Uploads) -> None:
    body = {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "required": True,
    }

    @app.post("/v1/uploads", status_code=201, responses=errors(507), openapi_extra={"requestBody": body})
    async def upload(request: Request, name: Annotated[str, Query(max_length=1000)] = "") -> Uploaded:
        return await uploads.take_in(name, request.stream(), int(request.headers.get("content-length", 0)))

    @app.get("/v1/uploads")
    def all_uploads() -> UploadsAnswer:
        return UploadsAnswer(uploads.all())

    @app.delete("/v1/uploads/{id}", status_code=204, responses=errors(404, 409))
    def delete_upload(id: str) -> None:
        uploads.delete(id)


def _describe_token(app: FastAPI) -> None:
    """Have the description say that every request carries the token."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        description = describe()
        schemes = description.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["token"] = {"type": "http", "scheme": "bearer"}
        description["security"] = [{"token": []}]
        return description

    app.openapi = described  # type: ignore[method-assign]


async def _on_input_error(_: Request, error: Exception) -> Response:
    if isinstance(error, NotFound):
        return error_answer(404, "not-found", str(error))
    if isinstance(error, Conflict):
        return error_answer(409, "conflict", str(error))
    if isinstance(error, LibraryFull):
        return error_answer(507, "library-full", str(error))
    return error_answer(422, "not-valid", str(error))


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return error_answer(422, "not-valid", f"{_sentence_of(problems[0])}{more}.")


def _sentence_of(problem: Mapping[str, Any]) -> str:
    """One problem of a request, as pydantic tells it: where it is, and what."""
    where = ".".join(str(part) for part in problem["loc"][1:])
    for kind in KINDS:  # pydantic's way of saying which kind of job it is
        where = where.removeprefix(f"{kind}.")
    match problem["type"]:
        case "json_invalid":
            return f"The request is no JSON: {problem['ctx']['error']}"
        case "model_attributes_type" | "dataclass_type" if not where:
            return "The request must be a JSON object, sent as application/json"
        case "union_tag_not_found" | "union_tag_invalid":
            return f"kind is what job it is; give one of {', '.join(KINDS)}"
        case "missing":
            return f"{where or 'The body'} is missing"
        case "unexpected_keyword_argument":
            return f"{where} is not known here; leave it out, or update the service"
    what = str(problem["msg"]).rstrip(".")
    return f"{where or 'The request'} is not valid: {what[:1].lower()}{what[1:]}"


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    answer = error_answer(status, _CODES.get(status, "refused"), _REASONS.get(status, str(error.detail)))
    answer.headers.update(error.headers or {})
    return answer


async def _on_disconnect(_: Request, error: Exception) -> Response:
    return error_answer(400, "gone", "The client went away in the middle of its request.")


async def _on_fault(_: Request, error: Exception) -> Response:
    """Our own fault; the trace is in the service's log."""
    return error_answer(500, "fault", f"The service itself failed ({type(error).__name__}); its log says more.")
