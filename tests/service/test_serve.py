"""`vlogger serve` as its own process: it starts, says where it is, works, and ends."""

import http.client
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from disks import fill, mount, unmount
from serving import Client, client_of, events, process, until

from vlogger_backend.animate import Animator
from vlogger_backend.request import Request
from vlogger_backend.service.library import open_library

QUICK = 3.0
"""Seconds in which the service must end."""


def ended(running: subprocess.Popen[str], within: float = QUICK) -> int:
    return running.wait(within)


def refused(library: Path, *options: str, environment: dict[str, str] | None = None) -> str:
    """The one sentence with which the service refuses to start."""
    with process(library, *options, environment=environment) as running:
        out, err = running.communicate(timeout=60)
        assert (running.returncode, out) == (2, "")
        assert len(err.splitlines()) == 1, err
        assert err.strip().endswith(".")
        return err


def test_a_line_becomes_a_take_like_the_command_lines(tmp_path: Path, line: Path) -> None:
    library = tmp_path / "library"
    with process(library) as running:
        client = client_of(running, library)
        upload = client.upload(line.read_bytes()).json["id"]
        request = {"audio": f"upload:{upload}", "seed": 7}
        id = client.submit({"kind": "animate", "request": request}).json["id"]
        with client.open("GET", f"/v1/jobs/{id}/events") as response:
            told = [json.loads(event["data"]) for event in events(response)]
        assert told[-1]["state"] == "done", told[-1]
        assert max(job["pieces"] for job in told) > 0
        assert told[-1]["result"]["spoken"] is True
        take = client.get(f"/v1/jobs/{id}/files/take.npz").body
    expected = tmp_path / "take.npz"
    Animator().animate(Request(f"upload:{upload}", seed=7), expected, sound=line)
    assert take == expected.read_bytes()


