"""What stands where Sentry would, for processes of their own: takes envelopes over HTTP and keeps them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sentry_sdk.envelope import Envelope

__all__ = ["SentrySink", "sentry_sink"]


class SentrySink:
    """Events that arrived, items of other kinds, and the bytes of all."""

    def __init__(self, port: int) -> None:
        self.dsn = f"http://public@127.0.0.1:{port}/7"
        self.raw: list[bytes] = []
        self._lock = threading.Lock()

    def take(self, raw: bytes) -> None:
        with self._lock:
            self.raw.append(raw)

    def items(self) -> list[tuple[str, Any]]:
        """Return kind and content of all items so far."""
        with self._lock:
            raws = list(self.raw)
        return [(str(item.type), item.payload.json) for raw in raws for item in Envelope.deserialize(raw).items]

    def events(self) -> list[dict[str, Any]]:
        return [content for kind, content in self.items() if kind == "event"]


@contextmanager
def sentry_sink() -> Iterator[SentrySink]:
    """Give a running sink on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        sink = SentrySink(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
