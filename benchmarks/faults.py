"""The service under kill -9: it and its workers are killed at random moments while jobs run.

    python benchmarks/faults.py                        # 50 kills while 30 jobs run
    python benchmarks/faults.py --kills 8 --jobs 10    # what the tests do

First all jobs are done once without faults. Then they are submitted to a service that is killed, and started again,
over and over; what was interrupted twice is tried again now and then, as a user would. In the end every job must be
done or failed with a reason; every result must have the bytes that it has without faults; no job may be there twice;
no file and no process may be left over. The same seed gives the same order of faults, not the same moments: those are
up to the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

LINES = ("Hello there.", "Maybe my papa bought a big puppy.", "What?", "We shall see about that!", "One, two, three.")
PATIENCE = 120.0
"""Seconds after which whatever is waited for is taken as never to come."""
LONGEST_PAUSE = 1.5
"""Seconds between a service's start, or a job's, and the kill, at most."""
EYE = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.4, 0.0, 0.0, 1.0, 3.0]
HOME = Path(__file__).resolve().parents[1]

Json = dict[str, Any]


class GoneError(Exception):
    """The service is not there, or went while it was asked."""


@dataclass
class Service:
    """A service as a process, and the talk with it."""

    library: Path
    process: subprocess.Popen[bytes] | None = None
    family: set[psutil.Process] = field(default_factory=set)
    starts: list[float] = field(default_factory=list)

    def launch(self) -> None:
        """Start the process, and don't wait."""
        command = [sys.executable, "-m", "vlogger_backend.cli", "serve", "--library", str(self.library)]
        path = os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def start(self) -> None:
        """Start it; returns when it answers."""
        began = time.monotonic()
        self.launch()
        wait_until(self._ready, "the service to start")
        self.starts.append(time.monotonic() - began)

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            sys.exit(f"the service ended by itself with {self.process.returncode}")
        try:
            place = json.loads((self.library / "service.json").read_text())
            return place["pid"] == self.process.pid and self.ask("GET", "/v1/health")["pid"] == self.process.pid
        except (OSError, ValueError, GoneError):
            return False

    def ask(self, method: str, path: str, body: Json | bytes | None = None, key: str | None = None) -> Any:
        """What it answers: JSON, or bytes. Raises GoneError, RuntimeError if it answers with an error."""
        try:
            port = json.loads((self.library / "service.json").read_text())["port"]
            headers = {"Authorization": f"Bearer {(self.library / 'token').read_text().strip()}"}
            if isinstance(body, dict):
                body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
            if key:
                headers["Idempotency-Key"] = key
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise GoneError from error
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data.decode()}")
        return json.loads(data) if answer.headers.get_content_type() == "application/json" else data

    def jobs(self, state: str = "") -> list[Json]:
        """All jobs, or those in one state."""
        found: list[Json] = self.ask("GET", f"/v1/jobs?limit=1000{state and '&state='}{state}")["jobs"]
        return found

    def workers(self) -> list[psutil.Process]:
        """Its children, theirs too."""
        assert self.process is not None
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            found = []
        self.family |= set(found)
        return found

    def kill(self) -> None:
        """kill -9, and wait for the end of what it had started."""
        assert self.process is not None
        self.workers()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not any(alive(worker) for worker in self.family), "the workers to end with their service")

    def stop(self) -> None:
        assert self.process is not None
        self.workers()
        self.ask("POST", "/v1/shutdown")
        self.process.wait(PATIENCE)
        wait_until(lambda: not any(alive(worker) for worker in self.family), "the workers to end with their service")


@contextmanager
def serving(library: Path) -> Iterator[Service]:
    service = Service(library)
    service.start()
    try:
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.process.kill()
            service.process.wait()


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.01)


def surely(ask: Callable[[], Any], service: Service) -> Any:
    """Ask until there is an answer; a service that is gone is started."""
    while True:
        try:
            return ask()
        except GoneError:
            assert service.process is not None
            service.process.wait()
            service.start()


def make_jobs(count: int, sounds: list[str], take: str) -> list[Json]:
    """Mostly curves; every sixth with a character as well, every tenth some frames of a take."""
    jobs: list[Json] = []
    for index in range(count):
        if index % 10 == 7:
            camera = {"width": 96, "height": 64, "poses": [EYE], "fields": [0.6]}
            jobs.append(
                {"kind": "render", "take": f"upload:{take}", "camera": camera, "first": index, "last": index + 3}
            )
        else:
            request = {"audio": f"upload:{sounds[index % len(sounds)]}", "seed": index}
            jobs.append({"kind": "animate", "request": request, "products": ["glb"] if index % 6 == 4 else []})
    return jobs


def upload(service: Service, path: Path) -> str:
    id: str = surely(lambda: service.ask("POST", f"/v1/uploads?name={path.name}", path.read_bytes()), service)["id"]
    return id


def results(service: Service, job: Json) -> dict[str, str]:
    """The hashes of all files of a job that is done, as a client gets them."""
    names = [f"files/{file['name']}" for file in job["files"]]
    first = job["submission"].get("first", 0)
    names += [f"frames/{first + index}" for index in range(job["frames"])]
    return {name: hashlib.sha256(service.ask("GET", f"/v1/jobs/{job['id']}/{name}")).hexdigest() for name in names}


