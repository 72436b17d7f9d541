"""What the service costs: how it answers a crowd, how soon the first curves are there, and what it adds to the engine.

    python benchmarks/service.py             # all of it, some three minutes
    python benchmarks/service.py crowd       # one of: crowd, first, overhead

`crowd`: 200 clients that poll a job and 20 that submit jobs, each in a thread with a connection of its own, in four
processes beside the service; the service works on a job all the while. Once polling every half second, as the add-on
does, and once each as fast as it is answered.

`first`: from `POST /v1/jobs` to the first second of curves of a 10 s line in the client's hands, warm.

`overhead`: a 1-minute line through HTTP (upload, job, take fetched) against `Animator.animate` in this process, both
warm, in turns, so that what else the machine does falls on both; by the clock and by what the processors did.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

TEXT = (
    "When the sunlight strikes raindrops in the air, they act as a prism and form a rainbow. "
    "The rainbow is a division of white light into many beautiful colors. "
    "These take the shape of a long round arch, with its path high above, and its two ends beyond the horizon."
)
POLLERS, SUBMITTERS, PROCESSES = 200, 20, 4
EVERY = 0.5
"""Seconds between two questions of one client, in the crowd that waits."""


@dataclass(frozen=True)
class Service:
    """A service that runs, and how to ask it."""

    port: int
    token: str
    pid: int = 0

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}"}
        if isinstance(body, dict):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:200]!r}")
        return content

    def json(self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.ask(connection, method, path, body))

    def upload(self, connection: http.client.HTTPConnection, path: Path) -> str:
        return f"upload:{self.json(connection, 'POST', '/v1/uploads?name=line.wav', path.read_bytes())['id']}"

    def submit(self, connection: http.client.HTTPConnection, audio: str, **job: Any) -> Any:
        request = {"audio": audio, "seed": job.pop("seed", 0)}
        return self.json(connection, "POST", "/v1/jobs", {"kind": "animate", "request": request, **job})

    def wait(self, connection: http.client.HTTPConnection, job: Any) -> Any:
        while job["state"] in ("queued", "running"):
            job = self.json(connection, "GET", f"/v1/jobs/{job['id']}?since={job['revision']}&wait=30")
        if job["state"] != "done":
            raise RuntimeError(f"the job is {job['state']}: {job['error']}")
        return job


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """`vlogger serve` on a new library."""
    library = folder / "library"
    command = [sys.executable, "-m", "vlogger_backend.cli", "serve", "--library", str(library), "--stay-with-stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        place = json.loads((library / "service.json").read_text("utf-8"))
        try:
            yield Service(place["port"], (library / "token").read_text("ascii").strip(), process.pid)
        finally:
            process.stdin.close()


def make_line(path: Path, seconds: float) -> Path:
    """`TEXT`, spoken as often as it takes and cut to so many seconds."""
    from vlogger_backend.speech.voice import say

    say(TEXT, path)
    with wave.open(str(path)) as once:
        header, sound = once.getparams(), once.readframes(once.getnframes())
    size = round(seconds * header.framerate) * header.sampwidth * header.nchannels
    with wave.open(str(path), "wb") as out:
        out.setparams(header)
        out.writeframes((sound * (size // len(sound) + 1))[:size])
    return path


def crowd(folder: Path) -> None:
    print(f"\n{POLLERS} clients poll and {SUBMITTERS} submit, {PROCESSES} processes of them, {os.cpu_count()} cores")
    print(f"{'':<34}{'answers':>9}{'a second':>10}{'errors':>8}{'median ms':>11}{'95 % ms':>9}{'slowest ms':>12}")
    for name, pause in (("each every half second", EVERY), ("each as fast as it is answered", 0.0)):
        with tempfile.TemporaryDirectory(dir=folder) as own, running(Path(own)) as service:
            measure_crowd(name, pause, service, Path(own))


def measure_crowd(name: str, pause: float, service: Service, folder: Path, seconds: float = 15.0) -> None:
    connection = service.connect()
    service.wait(connection, service.submit(connection, service.upload(connection, make_line(folder / "s.wav", 3))))
    audio = service.upload(connection, make_line(folder / "long.wav", 1200))
    job = service.submit(connection, audio, priority=100)
    while job["state"] == "queued":
        job = service.json(connection, "GET", f"/v1/jobs/{job['id']}?since={job['revision']}&wait=30")
    began = time.perf_counter()
    clients = [
        subprocess.Popen(
            [sys.executable, __file__, "--crowd", json.dumps(
                {"port": service.port, "token": service.token, "job": job["id"], "audio": audio, "pause": pause,
                 "seconds": seconds, "pollers": POLLERS // PROCESSES, "submitters": SUBMITTERS // PROCESSES}
            )],
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    told = [json.loads(client.communicate()[0]) for client in clients]
    state = service.json(connection, "GET", f"/v1/jobs/{job['id']}")["state"]
    if state != "running":
        print(f"  (the job ended after {time.perf_counter() - began:.0f} s, before the crowd)")
    for kind in ("poll", "submit"):
        times = np.array([ms for one in told for ms in one[kind]])
        errors = sum(one["errors"] for one in told)
        print(
            f"{name + ', ' + kind:<34.34}{len(times):>9}{len(times) / seconds:>10.0f}{errors:>8}"
            f"{np.median(times):>11.1f}{np.quantile(times, 0.95):>9.1f}{times.max():>12.1f}",
            flush=True,
        )


def be_a_crowd(
    port: int, token: str, job: str, audio: str, pause: float, seconds: float, pollers: int, submitters: int
) -> None:
    """One process of clients: asks for `seconds`, and prints the milliseconds that each answer took."""
    service = Service(port, token)
    times: dict[str, list[float]] = {"poll": [], "submit": []}
    errors: list[str] = []
    end = time.perf_counter() + seconds

    def client(kind: str, number: int) -> None:
        connection = service.connect()
        time.sleep(pause * number / (pollers + submitters))  # people don't click at the same moment
        while time.perf_counter() < end:
            began = time.perf_counter()
            try:
                if kind == "poll":
                    service.ask(connection, "GET", f"/v1/jobs/{job}")
                else:
                    service.submit(connection, audio, seed=number)
            except (OSError, RuntimeError, http.client.HTTPException) as error:
                errors.append(str(error))
                connection.close()
            took = time.perf_counter() - began
            times[kind].append(took * 1000)
            time.sleep(max(0.0, (pause if kind == "poll" else max(pause, EVERY)) - took))

    threads = [threading.Thread(target=client, args=("poll", number)) for number in range(pollers)]
    threads += [threading.Thread(target=client, args=("submit", pollers + number)) for number in range(submitters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors[:3]:
        print(error, file=sys.stderr)
    print(json.dumps({**times, "errors": len(errors)}))


def first(folder: Path, times: int = 10) -> None:
    """From `POST` to a first second of curves that can be played."""
    line = make_line(folder / "ten.wav", 10)
    seconds = []
    with running(folder) as service:
        connection = service.connect()
        audio = service.upload(connection, line)
        for seed in range(times + 2):
            began = time.perf_counter()
            job = service.submit(connection, audio, seed=seed)
            while not job["pieces"] and job["state"] in ("queued", "running"):
                job = service.json(connection, "GET", f"/v1/jobs/{job['id']}?since={job['revision']}&wait=30")
            path = "curves/0" if job["state"] == "running" else "files/take.npz"
            curves = np.load(io.BytesIO(service.ask(connection, "GET", f"/v1/jobs/{job['id']}/{path}")))
            assert len(curves["poses"]) >= float(curves["fps"])
            seconds.append(time.perf_counter() - began)
            service.wait(connection, job)
    warm = seconds[2:]
    print("\nfrom POST to the first second of curves of a 10 s line, warm")
    print(f"median {statistics.median(warm):.2f} s, of {times}: {min(warm):.2f} to {max(warm):.2f} s", flush=True)


def overhead(folder: Path, times: int = 25) -> None:
    """A 1-minute line, in this process and through the service."""
    from vlogger_backend.animate import Animator
    from vlogger_backend.request import Request

    line = make_line(folder / "minute.wav", 60)
    animator = Animator()
    here, there = [], []
    with running(folder) as service:
        connection = service.connect()
        for seed in range(times + 1):
            began, worked = time.perf_counter(), time.process_time()
            animator.animate(Request(str(line), seed=seed), folder / "take.npz")
            here.append((time.perf_counter() - began, time.process_time() - worked))
            began, worked = time.perf_counter(), cpu_of(service.pid)
            job = service.wait(connection, service.submit(connection, service.upload(connection, line), seed=seed))
            service.ask(connection, "GET", f"/v1/jobs/{job['id']}/files/take.npz")
            there.append((time.perf_counter() - began, cpu_of(service.pid) - worked))
    alone, served = np.array(here[1:]), np.array(there[1:])
    print(f"\n{f'a 1-minute line, warm, {times} pairs':<34}{'by the clock, s':>22}{'by the processors, s':>26}")
    print(f"{'':<34}{'median':>12}{'fastest':>10}{'median':>16}{'fastest':>10}")
    for name, values in (("Animator.animate", alone), ("through the service", served)):
        middle, best = np.median(values, axis=0), values.min(axis=0)
        print(f"{name:<34}{middle[0]:>12.2f}{best[0]:>10.2f}{middle[1]:>16.2f}{best[1]:>10.2f}")
    pairs, best = np.median(served / alone, axis=0), served.min(axis=0) / alone.min(axis=0)
    more = [100 * (ratio - 1) for ratio in (pairs[0], best[0], pairs[1], best[1])]
    print(f"{'overhead':<34}{more[0]:>+10.1f} %{more[1]:>+8.1f} %{more[2]:>+14.1f} %{more[3]:>+8.1f} %", flush=True)


def cpu_of(pid: int) -> float:
    """Seconds of the processors that a process and its children have used."""
    process = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


MEASURES = {"crowd": crowd, "first": first, "overhead": overhead}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*MEASURES, []], default=[])
    parser.add_argument("--crowd", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.crowd:
        be_a_crowd(**json.loads(options.crowd))
        return
    for what in options.what or MEASURES:
        with tempfile.TemporaryDirectory() as folder:
            MEASURES[what](Path(folder))


if __name__ == "__main__":
    main()
