"""Benchmark of the outbox's transport: time a caller waits while Sentry is well, slow, silent or gone.

Method. As in `benchmarks.sentry`: 40 frames, alternating rounds in one process, every event stored and sent; servers
are separate processes. The base of the first table is the SDK with default settings and its own transport against a
server that answers at once; that of the second is our transport against the same server.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sentry_sdk
from django.conf import settings
from django.test import override_settings

from benchmarks.sentry import PLAIN, clients, fresh, use
from benchmarks.timing import alternate, show
from designs.monitoring import ErrorTracker
from designs.monitoring.sentry import scrubber
from designs.monitoring.sentry.sdk_events import admit
from integrations.redis import redis_for
from integrations.sentry import configure, sentry_options
from integrations.sentry.transport import OutboxTransport

FRAMES = 40
CALLS = 20
WELL = "Sentry answers at once"
GONE = "http://key@127.0.0.1:1/1"
NO_REDIS = "redis://127.0.0.1:1/0"


def run() -> None:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(_server(seconds)) for name, seconds in _SECONDS.items()}
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="enginel-bench-spool-")))
        stack.enter_context(override_settings(ENGINEL_WINDOW_SECONDS=0))
        plain, _ = clients(servers[WELL], None)
        ours = {name: _client(dsn) for name, dsn in {**servers, "Sentry is gone": GONE}.items()}
        configure(settings.REDIS_URL, folder)
        make = fresh(FRAMES)

        def by_the_sdk() -> None:
            use(plain)
            sentry_sdk.capture_exception(make())

        def kept(client: sentry_sdk.Client) -> Any:
            def call() -> None:
                use(client)
                ErrorTracker.log_error(make())

            return call

        show("A kept event, with the outbox", alternate({PLAIN: by_the_sdk, WELL: kept(ours[WELL])}, CALLS), base=PLAIN)
        states = {name: kept(client) for name, client in ours.items()}
        show("A kept event while Sentry is in trouble", alternate(states, CALLS), base=WELL)
        configure(NO_REDIS, folder)
        redis_for(NO_REDIS).close_breaker()
        away = {WELL: kept(ours[WELL]), "Sentry is gone": kept(ours["Sentry is gone"])}
        show("The same while the outbox's Redis is gone, too", alternate(away, CALLS), base=WELL)
        configure()
        for client in (plain, *ours.values()):
            client.close(timeout=0)
    use(sentry_sdk.client.NonRecordingClient())  # type: ignore[arg-type]


_SECONDS = {WELL: 0.0, "Sentry answers after 200 ms": 0.2, "Sentry never answers": 3_600.0}


def _client(dsn: str) -> sentry_sdk.Client:
    options = sentry_options(gate=admit, scrubber=scrubber.SCRUBBER)
    return sentry_sdk.Client(dsn=dsn, **{**options, "transport": OutboxTransport})


@contextmanager
def _server(seconds: float) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, seconds), daemon=True)
    process.start()
    try:
        yield f"http://key@127.0.0.1:{here.recv()}/1"
    finally:
        process.terminate()
        process.join()


def _serve(parent: Connection, seconds: float) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    parent.send(server.server_address[1])
    server.serve_forever()
