"""One process of a storm with Sentry on: threads that fail again and again, in views or by explicit calls.

``python -m tests.support.sentry_storm views|explicit THREADS ERRORS`` with REDIS_URL and SENTRY_DSN set. Prints the
memory it used, as JSON.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

import sentry_sdk  # noqa: E402
from django.test import override_settings  # noqa: E402
from sentry_sdk.crons import MonitorStatus, capture_checkin  # noqa: E402

from designs.monitoring import ErrorTracker  # noqa: E402
from integrations.redis import client  # noqa: E402
from tests.support.probe_views import doing  # noqa: E402
from tests.support.sentry_capture import answer  # noqa: E402

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_WARM_UP = 300
CHECK_INS = 10


def _rss_kib() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_KIB


def _fail(request: object = None) -> None:
    raise ValueError("row 4711 is broken")


def _view() -> None:
    assert answer("/api/probe/plain/", SERVER_NAME="localhost")[0] == 500


def _explicit() -> None:
    try:
        _fail()
    except ValueError as error:
        ErrorTracker.log_error(error, {"row": 4711})


def _be_patient() -> None:
    """Wait for Redis on a busy machine: a command without an answer in time is an outage, which others test."""
    client.FailFastRedis.__init__.__kwdefaults__["timeout_seconds"] = 10.0
    client.redis_for.cache_clear()


def main() -> None:
    _be_patient()
    fail: Callable[[], None] = {"views": _view, "explicit": _explicit}[sys.argv[1]]
    threads, count = int(sys.argv[2]), int(sys.argv[3])
    assert sentry_sdk.get_client().is_active()
    logging.disable(logging.CRITICAL)

    warm, measured = threading.Barrier(threads + 1), threading.Barrier(threads + 1)

    def work() -> None:
        for number in range(count // threads):
            if number == _WARM_UP:
                warm.wait()
                measured.wait()
            fail()

    with doing(_fail):
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        warm.wait()
        before = _rss_kib()
        measured.wait()
        for _ in range(CHECK_INS):
            capture_checkin("beat", status=MonitorStatus.OK, duration=1.0)
        for worker in workers:
            worker.join()
        grown = _rss_kib() - before
    sentry_sdk.flush(timeout=20)
    print(json.dumps({"grown_kib": grown}))


if __name__ == "__main__":
    with override_settings(ROOT_URLCONF="tests.urls"):
        main()
