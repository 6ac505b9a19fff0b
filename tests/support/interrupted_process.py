"""One process that is interrupted in whatever it does, by a signal handler and finalizers that record and measure, too.

``python -m tests.support.interrupted_process SECONDS HAND_OVER_SECONDS`` with REDIS_URL
set. Prints its work and its counts as JSON.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import sys
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.test import override_settings  # noqa: E402

from designs.monitoring import ErrorTracker, MetricsCollector, PerformanceMonitor, guard  # noqa: E402
from designs.monitoring.errors import recorder  # noqa: E402
from integrations.redis import RedisUnavailable  # noqa: E402

_DEADLINE_SECONDS = 60.0
_INTERVAL_SECONDS = 0.0007
_KINDS = 50


class Work:
    """Records and measures; ``done`` counts how often, in all, by the handler and by finalizers."""

    def __init__(self) -> None:
        self.done = {"loop": 0, "handler": 0, "finalizer": 0}
        self.ended = dict(self.done)
        self.is_interrupted = False

    def once(self, by: str) -> None:
        self.done[by] += 1
        kind = self.done[by] % _KINDS
        MetricsCollector.increment_counter("all")
        MetricsCollector.increment_counter(f"kind{kind}")
        MetricsCollector.record_gauge(f"gauge{kind}", 1)
        MetricsCollector.track_task(f"task{kind}", "SUCCESS", 0.1)
        PerformanceMonitor._record_duration(f"operation{kind}", 0.1)
        ErrorTracker.log_error(ValueError(f"{'abcdefghij'[kind % 10]} failed"))
        if self.done[by] % 100 == 0:
            MetricsCollector.get_metrics()
            ErrorTracker.get_recent_errors(10)
        self.ended[by] += 1

    def interrupt(self, by: str) -> None:
        # Once at a time, or the interruptions are all that gets done.
        if self.is_interrupted:
            return
        self.is_interrupted = True
        try:
            self.once(by)
        finally:
            self.is_interrupted = False


class Garbage:
    """In a cycle, so that the collector finds it in the middle of something."""

    def __init__(self, work: Work) -> None:
        self.work, self.me = work, self

    def __del__(self) -> None:
        self.work.interrupt("finalizer")


def main() -> None:
    faulthandler.dump_traceback_later(_DEADLINE_SECONDS, exit=True)
    work = Work()
    signal.signal(signal.SIGALRM, lambda *_: work.interrupt("handler"))
    gc.set_threshold(200)
    ends_at = time.monotonic() + float(sys.argv[1])
    signal.setitimer(signal.ITIMER_REAL, _INTERVAL_SECONDS, _INTERVAL_SECONDS)
    while time.monotonic() < ends_at:
        Garbage(work)
        work.once("loop")
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.disable()
    gc.collect()
    # Finalizers run in whichever thread the collector does: one may be at it still.
    while work.ended != work.done:
        time.sleep(0.005)
    # What a thread has on its way is in neither count.
    while recorder.error_store.backlog.unsettled > len(recorder.error_store.backlog) or (
        len(recorder.error_store.backlog) and sys.argv[2] != "0"
    ):
        time.sleep(0.005)
    waiting = sum(pending.occurrences for pending in recorder.error_store.backlog.snapshot())
    try:
        recorded = recorder.error_store.totals()["occurrences"]
    except RedisUnavailable:
        recorded = 0
    counted = MetricsCollector.get_metrics().get("all", 0)
    tasks = sum(task["count"] for task in PerformanceMonitor.get_task_stats().values())
    swallowed = dict(guard.swallowed)
    print(json.dumps({"done": work.done, "waiting": waiting, "recorded": recorded, "counted": counted, "tasks": tasks,
                      "swallowed": swallowed}))  # fmt: skip


if __name__ == "__main__":
    with override_settings(ENGINEL_METRICS_FLUSH_SECONDS=0.05, ENGINEL_HAND_OVER_SECONDS=float(sys.argv[2])):
        main()
