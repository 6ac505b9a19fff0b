"""HealthChecker: each check once, none waited for past the deadline, every change kept."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone
from freezegun import freeze_time
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from designs.monitoring import ErrorTracker, HealthChecker, UnknownComponent
from designs.monitoring.health import checker
from integrations.health import Plugin
from integrations.redis import redis_for
from tests.support.outage import own_valkey
from tests.support.stack import wait_for

HEAD_ROOM_SECONDS = 3.0


class Scripted(Plugin):
    """A check that does as it is told and counts its runs."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0
        self.act: Callable[[], None] = lambda: None

    def run(self) -> None:
        self.runs += 1
        self.act()


def fail() -> None:
    raise ServiceUnavailable("does not answer")


def warn() -> None:
    raise ServiceWarning("almost full")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    scripted = Scripted()
    monkeypatch.setattr(checker, "_plugins", {"part": lambda: scripted})
    yield scripted
    assert checker.runner.wait(10)


@pytest.fixture
def hung(plugin: Scripted) -> Iterator[threading.Event]:
    """The check hangs until this is set."""
    release = threading.Event()
    plugin.act = lambda: release.wait(30) and None
    try:
        yield release
    finally:
        release.set()


def again() -> None:
    """Forget the kept result, as if its second had passed."""
    assert checker.runner.wait(10)
    checker.runner.reset()


def status() -> str:
    return HealthChecker.report().status


def test_a_result_is_given_again_for_a_while(plugin: Scripted) -> None:
    with override_settings(ENGINEL_HEALTH_CACHE_SECONDS=60):
        assert [status() for _ in range(5)] == ["healthy"] * 5
    assert plugin.runs == 1
    with override_settings(ENGINEL_HEALTH_CACHE_SECONDS=0):
        assert status() == "healthy"
    assert plugin.runs == 2


def test_a_failure_is_kept_like_a_success(plugin: Scripted) -> None:
    plugin.act = fail
    with override_settings(ENGINEL_HEALTH_CACHE_SECONDS=60):
        assert [status() for _ in range(3)] == ["unhealthy"] * 3
    assert plugin.runs == 1


@override_settings(ENGINEL_HEALTH_CACHE_SECONDS=60)
def test_fifty_who_ask_at_once_share_one_run(plugin: Scripted) -> None:
    with ThreadPoolExecutor(50) as pool:
        barrier = threading.Barrier(50)
        plugin.act = lambda: time.sleep(0.05)

        def ask() -> str:
            barrier.wait(20)
            return status()

        assert list(pool.map(lambda _: ask(), range(50))) == ["healthy"] * 50
    assert plugin.runs == 1


@override_settings(ENGINEL_HEALTH_DEADLINE_SECONDS=0.2)
def test_a_check_that_hangs_is_unhealthy_at_the_deadline_and_holds_one_thread(
    plugin: Scripted, hung: threading.Event
) -> None:
    began = time.monotonic()

    outcomes = [HealthChecker.report().outcomes["part"] for _ in range(20)]

    assert time.monotonic() - began < 0.2 + HEAD_ROOM_SECONDS
    assert {(o.status, o.message) for o in outcomes} == {("unhealthy", "did not answer in time")}
    assert plugin.runs == 1
    assert checker.runner.running().count("enginel-health-part") == 1


