"""The limits of request bodies under ASGI, where Django receives a body in full before it makes the request.

No thread waits for a slow client here; the limits bound memory, disk and connections.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from django.conf import settings

from designs.bodies import (
    ANONYMOUS_MAX_BYTES,
    DISCARD_MAX_BYTES,
    DISCARD_MAX_SECONDS,
    BodyRefused,
    BodyTooLarge,
    BodyTooSlow,
)

__all__ = ["PacedBody"]

_FORM_MAX_BYTES = 1024 * 1024
_CREDENTIALS = frozenset({b"authorization", b"cookie"})
_DISCONNECT = {"type": "http.disconnect"}


class PacedBody:
    """One request's body, received within the limits of size and time.

    Attributes:
        refusal: Why the body was not received in full; the client has no answer yet.
    """

    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        self.refusal: type[BodyRefused] | None = None
        self._receive = receive
        self._is_whole = False
        self._received = 0
        self._began = time.monotonic()
        # Whether they are valid is known only when the body is here.
        has_credentials = any(name in _CREDENTIALS for name, _ in scope["headers"])
        self._max = settings.ENGINEL_MAX_UPLOAD_BYTES + _FORM_MAX_BYTES if has_credentials else ANONYMOUS_MAX_BYTES

    async def receive(self) -> dict[str, Any]:
        """Return the next message; a refused body looks like a client that is gone."""
        if self._is_whole:
            return await self._receive()
        granted = settings.ENGINEL_CLIENT_GRACE_SECONDS + self._received / settings.ENGINEL_CLIENT_MIN_BYTES_PER_SECOND
        try:
            message = await asyncio.wait_for(self._receive(), max(self._began + granted - time.monotonic(), 0))
        except TimeoutError:
            self.refusal = BodyTooSlow
            return _DISCONNECT
        self._received += len(message.get("body", b""))
        if self._received > self._max:
            self.refusal = BodyTooLarge
            await self._discard(message)
            return _DISCONNECT
        self._is_whole = not message.get("more_body", False)
        return message

    async def _discard(self, message: dict[str, Any]) -> None:
        """Receive the rest as `designs.parsers.discard_body` does: the client would see a reset, not the answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_MAX_SECONDS):
                while message.get("more_body") and self._received < DISCARD_MAX_BYTES:
                    message = await self._receive()
                    self._received += len(message.get("body", b""))

    async def answer(self, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Send the error body of the refusal, and have the connection closed."""
        refusal = self.refusal or BodyRefused
        text = json.dumps({"detail": refusal.detail, "code": refusal.code, "error_id": None}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
        start = {"type": "http.response.start", "status": refusal.status_code}
        await send({**start, "headers": [*headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": text})
