"""One connection: what it makes of answers that no honest service gives, of broken lines, and of files."""

from __future__ import annotations

import hashlib
import socket
import threading
from pathlib import Path

import pytest
from answering import answering, error, http, ok
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender_addon.core.connection import (
    Address,
    Connection,
    NonsenseError,
    Patience,
    RefusedError,
    StoppedError,
    UnreachableError,
)
from blender_addon.core.errors import AddonError

HASTY = Patience(connect=2, answer=0.3)
PATIENT = Patience(answer=20)


def connection(url: str, patience: Patience = PATIENT) -> Connection:
    return Connection(Address(url, "secret"), patience)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\x00\xff\x00 hello?\r\n\r\n", "no HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "broke off|no HTTP"),
        (http(200, b"<html>hello</html>", "text/html"), "no JSON"),
        (http(200, b"{" * 100_000), "no JSON"),
        (ok([1, 2]), "no object"),
        (http(302, b"", Location="https://example.org/"), "status 302"),
        (http(404, b"<html>", "text/html"), "status 404"),
        (http(404, b'{"error": "no"}'), "status 404"),
        (http(200, b"\xff\xfe{"), "no JSON"),
    ],
)
def test_nonsense_is_told_as_such(said, reason):
    with answering(lambda head, one: said if one.sendall(said) or one.shutdown(socket.SHUT_WR) else None) as url:
        with pytest.raises((NonsenseError, UnreachableError), match=reason) as caught:
            connection(url).ask("GET", "/v1/health")
        assert url in str(caught.value)