def test_a_check_that_hung_recovers(plugin: Scripted, hung: threading.Event) -> None:
    with override_settings(ENGINEL_HEALTH_DEADLINE_SECONDS=0.1, ENGINEL_HEALTH_CACHE_SECONDS=0.1):
        assert status() == "unhealthy"
        hung.set()
        plugin.act = lambda: None
        wait_for(lambda: status() == "healthy", 10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_ended_from_within_is_an_outcome_too(plugin: Scripted) -> None:
    def leave() -> None:
        raise SystemExit

    plugin.act = leave

    assert HealthChecker.report().outcomes["part"].message == "cannot be checked"


def test_without_room_for_a_thread_it_says_so(plugin: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker.runner, "_spawn", lambda name, work: False)

    assert HealthChecker.report().outcomes["part"].message == "cannot be checked: no more threads"


# What the warning is about, a lock that another thread holds, is what this is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_asks_anew(plugin: Scripted, hung: threading.Event) -> None:
    with override_settings(ENGINEL_HEALTH_DEADLINE_SECONDS=0.1):
        assert status() == "unhealthy"
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        plugin.act = lambda: None
        os.write(writing, status().encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"healthy"
    os.close(reading)


def test_an_unknown_component_is_refused(plugin: Scripted) -> None:
    with pytest.raises(UnknownComponent):
        HealthChecker.report(["no such"])


def test_the_worst_component_is_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"a": Scripted(), "b": Scripted(), "c": Scripted()}
    monkeypatch.setattr(checker, "_plugins", {name: lambda part=part: part for name, part in parts.items()})
    seen = []
    for worse in (lambda: None, warn, fail):
        parts["b"].act = worse
        again()
        seen.append(status())
    checker.runner.wait(10)
    assert seen == ["healthy", "degraded", "unhealthy"]


def test_changes_are_kept_counted_and_told_apart_from_repetitions(plugin: Scripted) -> None:
    for act in (lambda: None, fail, fail, lambda: None, warn):
        plugin.act = act
        again()
        status()
    again()

    states = [change["status"] for change in HealthChecker.history("part")]
    assert states == ["healthy", "unhealthy", "healthy", "degraded"]
    assert HealthChecker.changes() == {"part:unhealthy": 1, "part:healthy": 1, "part:degraded": 1}
    known = HealthChecker.last_known()["part"]
    assert (known["status"], known["message"]) == ("degraded", "almost full")
    assert known["since"] == HealthChecker.history("part")[-1]["at"]
    assert known["at"] >= known["since"]


def test_the_strip_shows_the_worst_of_each_minute(plugin: Scripted) -> None:
    plugin.act = fail
    status()
    again()
    plugin.act = lambda: None
    status()
    again()

    strip = HealthChecker.strip()["part"]

    assert len(strip) == 60
    assert [state for state in strip if state] in (["unhealthy"], ["unhealthy", "healthy"])


def test_a_second_process_that_sees_the_same_makes_no_second_change(plugin: Scripted) -> None:
    plugin.act = fail
    for _ in range(3):
        status()
        again()
        checker.history.reset()  # as another process

    assert len(HealthChecker.history("part")) == 1


def observer(name: str) -> Any:
    """Return the history of another process."""
    other = checker.History()
    other.observer = lambda: name  # type: ignore[method-assign]
    return other


def find(history: Any, status: str, seconds_ago: float = 0.0) -> None:
    history.note(checker.Outcome("part", status, "said", at=timezone.now() - timedelta(seconds=seconds_ago)))
    history._told_at.clear()
    history.settle()


def test_two_observers_who_disagree_make_one_change_and_not_many(plugin: Scripted) -> None:
    web, beat = observer("web@a/1"), observer("beat@b/2")
    find(web, "healthy", 50)
    for ago in (40, 30, 20, 10):
        find(beat, "unhealthy", ago)
        find(web, "healthy", ago - 5)

    assert [change["status"] for change in HealthChecker.history("part")] == ["healthy", "unhealthy"]
    known = HealthChecker.last_known()["part"]
    assert (known["status"], known["by"]) == ("unhealthy", "beat@b/2")

    find(beat, "healthy")
    assert [change["status"] for change in HealthChecker.history("part")] == ["healthy", "unhealthy", "healthy"]


def test_an_observer_who_found_nothing_for_a_minute_counts_no_more(plugin: Scripted) -> None:
    web, beat = observer("web@a/1"), observer("beat@b/2")
    find(beat, "unhealthy", 100)
    find(web, "healthy", 90)
    assert HealthChecker.last_known()["part"]["status"] == "unhealthy"

    find(web, "healthy", 30)

    known = HealthChecker.last_known()["part"]
    assert (known["status"], known["by"]) == ("healthy", "web@a/1")


def test_changes_while_redis_is_away_are_told_when_it_is_back(plugin: Scripted, tmp_path: Any) -> None:
    with own_valkey(tmp_path) as server, override_settings(REDIS_URL=server.url):
        server.server.stop()
        plugin.act = fail
        status()
        again()
        assert HealthChecker.last_known() == {}
        assert HealthChecker.history("part") == []
        assert HealthChecker.strip() == {"part": [""] * 60}
        plugin.act = lambda: None
        server.server.start()
        server.gateway.close_breaker()
        status()
        again()

        assert [change["status"] for change in HealthChecker.history("part")] == ["unhealthy", "healthy"]


def test_what_waits_is_bounded() -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        for number in range(600):
            checker.history.note(checker.Outcome(f"part{number}", "healthy", "answers"))
        checker.history.settle()
        assert len(checker.history._waiting) == 512


def test_a_change_is_logged_once(plugin: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "enginel.health")
    for act in (lambda: None, fail, fail, lambda: None):
        plugin.act = act
        again()
        status()

    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "enginel.health"]
    assert lines == [("ERROR", "part is unhealthy: does not answer"), ("INFO", "part is healthy: answers")]


