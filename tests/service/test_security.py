"""What the service refuses, and that it says nothing to those it refuses (docs/security.md)."""

import http.client
import os
import stat
import string
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from by_hand import SOUND
from hypothesis import given
from hypothesis import strategies as st
from serving import TOKEN, Answer, Served, served

from vlogger_backend.files import write_secret
from vlogger_backend.service.address import Address
from vlogger_backend.service.secret import token_in
from vlogger_backend.service.security import LONGEST_REQUEST, LONGEST_UPLOAD

PRIVATE = (TOKEN, "/", "library/", "Traceback", ".py")
"""What no answer to a stranger may have in it, paths of the interface aside."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("library")) as service:
        yield service


def ask(service: Served, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> Answer:
    """Ask with these headers alone, whatever they are."""
    with closing(http.client.HTTPConnection("127.0.0.1", service.client.port, timeout=30)) as connection:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def usual(service: Served) -> dict[str, str]:
    return {"Host": f"127.0.0.1:{service.client.port}", "Authorization": f"Bearer {TOKEN}"}


def test_without_the_token_nothing_is_told(service: Served) -> None:
    description = service.client.get("/v1/openapi.json").json
    paths = [*description["paths"], "/v1/openapi.json", "/", "/v1", "/nothing", "/v1/jobs/../health", "/docs", "//x"]
    answers = set()
    for path in paths:
        for method in ("GET", "POST", "DELETE", "PUT", "OPTIONS"):
            for credential in (None, "Bearer ", "Bearer x", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"):
                if credential and method != "GET":
                    continue
                answer = service.client.ask(method, path, headers={"Authorization": credential})
                assert answer.status == 401, (method, path, credential)
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                answers.add(answer.error)
    (said,) = answers  # the same for what is there and what is not
    assert not any(secret in said for secret in PRIVATE)


@pytest.mark.parametrize("path", [f"/v1/health?token={TOKEN}", f"/v1/health?access_token={TOKEN}"])
def test_the_token_is_not_taken_from_the_address(service: Served, path: str) -> None:
    assert service.client.ask("GET", path, headers={"Authorization": None}).status == 401


def test_the_token_is_not_taken_twice(service: Served) -> None:
    headers = [*usual(service).items(), ("Authorization", f"Bearer {TOKEN}")]
    assert ask(service, "GET", "/v1/health", headers).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", "evil@127.0.0.1:{port}",
        "127.0.0.1:{port}.evil.example", "localhost.evil.example:{port}", "0.0.0.0:{port}", "", "[::1:{port}",
        "é:{port}", "127.0.0.1:99999999", "127.0.0.1:{port}/x", "2130706433:{port}",
    ],
)  # fmt: skip
def test_another_host_is_refused(service: Served, host: str) -> None:
    headers = {**usual(service), "Host": host.format(port=service.client.port)}
    answer = ask(service, "GET", "/v1/health", [*headers.items()])
    assert answer.status in (400, 403)  # the parser of HTTP refuses some of them itself
    assert TOKEN.encode() not in answer.body


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_our_own_names_are_answered(service: Served, host: str) -> None:
    headers = {**usual(service), "Host": host.format(port=service.client.port)}
    assert ask(service, "GET", "/v1/health", [*headers.items()]).status == 200


def test_no_host_and_two_hosts_are_refused(service: Served) -> None:
    headers = usual(service)
    twice = [*headers.items(), ("Host", "evil.example")]
    assert ask(service, "GET", "/v1/health", twice).status in (400, 403)
    del headers["Host"]
    assert ask(service, "GET", "/v1/health", [*headers.items()]).status in (400, 403)


@pytest.mark.parametrize(
    "origin", ["null", "https://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1:{port}", ""]
)
def test_a_web_page_is_refused(service: Served, origin: str) -> None:
    origin = origin.format(port=service.client.port)
    for method, path in (("GET", "/v1/health"), ("POST", "/v1/shutdown"), ("DELETE", f"/v1/uploads/{SOUND}")):
        answer = service.client.ask(method, path, headers={"Origin": origin})
        assert answer.status == 403
        assert "Origin" in answer.error
    assert not service.ended.is_set()
    assert (service.library.uploads / f"{SOUND}.wav").exists()


def test_our_own_origin_is_answered(service: Served) -> None:
    origin = f"http://127.0.0.1:{service.client.port}"
    assert service.client.ask("GET", "/v1/health", headers={"Origin": origin}).status == 200


def test_no_browser_is_invited(service: Served) -> None:
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for headers in (preflight, {**preflight, "Authorization": None}):
        answer = service.client.ask("OPTIONS", "/v1/jobs", headers=headers)
        assert answer.status == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "QUERY", "CONNECT"])
def test_other_methods_are_refused(service: Served, method: str) -> None:
    answer = service.client.ask(method, "/v1/jobs")
    assert answer.status in (400, 405)  # the parser of HTTP refuses some of them itself
    if answer.status == 405:
        assert answer.headers["Allow"] == "GET, POST, DELETE"


def test_a_websocket_is_not_opened(service: Served) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "eA==",
    }
    assert service.client.ask("GET", "/v1/events/x", headers=upgrade).status == 404


def test_what_is_too_large_is_refused_before_it_is_read(service: Served) -> None:
    for path, most in (("/v1/jobs", LONGEST_REQUEST), ("/v1/uploads", LONGEST_UPLOAD)):
        for length in (most + 1, 10**30):
            answer = ask(service, "POST", path, [*usual(service).items(), ("Content-Length", str(length))])
            assert answer.status in (400, 413)
        assert (
            "at most" in ask(service, "POST", path, [*usual(service).items(), ("Content-Length", str(most + 1))]).error
        )


def test_what_doesnt_say_that_it_is_too_large_is_refused_as_well(service: Served) -> None:
    chunked = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    block = b" " * (1 << 20)
    body = b"%x\r\n%s\r\n" % (len(block), block)
    answer = ask(service, "POST", "/v1/jobs", [*{**usual(service), **chunked}.items()], body * 5 + b"0\r\n\r\n")
    assert answer.status == 413
    assert "4 MB" in answer.error


ANYWHERE = Address("0.0.0.0", "0.0.0.0", 8443, secure=True)
LOCAL = Address("127.0.0.1", "127.0.0.1", 8000, secure=False)


def test_bound_to_all_addresses_any_address_will_do_but_no_name() -> None:
    assert ANYWHERE.is_ours("10.0.0.5:8443")
    assert ANYWHERE.is_ours("[fe80::1]:8443")
    assert not ANYWHERE.is_ours("evil.example:8443")
    assert not ANYWHERE.is_ours("10.0.0.5:8000")
    assert not Address("10.0.0.5", "10.0.0.5", 8443, secure=True).is_ours("localhost:8443")
    assert Address("render.lan", "10.0.0.5", 443, secure=True).is_ours("Render.lan")


@given(st.text(string.printable, max_size=40), st.sampled_from([LOCAL, ANYWHERE]))
def test_no_host_header_breaks_the_check(host: str, address: Address) -> None:
    if address.is_ours(host):
        assert host.endswith(str(address.port))
    assert not LOCAL.is_ours(f"{host}.example:8000")


def test_secrets_are_for_their_user_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = token_in(path)
    assert len(token) >= 43
    assert token_in(path) == token
    assert os.listdir(tmp_path) == ["token"]
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)  # others may have read it: it is worth nothing now
        assert token_in(path) != token
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        write_secret(path, "another")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for damaged in (b"", b"short", b"\xff" * 50):
        path.write_bytes(damaged)
        assert len(token_in(path)) >= 43


def test_two_tokens_are_never_the_same(tmp_path: Path) -> None:
    assert len({token_in(tmp_path / str(i)) for i in range(100)}) == 100