@given(said=st.binary(max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_end_in_a_sentence(said):
    def answer(head: bytes, one: socket.socket) -> None:
        one.sendall(said)

    with answering(answer) as url, pytest.raises(AddonError):
        connection(url, HASTY).ask("GET", "/v1/health")


def test_a_refusal_brings_the_services_sentence_without_control_characters():
    with answering(lambda head, one: error(422, "The sound is silent;\x1b[31m say more.")) as url:
        with pytest.raises(RefusedError, match=r"The sound is silent; .31m say more.") as caught:
            connection(url).ask("POST", "/v1/jobs", {})
        assert (caught.value.status, caught.value.code) == (422, "c")
    with answering(lambda head, one: http(500, b"oops")) as url, pytest.raises(RefusedError, match=r"failed \(500\)"):
        connection(url).ask("GET", "/v1/health")


def test_a_busy_service_will_be_asked_again():
    with answering(lambda head, one: error(503, "later")) as url, pytest.raises(UnreachableError):
        connection(url).ask("GET", "/v1/health")


def test_a_slow_service_is_not_waited_for_for_ever():
    silent = threading.Event()
    with answering(lambda head, one: silent.wait(20) and None) as url:
        with pytest.raises(UnreachableError, match="does not answer"):
            connection(url, HASTY).ask("GET", "/v1/health")
        silent.set()


def test_a_long_question_can_be_interrupted():
    asked, silent = threading.Event(), threading.Event()

    def answer(head: bytes, one: socket.socket) -> bytes:
        asked.set()
        silent.wait(20)
        return ok({})

    with answering(answer) as url:
        talk = connection(url)

        def interrupt() -> None:
            asked.wait(20)
            talk.interrupt()

        threading.Thread(target=interrupt).start()
        with pytest.raises(StoppedError):
            talk.ask("GET", "/v1/jobs/x?since=1&wait=20", wait=20)
        with pytest.raises(StoppedError):
            talk.ask("GET", "/v1/health")
        silent.set()


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again():
    heads = []

    def answer(head: bytes, one: socket.socket) -> bytes | None:
        heads.append((one.getpeername(), head))
        one.sendall(ok({"n": len(heads)}))
        return None if len(heads) == 2 else b""

    with answering(answer) as url:
        talk = connection(url)
        assert [talk.ask("GET", "/")["n"] for _ in range(3)] == [1, 2, 3]
    first, second, third = (peer for peer, _ in heads)
    assert first == second != third
    assert all(b"Authorization: Bearer secret" in head for _, head in heads)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UnreachableError, match="can't be reached"):
        connection(f"http://127.0.0.1:{port}").ask("GET", "/v1/health")


def test_the_token_is_not_sent_in_the_clear_nor_shown():
    with pytest.raises(AddonError, match="without encryption"):
        Address("http://192.168.1.7:8000", "secret")
    with pytest.raises(AddonError, match="without encryption"):
        Address("http://127.0.0.1.example.org:8000", "secret")
    for fine in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://gpu.local:8443/"):
        assert "secret" not in repr(Address(fine, "secret"))


@pytest.mark.parametrize("url", ["", "gpu:8000", "ftp://x", "http://localhost:x", "http://localhost/path", "https://"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(AddonError, match="like https://host:8443"):
        Address(url, "secret")


@pytest.mark.parametrize("token", ["", "a\r\nX: y", "ä"])
def test_a_damaged_token_is_refused(token):
    with pytest.raises(AddonError, match="token"):
        Address("http://localhost:1", token)


def test_https_wants_tls_and_a_certificate(tmp_path):
    with answering(lambda head, one: ok({})) as url:
        with pytest.raises(AddonError, match=r"does not speak TLS|can't be reached|broke off|no HTTP|not answer"):
            connection(url.replace("http", "https"), HASTY).ask("GET", "/v1/health")
        (tmp_path / "ca.pem").write_text("no certificate")
        with pytest.raises(AddonError, match=r"ca\.pem can't be read as a certificate"):
            Connection(Address(url.replace("http", "https"), "secret", tmp_path / "ca.pem"), PATIENT)


def test_a_download_goes_on_where_it_broke_off(tmp_path):
    content = bytes(range(256)) * 5000
    asked = []

    def answer(head: bytes, one: socket.socket) -> bytes | None:
        start = int(head.split(b"bytes=")[1].split(b"-")[0]) if b"Range" in head else 0
        asked.append(start)
        head_alone, _, body = http(
            206 if start else 200, content[start:], Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}"
        ).partition(b"\r\n\r\n")
        one.sendall(head_alone + b"\r\n\r\n" + body[: 600_000 if len(asked) < 3 else None])
        return None

    with answering(answer) as url:
        talk, part = connection(url), tmp_path / "new" / ".x.part"
        for _ in range(2):
            with pytest.raises(UnreachableError):
                talk.download("/x", part)
        talk.download("/x", part)
    assert part.read_bytes() == content
    assert asked == [0, 600_000, 1_200_000]


def test_a_download_whose_last_byte_had_come_is_whole(tmp_path):
    def answer(head: bytes, one: socket.socket) -> bytes:
        if b"bytes=5-" in head:
            return http(416, b"", Content_Range="bytes */5")
        return http(416, b"", Content_Range="bytes */2") if b"Range" in head else http(200, b"xy")

    (tmp_path / "whole").write_bytes(b"12345")
    (tmp_path / "other").write_bytes(b"123")
    with answering(answer) as url:
        connection(url).download("/x", tmp_path / "whole")
        connection(url).download("/x", tmp_path / "other")
    assert (tmp_path / "whole").read_bytes() == b"12345"
    assert (tmp_path / "other").read_bytes() == b"xy"


def test_another_range_than_asked_for_is_nonsense(tmp_path):
    (tmp_path / "x").write_bytes(b"123")
    with answering(lambda head, one: http(206, b"9", Content_Range="bytes 0-0/9")) as url, pytest.raises(NonsenseError):
        connection(url).download("/x", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"123"


def test_a_folder_that_can_not_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with answering(lambda head, one: http(200, b"x")) as url, pytest.raises(AddonError, match="Choose another folder"):
        connection(url).download("/x", tmp_path / "file" / "x")


def test_a_file_is_sent_block_by_block_with_its_progress(tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "line ö.wav").write_bytes(content)
    told: list[float] = []
    received = hashlib.sha256()

    def answer(head: bytes, one: socket.socket) -> bytes:
        assert b"POST /v1/uploads?name=line%20%C3%B6.wav " in head
        left = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        while left:
            block = one.recv(min(left, 65536))
            received.update(block)
            left -= len(block)
        return ok({"id": "abc"})

    with answering(answer) as url:
        assert connection(url).upload(tmp_path / "line ö.wav", lambda done: not told.append(done)) == "upload:abc"
    assert received.digest() == hashlib.sha256(content).digest()
    assert told == sorted(told)
    assert len(told) > 5
    assert told[0] == 0
    assert told[-1] == 1


def test_sending_can_be_stopped_and_refused_midway(tmp_path):
    path: Path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.truncate(50_000_000)

    def refuse(head: bytes, one: socket.socket) -> None:
        one.sendall(error(413, "The sound is too long; send at most an hour."))
        one.shutdown(socket.SHUT_WR)
        while one.recv(1 << 20):  # a server that closed with bytes unread would reset the line, and its answer with it
            pass

    with answering(refuse) as url:
        with pytest.raises(RefusedError, match="at most an hour"):
            connection(url).upload(path, lambda done: True)
        with pytest.raises(StoppedError):
            connection(url).upload(path, lambda done: done < 0.02)


def test_files_that_can_not_be_sent(tmp_path):
    with pytest.raises(AddonError, match="There is no file"):
        connection("http://localhost:1").upload(tmp_path / "none.wav", lambda done: True)
    with pytest.raises(AddonError, match="There is no file"):
        connection("http://localhost:1").upload(tmp_path, lambda done: True)


def test_a_file_that_becomes_shorter_while_it_is_sent(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(bytes(3_000_000))

    def shorten(done: float) -> bool:
        if done > 0.3:
            with path.open("rb+") as file:
                file.truncate(2_000_000)
        return True

    def read(head: bytes, one: socket.socket) -> None:
        while one.recv(1 << 20):
            pass

    with answering(read) as url, pytest.raises(AddonError, match="became shorter"):
        connection(url).upload(path, shorten)
