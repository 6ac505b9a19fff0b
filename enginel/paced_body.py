"""Limits of request bodies under ASGI, where Django receives the whole body before it creates the request.

No thread waits for a slow client here; the limits bound memory, disk and connections.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import connections

from designs.http.request_bodies import (
    ANONYMOUS_MAX_BYTES,
    DISCARD_MAX_BYTES,
    DISCARD_MAX_SECONDS,
    BodyRefused,
    BodyTooLarge,
    BodyTooSlow,
    LoginNotJudged,
    has_user,
)
from designs.monitoring import ErrorTracker

__all__ = ["PacedBody"]

_FORM_MAX_BYTES = 1024 * 1024
_DISCONNECT = {"type": "http.disconnect"}


class PacedBody:
    """The body of one request, received within the limits of size and time.

    Attributes:
        refusal: Reason why the body was not received in full; the client has no response yet.
    """

    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self.refusal: type[BodyRefused] | None = None
        self._receive = receive
        self._is_whole = False
        self._received = 0
        self._began = time.monotonic()
        self._scope = scope
        self._max = ANONYMOUS_MAX_BYTES
        self._is_judged = False

    async def receive(self) -> dict[str, Any]:
        """Return the next message; a refused body looks like a disconnected client."""
        if self._is_whole:
            return await self._receive()
        granted = settings.ENGINEL_CLIENT_GRACE_SECONDS + self._received / settings.ENGINEL_CLIENT_MIN_BYTES_PER_SECOND
        try:
            message = await asyncio.wait_for(self._receive(), max(self._began + granted - time.monotonic(), 0))
        except TimeoutError:
            self.refusal = BodyTooSlow
            return _DISCONNECT
        self._received += len(message.get("body", b""))
        if self._received > ANONYMOUS_MAX_BYTES and not self._is_judged:
            await self._judge_login()
        if self._received > self._max:
            self.refusal = self.refusal or BodyTooLarge
            await self._discard(message)
            return _DISCONNECT
        self._is_whole = not message.get("more_body", False)
        return message

    async def _judge_login(self) -> None:
        """Raise the limit if the request has a user. The login for smaller bodies is checked only by their views."""
        self._is_judged = True
        began = time.monotonic()
        try:
            if await sync_to_async(_has_user)(self._scope):
                self._max = settings.ENGINEL_MAX_UPLOAD_BYTES + _FORM_MAX_BYTES
        except Exception as exc:  # noqa: BLE001  # outside of what Django handles
            ErrorTracker.log_error(exc, request_path=self._scope.get("path"), source="http")
            self.refusal = LoginNotJudged
        # The time of this check is not the client's.
        self._began += time.monotonic() - began

    async def _discard(self, message: dict[str, Any]) -> None:
        """Receive the rest as `request_bodies.discard_body` does: else the client sees a reset, not the response."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_MAX_SECONDS):
                while message.get("more_body") and self._received < DISCARD_MAX_BYTES:
                    message = await self._receive()
                    self._received += len(message.get("body", b""))

    async def answer(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Send the error response of the refusal and close the connection."""
        refusal = self.refusal or BodyRefused
        text = json.dumps({"detail": refusal.detail, "code": refusal.code, "error_id": None}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
        headers.append((b"cache-control", b"no-store"))
        start = {"type": "http.response.start", "status": refusal.status_code}
        await send({**start, "headers": [*headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": text})


def _has_user(scope: dict[str, Any]) -> bool:
    try:
        return has_user(ASGIRequest(scope, io.BytesIO()))
    except UnicodeDecodeError:
        # Django answers such a request with 400.
        return False
    finally:
        # Django closes database connections at the end of requests, but this body may never become a request.
        connections.close_all()
