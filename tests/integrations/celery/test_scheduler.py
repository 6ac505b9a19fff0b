"""What beat does itself comes one interval after its start, and then again and again."""

from __future__ import annotations

import threading

from freezegun import freeze_time

from integrations.celery.scheduler import Round


def test_the_first_round_comes_one_interval_after_the_start_and_the_next_after_another() -> None:
    done = threading.Semaphore(0)
    with freeze_time("2026-01-31T12:00:00Z") as clock:
        each = Round(done.release, lambda: 30)
        began = []
        for _ in range(8):
            each.begin_if_due()
            began.append(done.acquire(timeout=0.2))
            clock.tick(10)

    assert began == [False, False, False, True, False, False, True, False]
