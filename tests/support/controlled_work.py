"""Work that a request starts elsewhere, and that fails there: in threads, pools, other processes and event loops.

As a program it lets a request of a controlled design start each, and then an ordinary request.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.pool import ThreadPool
from typing import Any

import django

MARKER = "ZQX-Marker-7341"
ORDINARY = "Plain-Part-11"
_SECONDS = 30

orders: queue.Queue[Any] = queue.Queue()
pools: dict[str, Any] = {}
kept: list[object] = []


def fails(way: str, text: str) -> None:
    """Says a name wherever there is a place, and raises it."""
    from designs.monitoring import ErrorTracker

    logging.getLogger(f"work.{way}").warning(f"about {text}")  # noqa: G004
    ErrorTracker.log_error(f"reported {text}", {"part": text})
    raise ValueError(f"raised {text}")


def in_thread(way: str, text: str) -> None:
    thread = threading.Thread(target=fails, args=(way, text), name=text)
    thread.start()
    thread.join(_SECONDS)


def in_thread_of_thread(way: str, text: str) -> None:
    thread = threading.Thread(target=in_thread, args=(way, text))
    thread.start()
    thread.join(_SECONDS)


def in_timer(way: str, text: str) -> None:
    timer = threading.Timer(0, fails, (way, text))
    timer.start()
    timer.join(_SECONDS)


def in_pool(way: str, text: str) -> None:
    future = pools["threads"].submit(fails, way, text)
    assert future.exception(_SECONDS)
    logging.getLogger(f"work.{way}").error("later", exc_info=future.exception())
    done = pools["threads"].submit(int)
    ran = threading.Event()

    def then(future: Future[Any]) -> None:
        try:
            fails(way, text)
        finally:
            ran.set()

    done.add_done_callback(then)
    assert ran.wait(_SECONDS)
    with suppress(ValueError):
        list(pools["threads"].map(fails, [way], [text]))


def in_processes(way: str, text: str) -> None:
    error = pools["processes"].submit(fails, way, text).exception(_SECONDS)
    logging.getLogger(f"work.{way}").error("later", exc_info=error)


def in_event_loop(way: str, text: str) -> None:
    async def failing() -> None:
        fails(way, text)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(failing(), name=text)]
        loop.call_soon(fails, way, text)
        loop.call_later(0, fails, way, text)
        with suppress(ValueError):
            await loop.run_in_executor(None, fails, way, text)
        with suppress(ValueError):
            await asyncio.to_thread(fails, way, text)
        await asyncio.wait(tasks)
        tasks.clear()

    asyncio.run(main())


def by_queue(way: str, text: str) -> None:
    """To a thread that waits for orders since before."""
    done = threading.Event()
    orders.put((way, text, done))
    assert done.wait(_SECONDS)


def in_other_pool(way: str, text: str) -> None:
    pools["others"].apply_async(fails, (way, text)).wait(_SECONDS)


def waits_for_orders() -> None:
    while order := orders.get():
        way, text, done = order
        with suppress(ValueError):
            fails(way, text)
        done.set()


class FailsAtItsEnd:
    def __init__(self, text: str) -> None:
        self.text = text

    def __del__(self) -> None:
        raise ValueError(f"about {self.text}")


WAYS: dict[str, Callable[[str, str], None]] = {
    "thread": in_thread,
    "nested": in_thread_of_thread,
    "timer": in_timer,
    "pool": in_pool,
    "processes": in_processes,
    "loop": in_event_loop,
    "queue": by_queue,
    "other": in_other_pool,
}


def set_up() -> None:
    from designs.logs import standard_error

    standard_error.serve()
    django.setup()
    logging.getLogger("work").setLevel(logging.INFO)


def main() -> None:
    set_up()
    from celery import shared_task
    from django.test import override_settings

    from designs import context
    from tests.support.probe_views import doing
    from tests.support.sentry_capture import answer

    spawn = multiprocessing.get_context("spawn")
    pools.update(
        threads=ThreadPoolExecutor(1),
        processes=ProcessPoolExecutor(1, spawn, initializer=set_up),
        others=ThreadPool(1),
    )
    threading.Thread(target=waits_for_orders, daemon=True).start()

    def all_ways(text: str) -> None:
        for way, start in WAYS.items():
            start(way, text)

    def controlled(request: Any) -> None:
        context.set_controlled()
        all_ways(MARKER)
        kept.append(FailsAtItsEnd(MARKER))

    @shared_task
    def task() -> None:
        controlled(None)

    for act in (controlled, lambda request: all_ways(ORDINARY)):
        with doing(act), override_settings(ROOT_URLCONF="tests.urls"):
            assert answer("/api/probe/plain/", HTTP_HOST="localhost")[0] == 200
    assert task.apply().successful()
    context.start(context.RunContext())
    kept.clear()
    orders.put(None)
    for pool in pools.values():
        pool.__exit__(None, None, None)


if __name__ == "__main__":
    main()