def test_it_says_where_it_is_and_cleans_up(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with process(library) as running:
        client = client_of(running, library)
        place = json.loads((library / "service.json").read_text("utf-8"))
        assert place["url"] == f"http://127.0.0.1:{client.port}"
        assert (place["pid"], place["port"], place["api"]) == (running.pid, client.port, 1)
        assert client.get("/v1/health").json["version"] == place["version"]
        if os.name != "nt":
            for name, mode in (("service.json", 0o600), ("token", 0o600), (".", 0o700)):
                assert stat.S_IMODE((library / name).stat().st_mode) == mode
        token = client.token
        running.send_signal(signal.SIGTERM)
        assert ended(running) == 0
        assert not (library / "service.json").exists()
    with process(library) as running:
        assert client_of(running, library).token == token


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_whoever_listens(tmp_path: Path, line: Path, number: signal.Signals) -> None:
    library = tmp_path / "library"
    with process(library) as running:
        client = client_of(running, library)
        job = client.submit({"kind": "animate", "request": {"audio": str(line)}, "products": ["mp4"]}).json
        with (
            client.open("GET", "/v1/events") as all_events,
            client.open("GET", f"/v1/jobs/{job['id']}/events") as job_events,
            client.open("GET", "/v1/health") as kept_open,
        ):
            next(events(all_events))
            kept_open.read()
            running.send_signal(number)
            assert ended(running) == 0
            for stream in (all_events, job_events):  # they ended in good order, not in the middle of an event
                list(events(stream))
    with process(library) as running:  # the job is still there, and runs again without having lost an attempt
        again = client_of(running, library).get(f"/v1/jobs/{job['id']}").json
        assert again["state"] in ("queued", "running")
        assert again["attempt"] <= 1


def test_a_client_can_end_it(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with process(library) as running:
        client = client_of(running, library)
        assert client.ask("POST", "/v1/shutdown").json == {"ending": True}
        assert ended(running) == 0


def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with process(library, "--stay-with-stdin") as running:
        client = client_of(running, library)
        assert running.stdin is not None
        running.stdin.write("words don't matter\n")
        running.stdin.flush()
        assert client.get("/v1/health").status == 200
        running.stdin.close()
        assert ended(running) == 0
    assert not (library / "service.json").exists()


def test_it_ends_even_if_who_started_it_is_killed(tmp_path: Path) -> None:
    library = tmp_path / "library"
    starter = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-m', 'vlogger_backend.cli', 'serve', '--library',"
        " sys.argv[1], '--stay-with-stdin'], stdin=subprocess.PIPE); print('started', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter, library], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as it:
        until((library / "service.json").exists)
        it.kill()
    until(lambda: not (library / "service.json").exists())


def test_a_second_service_on_a_library_is_sent_to_the_first(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with process(library) as running:
        client = client_of(running, library)
        assert f"http://127.0.0.1:{client.port}" in refused(library)
        assert client.get("/v1/health").status == 200
        assert (library / "service.json").exists()


def test_what_a_killed_service_left_is_no_service(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with process(library) as running:
        client_of(running, library)
        running.kill()
        running.wait()
        assert (library / "service.json").exists()
    with process(library) as running:
        assert client_of(running, library).get("/v1/health").json["pid"] == running.pid


def test_a_library_that_cant_be_used_is_refused_in_a_sentence(tmp_path: Path) -> None:
    library = tmp_path / "library"
    opened = open_library(library)
    opened.store._connection.execute("PRAGMA user_version=999")
    opened.close()
    assert "newer" in refused(library)
    full = tmp_path / "someones"
    full.mkdir()
    (full / "holiday.jpg").write_bytes(b"")
    assert "not empty" in refused(full)
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert str(file) in refused(file)


def test_a_read_only_disk_is_refused_in_a_sentence(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "ro,size=1m")
    try:
        assert "read" in refused(disk / "library")
    finally:
        unmount(disk)


def test_a_full_disk_is_refused_in_a_sentence(small_disk: Path) -> None:
    library = small_disk / "library"
    open_library(library).close()
    fill(small_disk / "rest")
    assert str(library) in refused(library)


def test_the_network_needs_tls(tmp_path: Path) -> None:
    assert "--certificate" in refused(tmp_path / "library", "--host", "0.0.0.0")
    assert not (tmp_path / "library").exists()


def test_an_address_that_cant_be_used_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "taken" in refused(tmp_path / "library", "--port", str(taken.getsockname()[1]))
    assert "192.0.2.1" in refused(tmp_path / "library", "--host", "192.0.2.1")
    nonsense = tmp_path / "certificate.pem"
    assert "can't be used" in refused(tmp_path / "library", "--certificate", str(nonsense))
    nonsense.write_text("nonsense")
    assert "can't be used" in refused(tmp_path / "library", "--certificate", str(nonsense))
    assert "--certificate" in refused(tmp_path / "library", "--key", str(nonsense))


def test_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no certificate can be made here ({error})")
    library = tmp_path / "library"
    options = ("--host", "0.0.0.0", "--certificate", str(certificate), "--key", str(key))
    with process(library, *options) as running:
        plain = client_of(running, library)
        assert json.loads((library / "service.json").read_text("utf-8"))["url"].startswith("https://")
        client = Client(plain.port, plain.token, ssl.create_default_context(cafile=str(certificate)))
        assert client.get("/v1/health").status == 200
        assert client.ask("GET", "/v1/health", headers={"Authorization": None}).status == 401
        path = client.submit({"kind": "animate", "request": {"audio": "/etc/passwd"}})
        assert "upload it" in path.error
        with pytest.raises((http.client.HTTPException, OSError)):
            plain.get("/v1/health")
        stranger = Client(plain.port, plain.token, ssl.create_default_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.get("/v1/health")


def test_its_output_tells_no_secret(tmp_path: Path) -> None:
    library = tmp_path / "library"
    with process(library) as running:
        client = client_of(running, library)
        client.get("/v1/health")
        client.ask("GET", f"/v1/health?token={client.token}")
        client.ask("GET", "/v1/health", headers={"Authorization": f"Bearer {client.token}x"})
        with socket.create_connection(("127.0.0.1", client.port)) as nonsense:
            nonsense.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n" + client.token.encode())
            nonsense.recv(1000)
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=QUICK)
        assert client.token not in out + err
