"""What was kept is handed over without a further error: by a thread, at the end of a process, in no child."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings

from designs.monitoring import ErrorTracker, lifecycle
from designs.monitoring.errors import recorder
from designs.monitoring.errors.backlog_drain import Handover
from integrations.redis import redis_for
from tests.support.outage import REFUSED_URL, FrozenValkey, own_valkey


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


def wait_for(condition: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "enginel-handover"]


def test_no_thread_while_redis_answers() -> None:
    with override_settings(ENGINEL_HAND_OVER_SECONDS=0.01):
        for _ in range(20):
            ErrorTracker.log_error("x")

    assert threads() == []


def test_a_thread_hands_over_and_ends(valkey: FrozenValkey) -> None:
    valkey.gateway.run(lambda client: client.flushdb())
    with override_settings(REDIS_URL=valkey.url, ENGINEL_HAND_OVER_SECONDS=0.02):
        with valkey.frozen():
            for _ in range(30):
                ErrorTracker.log_error("x")
            assert len(threads()) == 1
        wait_for(lambda: not recorder.error_store.backlog.unsettled)
        wait_for(lambda: not threads())

        assert recorder.error_store.totals()["occurrences"] == 30


def test_the_end_of_a_process_hands_over() -> None:
    with override_settings(REDIS_URL=REFUSED_URL):
        ErrorTracker.log_error("x")
    lifecycle.close()

    assert not recorder.error_store.backlog
    assert recorder.error_store.totals()["occurrences"] == 1


def test_what_cannot_go_at_the_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with override_settings(REDIS_URL=REFUSED_URL):
        ErrorTracker.log_error("x")
        lifecycle.close()

    assert "1 error records could not be handed over" in caplog.text


def test_a_forked_child_has_neither_thread_nor_backlog(valkey: FrozenValkey) -> None:
    valkey.gateway.run(lambda client: client.flushdb())
    with override_settings(REDIS_URL=valkey.url, ENGINEL_HAND_OVER_SECONDS=0.05):
        with valkey.frozen():
            ErrorTracker.log_error("x")
            pid = os.fork()
            if pid == 0:
                redis_for(valkey.url).close_breaker()
                ErrorTracker.log_error("x")
                os._exit(len(recorder.error_store.backlog))
            _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 1
        wait_for(lambda: not recorder.error_store.backlog.unsettled)
        # The child's own went with the child, which left without its last try; the parent's counts once.
        assert recorder.error_store.totals()["occurrences"] == 1


def test_many_wake_one_thread() -> None:
    waiting, running = [1], []
    handover = Handover(lambda: running.append(len(threads())) or 0, lambda: waiting[0], lambda: waiting[0])  # type: ignore[func-returns-value]
    with override_settings(ENGINEL_HAND_OVER_SECONDS=0.01):
        callers = [threading.Thread(target=handover.wake) for _ in range(20)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        wait_for(lambda: len(running) > 3)
        waiting[0] = 0
        wait_for(lambda: not threads())

    assert set(running) == {1}
