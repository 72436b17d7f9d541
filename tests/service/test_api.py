"""The HTTP interface as docs/service.md describes it, over a real connection; the worker is played by hand."""

import json
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from by_hand import SOUND
from hypothesis import given
from hypothesis import strategies as st
from licensed_files import small_model, write_model
from serving import Served, events, served, until

from vlogger_backend import __version__
from vlogger_backend.avatars.licensed import shelf
from vlogger_backend.painting import painting_from_dict
from vlogger_backend.request import Body
from vlogger_backend.service.jobs import AnimateJob, Job, RenderJob, ShotJob, State
from vlogger_backend.service.ranges import _span
from vlogger_backend.service.tasks import Run
from vlogger_backend.work.task import Advanced, CurvesDone, Done, Failed, FileDone, FrameDone, PreviewDone

SHOT = {"kind": "shot", "take": f"upload:{SOUND}", "portrait": f"upload:{SOUND}"}
LINE = {"kind": "animate", "request": {"audio": f"upload:{SOUND}"}}
CAMERA = {"width": 64, "height": 64, "poses": [[1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 5]], "fields": [0.5]}
TAKE = bytes(range(256)) * 40


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "library") as service:
        yield service


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for all tests that change nothing in it."""
    with served(tmp_path_factory.mktemp("unchanged")) as service:
        yield service


def begin(service: Served, lane: Any = "curves") -> Run:
    run = service.queue.begin(lane)
    assert run is not None
    return run


def write(run: Run, name: str, content: bytes) -> None:
    path = run.task.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def finish(service: Served, run: Run) -> None:
    write(run, "take.npz", TAKE)
    service.queue.tell(run, FileDone("take.npz"))
    service.queue.end(run, Done({"seconds": 2.0}))


def test_health_says_what_it_is(service: Served) -> None:
    service.client.submit(LINE)
    health = service.client.get("/v1/health").json
    assert {name: health[name] for name in ("name", "version", "api")} == {
        "name": "vlogger", "version": __version__, "api": 1
    }  # fmt: skip
    assert health["queue"] == {"queued": 1, "running": 0}
    assert health["library"]["size"] == 4  # the upload
    assert health["library"]["quota"] == 10**9
    assert health["library"]["free"] > 0


def test_a_job_is_answered_as_it_was_submitted(service: Served) -> None:
    request = {"audio": f"upload:{SOUND}", "text": "Zoë said “да”.", "fps": 24, "seed": 3, "style": {"energy": 0.5}}
    answer = service.client.submit(
        {"kind": "animate", "request": request, "products": ["fbx", "mp4"], "priority": 5, "label": "line 1"}
    )
    assert answer.status == 201
    job = answer.json
    assert (job["state"], job["priority"], job["label"], job["kind"]) == ("queued", 5, "line 1", "animate")
    assert job["submission"]["request"]["text"] == "Zoë said “да”."
    assert job["submission"]["request"]["style"] == {
        "energy": 0.5, "gesture": 1.0, "head": 1.0, "gaze": 1.0, "blink": 1.0
    }  # fmt: skip
    assert job["created"].endswith("Z")
    assert job["ended"] is None
    assert service.client.get(f"/v1/jobs/{job['id']}").json == job
    assert service.client.get(f"/v1/jobs/{job['id']}?wait=0").json == job
    assert service.client.get(f"/v1/jobs/{job['id']}/submission").json == job["submission"]
    kept = service.queue.get(job["id"]).submission
    assert isinstance(kept, AnimateJob)
    assert kept.products == ("fbx", "mp4")
    assert kept.request.fps == 24


def test_every_kind_of_job_can_be_submitted(service: Served) -> None:
    assert service.client.submit({"kind": "character", "body": {"age": 0.9}}).json["submission"]["body"]["age"] == 0.9
    answer = service.client.submit({"kind": "render", "take": f"upload:{SOUND}", "camera": CAMERA, "last": 4})
    assert answer.status == 201
    assert isinstance(service.queue.get(answer.json["id"]).submission, RenderJob)
    photo = {"kind": "portrait", "photo": f"upload:{SOUND}", "consent": True, "face": 2}
    assert service.client.submit(photo).json["submission"]["face"] == 2
    shot = {"kind": "shot", "take": f"upload:{SOUND}", "portrait": f"upload:{SOUND}", "video": True}
    scene = {"camera": CAMERA, "background": "none", "last": 4}
    for painting in (scene, {"camera": "orbit", "mark": False}, {"body": "anna"}, {}):
        answer = service.client.submit({**shot, "painting": painting})
        assert answer.status == 201
        kept = service.queue.get(answer.json["id"]).submission
        assert isinstance(kept, ShotJob)
        assert kept.painting == painting_from_dict(painting)


def test_the_same_key_gives_the_same_job(service: Served) -> None:
    first, again = (service.client.submit(LINE, Idempotency_Key="k1") for _ in range(2))
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    other = service.client.submit({**LINE, "request": {"audio": f"upload:{SOUND}", "seed": 9}}, Idempotency_Key="k1")
    assert other.status == 409
    assert "idempotency key" in other.error


def changed(**changes: Any) -> dict[str, Any]:
    return {"kind": "animate", "request": {"audio": f"upload:{SOUND}", **changes}}


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (changed(fps=0.5), "request.fps"),
        (changed(seed=-1), "request.seed"),
        (changed(tone=1), "request.tone is not known"),
        (changed(style={"energy": 3}), "request.style.energy"),
        (changed(style={"smile": 1}), "request.style.smile is not known"),
        (changed(audio=""), "request.audio"),
        (changed(audio="upload:zzz"), "no upload"),
        (changed(audio="no/root.wav"), "whole path"),
        (changed(audio="/nowhere/at all.wav"), "no file"),
        (changed(audio="/a\0b"), "character that is none"),
        (changed(text="half \ud800 a pair"), "character that is none"),
        ({**LINE, "products": ["exe"]}, "products.0"),
        ({**LINE, "priority": 101}, "priority"),
        ({**LINE, "label": "x" * 201}, "label"),
        ({**LINE, "extra": 1}, "extra is not known"),
        ({**LINE, "kind": "dance"}, "kind is"),
        ({"request": {"audio": "x"}}, "kind is"),
        ({"kind": "animate"}, "request is missing"),
        ({"kind": "render", "take": "job:nope", "camera": CAMERA}, "no job nope"),
        ({"kind": "render", "take": f"upload:{SOUND}", "camera": {**CAMERA, "width": 100_000}}, "100000 x 64 pixels"),
        ({"kind": "render", "take": f"upload:{SOUND}", "camera": {**CAMERA, "poses": [[0] * 12]}}, "pose"),
        ({"kind": "portrait", "photo": f"upload:{SOUND}"}, "consent is missing"),
        ({"kind": "portrait", "photo": f"upload:{SOUND}", "consent": False}, "has agreed that their picture"),
        ({"kind": "portrait", "photo": "upload:zzz", "consent": True}, "no upload"),
        ({**SHOT, "portrait": "upload:zzz"}, "no upload"),
        ({**SHOT, "sound": "upload:zzz"}, "no upload"),
        ({**SHOT, "painting": {"background": "upload:zzz"}}, "no upload"),
        ({**SHOT, "painting": {"background": "wall.png"}}, "whole path"),
        ({**SHOT, "painting": {"renderer": "mine.toml"}}, "whole path"),
        ({**SHOT, "painting": {"camera": "spin"}}, "painting.camera"),
        ({**SHOT, "painting": {"first": 9, "last": 3}}, "no frames 9 to 3"),
        ({**SHOT, "painting": {"longest": 64, "camera": CAMERA}}, "size of its own"),
        ({**SHOT, "painting": {"glow": 1}}, "painting.glow is not known"),
        ({**SHOT, "painting": {"body": {"gender": 1}}}, "painting.body"),
        ([], "JSON object"),
    ],
)
def test_a_bad_job_is_refused_in_a_sentence(unchanged: Served, job: Any, said: str) -> None:
    answer = unchanged.client.ask("POST", "/v1/jobs", job)
    assert answer.status in (404, 422)
    assert said in answer.error
    assert not answer.error.startswith(("animate.", "body."))
    assert unchanged.client.get("/v1/jobs").json == {"jobs": []}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b'{"kind": "animate", "request": {"audio": "x", "fps": NaN}}', "application/json", 422),
        (b'{"kind": "animate", "request": {"audio": "x", "seed": ' + b"9" * 5000 + b"}}", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 422),
        (b"kind=animate", "application/x-www-form-urlencoded", 422),
        (b"", "application/json", 422),
    ],
)
def test_what_is_no_job_at_all_is_refused_in_a_sentence(unchanged: Served, body: bytes, kind: str, status: int) -> None:
    answer = unchanged.client.ask("POST", "/v1/jobs", body, {"Content-Type": kind})
    assert answer.status == status, answer.body
    assert answer.error


def test_jobs_are_listed_newest_first_in_pages(service: Served) -> None:
    ids = [service.client.submit(changed(seed=seed)).json["id"] for seed in range(5)]
    finish(service, begin(service))
    page = service.client.get("/v1/jobs?limit=2").json["jobs"]
    assert [job["id"] for job in page] == [ids[4], ids[3]]
    rest = service.client.get(f"/v1/jobs?before={page[-1]['number']}").json["jobs"]
    assert [job["id"] for job in rest] == [ids[2], ids[1], ids[0]]
    done = service.client.get("/v1/jobs?state=done").json["jobs"]
    assert [job["id"] for job in done] == [ids[0]]
    assert service.client.get("/v1/jobs?state=asleep").status == 422
    assert service.client.get("/v1/jobs?limit=0").status == 422


def test_jobs_are_cancelled_retried_and_deleted(service: Served) -> None:
    job = f"/v1/jobs/{service.client.submit(LINE).json['id']}"
    assert service.client.ask("POST", f"{job}/retry").status == 409
    cancelled = service.client.ask("POST", f"{job}/cancel")
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    assert service.client.ask("POST", f"{job}/cancel").status == 409
    assert service.client.ask("POST", f"{job}/retry").json["state"] == "queued"
    deleted = service.client.ask("DELETE", job)
    assert (deleted.status, deleted.body) == (204, b"")
    for method, path in (("GET", job), ("DELETE", job), ("POST", f"{job}/cancel"), ("GET", f"{job}/events")):
        answer = service.client.ask(method, path)
        assert answer.status == 404
        assert "no job" in answer.error


def test_a_failed_job_says_why(service: Served) -> None:
    id = service.client.submit(LINE).json["id"]
    service.queue.end(begin(service), Failed("There is no sound in it.", mendable=True))
    job = service.client.get(f"/v1/jobs/{id}").json
    assert (job["state"], job["error"]) == ("failed", "There is no sound in it.")


def test_an_answer_can_be_waited_for(service: Served) -> None:
    job = service.client.submit(LINE).json
    question = f"/v1/jobs/{job['id']}?since={job['revision']}"
    assert service.client.get(f"{question}&wait=0.01").json == job
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(service.client.get(f"{question}&wait=30").json))
    asking.start()
    until(lambda: service.news._readers)
    begin(service)
    asking.join()
    assert answers[0]["state"] == "running"
    assert service.client.get(f"{question}&wait=30").json == answers[0]  # it is newer already
    assert service.client.get(f"{question}&wait=61").status == 422


def test_one_who_waits_for_a_job_hears_that_it_was_deleted(service: Served) -> None:
    job = service.client.submit(LINE).json
    answers: list[int] = []
    question = f"/v1/jobs/{job['id']}?since={job['revision']}&wait=30"
    asking = threading.Thread(target=lambda: answers.append(service.client.get(question).status))
    asking.start()
    until(lambda: service.news._readers)
    service.queue.delete(job["id"])
    asking.join()
    assert answers == [404]


def test_the_events_of_a_job_go_from_its_state_to_its_end(service: Served) -> None:
    id = service.client.submit(LINE).json["id"]
    with service.client.open("GET", f"/v1/jobs/{id}/events") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        heard = events(response)
        assert json.loads(next(heard)["data"])["state"] == "queued"
        run = begin(service)
        assert json.loads(next(heard)["data"])["state"] == "running"
        service.queue.tell(run, Advanced("Performing", 0.5))
        assert json.loads(next(heard)["data"])["done"] == 0.5
        finish(service, run)
        last = json.loads(list(heard)[-1]["data"])  # the stream ends by itself
    assert last["state"] == "done"
    assert last == service.client.get(f"/v1/jobs/{id}").json
    with service.client.open("GET", f"/v1/jobs/{id}/events") as response:
        assert [json.loads(event["data"]) for event in events(response)] == [last]


def test_the_events_of_all_jobs_begin_with_those_under_way(service: Served) -> None:
    done, waiting = (service.client.submit(changed(seed=seed)).json["id"] for seed in range(2))
    finish(service, begin(service))
    with service.client.open("GET", "/v1/events") as response:
        heard = events(response)
        assert json.loads(next(heard)["data"])["id"] == waiting
        service.queue.delete(done)
        event = next(heard)
        assert (event["event"], json.loads(event["data"])) == ("deleted", {"id": done})


def test_one_who_comes_back_hears_what_was_missed(service: Served) -> None:
    first, second = (service.client.submit(changed(seed=seed)).json["id"] for seed in range(2))
    with service.client.open("GET", "/v1/events") as response:
        heard = events(response)
        marks = {json.loads(event["data"])["id"]: event["id"] for event in (next(heard), next(heard))}
    service.queue.cancel(first)
    third = service.client.submit(changed(seed=3)).json["id"]
    with service.client.open("GET", "/v1/events", headers={"Last-Event-ID": marks[second]}) as response:
        heard = events(response)
        assert [json.loads(next(heard)["data"])["id"] for _ in range(2)] == [first, third]
    with service.client.open("GET", "/v1/events", headers={"Last-Event-ID": "of-another-run"}) as response:
        heard = events(response)
        assert [json.loads(next(heard)["data"])["id"] for _ in range(3)] == [first, second, third]


def test_a_client_that_goes_is_noticed(service: Served) -> None:
    id = service.client.submit(LINE).json["id"]
    for path in (f"/v1/jobs/{id}/events", "/v1/events"):
        with service.client.open("GET", path) as response:
            next(events(response))
            assert service.news._readers
        until(lambda: not service.news._readers)


def test_a_slow_reader_gets_the_newest_state_and_costs_nothing(service: Served) -> None:
    id = service.client.submit(LINE).json["id"]
    told = threading.Event()
    with service.client.open("GET", f"/v1/jobs/{id}/events") as response:
        heard = events(response)
        next(heard)
        run = begin(service)
        for step in range(20_000):
            service.queue.tell(run, Advanced("Performing", step / 20_000))
        end = service.queue.watch(lambda job: told.set())
        service.queue.tell(run, Advanced("Performing", 1.0))
        assert told.wait(30)
        end()
        count = 0
        for event in heard:
            count += 1
            if json.loads(event["data"])["done"] == 1.0:
                break
    assert count < 10_000  # what the connection's own buffers hold, not each of the changes


def test_files_come_whole_and_in_parts(service: Served) -> None:
    id = service.client.submit(LINE).json["id"]
    run = begin(service)
    path = f"/v1/jobs/{id}/files/take.npz"
    assert service.client.get(path).status == 404
    write(run, "take.npz", TAKE)
    assert service.client.get(path).status == 404  # it may not be complete
    service.queue.tell(run, FileDone("take.npz"))
    assert service.client.get(path).body == TAKE  # while the job runs
    service.queue.end(run, Done({}))
    whole = service.client.get(path)
    assert (whole.status, whole.body, whole.headers["Accept-Ranges"]) == (200, TAKE, "bytes")
    for asked, start, end in (("10-19", 10, 20), ("10000-", 10_000, len(TAKE)), ("-5", len(TAKE) - 5, len(TAKE))):
        part = service.client.get(path, Range=f"bytes={asked}")
        assert (part.status, part.body) == (206, TAKE[start:end])
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(TAKE)}"
    beyond = service.client.get(path, Range=f"bytes={len(TAKE)}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(TAKE)}")
    for nonsense in ("bytes=x", "lines=1-2", "bytes=0-1,5-6", "bytes=9-3", ""):
        assert service.client.get(path, Range=nonsense).body == TAKE


@given(st.integers(0, 30), st.integers(0, 40), st.integers(0, 40))
def test_a_part_is_what_it_means(size: int, first: int, last: int) -> None:
    content = bytes(range(size))
    for asked, meant in (
        ((str(first), str(last)), content[first : last + 1]),
        ((str(first), ""), content[first:]),
        (("", str(last)), content[max(size - last, 0) :]),
    ):
        span = _span(*asked, size)
        assert (span is None) == (asked[1] != "" and asked[0] != "" and last < first)
        if span is not None:
            assert content[span[0] : max(span)] == meant


@pytest.mark.parametrize("name", ["../token", "..%2f..%2ftoken", "%2e%2e/%2e%2e/token", "/etc/passwd", "jobs.sqlite"])
def test_no_name_leads_out_of_the_job(service: Served, name: str) -> None:
    (service.library.folder / "token").write_text("secret")
    id = service.client.submit(LINE).json["id"]
    finish(service, begin(service))
    answer = service.client.get(f"/v1/jobs/{id}/files/{name}")
    assert answer.status == 404
    assert b"secret" not in answer.body


def test_curves_and_frames_and_previews_come_while_the_job_runs(service: Served) -> None:
    id = service.client.submit({"kind": "render", "take": f"upload:{SOUND}", "camera": CAMERA, "first": 7}).json["id"]
    run = begin(service, "pictures")
    job = f"/v1/jobs/{id}"
    for path in ("curves/0", "frames/7", "preview"):
        assert service.client.get(f"{job}/{path}").status == 404
    write(run, "pieces/000000.npz", b"curves")
    service.queue.tell(run, CurvesDone(0, 60))
    write(run, "frames/000007.png", b"picture")
    service.queue.tell(run, FrameDone(7))
    write(run, "preview.jpg", b"small")
    service.queue.tell(run, PreviewDone())
    now = service.client.get(job).json
    assert (now["pieces"], now["curve_frames"], now["frames"], now["preview"]) == (1, 60, 1, True)
    for path, content, kind in (
        ("curves/0", b"curves", "application/octet-stream"),
        ("frames/7", b"picture", "image/png"),
        ("preview", b"small", "image/jpeg"),
    ):
        answer = service.client.get(f"{job}/{path}")
        assert (answer.body, answer.headers["Content-Type"]) == (content, kind)
    service.queue.end(run, Done({}))
    assert service.client.get(f"{job}/curves/0").status == 404
    assert service.client.get(f"{job}/frames/7").body == b"picture"


def test_a_long_submission_is_told_only_when_asked_for(service: Served) -> None:
    pose = CAMERA["poses"][0]  # type: ignore[index]
    camera = {**CAMERA, "poses": [pose] * 1000}
    job = service.client.submit({"kind": "render", "take": f"upload:{SOUND}", "camera": camera}).json
    assert job["submission"] is None
    whole = service.client.get(f"/v1/jobs/{job['id']}/submission").json
    assert len(whole["camera"]["poses"]) == 1000


def test_a_client_elsewhere_can_name_no_path(tmp_path: Path, line: Path) -> None:
    with served(tmp_path / "library", ip="10.1.2.3") as service:
        for audio in (str(line), "file:///etc/passwd", "/nowhere.wav"):
            answer = service.client.submit(changed(audio=audio))
            assert answer.status == 422
            assert "upload it" in answer.error  # the same, whether it is there or not
        assert service.client.submit(LINE).status == 201


def test_a_client_here_can_name_a_path(service: Served, line: Path) -> None:
    assert service.client.submit(changed(audio=str(line))).status == 201


def test_avatars_have_the_sliders_of_a_request(unchanged: Served) -> None:
    (avatar,) = unchanged.client.get("/v1/avatars").json["avatars"]
    assert {slider["name"]: slider["default"] for slider in avatar["sliders"]} == vars(Body())


def test_rigs_are_those_of_the_folder(unchanged: Served) -> None:
    folder = Path(__file__).parents[2] / "rigs"
    names = unchanged.client.get("/v1/rigs").json["rigs"]
    assert names == sorted(path.stem for path in folder.glob("*.json"))
    for name in names:
        assert unchanged.client.get(f"/v1/rigs/{name}").body == (folder / f"{name}.json").read_bytes()
    missing = unchanged.client.get("/v1/rigs/..pyproject")
    assert missing.status == 404
    assert "no rig" in missing.error


def test_what_can_be_done_here_is_told(unchanged: Served) -> None:
    answer = unchanged.client.get("/v1/capabilities").json
    assert {"listening", "avatar", "FBX", "GPU"} <= {part["name"] for part in answer["parts"]}
    assert isinstance(answer["gpus"], list)


def test_body_models_are_told_as_they_are_now(
    unchanged: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))

    def told() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        answer = unchanged.client.get("/v1/capabilities").json
        return answer["models"], next(part for part in answer["parts"] if part["name"] == "body models")

    models, part = told()
    assert models == []
    assert not part["fine"]
    assert "vlogger models add" in part["cost"]
    file = write_model(tmp_path / "FLAME_NEUTRAL.pkl", small_model("flame"), "python 2 with chumpy")
    shelf.add(write_model(tmp_path / "SMPLH_MALE.pkl", small_model("smplh"), "python 2 with chumpy"), "body")
    shelf.add(file, "face")
    shelf.add_person(shelf.Person("anna", "face", shelf.find("face").sha256, (0.5,) * 10, "a.obj", 0.001, 0.002))
    (body, face, anna), part = told()
    assert (anna["name"], anna["person_on"], anna["kind"], anna["expression"]) == ("anna", "face", "flame", True)
    assert body["person_on"] is face["person_on"] is None
    assert part["detail"] == "body, face, anna"
    assert (body["name"], body["kind"], body["expression"], body["ready"]) == ("body", "smplh", False, True)
    assert (face["name"], face["kind"], face["expression"], face["ready"]) == ("face", "flame", True, True)
    assert "non-commercial" in face["licence"]
    assert face["terms"].startswith("https://")
    assert part["fine"]
    file.unlink()
    models, part = told()
    assert [model["ready"] for model in models] == [True, False, False]
    assert "face (no longer there)" in part["detail"]
    (tmp_path / "data" / "models.json").write_text("{")
    models, part = told()
    assert models == []
    assert "can't be read" in part["detail"]


def test_a_client_can_end_the_service(service: Served) -> None:
    assert service.client.ask("POST", "/v1/shutdown").status == 202
    assert service.ended.wait(5)


def test_the_description_has_the_limits_of_a_request(unchanged: Served) -> None:
    description = unchanged.client.get("/v1/openapi.json").json
    schemas = description["components"]["schemas"]
    assert schemas["Request"]["properties"]["fps"]["maximum"] == 240
    assert schemas["Style"]["properties"]["energy"]["maximum"] == 2
    assert schemas["Request"]["additionalProperties"] is False
    assert description["security"] == [{"token": []}]
    assert set(schemas["JobAnswer"]["properties"]) == {name.name for name in fields(Job)} | {"kind"}
    assert {state.value for state in State} == set(schemas["State"]["enum"])
    assert "/v1/docs" not in description["paths"]
    assert unchanged.client.get("/docs").status == unchanged.client.get("/redoc").status == 404


def test_every_path_of_the_description_is_in_the_document(unchanged: Served) -> None:
    told = (Path(__file__).parents[2] / "docs" / "service.md").read_text("utf-8")
    for path in unchanged.client.get("/v1/openapi.json").json["paths"]:
        shown = path.replace("{id}", "ID").replace("{name}", "NAME").replace("{piece}", "N").replace("{frame}", "N")
        assert shown in told, f"docs/service.md does not tell of {shown}"
