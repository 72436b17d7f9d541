"""The routes of jobs: submitting, reading, watching, and fetching what they make."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO

from fastapi import Body, Depends, FastAPI, Header, Query, Response
from fastapi import Path as InPath
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ..errors import InputError
from .errors import JobNotFound, NotFound
from .jobs import ENDED, Job, State, Submission
from .news import News
from .queue import Queue
from .ranges import file_answer
from .tasks import sources_of
from .wire import JobAnswer, JobsAnswer, JobWriter, Posted, errors, submission_json, submission_of

LONGEST_WAIT = 60.0
"""Seconds that a client may have its answer held back."""
_RESTARTED = 1000
"""Jobs that a client hears of which comes back after the service was restarted."""
_JSON = "application/json"
_LARGEST = 2**53

Id = Annotated[str, InPath(min_length=1, max_length=64)]
Number = Annotated[int, InPath(ge=0, lt=10**9)]


def add_job_routes(app: FastAPI, queue: Queue, writer: JobWriter, news: News, local: bool) -> None:
    """All under `/v1/jobs`, and `/v1/events`. `local`: clients are on this machine, so they may name files on it."""

    def answer(job: Job, status: int = 200) -> Response:
        return Response(writer.job(job), status, media_type=_JSON)

    async def known(id: Id) -> Job:
        return queue.get(id)

    Known = Annotated[Job, Depends(known)]  # noqa: N806

    # Reading

    @app.get("/v1/jobs/{id}", response_model=JobAnswer)
    async def read(
        id: Id,
        since: Annotated[int | None, Query(ge=0, le=_LARGEST)] = None,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0.0,
    ) -> Response:
        job = queue.get(id)
        if wait and job.revision == since:
            deadline = asyncio.get_running_loop().time() + wait
            with news.reader(id) as reader:
                while (job := queue.get(id)).revision == since and not news.ended:
                    left = deadline - asyncio.get_running_loop().time()
                    if left <= 0:
                        break
                    await reader.changed(left)
        return answer(job)

    @app.get("/v1/jobs", response_model=JobsAnswer)
    def all_jobs(
        state: State | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=0, le=_LARGEST)] = None,
    ) -> Response:
        return Response(writer.jobs(queue.list(state, limit, before)), media_type=_JSON)

    @app.get("/v1/jobs/{id}/submission", response_model=Submission)
    def submission(job: Known) -> Response:
        return Response(submission_json(job.submission), media_type=_JSON)

    # Submitting and steering

    @app.post(
        "/v1/jobs", status_code=201, response_model=JobAnswer, responses={200: {"model": JobAnswer}, **errors(409, 507)}
    )
    def submit(
        posted: Annotated[Posted, Body()],
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> Response:
        submission = submission_of(posted)
        if not local:
            _refuse_paths(submission)
        job, new = queue.submit(submission, posted.priority, posted.label, idempotency_key)
        return answer(job, 201 if new else 200)

    @app.post("/v1/jobs/{id}/cancel", response_model=JobAnswer, responses=errors(409, 507))
    def cancel(id: Id) -> Response:
        return answer(queue.cancel(id))

    @app.post("/v1/jobs/{id}/retry", response_model=JobAnswer, responses=errors(409, 507))
    def retry(id: Id) -> Response:
        return answer(queue.retry(id))

    @app.delete("/v1/jobs/{id}", status_code=204, responses=errors(409, 507))
    def delete(id: Id) -> None:
        queue.delete(id)

    # Watching

    def event(id: str) -> tuple[ServerSentEvent, bool]:
        """What there is to tell of a job now, and whether that is the last of it."""
        mark = news.mark(id)
        try:
            job = queue.get(id)
        except JobNotFound:
            return ServerSentEvent(data={"id": id}, event="deleted", id=mark), True
        return ServerSentEvent(raw_data=writer.job(job).decode(), event="job", id=mark), job.state in ENDED

    async def to_begin_with(mark: str | None) -> list[str]:
        """The jobs that a client hears of first, which has seen all up to this mark."""
        changed = news.since(mark)
        if changed is not None:
            return changed
        states = (None,) if mark else (State.QUEUED, State.RUNNING)
        lists = [await asyncio.to_thread(queue.list, state, _RESTARTED, None) for state in states]
        return [job.id for jobs in lists for job in reversed(jobs)]

    @app.get("/v1/jobs/{id}/events", response_class=EventSourceResponse)
    async def job_events(
        job: Known, last_event_id: Annotated[str | None, Header(max_length=200)] = None
    ) -> AsyncIterator[ServerSentEvent]:
        changed = news.since(last_event_id)
        with news.reader(job.id) as reader:
            ids = [job.id] if changed is None or job.id in changed or job.state in ENDED else []
            while not news.ended:
                for id in ids:
                    told, last = event(id)
                    yield told
                    if last:
                        return
                ids = await reader.changed()

    @app.get("/v1/events", response_class=EventSourceResponse)
    async def events(
        last_event_id: Annotated[str | None, Header(max_length=200)] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        with news.reader(None) as reader:
            ids = await to_begin_with(last_event_id)
            while not news.ended:
                for id in ids:
                    yield event(id)[0]
                ids = await reader.changed()

    # Fetching

    @app.get("/v1/jobs/{id}/files/{name:path}", response_class=Response, responses=_bytes(206, "*/*") | errors(416))
    def file(job: Known, name: str, range: Annotated[str | None, Header()] = None) -> Response:
        if name not in (known for known, _ in job.files):
            raise NotFound(f"The job has no file {name[:200]}, or not yet.")
        return file_answer(_opened(queue, job.id, name), name, range)

    @app.get("/v1/jobs/{id}/curves/{piece}", response_class=Response, responses=_bytes(200, "application/octet-stream"))
    def curves(job: Known, piece: Number) -> Response:
        return _whole(queue, job.id, f"pieces/{piece:06d}.npz", "application/octet-stream")

    @app.get("/v1/jobs/{id}/frames/{frame}", response_class=Response, responses=_bytes(200, "image/png"))
    def frames(job: Known, frame: Number) -> Response:
        return _whole(queue, job.id, f"frames/{frame:06d}.png", "image/png")

    @app.get("/v1/jobs/{id}/preview", response_class=Response, responses=_bytes(200, "image/jpeg"))
    def preview(job: Known) -> Response:
        return _whole(queue, job.id, "preview.jpg", "image/jpeg")


def _opened(queue: Queue, id: str, name: str) -> BinaryIO:
    """A file of the job, open. Its folder moves once, when the job ends; then it is at the second place.

    Raises NotFound.
    """
    for _ in range(2):
        try:
            return open(queue.folder(id) / name, "rb")
        except OSError:
            continue
    raise NotFound(f"The job has no {name[:200]}, or not yet, or no longer; look at the job again.")


def _whole(queue: Queue, id: str, name: str, kind: str) -> Response:
    with _opened(queue, id, name) as file:
        return Response(file.read(), media_type=kind)


def _refuse_paths(submission: Submission) -> None:
    """A client on another machine must not learn what files there are here."""
    if any(not source.startswith(("upload:", "job:")) for source in sources_of(submission)):
        raise InputError("A file of the service's machine can't be named from another machine; upload it.")


def _bytes(status: int, kind: str) -> dict[int | str, dict[str, Any]]:
    content = {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}}
    return {200: content, status: content}
