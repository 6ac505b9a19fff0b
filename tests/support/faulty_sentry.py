"""A Sentry for tests that takes envelopes over HTTP and can fail in each way a server and the way to it can."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3
from sentry_sdk.envelope import Envelope

__all__ = ["FaultySentry", "faulty_sentry"]

Fault = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Keeps what it gets, or does what the fault says."""

    protocol_version = "HTTP/1.1"
    sentry: FaultySentry
    raw: bytes

    def do_POST(self) -> None:
        sentry = self.sentry
        sentry.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        raw = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        self.raw = raw
        fault = sentry.fault_for(raw)
        if fault is not None:
            fault(self)
            return
        self.answer(sentry.take(raw, self))

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def reset(self) -> None:
        """Break off in the body of the answer."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"{")
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def hang(self) -> None:
        """Never answer, until the test is over."""
        self.sentry.over.wait(60)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        return


class FaultySentry:
    """What arrived, and how the server fails from now on."""

    def __init__(self) -> None:
        self.asked = 0
        self.port = 0
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._raw: list[bytes] = []
        self._fault: Fault | None = None
        self._behind = ""
        self._for_events_only = False

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.port}/7"

    def fail(self, fault: Fault | None, *, events_only: bool = False) -> None:
        """Fail from now on; None: be well again."""
        self._fault, self._for_events_only = fault, events_only

    def fail_with(self, status: int, **headers: str) -> None:
        self.fail(lambda handler: handler.answer(status, **headers))

    def fault_for(self, raw: bytes) -> Fault | None:
        if self._for_events_only and b'"type":"event"' not in raw.replace(b" ", b""):
            return None
        return self._fault

    def forward_to(self, url: str) -> None:
        """Hand on to a real server, such as ``http://127.0.0.1:8000``, what is taken from now on."""
        self._behind = url

    def take(self, raw: bytes, handler: Handler) -> int:
        """Take an envelope; return the status to answer with."""
        if self._behind:
            headers = {name: handler.headers[name] for name in ("Content-Type", "X-Sentry-Auth")}
            answer = urllib3.request("POST", self._behind + handler.path, body=raw, headers=headers, timeout=30)
            if answer.status != 200:
                return answer.status
        self.keep(raw)
        return 200

    def keep(self, raw: bytes) -> None:
        with self._lock:
            self._raw.append(raw)

    def envelopes(self) -> list[Envelope]:
        with self._lock:
            return [Envelope.deserialize(raw) for raw in self._raw]

    def items(self, kind: str) -> list[Any]:
        return [item.payload.json for envelope in self.envelopes() for item in envelope.items if item.type == kind]

    def events(self) -> list[dict[str, Any]]:
        return self.items("event")

    def kinds(self) -> list[str]:
        return [str(item.type) for envelope in self.envelopes() for item in envelope.items]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The other side may have gone: that is what these tests are about."""


@contextmanager
def faulty_sentry(port: int = 0) -> Iterator[FaultySentry]:
    """Give a running server, on a free port of loopback unless one is named."""
    sentry = FaultySentry()
    handler = type("Handler", (Handler,), {"sentry": sentry})
    with _Server(("127.0.0.1", port), handler) as server:
        sentry.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield sentry
        finally:
            sentry.over.set()
            server.shutdown()
            thread.join()