def without_faults(folder: Path, count: int) -> tuple[list[Json], list[dict[str, str]], list[Path]]:
    """The jobs, what their files are, and what is to be uploaded for them."""
    from vlogger_backend.speech.voice import say

    files = [folder / f"line{index}.wav" for index in range(len(LINES))]
    for line, path in zip(LINES, files, strict=True):
        say(line, path)
    with serving(folder / "calm") as service:
        sounds = [upload(service, path) for path in files]
        first = service.ask("POST", "/v1/jobs", {"kind": "animate", "request": {"audio": f"upload:{sounds[1]}"}})
        wait_until(lambda: bool(service.jobs("done")), "the first take")
        files.append(folder / "take.npz")
        files[-1].write_bytes(service.ask("GET", f"/v1/jobs/{first['id']}/files/take.npz"))
        jobs = make_jobs(count, sounds, upload(service, files[-1]))
        ids = [service.ask("POST", "/v1/jobs", job)["id"] for job in jobs]
        wait_until(lambda: not service.jobs("queued") and not service.jobs("running"), "the jobs without faults")
        ended = {job["id"]: job for job in service.jobs()}
        if any(ended[id]["state"] != "done" for id in ids):
            sys.exit(f"a job failed without any fault: {[ended[id]['error'] for id in ids]}")
        expected = [results(service, ended[id]) for id in ids]
        service.stop()
    return jobs, expected, files


def storm(service: Service, jobs: list[Json], kills: int, random_: random.Random, report: Counter[str]) -> None:
    """Submit the jobs one by one, and kill between and while; what fails by that is tried again now and then."""
    submitted = 0
    for kill in range(kills):
        while submitted * kills < (kill + 1) * len(jobs):
            surely(lambda n=submitted: service.ask("POST", "/v1/jobs", jobs[n], key=f"job {n}"), service)
            submitted += 1
        failed = surely(lambda: service.jobs("failed"), service)
        for job in failed if kill % 4 == 3 else ():
            surely(lambda id=job["id"]: service.ask("POST", f"/v1/jobs/{id}/retry"), service)
        if random_.random() < 0.7 and surely(lambda: service.jobs("queued") + service.jobs("running"), service):
            wait_until(lambda: bool(service.jobs("running")) or not service.jobs("queued"), "a job to begin")
            time.sleep(random_.uniform(0, LONGEST_PAUSE / 3))
        else:
            time.sleep(random_.uniform(0, LONGEST_PAUSE))
        report["kills while a job ran"] += bool(service.jobs("running"))
        workers = service.workers()
        if workers and random_.random() < 0.5:
            victim = random_.choice(workers)
            report["workers killed"] += 1
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                report["workers that were gone already"] += 1
        else:
            report["services killed"] += 1
            service.kill()
            if random_.random() < 0.2:  # again while it starts
                service.launch()
                time.sleep(random_.uniform(0, LONGEST_PAUSE))
                report["services killed while starting"] += 1
                service.kill()
            service.start()


def look_after(service: Service, jobs: list[Json], expected: list[dict[str, str]], report: Counter[str]) -> None:
    """All that must hold in the end; ends the program with a sentence if something doesn't."""
    wait_until(lambda: not service.jobs("queued") and not service.jobs("running"), "the jobs to end")
    ended = service.jobs()
    check(len(ended) == len(jobs), f"{len(ended)} jobs instead of {len(jobs)}")
    for index, job in enumerate(jobs):
        same = service.ask("POST", "/v1/jobs", job, key=f"job {index}")
        report[same["state"]] += 1
        if same["state"] == "failed":
            check(bool(same["error"]), "a job failed without a reason")
            report[f"failed: {same['error']}"] += 1
            service.ask("POST", f"/v1/jobs/{same['id']}/retry")
        else:
            check(same["state"] == "done", f"a job is {same['state']}")
    wait_until(lambda: not service.jobs("queued") and not service.jobs("running"), "the failed ones to be done again")
    report["runs of jobs that were done"] = 0
    for index, job in enumerate(jobs):
        done = service.ask("POST", "/v1/jobs", job, key=f"job {index}")
        check(done["state"] == "done", f"a job failed when nothing was killed: {done['error']}")
        check(results(service, done) == expected[index], f"job {index} has other bytes than without faults")
        report["runs of jobs that were done"] += done["attempt"]
    ids = {job["id"] for job in service.jobs()}
    check(len(ids) == len(jobs), "there are jobs twice")
    uploads = {upload["id"] for upload in service.ask("GET", "/v1/uploads")["uploads"]}
    service.stop()
    check({path.name for path in (service.library / "jobs").iterdir()} == ids, "folders of results and jobs differ")
    check(not list((service.library / "work").iterdir()), "work was left behind")
    found = {path.stem for path in (service.library / "uploads").iterdir()} - {"names"}
    check(found == uploads, "files were left behind in uploads")
    known = {"jobs", "work", "uploads", "jobs.sqlite", "token"}
    check({path.name for path in service.library.iterdir()} <= known, "files were left behind in the library")
    with sqlite3.connect(service.library / "jobs.sqlite") as connection:
        check(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the list is damaged")
        check(connection.execute("SELECT count(*) FROM jobs").fetchone() == (len(jobs),), "the list has other jobs")
    connection.close()


def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(f"WRONG: {sentence}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    report: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs, expected, files = without_faults(folder, options.jobs)
        began = time.monotonic()
        with serving(folder / "storm") as service:
            for path in files:
                upload(service, path)
            storm(service, jobs, options.kills, random.Random(options.seed), report)
            look_after(service, jobs, expected, report)
        starts = sorted(service.starts)
        print(f"{options.jobs} jobs, {options.kills} kills, {time.monotonic() - began:.0f} s")
    for what, count in report.items():
        print(f"{count:5} {what}")
    print(f"seconds from start to ready: median {starts[len(starts) // 2]:.2f}, most {starts[-1]:.2f}")
    print("every job ended done or failed with a reason; no result torn, no duplicate, nothing left behind")


if __name__ == "__main__":
    main()
