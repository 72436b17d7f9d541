"""Finding, starting, refusing and ending the service's process."""

from __future__ import annotations

import ast
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from answering import answering, ok
from clients import REPOSITORY, Opener, answer, news_of, news_until, write_program

from blender_addon.core.connection import Address, NonsenseError, Patience, UnreachableError
from blender_addon.core.errors import AddonError
from blender_addon.core.jobs import Moved
from blender_addon.core.service_process import (
    LocalService,
    OtherVersionError,
    RemoteService,
    ServiceProcess,
    StartError,
    check,
    default_library,
    find,
    serve_command,
)
from blender_addon.core.version import API, VERSION

PATIENCE = Patience(answer=5)


@pytest.fixture(scope="module")
def other_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service, but of a version that was never made."""
    before = "import vlogger_backend; vlogger_backend.__version__ = '9.8.7'"
    return write_program(tmp_path_factory.mktemp("newer") / "vlogger", before)


@contextmanager
def running(program: Path, library: Path) -> Iterator[ServiceProcess]:
    process = ServiceProcess(program, library)
    try:
        yield process
    finally:
        process.end(20)


@contextmanager
def other_program(folder: Path) -> Iterator[str]:
    """The url of a file server, as any developer has one running."""
    handler = lambda *a: QuietHandler(*a, directory=str(folder))  # noqa: E731
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


def leave_behind(library: Path, url: str, pid: int) -> None:
    """What a service that crashed leaves in its library."""
    library.mkdir(parents=True, exist_ok=True)
    (library / "service.json").write_text(
        json.dumps({"url": url, "port": 1, "pid": pid, "version": VERSION, "api": API})
    )
    (library / "token").write_text("old")


@pytest.fixture(scope="session")
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_its_version_is_the_backends():
    backend = pytest.importorskip("vlogger_backend")
    from vlogger_backend.service import app

    assert (backend.__version__, app.API) == (VERSION, API)


@pytest.mark.parametrize("path", (REPOSITORY / "blender_addon" / "core").glob("*.py"), ids=lambda path: path.name)
def test_blenders_oldest_python_can_read_it(path):
    ast.parse(path.read_text("utf-8"), feature_version=(3, 10))


def test_the_library_is_where_the_service_looks_for_it(monkeypatch, tmp_path):
    from vlogger_backend.service import serve

    for named in (str(tmp_path), "~/x", None):
        monkeypatch.setenv("VLOGGER_LIBRARY", named) if named else monkeypatch.delenv("VLOGGER_LIBRARY")
        assert default_library() == serve.default_library()


def test_a_command_runs_python_without_the_users_folders():
    assert serve_command(Path("/v/bin/python3.11"), Path("/l")) == [
        "/v/bin/python3.11", "-I", "-m", "vlogger_backend.cli", "serve", "--stay-with-stdin", "--library", "/l",
    ]  # fmt: skip
    assert serve_command(Path("/v/bin/vlogger"), Path("/l"))[:2] == ["/v/bin/vlogger", "serve"]


def test_it_runs_with_the_python_of_an_environment(tmp_path):
    installed = subprocess.run([sys.executable, "-I", "-c", "import vlogger_backend"], check=False, capture_output=True)
    if installed.returncode:
        pytest.skip("vlogger is not installed in this environment, only its source is here")
    with running(Path(sys.executable), tmp_path / "library") as process:
        assert process.wait_ready(Patience(), lambda: False).health["version"] == VERSION


def test_nothing_to_find(tmp_path, dead_pid):
    assert find(tmp_path, PATIENCE) is None
    for nonsense in ("", "[]", "{}", '{"pid": "x"}', '{"pid": -1}', '{"pid": 1e99}', "\x00", '{"pid": true}'):
        (tmp_path / "service.json").write_text(nonsense)
        assert find(tmp_path, PATIENCE) is None


def test_the_token_is_not_sent_to_who_has_taken_over_the_port_of_a_dead_service(tmp_path, dead_pid):
    heads = []
    with answering(lambda head, one: heads.append(head) or ok({"name": "vlogger"})) as url:
        leave_behind(tmp_path, url, dead_pid)
        assert find(tmp_path, PATIENCE) is None
    assert not heads


def test_what_a_crash_left_does_not_matter(open_client: Opener, program, tmp_path):
    """Even if the number of the process and its port were given to other programs meanwhile."""
    with other_program(tmp_path) as url:
        leave_behind(tmp_path / "library", url, os.getpid())
        client = open_client(LocalService(tmp_path / "library", program))
        client.connect()
        found = answer(client)
        assert found.error is None
        assert found.answer["pid"] != os.getpid()


def test_another_program_at_the_address_is_refused(open_client: Opener, tmp_path):
    with other_program(tmp_path) as url:
        client = open_client(RemoteService(Address(url, "token")))
        client.connect()
        with pytest.raises(NonsenseError, match=r"not a vlogger service.*Check the address"):
            raise answer(client).error
    for said in ({"name": "grafana", "version": "9", "api": 1}, {}):
        with (
            answering(lambda head, one, said=said: ok(said)) as url,
            pytest.raises(AddonError, match="another program"),
        ):
            check(Address(url, "token"), PATIENCE)


def test_a_wrong_token_is_told(open_client: Opener, kept):
    written = json.loads((kept.library / "service.json").read_text())
    client = open_client(RemoteService(Address(written["url"], "wrong")))
    client.connect()
    with pytest.raises(AddonError, match=r"refuses the token\. Copy it again"):
        raise answer(client).error
    handle = client.submit({"kind": "character"}, Path("nowhere"))
    while not handle.ended:
        client.poll()
    assert "refuses the token" in str(handle.error)
    right = open_client(RemoteService(Address(written["url"], (kept.library / "token").read_text().strip())))
    right.connect()
    assert answer(right).answer["name"] == "vlogger"


def test_a_service_with_tls_is_trusted_by_its_certificate(open_client: Opener, program, line, tmp_path):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not here")
    key, certificate, library = (tmp_path / name for name in ("key.pem", "certificate.pem", "library"))
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    with subprocess.Popen(
        [program, "serve", "--library", library, "--certificate", certificate, "--key", key, "--stay-with-stdin"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdout.readline()
        url = json.loads((library / "service.json").read_text())["url"]
        token = (library / "token").read_text().strip()
        unknown = open_client(RemoteService(Address(url, token)))
        unknown.connect()
        with pytest.raises(AddonError, match=r"certificate of https.* is not to be trusted"):
            raise answer(unknown).error
        client = open_client(RemoteService(Address(url, token, certificate)))
        client.connect()
        assert answer(client).error is None
        handle = client.submit({"kind": "animate", "request": {"audio": line}}, tmp_path / "out")
        news_of(client, handle)
        assert handle.state == "done", handle.error
        long = client.submit({"kind": "animate", "request": {"audio": line, "seed": 2}}, tmp_path / "2")
        news_until(client, lambda u: isinstance(u, Moved) and long.id)
        long.cancel()  # which interrupts a question that is under way
        news_of(client, long)
        assert long.state in ("cancelled", "done")
        process.stdin.close()


def test_a_service_of_another_version_is_refused_until_it_is_replaced(
    open_client: Opener, program, other_version, tmp_path
):
    library = tmp_path / "library"
    with running(other_version, library) as process:
        with pytest.raises(OtherVersionError):
            process.wait_ready(PATIENCE, lambda: False)
        client = open_client(LocalService(library, program))
        client.connect()
        with pytest.raises(OtherVersionError, match=rf"version 9\.8\.7, this add-on is version {VERSION}.*[Uu]pdate"):
            raise answer(client).error
        client.connect(replace=True)
        found = answer(client)
        assert found.error is None
        assert (found.answer["version"], process.runs) == (VERSION, False)


def test_an_own_program_of_another_version_does_not_stay(open_client: Opener, other_version, tmp_path):
    client = open_client(LocalService(tmp_path / "library", other_version))
    client.connect()
    with pytest.raises(OtherVersionError, match=r"9\.8\.7"):
        raise answer(client).error
    assert not (tmp_path / "library" / "service.json").exists()


def test_a_newer_interface_is_another_version():
    def newer(head: bytes, one: object) -> bytes:
        return ok({"name": "vlogger", "version": VERSION, "api": API + 1})

    with answering(newer) as url, pytest.raises(OtherVersionError):
        check(Address(url, "token"), PATIENCE)


def test_two_blenders_that_start_at_the_same_time_share_one_service(open_client: Opener, program, tmp_path):
    clients = [open_client(LocalService(tmp_path / "library", program)) for _ in range(2)]
    for client in clients:
        client.connect()
    one, other = (answer(client) for client in clients)
    assert one.error is None
    assert one.answer["pid"] == other.answer["pid"]


def test_the_add_on_is_reloaded(open_client: Opener, program, tmp_path):
    """The service of the former client is still on its way out when the next one looks for it."""
    service = LocalService(tmp_path / "library", program)
    before = open_client(service)
    before.connect()
    assert answer(before).error is None
    before.close()
    after = open_client(service)
    after.connect()
    assert answer(after).error is None


def test_a_library_that_can_not_be_one(open_client: Opener, program, tmp_path):
    (tmp_path / "library").write_text("a file")
    client = open_client(LocalService(tmp_path / "library", program))
    client.connect()
    with pytest.raises(StartError, match="library"):
        raise answer(client).error


def test_the_service_ends_when_blender_is_killed(program, tmp_path):
    blender = subprocess.Popen(
        [
            sys.executable, "-c",
            "import sys, pathlib, threading\n"
            "from blender_addon.core.client import *\n"
            "client = Client(LocalService(*map(pathlib.Path, sys.argv[1:])))\n"
            "client.connect()\n"
            "news = []\n"
            "while not any(isinstance(update, Answered) for update in news): news += client.poll()\n"
            "print(news[-1].answer['pid'], flush=True)\n"
            "threading.Event().wait()\n",
            str(tmp_path / "library"), str(program),
        ],
        cwd=REPOSITORY, stdout=subprocess.PIPE,
    )  # fmt: skip
    service = psutil.Process(int(blender.stdout.readline()))
    workers = service.children(recursive=True)
    blender.send_signal(signal.SIGKILL)
    blender.wait()
    blender.stdout.close()
    assert psutil.wait_procs([service, *workers], timeout=30)[1] == []
    assert not (tmp_path / "library" / "service.json").exists()


def test_a_service_that_does_not_answer_is_told_as_such(tmp_path):
    silent = threading.Event()
    with answering(lambda head, one: silent.wait(20) and None) as url:
        leave_behind(tmp_path, url, os.getpid())
        with pytest.raises(UnreachableError, match="does not answer"):
            find(tmp_path, Patience(answer=0.2))
        silent.set()


def test_a_service_without_a_readable_token(tmp_path):
    leave_behind(tmp_path, "http://127.0.0.1:1", os.getpid())
    (tmp_path / "token").unlink()
    with pytest.raises(AddonError, match=f"End the vlogger service .process {os.getpid()}."):
        find(tmp_path, PATIENCE)
