"""Exceptions that a request or task of a controlled design leaves behind, reported by ordinary ones.

As a program it lets controlled work keep some, and ordinary work report each in each way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django

MARKER = "ZQX-Marker-7341"
ORDINARY = "Plain-Part-11"
_SECONDS = 30

kept: dict[str, BaseException] = {}
# Started before there is a controlled design.
pool = ThreadPoolExecutor(1)


def fails(text: str) -> None:
    raise ValueError(f"about {text}")


def caught(text: str) -> BaseException:
    try:
        fails(text)
    except ValueError as error:
        return error
    raise AssertionError


def in_place(text: str) -> BaseException:
    try:
        raise ValueError(f"about {text}")
    except ValueError as error:
        return error


def from_generator(text: str) -> BaseException:
    def lines() -> Iterator[None]:
        fails(text)
        yield

    try:
        next(lines())
    except ValueError as error:
        return error
    raise AssertionError


def from_thread(text: str) -> BaseException:
    found: list[BaseException] = []
    thread = threading.Thread(target=lambda: found.append(caught(text)))
    thread.start()
    thread.join(_SECONDS)
    return found[0]


def from_pool(text: str) -> BaseException:
    return pool.submit(caught, text).result(_SECONDS)


def from_future(text: str) -> BaseException:
    error = pool.submit(fails, text).exception(_SECONDS)
    assert error is not None
    return error


def from_event_loop(text: str) -> BaseException:
    async def failing() -> None:
        fails(text)

    async def main() -> Any:
        return (await asyncio.gather(failing(), return_exceptions=True))[0]

    error: BaseException = asyncio.run(main())
    return error


def with_attribute(text: str) -> BaseException:
    holder = LookupError("no such line")
    holder.original = caught(text)  # type: ignore[attr-defined]
    return holder


KEEPING: dict[str, Callable[[str], BaseException]] = {
    "caught": caught,
    "in place": in_place,
    "generator": from_generator,
    "thread": from_thread,
    "pool": from_pool,
    "future": from_future,
    "loop": from_event_loop,
    "attribute": with_attribute,
}


def logger() -> logging.Logger:
    return logging.getLogger("later")


def log_error(error: BaseException) -> None:
    from designs.monitoring import ErrorTracker

    ErrorTracker.log_error(error, {"note": str(error)})


def captured(error: BaseException) -> None:
    import sentry_sdk

    sentry_sdk.capture_exception(error)


def logged(error: BaseException) -> None:
    logger().error("it failed", exc_info=error)


def as_argument(error: BaseException) -> None:
    logger().error("it failed: %s", error)
    logger().warning("it failed: %(error)s", {"error": error})


def as_message(error: BaseException) -> None:
    logger().error(error)


def as_extra(error: BaseException) -> None:
    logger().warning("it failed", extra={"cause": error})


def as_context(error: BaseException) -> None:
    from designs.monitoring import ErrorTracker

    ErrorTracker.log_error(f"stopped {id(error)}", {"errors": [error], "said": {"by": error}})


def as_local(error: BaseException) -> None:
    held = [error]
    raise LookupError(f"stopped with {len(held)}")


def raised(error: BaseException) -> None:
    raise error


def as_cause(error: BaseException) -> None:
    raise LookupError(f"stopped by {error}") from error


def as_context_of(error: BaseException) -> None:
    try:
        raise error
    except type(error):
        raise LookupError("stopped") from None


def in_group(error: BaseException) -> None:
    raise ExceptionGroup("stopped", [LookupError("one"), error])  # type: ignore[list-item]


REPORTING: dict[str, Callable[[BaseException], None]] = {
    report.__name__: report
    for report in (
        log_error, captured, logged, as_argument, as_message, as_extra, as_context, as_local, raised, as_cause,
        as_context_of, in_group,
    )
}  # fmt: skip


def main() -> None:
    from designs.logs import standard_error

    standard_error.serve()
    django.setup()
    from celery import shared_task
    from django.test import override_settings

    from designs import context
    from designs.exceptions import CorruptedFile
    from tests.support.probe_views import doing
    from tests.support.sentry_capture import answer

    pool.submit(int).result(_SECONDS)
    statuses: list[tuple[str, int, str]] = []

    def serve(act: Callable[[Any], Any], name: str, path: str = "/api/probe/plain/") -> None:
        with doing(act), override_settings(ROOT_URLCONF="tests.urls"):
            status, body = answer(path, HTTP_HOST="localhost")
        statuses.append((name, status, body.decode()))

    def keep(text: str, prefix: str) -> None:
        kept.update({f"{prefix} {way}": make(text) for way, make in KEEPING.items()})

    def controlled(request: Any) -> None:
        context.set_controlled()
        keep(MARKER, "request")
        try:
            raise CorruptedFile(f"cut behind {MARKER}")
        except CorruptedFile as error:
            kept["own"] = error

    def late(request: Any) -> None:
        keep(MARKER, "late")
        context.set_controlled()

    @shared_task
    def task() -> None:
        context.set_controlled()
        keep(MARKER, "task")

    @shared_task
    def raising(name: str) -> None:
        raise kept[name]

    serve(lambda request: keep(ORDINARY, "ordinary"), "keep")
    serve(controlled, "keep")
    serve(late, "keep")
    assert task.apply().successful()
    context.start(context.RunContext())
    serve(lambda request: raised(kept["own"]), "own", "/api/probe/drf/")
    for name, error in kept.items():
        for way, report in REPORTING.items():
            serve(lambda request, report=report, error=error: report(error), f"{name} {way}")  # type: ignore[misc]
        raising.apply((name,))
    serve(lambda request: fails(ORDINARY), "after")
    pool.shutdown()
    print(json.dumps(statuses), file=sys.stdout)


if __name__ == "__main__":
    main()
