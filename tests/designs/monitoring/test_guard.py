"""What goes wrong inside the monitoring stays inside, is counted and logged once a minute."""

from __future__ import annotations

import asyncio
import logging

import pytest
from freezegun import freeze_time

from designs.monitoring import guard
from designs.monitoring.guard import guarded

pytestmark = pytest.mark.usefixtures("allow_swallowed")


@pytest.fixture(autouse=True)
def nothing_logged_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_logged_at", {})


def fail(where: str = "here") -> None:
    with guarded(where):
        raise ValueError("inside")


def test_a_failure_ends_at_the_guard_and_is_counted_by_place() -> None:
    fail("here")
    fail("here")
    fail("there")

    assert guard.swallowed == {"here": 2, "there": 1}


def test_the_body_of_a_sound_guard_runs_on() -> None:
    with guarded("here"):
        pass

    assert not guard.swallowed


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_stops_a_process_or_task_passes_through(error: type[BaseException]) -> None:
    with pytest.raises(error), guarded("here"):
        raise error

    assert not guard.swallowed


def test_a_place_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    with freeze_time("2026-01-01") as clock, caplog.at_level(logging.WARNING, "enginel.monitoring"):
        fail("here")
        fail("here")
        fail("there")
        assert [record.getMessage() for record in caplog.records] == [
            "monitoring failed in here: ValueError",
            "monitoring failed in there: ValueError",
        ]
        assert caplog.records[0].exc_info is not None

        clock.tick(59)
        fail("here")
        assert len(caplog.records) == 2
        clock.tick(1)
        fail("here")
        assert len(caplog.records) == 3


def test_the_suite_hears_of_every_swallowed_failure(
    swallowed_failures_are_loud: list[tuple[str, Exception]],
) -> None:
    fail("here")

    assert [(where, str(error)) for where, error in swallowed_failures_are_loud] == [("here", "inside")]
