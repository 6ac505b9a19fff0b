"""Each group counts its reasons exactly, however its occurrences come to Redis."""

from __future__ import annotations

import enum
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from designs import context
from designs.exceptions import CorruptedFile, GeometryProcessingError
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.monitoring.errors.failure_reasons import MAX_REASONS, OTHER, add_reasons, reason_of, reasons_in
from designs.monitoring.errors.store import ErrorStore
from integrations.redis import FailFastRedis
from tests.support.outage import REFUSED_URL, FrozenValkey, own_valkey


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


def fail(reason: object, **facts: Any) -> dict[str, Any]:
    return ErrorTracker.log_error(CorruptedFile("words", details={"stage": "scan", "reason": reason}), **facts)


def counted() -> tuple[int, dict[str, int]]:
    """Return the total of the one group, and its reasons."""
    (group,) = ErrorTracker.get_groups()
    return int(group["total"]), {row["reason"]: row["count"] for row in group["reasons"]}


def test_reasons_are_counted_with_the_most_frequent_first() -> None:
    for reason, times in {"syntax": 3, "truncated": 5, "nul": 3}.items():
        for _ in range(times):
            fail(reason)

    (group,) = ErrorTracker.get_groups()
    assert [tuple(row.values()) for row in group["reasons"]] == [("truncated", 5), ("nul", 3), ("syntax", 3)]
    assert ErrorTracker.get_group(group["fingerprint"])["reasons"] == group["reasons"]  # type: ignore[index]
    assert counted()[0] == 11


def test_an_exception_of_an_application_counts_its_reasons_too() -> None:
    class Refused(Exception):
        details = {"reason": "too_far"}

    for _ in range(3):
        ErrorTracker.log_error(Refused())
    ErrorTracker.log_error("a message")

    reasons = {group["type"]: group["reasons"] for group in ErrorTracker.get_groups()}
    assert reasons == {"Refused": [{"reason": "too_far", "count": 3}], "message": []}


def test_a_group_counts_no_more_than_32_reasons_and_the_rest_as_other() -> None:
    for number in range(MAX_REASONS + 5):
        fail(f"reason_{number}")
    fail("reason_0")

    total, reasons = counted()
    assert (len(reasons), reasons[OTHER], reasons["reason_0"]) == (MAX_REASONS + 1, 5, 2)
    assert sum(reasons.values()) == total == MAX_REASONS + 6


class Reason(enum.StrEnum):
    SYNTAX = "syntax"


@pytest.mark.parametrize(
    ("reason", "counts_as"),
    [
        ("syntax", "syntax"), (Reason.SYNTAX, "syntax"), ("a9_b", "a9_b"), ("a" * 40, "a" * 40),
        (None, ""), ("", ""), ("a" * 41, OTHER), ("Part 7", OTHER), ("syntax=9 x", OTHER), ("syntax\n", OTHER),
        ("9a", OTHER), (7, OTHER), (["syntax"], OTHER), ("é", OTHER), ("x" * 10_000_000, OTHER),
    ],
)  # fmt: skip
def test_a_reason_is_a_short_word_or_other(reason: object, counts_as: str) -> None:
    assert reason_of(CorruptedFile(details={"reason": reason})) == counts_as


def test_of_a_controlled_design_only_words_count() -> None:
    assert reason_of(CorruptedFile(details={"reason": "no_schema"}), withheld=True) == "no_schema"
    assert reason_of(CorruptedFile(details={"reason": "pump_7"}), withheld=True) == OTHER


def test_what_has_no_details_has_no_reason() -> None:
    assert [reason_of(error) for error in (ValueError("x"), "text", None, KeyError)] == ["", "", "", ""]


def test_counts_sum_to_the_total_after_an_outage_with_more_failures_than_a_process_keeps(valkey: FrozenValkey) -> None:
    valkey.gateway.run(lambda client: client.flushdb())
    with override_settings(REDIS_URL=valkey.url, ENGINEL_LOCAL_RING_SIZE=5):
        fail("before")
        with valkey.frozen():
            for number in range(60):
                fail(f"reason_{number % 3}")
        fail("after")
        while recorder.error_store.backlog:
            recorder.error_store.drain()

        assert counted() == (62, {"reason_0": 20, "reason_1": 20, "reason_2": 20, "before": 1, "after": 1})
    assert recorder.error_store.backlog.dropped == Counter()


def test_while_redis_is_away_a_process_keeps_a_bounded_number_of_reasons() -> None:
    with override_settings(REDIS_URL=REFUSED_URL, ENGINEL_LOCAL_RING_SIZE=1):
        for number in range(200):
            fail(f"reason_{number}")
        (waiting,) = recorder.error_store.backlog.snapshot()
    while recorder.error_store.backlog:
        recorder.error_store.drain()

    assert len(waiting.reasons) <= MAX_REASONS + 1
    total, reasons = counted()
    assert sum(reasons.values()) == total == 200


def test_a_command_that_is_sent_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fail("syntax")
    taken: list[tuple[Any, ...]] = []
    script = FailFastRedis.script

    def twice(self: FailFastRedis, *command: Any) -> Any:
        taken.append(command)
        script(self, *command)
        return script(self, *command)

    monkeypatch.setattr(FailFastRedis, "script", twice)
    fail("syntax")

    assert taken[0][2][-1] == "syntax=1"
    assert counted() == (2, {"syntax": 2})


def test_an_operation_that_two_processes_report_counts_its_reason_once() -> None:
    store = ErrorStore()
    for one in (recorder.error_store, store):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(recorder, "error_store", one)
            error = CorruptedFile("words", details={"stage": "scan", "reason": "nul"})
            event = recorder.build_event(error, context.current())
            recorder.record_new(error, event, "task:1:0")

    assert counted() == (1, {"nul": 1})


def test_a_duplicate_costs_one_call_of_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        fail("syntax")
    calls: Counter[str] = Counter()
    for name in ("script", "run"):
        whole = getattr(FailFastRedis, name)

        def counting(self: FailFastRedis, *command: Any, name: str = name, whole: Any = whole) -> Any:
            # Measurements go from a thread of their own.
            if threading.current_thread() is threading.main_thread():
                calls[name] += 1
            return whole(self, *command)

        monkeypatch.setattr(FailFastRedis, name, counting)
    for _ in range(50):
        fail("syntax")

    assert calls == {"script": 50}


def test_what_redis_holds_is_read_whatever_it_is() -> None:
    assert reasons_in("syntax=9 truncated=3") == [
        {"reason": "syntax", "count": 9},
        {"reason": "truncated", "count": 3},
    ]
    assert reasons_in("") == reasons_in("<b>=4") == reasons_in("syntax=") == []


def test_adding_keeps_the_sum() -> None:
    counts: dict[str, int] = {}
    for number in range(100):
        add_reasons(counts, {f"reason_{number}": 2, "syntax": 1})

    assert (sum(counts.values()), len(counts)) == (300, MAX_REASONS + 1)


def test_crashes_count_by_their_reason_beside_the_signal() -> None:
    for stage in ("read", "transfer"):
        facts = {"stage": stage, "signal": "SIGSEGV", "reason": "crash"}
        ErrorTracker.log_error(GeometryProcessingError("words", details=facts))

    assert counted() == (2, {"crash": 2})
