"""Who may speak to the service: checked for every request before anything else sees it (docs/security.md).

The checks are the usual ones for a service on a user's own machine: a `Host` that isn't ours means DNS rebinding, an
`Origin` means a web page (a program sends none), and nothing at all is answered without the token.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .address import Address

METHODS = ("GET", "POST", "DELETE")
LONGEST_REQUEST = 4 << 20
"""Bytes of a body that is JSON: a day of text, or a camera that moves for some ten minutes."""
LONGEST_UPLOAD = 2 << 30
UPLOADS = "/v1/uploads"


class Guard:
    """ASGI middleware around the whole service: refuses what is not from a client that has the token."""

    def __init__(self, app: ASGIApp, address: Address, token: str) -> None:
        self._app = app
        self._address = address
        self._is_ours = lru_cache(64)(address.is_ours)  # it is the same few names over and over
        self._credential = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, _limited(receive, _most(scope)), send)
            else:
                await refusal(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:  # websockets: there are none
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, scope: Scope) -> Response | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._is_ours(hosts[0].decode("latin-1")):
            return error_answer(403, "wrong-host", "The Host header doesn't name this service; use the url it gives.")
        own = b"%s://%s" % (self._address.scheme.encode(), hosts[0])
        if any(value.lower() != own.lower() for name, value in headers if name == b"origin"):
            return error_answer(403, "wrong-origin", "Web pages can't use this service; a program sends no Origin.")
        tokens = [value for name, value in headers if name == b"authorization"]
        if len(tokens) != 1 or not secrets.compare_digest(tokens[0], self._credential):
            answer = error_answer(
                401, "no-token", "Send the header Authorization: Bearer with the token that is in the library's folder."
            )
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        if scope["method"] not in METHODS:
            answer = error_answer(405, "wrong-method", "Only GET, POST and DELETE are answered here.")
            answer.headers["Allow"] = ", ".join(METHODS)
            return answer
        if _declared(headers) > _most(scope):
            return _too_large(_most(scope))
        return None


def error_answer(status: int, code: str, message: str) -> Response:
    """Every error has this shape."""
    body = json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)
    return Response(body.encode("utf-8", "replace"), status, media_type="application/json")


def _declared(headers: list[tuple[bytes, bytes]]) -> int:
    """The length that the request says its body has. The HTTP parser has refused what is not a number."""
    return max((int(value) for name, value in headers if name == b"content-length" and value.isdigit()), default=0)


def _most(scope: Scope) -> int:
    return LONGEST_UPLOAD if scope["path"] == UPLOADS else LONGEST_REQUEST


def _limited(receive: Receive, most: int) -> Callable[[], Awaitable[Message]]:
    """`receive`, which raises when a body without a declared length becomes too long."""
    so_far = 0

    async def limited() -> Message:
        nonlocal so_far
        message: Message = await receive()
        so_far += len(message.get("body", b""))
        if so_far > most:
            raise HTTPException(413, _too_large_sentence(most))
        return message

    return limited


def _too_large(most: int) -> Response:
    return error_answer(413, "too-large", _too_large_sentence(most))


def _too_large_sentence(most: int) -> str:
    amount = f"{most >> 30} GB" if most >> 30 else f"{most >> 20} MB"
    return f"That is too large; at most {amount} are taken at once."