def test_errors_recorded_while_a_component_is_down_say_so(plugin: Scripted) -> None:
    ErrorTracker.log_error(ValueError("before"))
    plugin.act = fail
    status()
    ErrorTracker.log_error(ValueError("meanwhile"), {"design": 7})
    again()
    plugin.act = lambda: None
    status()
    ErrorTracker.log_error(ValueError("after"))

    found = {error["error_message"]: error["context"] for error in ErrorTracker.get_recent_errors()}
    assert found == {"before": {}, "meanwhile": {"design": 7, "components_down": ["part"]}, "after": {}}


@override_settings(ENGINEL_HEALTH_REFRESH_SECONDS=60)
def test_a_process_nobody_probes_hears_of_what_is_down_from_the_others(plugin: Scripted) -> None:
    plugin.act = fail
    status()
    again()
    checker.history.reset()  # as another process
    assert checker.history.components_down() == []  # HealthChecker would ask, and may hear before it answers

    ErrorTracker.log_error(ValueError("the first makes it ask"))
    wait_for(lambda: HealthChecker.components_down() == ["part"])
    ErrorTracker.log_error(ValueError("the next knows"))

    found = {error["error_message"]: error["context"] for error in ErrorTracker.get_recent_errors()}
    assert found["the next knows"] == {"components_down": ["part"]}


def test_what_others_found_long_ago_is_not_down_now(plugin: Scripted) -> None:
    with freeze_time(timezone.now() - timedelta(minutes=5)):
        checker.history.note(checker.Outcome("part", "unhealthy", "does not answer"))
    checker.history.settle()
    checker.history.reset()

    checker.history.refresh()

    assert HealthChecker.components_down() == []


def test_every_key_shares_one_hash_tag(plugin: Scripted) -> None:
    status()
    again()

    keys = redis_for(settings.REDIS_URL).run(lambda client: client.keys("*"))
    assert keys
    assert all(key.startswith(b"{health}") for key in keys)


@pytest.mark.django_db
def test_the_documented_dicts() -> None:
    for check in (
        HealthChecker.check_database,
        HealthChecker.check_redis,
        HealthChecker.check_celery,
        HealthChecker.check_storage,
    ):
        found = check()
        assert (found["status"], bool(found["message"])) == ("healthy", True)
    assert HealthChecker.check_celery()["workers"] == []
    full = HealthChecker.get_full_health_status()
    assert set(full) == {"status", "timestamp", "checks"}
    assert full["checks"]["database"] == HealthChecker.check_database()
    checker.runner.wait(10)
