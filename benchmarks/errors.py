"""Benchmark of errors: recording, grouping, message clean-up and reading."""

from __future__ import annotations

import logging
import os
import signal
import statistics
import time
from collections.abc import Callable
from itertools import count

import sentry_sdk
from django.test import override_settings
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from benchmarks.timing import Measured, alternate, show
from designs.monitoring import ErrorTracker
from designs.monitoring.fingerprint import fingerprint_exception, normalize_message
from designs.monitoring.redaction import redact_text
from enginel.local.valkey import EmbeddedValkey
from integrations.redis.client import BREAKER_SECONDS, redis_for

FRAMES = 40
MESSAGE = "could not store part 4711 of design 3f2504e0-4f89-11d3-9a0c-0305e82c3301 at /srv/data/a.step after 12.5 s"
_numbers = count()


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


def _exception() -> ValueError:
    try:
        _fail(FRAMES - 14)
    except ValueError as error:
        return error
    raise AssertionError


def _fresh(exceptions: list[ValueError]) -> Callable[[], ValueError]:
    """Return a factory of exceptions with the same stack; a recorded exception would not be recorded again."""

    def make() -> ValueError:
        old = exceptions[next(_numbers) % len(exceptions)]
        return ValueError(MESSAGE).with_traceback(old.__traceback__)

    return make


def run(server: EmbeddedValkey) -> None:
    logging.disable(logging.CRITICAL)
    error = _exception()
    fresh = _fresh([error])
    frames, link = 0, error.__traceback__
    while link is not None:
        frames, link = frames + 1, link.tb_next
    sentry_sdk.init(dsn="http://key@127.0.0.1:1/1", transport=_Nowhere())
    client = sentry_sdk.get_client()
    off = sentry_sdk.client.NonRecordingClient()

    def sdk() -> None:
        sentry_sdk.get_global_scope().set_client(client)
        sentry_sdk.capture_exception(fresh())
        # Off for the other contender: the gate would send one of ten thousand events, which is not measured here.
        sentry_sdk.get_global_scope().set_client(off)

    results = alternate(
        {
            "sentry_sdk capture_exception, default settings": sdk,
            "log_error, duplicate": lambda: ErrorTracker.log_error(fresh()),
        },
        calls=20,
    )
    show(f"A duplicate of {frames} frames", results, base="sentry_sdk capture_exception, default settings")
    wire = redis_for(os.environ["REDIS_URL"])._wires.take()
    show(
        "The same back to back, beside the bare round trip",
        alternate(
            {
                "PING through the same connection": lambda: wire.ask("PING"),
                "log_error, duplicate, back to back": lambda: ErrorTracker.log_error(fresh()),
            },
            calls=500,
        ),
    )
    secrets = ("password=hunter2 and text without any " * 30_000)[:1_000_000]
    show(
        "Parts",
        [
            *alternate({f"fingerprint of {frames} frames": lambda: fingerprint_exception(error)}, calls=200),
            *alternate({"message clean-up": lambda: normalize_message(MESSAGE)}, calls=200),
            *alternate({"redaction of 1 MB": lambda: redact_text(secrets)}, calls=3),
            *alternate({"get_recent_errors(100)": lambda: ErrorTracker.get_recent_errors(100)}, calls=20),
        ],
    )
    _away(server, fresh)


def _away(server: EmbeddedValkey, fresh: Callable[[], ValueError]) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        _show_away("Redis hangs", fresh)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        _show_away("Redis refuses", fresh)


def _show_away(title: str, fresh: Callable[[], ValueError]) -> None:
    # More than two breaker windows: the worst call finds out that Redis is still away.
    began = time.perf_counter()
    taken: list[float] = []
    while time.perf_counter() - began < 2.5 * BREAKER_SECONDS:
        error = fresh()
        started = time.perf_counter_ns()
        ErrorTracker.log_error(error)
        taken.append((time.perf_counter_ns() - started) / 1000)
    over = sum(call > 10_000 for call in taken)
    show(
        f"{title}, {over} calls of {len(taken)} over 10 ms",
        [Measured("log_error", statistics.median(taken), max(taken))],
    )
