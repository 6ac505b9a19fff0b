"""ErrorTracker: any failure, any context, one record; never an exception into its caller."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from freezegun import freeze_time

from designs import context
from designs.exceptions import GeometryProcessingError
from designs.models import User
from designs.monitoring import ErrorTracker, guard
from designs.monitoring.errors import recorder
from designs.monitoring.health import checker
from integrations.redis import redis_for
from tests.support.outage import REFUSED_URL, own_valkey
from tests.support.secrets_table import BY_KEY, HARMLESS, IN_TEXT

KEYS = {
    "timestamp", "error_type", "error_module", "error_message", "severity", "user_id", "request_path", "context",
    "traceback", "event_id", "fingerprint", "occurrences", "request_id", "task", "release", "source",
}  # fmt: skip
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def caught(message: str = "broken") -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def recent(limit: Any = 100) -> list[dict[str, Any]]:
    return ErrorTracker.get_recent_errors(limit)


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no")

    def __setattr__(self, name: str, value: Any) -> None:
        raise RuntimeError("no")


def cycle() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["self"] = made
    return made


class TestRecord:
    @freeze_time(NOON)
    def test_it_has_exactly_the_documented_keys(self) -> None:
        returned = ErrorTracker.log_error(caught(), {"a": 1}, user_id=7, request_path="/x/", severity="CRITICAL")

        (stored,) = recent()
        assert set(returned) == set(stored) == KEYS
        assert stored == returned
        assert (stored["timestamp"], stored["error_type"]) == ("2026-01-31T12:00:00.000000Z", "ValueError")
        assert (stored["error_message"], stored["severity"]) == ("broken", "CRITICAL")
        assert (stored["user_id"], stored["request_path"], stored["context"]) == (7, "/x/", {"a": 1})
        assert "raise ValueError(message)" in stored["traceback"]
        assert (stored["occurrences"], stored["source"]) == (1, "explicit")

    def test_it_says_in_which_request_it_was(self) -> None:
        with context.use(context.RunContext(request_id="r" * 32, user_id="9", path="/api/x/", task="designs.scan")):
            ErrorTracker.log_error(caught())

        (stored,) = recent()
        assert (stored["request_id"], stored["user_id"]) == ("r" * 32, "9")
        assert (stored["request_path"], stored["task"]) == ("/api/x/", "designs.scan")

    @pytest.mark.parametrize("error", ["text", None, 5, b"bytes", {"a": 1}])
    def test_what_is_no_exception_is_a_message(self, error: object) -> None:
        ErrorTracker.log_error(error)

        (stored,) = recent()
        assert (stored["error_type"], stored["error_message"]) == ("message", str(error))
        assert stored["traceback"] == ""

    @pytest.mark.parametrize("severity", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
    def test_each_severity_is_kept(self, severity: str) -> None:
        ErrorTracker.log_error("x", severity=severity)

        assert recent()[0]["severity"] == severity

    @pytest.mark.parametrize("severity", ["FATALITY", "", None, 4])
    def test_an_unknown_severity_is_error(self, severity: Any) -> None:
        ErrorTracker.log_error("x", severity=severity)

        assert recent()[0]["severity"] == "ERROR"

    @pytest.mark.parametrize(
        "anything",
        [
            cycle(),
            {"big": "x" * 10**7},
            {"o": Hostile()},
            {"b": b"\xff\0"},
            {"n": float("nan"), "i": float("inf")},
            {"s": "\ud800"},
            [1, 2],
            "text",
            5,
            Hostile(),
            {Hostile(): 1},
            {"wide": list(range(10**5))},
            {1: {2: {3: 4}}},
            {"gone": lambda: 1},
            {"type": type},
            (x for x in "abc"),
        ],
    )
    def test_any_context_is_accepted(self, anything: Any) -> None:
        returned = ErrorTracker.log_error(caught(), anything)

        (stored,) = recent()
        assert len(json.dumps(stored, allow_nan=False)) < 100_000
        assert stored["event_id"] == returned["event_id"]
        assert guard.swallowed == {}

    def test_a_model_is_accepted(self, admin_user: User) -> None:
        ErrorTracker.log_error(caught(), {"who": admin_user}, user_id=admin_user.pk)

        assert recent()[0]["context"] == {"who": f"<designs.models.users.User {admin_user.pk}>"}

    def test_a_hostile_exception_is_recorded(self) -> None:
        ErrorTracker.log_error(HostileError())

        (stored,) = recent()
        assert stored["error_type"].endswith("HostileError")

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), ExceptionGroup("g", [ValueError("x")])])
    def test_every_kind_of_exception_is_recorded(self, error: BaseException) -> None:
        ErrorTracker.log_error(error)

        assert recent()[0]["error_type"] == type(error).__name__

    @pytest.mark.usefixtures("allow_swallowed")
    def test_a_failure_of_the_recording_itself_does_not_reach_the_caller(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recorder, "build_event", lambda *a, **k: 1 / 0)

        assert ErrorTracker.log_error(caught()) == {}
        assert guard.swallowed == {"log_error": 1}

    @pytest.mark.usefixtures("allow_swallowed")
    def test_an_error_is_recorded_though_nobody_can_tell_what_is_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checker.history, "components_down", lambda: 1 / 0)

        ErrorTracker.log_error(caught())

        assert guard.swallowed == {"health_components_down": 1}
        assert len(recent()) == 1


class TestReading:
    @pytest.mark.parametrize(
        ("limit", "expected"),
        [(50, 50), (1, 1), (100, 100), (1000, 100), (0, 0), (-1, 0), (2.9, 2), (0.5, 0), ("3", 3)],
    )
    def test_the_limit_holds(self, limit: Any, expected: int) -> None:
        for number in range(105):
            ErrorTracker.log_error(f"row {number}")

        assert len(recent(limit)) == expected

    @pytest.mark.usefixtures("allow_swallowed")
    @pytest.mark.parametrize("limit", [None, "many", float("nan"), float("inf"), []])
    def test_a_senseless_limit_gives_nothing(self, limit: Any) -> None:
        ErrorTracker.log_error("x")

        assert recent(limit) == []

    def test_fifty_is_the_default(self) -> None:
        for number in range(60):
            ErrorTracker.log_error(f"row {number}")

        assert len(ErrorTracker.get_recent_errors()) == 50

    def test_records_last_one_hour(self) -> None:
        with freeze_time(NOON) as clock:
            ErrorTracker.log_error("old")
            clock.tick(timedelta(minutes=59, seconds=59))
            assert len(recent()) == 1
            clock.tick(timedelta(seconds=2))
            assert recent() == []

    def test_a_storm_does_not_hide_a_rare_failure(self) -> None:
        ErrorTracker.log_error(KeyError("rare"))
        for number in range(500):
            ErrorTracker.log_error(caught(f"storm {number}"))

        found = recent(100)
        assert len(found) == 100
        assert [record["error_type"] for record in found].count("KeyError") == 1
        assert found[0]["occurrences"] == 500
        assert found[0]["error_message"] == "storm 499"

    def test_the_group_shares_one_traceback(self) -> None:
        returned = [ErrorTracker.log_error(caught()) for _ in range(3)]

        assert returned[0]["traceback"]
        assert {record["traceback"] for record in recent()} == {returned[0]["traceback"]}

    def test_a_store_that_was_emptied_gets_its_traceback_again(self, settings: Any) -> None:
        ErrorTracker.log_error(caught())
        redis_for(settings.REDIS_URL).run(lambda client: client.flushdb())

        ErrorTracker.log_error(caught())

        assert "raise ValueError" in recent()[0]["traceback"]

    def test_groups_tell_their_totals(self) -> None:
        for _ in range(3):
            ErrorTracker.log_error("x")

        assert [group["total"] for group in ErrorTracker.get_groups()] == ["3"]


class TestOneOccurrence:
    def test_a_second_report_of_one_exception_adds_its_context_and_counts_nothing(self) -> None:
        error = caught()
        first = ErrorTracker.log_error(error, {"by": "the view"})
        second = ErrorTracker.log_error(error, {"also": "the hook"}, user_id=7)

        (stored,) = recent()
        assert first["event_id"] == second["event_id"] == stored["event_id"]
        assert stored["context"] == {"by": "the view", "also": "the hook"}
        assert (stored["user_id"], stored["occurrences"]) == (7, 1)

    def test_raising_from_a_recorded_exception_is_the_same_occurrence(self) -> None:
        error = caught()
        ErrorTracker.log_error(error)
        try:
            raise GeometryProcessingError("told again") from error
        except GeometryProcessingError as outer:
            ErrorTracker.log_error(outer, {"outer": True})

        (stored,) = recent()
        assert stored["context"] == {"outer": True}

    def test_raising_while_handling_one_is_another_occurrence(self) -> None:
        try:
            try:
                raise ValueError("first")
            except ValueError as error:
                ErrorTracker.log_error(error)
                raise KeyError("second")  # noqa: B904
        except KeyError as error:
            ErrorTracker.log_error(error)

        assert len(recent()) == 2

    def test_equal_exceptions_are_two_occurrences(self) -> None:
        ErrorTracker.log_error(caught())
        ErrorTracker.log_error(caught())

        assert [record["occurrences"] for record in recent()] == [2, 2]

    def test_one_operation_reported_by_two_exceptions_counts_once(self) -> None:
        ErrorTracker.log_error(caught(), {"a": 1}, operation="task:1:0")
        ErrorTracker.log_error(KeyError("other"), {"b": 2}, operation="task:1:0")

        (stored,) = recent()
        assert stored["context"] == {"a": 1, "b": 2}
        assert recorder.error_store.totals()["occurrences"] == 1


class TestSecrets:
    @pytest.mark.parametrize(("text", "secret"), IN_TEXT)
    def test_none_in_text_is_stored_returned_or_logged(
        self, text: str, secret: str, capsys: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        returned = ErrorTracker.log_error(caught(text), {"note": text}, user_id=text, request_path=text)

        assert secret not in str(returned)
        assert secret not in str(recent())
        assert secret not in str(recorder.error_store.groups())
        (record,) = caplog.records
        assert secret not in record.getMessage() + str(record.__dict__["context"])

    @pytest.mark.parametrize(("value", "secret"), BY_KEY)
    def test_none_under_a_telling_name_is_stored(self, value: Any, secret: str) -> None:
        ErrorTracker.log_error("x", value)

        assert secret not in str(recent())

    @pytest.mark.parametrize("text", HARMLESS)
    def test_what_only_looks_like_one_stays(self, text: str) -> None:
        ErrorTracker.log_error(text, {"note": text})

        (stored,) = recent()
        assert stored["error_message"] == stored["context"]["note"] == text


class TestLogLine:
    def test_each_occurrence_is_one_line_with_its_ids(self, caplog: pytest.LogCaptureFixture) -> None:
        error = caught()
        returned = ErrorTracker.log_error(error, {"a": 1}, severity="CRITICAL")
        ErrorTracker.log_error(error)

        (line,) = [record for record in caplog.records if record.name == "enginel.errors"]
        assert (line.levelno, line.getMessage()) == (logging.CRITICAL, "ValueError: broken")
        extra = line.__dict__
        assert (extra["event_id"], extra["fingerprint"]) == (returned["event_id"], returned["fingerprint"])
        assert (extra["occurrences"], extra["source"], extra["context"]) == (1, "explicit", {"a": 1})


class TestWithoutRedis:
    @override_settings(REDIS_URL=REFUSED_URL)
    def test_failures_are_kept_read_and_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        returned = [ErrorTracker.log_error(caught(f"row {number}"), {"n": number}) for number in range(3)]

        found = recent()
        assert [record["event_id"] for record in found] == [record["event_id"] for record in reversed(returned)]
        assert all(set(record) == KEYS for record in found)
        assert "raise ValueError" in found[-1]["traceback"]
        assert len(caplog.records) == 3
        assert ErrorTracker.get_groups() == []
        assert guard.swallowed == {}

    @override_settings(REDIS_URL=REFUSED_URL)
    def test_a_second_report_is_still_the_same_occurrence(self) -> None:
        error = caught()
        ErrorTracker.log_error(error, {"a": 1})
        ErrorTracker.log_error(error, {"b": 2})

        (stored,) = recent()
        assert stored["context"] == {"a": 1, "b": 2}

    def test_totals_are_exact_when_it_is_back(self) -> None:
        ErrorTracker.log_error(caught())
        with override_settings(REDIS_URL=REFUSED_URL):
            for _ in range(150):
                ErrorTracker.log_error(caught())
        while len(recorder.error_store.backlog):
            recent()

        assert recorder.error_store.totals()["occurrences"] == 151
        assert recent()[0]["occurrences"] == 151

    def test_a_silent_server_costs_one_timeout_a_window(self, tmp_path: Any) -> None:
        with own_valkey(tmp_path) as server, override_settings(REDIS_URL=server.url):
            ErrorTracker.log_error(caught())
            with server.frozen():
                took = []
                for _ in range(10):
                    began = time.perf_counter()
                    ErrorTracker.log_error(caught())
                    took.append(time.perf_counter() - began)

        slow = [seconds for seconds in took if seconds > 0.1]
        assert len(slow) == 1
        assert slow[0] < 1
