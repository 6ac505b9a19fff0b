"""Rarely used ways out: each gets a name within a controlled request, or later at the end of an object.

As a program it goes all ways in a controlled request, then in an ordinary one.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import django

MARKER = "ZQX-Marker-7341"
ORDINARY = "Plain-Part-11"

kept: list[object] = []
going_on = threading.Event()


def sentry() -> Any:
    import sentry_sdk

    return sentry_sdk


def transaction(text: str) -> None:
    with sentry().start_transaction(name=text, op=text, origin=text) as found:
        found.set_data("part", text)
        with sentry().start_span(op=text, name=text) as span:
            span.set_data(text, text)
            span.set_tag(text, text)
            sentry().capture_message("own words within")


def renamed(text: str) -> None:
    sentry().get_current_scope().set_transaction_name(text)
    sentry().capture_message("own words")


def traced(text: str) -> None:
    @sentry().trace
    def work() -> None:
        sentry().get_current_span().set_data("part", text)

    work()


def check_in(text: str) -> None:
    from sentry_sdk.crons import capture_checkin, monitor

    ident = capture_checkin(monitor_slug=text, status="in_progress", monitor_config={"owner": text})
    capture_checkin(monitor_slug=text, check_in_id=ident, status="ok")
    with suppress(ValueError), monitor(monitor_slug=text):
        raise ValueError(text)


def session(text: str) -> None:
    sentry().set_user({"id": text, "username": text, "ip_address": text})
    scope = sentry().get_isolation_scope()
    scope.start_session(session_mode="application")
    scope.end_session()


def attachment(text: str) -> None:
    sentry().get_current_scope().add_attachment(bytes=text.encode(), filename=text)
    sentry().capture_message("own words of an attachment")


def feedback(text: str) -> None:
    sentry().capture_event({"type": "feedback", "contexts": {"feedback": {"message": text, "name": text}}})


def typed(text: str) -> None:
    sentry().capture_event({"type": text, "message": text})
    sentry().capture_event({"type": "replay_event", "urls": [text], "tags": {"a": text}})


def event(text: str) -> None:
    sentry().capture_event({"message": text, "logger": text, "level": text, "platform": text, "dist": text, text: text})


def envelope(text: str) -> None:
    from sentry_sdk.envelope import Envelope, Item, PayloadRef

    found = Envelope(headers={"part": text})
    found.add_item(Item(PayloadRef(json={"comments": text}), type="user_report"))
    found.add_item(Item(PayloadRef(bytes=text.encode()), type="attachment", filename=text))
    sentry().get_client().transport.capture_envelope(found)


def threads(text: str) -> None:
    """A thread that goes on while the profile of the request, and of later ones, is made."""
    thread = threading.Thread(target=going_on.wait, args=(30,), name=text, daemon=True)
    thread.start()


def profile(text: str) -> None:
    """Work until the profiler has seen it twice: the SDK sends no profile of fewer samples."""
    profile_of_request = sentry().get_isolation_scope().profile
    part = text
    deadline_at = time.monotonic() + 30
    while profile_of_request.unique_samples < 3:
        assert time.monotonic() < deadline_at, f"no profile of work on {len(part)} characters"


def metrics(text: str) -> None:
    from designs.monitoring import MetricsCollector, PerformanceMonitor

    MetricsCollector.track_file_upload(7, text)
    PerformanceMonitor.track_duration(text)(int)()


def health(text: str) -> None:
    from designs.monitoring import HealthChecker

    def check() -> Any:
        raise ValueError(text)

    HealthChecker.provide("extra", check)
    HealthChecker.check_component("extra") if hasattr(HealthChecker, "check_component") else None


def database(text: str) -> None:
    from django.db import connection

    with suppress(Exception), connection.cursor() as cursor:
        cursor.execute(f"SELECT '{text}' FROM none")
    with suppress(Exception), connection.cursor() as cursor:
        cursor.execute("SELECT %s FROM none", [text])


def command(text: str) -> None:
    import subprocess

    subprocess.run(["true", text], check=True)
    subprocess.run([sys.executable, "-c", "raise SystemExit(3)", text], check=True)


def client(text: str) -> None:
    import urllib.request

    urllib.request.urlopen(f"http://127.0.0.1:9/{text}?part={text}", timeout=1)


def cached(text: str) -> None:
    from django.core.cache import cache

    cache.set(text, text)
    cache.get(text)
    raise KeyError(text)


def mail(text: str) -> None:
    from django.core.mail import mail_admins

    mail_admins(text, text)
    logging.getLogger("django.request").error("mailed %s", text, exc_info=ValueError(text))


def warned(text: str) -> None:
    import warnings

    warnings.warn(f"about {text}", UserWarning, stacklevel=1)


def printed(text: str) -> None:
    import faulthandler
    import traceback

    print(f"about {text}", file=sys.stderr)
    try:
        raise ValueError(text)
    except ValueError:
        traceback.print_exc()
        traceback.print_stack()
    del faulthandler


class LogsAtItsEnd:
    def __init__(self, text: str) -> None:
        self.text = text

    def __del__(self) -> None:
        says("__del__", self.text)


def says(way: str, text: str) -> None:
    from designs.monitoring import ErrorTracker

    logging.getLogger(f"ends.{way}").warning(f"about {text}")  # noqa: G004
    logging.getLogger(f"ends.{way}").error("about %s", text)
    ErrorTracker.log_error(f"reported {text}", {"part": text})


def generator(text: str) -> Iterator[int]:
    try:
        yield 1
        yield 2
    finally:
        says("generator", text)


def objects(text: str) -> None:
    started = generator(text)
    next(started)
    holder = LogsAtItsEnd(text)
    cycle: list[object] = [LogsAtItsEnd(text)]
    cycle.append(cycle)
    target = threading.Event()
    weakref.finalize(target, says, "finalize", text)
    kept.extend([started, holder, cycle, target])


WAYS: dict[str, Callable[[str], None]] = {
    way.__name__: way
    for way in (
        transaction, renamed, traced, check_in, session, attachment, feedback, typed, event, envelope, threads, profile,
        metrics, health, database, command, client, cached, mail, warned, printed, objects,
    )
}  # fmt: skip


def main() -> None:
    from designs.logs import standard_error

    standard_error.serve()
    from django.conf import settings

    settings.ENGINEL_SENTRY_OPTIONS = {
        "profiles_sample_rate": 1.0, "profile_session_sample_rate": 1.0, "profile_lifecycle": "trace",
        "auto_session_tracking": True, "enable_logs": True,
    }  # fmt: skip
    django.setup()
    from django.test import override_settings

    from designs import context
    from tests.support.probe_views import doing
    from tests.support.sentry_capture import answer

    def serve(act: Callable[[Any], Any]) -> None:
        with doing(act), override_settings(ROOT_URLCONF="tests.urls"):
            answer("/api/probe/plain/", HTTP_HOST="localhost")

    def controlled(way: Callable[[str], None]) -> Callable[[Any], None]:
        def act(request: Any) -> None:
            context.set_controlled()
            way(MARKER)
            raise LookupError(f"after {MARKER}")

        return act

    def ends(request: Any) -> None:
        kept.clear()
        gc.collect()
        # A controlled request sends no profile; this one must.
        profile(ORDINARY)
        logging.getLogger("ends.ordinary").warning(f"about {ORDINARY}")  # noqa: G004

    only = sys.argv[1:] or list(WAYS)
    for way in only:
        serve(controlled(WAYS[way]))
    serve(ends)
    going_on.set()
    context.start(context.RunContext())
    client_of_sentry = sentry().get_client()
    client_of_sentry.flush(timeout=5)
    client_of_sentry.close(timeout=5)


if __name__ == "__main__":
    main()
