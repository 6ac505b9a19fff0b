"""Bodies under ASGI whose login cannot be judged."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from designs.monitoring import ErrorTracker
from enginel.paced_body import PacedBody

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/api/series/",
    "query_string": b"",
    "headers": [(b"authorization", b"Bearer " + b"a" * 64)],
}


def test_a_large_body_is_refused_with_503_while_the_database_is_away() -> None:
    # Without the mark of pytest-django each query raises.
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 70_000}

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def run() -> dict[str, Any]:
        body = PacedBody(SCOPE, receive)
        message = await body.receive()
        await body.answer(send)
        return message

    assert asyncio.run(run()) == {"type": "http.disconnect"}
    assert (sent[0]["status"], json.loads(sent[1]["body"])["code"]) == (503, "external_service_error")
    (record,) = ErrorTracker.get_recent_errors(10)
    assert record["request_path"] == "/api/series/"
