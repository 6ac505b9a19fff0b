"""One process of a storm: threads that fail again and again. Tells on stdout, as JSON, what became of it.

``python -m tests.support.storm THREADS ERRORS`` with REDIS_URL set; it begins when its stdin is closed.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from array import array
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.test import override_settings  # noqa: E402

from designs.monitoring import ErrorTracker, guard  # noqa: E402
from designs.monitoring.errors import recorder  # noqa: E402
from designs.monitoring.errors.collaborators import collaborators  # noqa: E402

_DEADLINE_SECONDS = 40.0
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def _rss_kib() -> int:
    gc.collect()
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * _PAGE_KIB


def _fail(number: int) -> None:
    raise ValueError(f"row {number} is broken")


def main() -> None:
    threads, count = int(sys.argv[1]), int(sys.argv[2])
    forwarded: list[int] = []
    acknowledged, taken = array("d"), array("d")
    lock = threading.Lock()
    send = recorder.error_store._send

    def observed_send(pending: Any, **how: Any) -> Any:
        outcome = send(pending, **how)
        now = time.monotonic()
        with lock:
            acknowledged.extend((now, pending.occurrences))
        return outcome

    collaborators.forward = lambda exc, event, fingerprint, result: forwarded.append(result.represents)
    recorder.error_store._send = observed_send  # type: ignore[method-assign]

    def work(errors_each: int) -> None:
        for number in range(errors_each):
            try:
                _fail(number)
            except ValueError as error:
                began = time.perf_counter()
                ErrorTracker.log_error(error, {"row": number})
                taken.append(time.perf_counter() - began)

    print("ready", flush=True)
    sys.stdin.read()
    work(20)
    before = _rss_kib()
    workers = [threading.Thread(target=work, args=(count // threads - (20 if n == 0 else 0),)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while recorder.error_store.backlog.unsettled and time.monotonic() < deadline:
        time.sleep(0.02)
    ordered = sorted(taken)
    print(
        json.dumps(
            {
                "grown_kib": _rss_kib() - before,
                "forwarded": forwarded,
                "waiting": recorder.error_store.backlog.unsettled,
                "dropped": dict(recorder.error_store.backlog.dropped),
                "swallowed": dict(guard.swallowed),
                "acknowledged": list(zip(acknowledged[::2], acknowledged[1::2], strict=True)),
                "median_us": ordered[len(ordered) // 2] * 1e6,
                "worst_ms": ordered[-1] * 1e3,
            }
        )
    )


if __name__ == "__main__":
    with override_settings(ENGINEL_HAND_OVER_SECONDS=0.1):
        main()
