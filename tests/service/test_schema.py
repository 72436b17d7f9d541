"""The service against its own description: schemathesis asks what the description allows, and what it doesn't."""

from collections.abc import Iterator

import pytest
import schemathesis
from by_hand import SOUND, animate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import Session
from serving import Served, served

from vlogger_backend.work.task import CurvesDone, Done, FileDone, PreviewDone

EXAMPLES = 40
"""For each of the questions that the description tells of."""
EVERY_TIME = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_headers_conformance,
    schemathesis.checks.response_schema_conformance,
]
THERE = {"name": "take.npz", "piece": 0, "frame": 0}
NEVER_THERE = ("/v1/rigs/{name}", "/v1/uploads/{id}")
"""Whose names schemathesis can't guess."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service with a job that is done, one that runs and one that waits."""
    with served(tmp_path_factory.mktemp("library")) as service:
        for seed in range(2):
            service.queue.submit(animate(seed))
            run = service.queue.begin("curves")
            assert run is not None
            for folder in ("pieces", "frames"):
                (run.task.folder / folder).mkdir()
            for name in ("take.npz", "preview.jpg", "pieces/000000.npz", "frames/000000.png"):
                (run.task.folder / name).write_bytes(b"made by hand")
            for event in (FileDone("take.npz"), PreviewDone(), CurvesDone(0, 60)):
                service.queue.tell(run, event)
            if seed == 0:
                service.queue.end(run, Done())
        service.queue.submit(animate(9))
        yield service


def test_what_is_asked_is_answered_as_described(service: Served) -> None:
    description = schemathesis.openapi.from_dict(service.client.get("/v1/openapi.json").json)
    asked = description.exclude(path_regex="events$").exclude(path="/v1/capabilities")  # without end; takes long
    operations = [operation.ok() for operation in asked.get_all_operations()]
    assert len(operations) > 15
    answered: set[tuple[str, str, int]] = set()
    with Session() as session:
        for operation in sorted(operations, key=lambda operation: (operation.method == "delete", operation.label)):
            ask_about(operation, service, session, answered)
    for operation in operations:  # it was no test if all was refused
        fine = {status for method, path, status in answered if (method, path) == (operation.method, operation.path)}
        assert operation.path in NEVER_THERE or min(fine) < 300, operation.label


def ask_about(
    operation: schemathesis.APIOperation, service: Served, session: Session, answered: set[tuple[str, str, int]]
) -> None:
    modes = [schemathesis.GenerationMode.POSITIVE]
    if operation.path_parameters or operation.query or operation.body:
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    headers = {"Authorization": f"Bearer {service.client.token}"}

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.one_of([operation.as_strategy(mode) for mode in modes]), st.integers(0, 5))
    def ask(case: schemathesis.Case, which: int) -> None:
        jobs = service.queue.list(None, 1000, None)[-3:]
        if "id" in case.path_parameters and which < len(jobs):  # something that is there
            case.path_parameters["id"] = jobs[which].id
            case.path_parameters |= {name: there for name, there in THERE.items() if name in case.path_parameters}
        if isinstance(case.body, dict) and isinstance(case.body.get("request"), dict) and which % 2:
            case.body["request"]["audio"] = f"upload:{SOUND}"
        url = f"http://127.0.0.1:{service.client.port}"
        response = case.call_and_validate(url, session, headers, checks=CHECKS)
        answered.add((operation.method, operation.path, response.status_code))

    ask()
