"""HTTP client for one user of the sample run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

__all__ = ["Answer", "SampleUser"]

_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """A response of the service: HTTP status and JSON body."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))

    @property
    def error_id(self) -> str:
        return str(self.body.get("error_id") or "")


class SampleUser:
    """Sends requests with one Bearer token. Safe for threads."""

    def __init__(self, pool: urllib3.PoolManager, url: str, token: str) -> None:
        self._pool = pool
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Answer:
        return self._answer(
            self._pool.request("GET", self._url + path, headers=self._headers, timeout=_TIMEOUT_SECONDS)
        )

    def post(self, path: str, body: dict[str, Any] | None = None) -> Answer:
        response = self._pool.request(
            "POST", self._url + path, json=body or {}, headers=self._headers, timeout=_TIMEOUT_SECONDS
        )
        return self._answer(response)

    def upload(self, series: str, name: str, content: bytes, **fields: str) -> Answer:
        parts: Mapping[str, str | tuple[str, bytes, str]] = {
            "series": series,
            **fields,
            "file": (name, content, "application/octet-stream"),
        }
        response = self._pool.request(
            "POST",
            f"{self._url}/api/designs/upload/",
            fields=parts,
            headers=self._headers,
            timeout=_TIMEOUT_SECONDS,
        )
        return self._answer(response)

    def upload_and_finalize(self, series: str, name: str, content: bytes, **fields: str) -> Answer:
        """Upload and, if that succeeded, finalize; return the last response."""
        uploaded = self.upload(series, name, content, **fields)
        return self.post(f"/api/designs/{uploaded.body['id']}/finalize/") if uploaded.status == 201 else uploaded

    @staticmethod
    def _answer(response: urllib3.BaseHTTPResponse) -> Answer:
        body = json.loads(response.data) if response.data else {}
        return Answer(response.status, body if isinstance(body, dict) else {"items": body})
