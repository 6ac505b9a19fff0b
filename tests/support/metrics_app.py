"""A web application, a Celery application and a script that count what they do."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import django

django.setup()

from designs.monitoring import MetricsCollector  # noqa: E402
from enginel.celery import app  # noqa: E402

__all__ = ["app", "application"]

MetricsCollector.increment_counter("boot")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] != "/warm":
        MetricsCollector.increment_counter("done")
        MetricsCollector.track_request("GET", "api/x/", 200, 0.001)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@app.task(name="metrics.work")
def work() -> None:
    MetricsCollector.increment_counter("done")


def main() -> None:
    threads, count = int(sys.argv[1]), int(sys.argv[2])

    def act() -> None:
        for number in range(count):
            MetricsCollector.increment_counter("done")
            MetricsCollector.track_request("GET", "api/x/", 200, 0.001)
            if not number % 100:
                # One write: other threads write, too.
                sys.stdout.write(f"{number}\n")
                sys.stdout.flush()
                time.sleep(0.02)

    started = [threading.Thread(target=act) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


if __name__ == "__main__":
    main()
