"""Benchmark of an error with Sentry on, beside the SDK with its default settings on the same exception.

Method. As in `benchmarks`: one process, alternating rounds, envelopes discarded. The gate does not send a duplicate; a
kept error is sent. Storms are timed as a whole, with the transport of the SDK, against a server in another process that
answers at once.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

import sentry_sdk
from django.test import override_settings
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from benchmarks.timing import alternate, show
from designs.monitoring import ErrorTracker
from designs.monitoring.sentry import scrubber
from designs.monitoring.sentry.sdk_events import admit
from integrations.sentry import sentry_options

PLAIN = "sentry_sdk capture_exception, default settings"
STORM_ERRORS = 1_000
STORM_ROUNDS = 3
MESSAGE = "could not store part 4711 of design 3f2504e0-4f89-11d3-9a0c-0305e82c3301 at /srv/data/a.step after 12.5 s"


class _Nowhere(Transport):
    def capture_envelope(self, envelope: Envelope) -> None:
        pass


def _fail(depth: int) -> None:
    a, b, c = [{"n": i} for i in range(12)], "x" * 40, depth  # noqa: F841 - locals that the SDK serializes
    d, e, f, g = (1, 2), {"k": "v"}, 3.5, None  # noqa: F841
    if depth:
        return _fail(depth - 1) if depth % 2 else _fail_too(depth - 1)
    raise ValueError(MESSAGE)


def _fail_too(depth: int) -> None:
    return _fail(depth)


def fresh(frames: int) -> Callable[[], ValueError]:
    """Return a factory of exceptions with the same stack; a recorded exception would not be recorded again."""
    try:
        # Every second call goes through another function.
        _fail(next(depth for depth in itertools.count() if 1 + depth + depth // 2 >= frames - 1))
    except ValueError as error:
        traceback = error.__traceback__
    return lambda: ValueError(MESSAGE).with_traceback(traceback)


def clients(dsn: str, transport: type[Transport] | None) -> tuple[sentry_sdk.Client, sentry_sdk.Client]:
    """Return a client with default settings, and one with ours."""
    options: dict[str, Any] = {"dsn": dsn, **({"transport": transport} if transport else {})}
    ours = sentry_options(gate=admit, scrubber=scrubber.SCRUBBER)
    return sentry_sdk.Client(**options, auto_enabling_integrations=False), sentry_sdk.Client(**options, **ours)


def use(client: sentry_sdk.Client) -> None:
    sentry_sdk.get_global_scope().set_client(client)


def run() -> None:
    plain, ours = clients("http://key@127.0.0.1:1/1", _Nowhere)
    for frames in (5, 40):
        _single_calls(frames, plain, ours)
    _storms()
    use(sentry_sdk.client.NonRecordingClient())  # type: ignore[arg-type]


def _single_calls(frames: int, plain: sentry_sdk.Client, ours: sentry_sdk.Client) -> None:
    make = fresh(frames)

    def by_the_sdk() -> None:
        use(plain)
        sentry_sdk.capture_exception(make())

    def automatic() -> None:
        use(ours)
        sentry_sdk.capture_exception(make())

    def explicit() -> None:
        use(ours)
        ErrorTracker.log_error(make())

    contenders = {PLAIN: by_the_sdk, "automatic duplicate": automatic, "explicit duplicate": explicit}
    for _ in range(12):
        # After these, the gate admits the 100th next.
        explicit()
    show(f"With Sentry on, {frames} frames", alternate(contenders, calls=20), base=PLAIN)
    # In a window of no length each occurrence is the first.
    with override_settings(ENGINEL_WINDOW_SECONDS=0):
        kept = {PLAIN: by_the_sdk, "automatic, sent": automatic, "explicit, sent": explicit}
        show(f"Kept events, {frames} frames", alternate(kept, calls=20), base=PLAIN)


def _storms() -> None:
    with _server() as dsn:
        for frames in (5, 40):
            taken: dict[str, list[float]] = {"plain": [], "automatic": [], "explicit": []}
            for _ in range(STORM_ROUNDS):
                for name, seconds in taken.items():
                    seconds.append(_storm(dsn, frames, name))
            base = statistics.median(taken["plain"])
            print(f"\nA storm of {STORM_ERRORS:,} errors, {frames} frames")
            for name, seconds in taken.items():
                median = statistics.median(seconds)
                print(f"  {name:<52} {median:>8.2f} s   plain takes x {base / median:.1f}")


def _storm(dsn: str, frames: int, name: str) -> float:
    plain, ours = clients(dsn, None)
    client = plain if name == "plain" else ours
    use(client)
    make, record = fresh(frames), ErrorTracker.log_error if name == "explicit" else sentry_sdk.capture_exception
    gc.collect()
    began = time.perf_counter()
    for _ in range(STORM_ERRORS):
        record(make())  # type: ignore[operator]
    client.flush(timeout=30)
    seconds = time.perf_counter() - began
    for one in (plain, ours):
        one.close(timeout=0)
    return seconds


@contextmanager
def _server() -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://key@127.0.0.1:{here.recv()}/1"
    finally:
        process.terminate()
        process.join()


def _serve(parent: Connection) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    parent.send(server.server_address[1])
    server.serve_forever()
