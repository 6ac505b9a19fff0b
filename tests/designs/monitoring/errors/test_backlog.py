"""What a process remembers while Redis is away: bounded, fair, and exact in its counts."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from designs.context import RunContext
from designs.monitoring.errors import backlog as module
from designs.monitoring.errors.backlog import Backlog, Pending
from designs.monitoring.errors.event import build_event
from designs.monitoring.fingerprint import fingerprint_message

LETTERS = "abcdef"


def pending(message: str, *, maybe_recorded: bool = False, occurrences: int = 1) -> Pending:
    event = build_event(message, RunContext())
    return Pending(event, fingerprint_message(message), "", occurrences=occurrences, maybe_recorded=maybe_recorded)


def total(backlog: Backlog) -> int:
    return sum(waiting.occurrences for waiting in backlog.snapshot())


def test_what_was_added_first_is_taken_first() -> None:
    backlog = Backlog()
    first, second = pending("a"), pending("b")
    backlog.add(first, 10)
    backlog.add(second, 10)

    assert [backlog.take(), backlog.take(), backlog.take()] == [first, second, None]
    assert len(backlog) == 0


def test_what_is_given_back_comes_first_again() -> None:
    backlog = Backlog()
    for message in "aab":
        backlog.add(pending(message), 10)
    taken = backlog.take()
    assert taken is not None

    backlog.give_back(taken)

    assert len(backlog) == 3
    assert {waiting.event.event_id for waiting in backlog.snapshot()} >= {taken.event.event_id}


def test_a_storm_does_not_push_out_a_rare_failure_and_every_count_stays() -> None:
    backlog = Backlog()
    backlog.add(pending("rare"), 10)
    for _ in range(500):
        backlog.add(pending("storm"), 10)

    messages = [waiting.event.error_message for waiting in backlog.snapshot()]
    assert len(messages) == 10
    assert messages.count("rare") == 1
    assert total(backlog) == 501
    assert not backlog.dropped


def test_a_record_redis_may_have_keeps_its_own_count() -> None:
    backlog = Backlog()
    doubtful = pending("storm", maybe_recorded=True)
    backlog.add(doubtful, 3)
    for _ in range(20):
        backlog.add(pending("storm"), 3)

    assert doubtful in backlog.snapshot()
    assert doubtful.occurrences == 1
    assert total(backlog) == 21


def test_what_has_no_heir_is_counted_as_dropped() -> None:
    backlog = Backlog()
    for letter in LETTERS:
        backlog.add(pending(letter, occurrences=2), 4)

    assert len(backlog) == 4
    assert total(backlog) + backlog.dropped["backlog_full"] == 2 * len(LETTERS)
    assert backlog.dropped["backlog_full"] == 4


def test_too_many_groups_are_counted_as_dropped() -> None:
    backlog = Backlog()
    for number in range(module.MAX_GROUPS + 5):
        backlog.add(pending("".join(chr(ord("a") + int(digit)) for digit in str(number))), 10_000)

    assert len(backlog) == module.MAX_GROUPS
    assert backlog.dropped["backlog_groups_full"] == 5


def test_a_second_hooks_context_joins_a_waiting_record() -> None:
    backlog = Backlog()
    waiting = pending("a")
    backlog.add(waiting, 10)

    assert backlog.merge(waiting.event.event_id, {"context": {"by": "the second hook"}})
    assert not backlog.merge("unknown", {"context": {}})
    assert backlog.snapshot()[0].event.context == {"by": "the second hook"}


def test_the_gates_rule_holds_for_one_process_alone() -> None:
    backlog = Backlog()

    assert [n for n in range(1, 101) if backlog.passes("1:a", 0.0, 300)] == [1, 10, 100]
    assert backlog.passes("1:b", 0.0, 300)
    assert backlog.passes("1:a", 300.0, 300)


def test_a_process_left_alone_counts_on_from_what_all_had_come_to() -> None:
    backlog = Backlog()
    backlog.last_known["1:a"] = (95, 0.0)

    assert [n for n in range(96, 1_001) if backlog.passes("1:a", 1.0, 300)] == [100, 1_000]
    backlog.last_known["1:a"] = (9_998, 2.0)
    assert [n for n in range(9_999, 10_002) if backlog.passes("1:a", 3.0, 300)] == [10_000]


def test_one_that_passes_stands_for_what_waits_and_no_event_stands_for_yet() -> None:
    backlog = Backlog()
    backlog.add(pending("a"), 10)
    backlog.add(pending("a"), 10)
    backlog.add(pending("a", maybe_recorded=True), 10)
    key = backlog.snapshot()[0].fingerprint.key
    assert backlog.passes(key, 0.0, 300) == 3
    assert [one.represented for one in backlog.snapshot()] == [0, 1, 1]

    backlog.add(pending("a"), 10)
    assert backlog.passes(key, 300.0, 300) == 2


def test_what_was_handed_over_is_no_longer_for_this_process_to_forward() -> None:
    backlog = Backlog()
    for _ in range(4):
        backlog.add(pending("a"), 10)
    taken = [backlog.take() for _ in range(2)]
    assert taken[0] is not None

    assert backlog.passes(taken[0].fingerprint.key, 0.0, 300) == 3
    assert [one.represented for one in taken if one] == [0, 0]


def test_what_was_told_a_window_ago_counts_no_more() -> None:
    backlog = Backlog()
    backlog.last_known["1:a"] = (95, 0.0)

    assert backlog.passes("1:a", 300.0, 300) == 1


def test_the_windows_are_bounded() -> None:
    backlog = Backlog()
    for number in range(module.MAX_GROUPS + 10):
        backlog.last_known[f"1:{number}"] = (1, 0.0)
    assert len(backlog.last_known) == module.MAX_GROUPS

    for number in range(module.MAX_GROUPS + 10):
        backlog.passes(f"1:{number}", 0.0, 300)

    assert len(backlog._windows) == module.MAX_GROUPS


@given(st.lists(st.tuples(st.sampled_from(LETTERS), st.booleans()), max_size=60), st.integers(1, 8))
def test_nothing_is_lost_without_being_counted(storm: list[tuple[str, bool]], room: int) -> None:
    backlog = Backlog()
    for message, doubtful in storm:
        backlog.add(pending(message, maybe_recorded=doubtful), room)

    assert len(backlog) <= room
    assert len(backlog) == len(backlog.snapshot())
    assert total(backlog) + sum(backlog.dropped.values()) == len(storm)


def test_what_comes_in_the_middle_of_something_waits_its_turn() -> None:
    backlog = Backlog()
    first, second = pending("a"), pending("b")
    backlog.add(first, 10)
    with backlog._lock:
        assert backlog.add(second, 10) == []
        assert (len(backlog), backlog.unsettled) == (2, 2)
        assert backlog.take() is None
        assert (backlog.snapshot(), backlog.merge(second.event.event_id, {}), backlog.traceback_of("x")) == (
            [],
            False,
            "",
        )
        assert backlog.passes("x", 0.0, 300) == 1

    assert [backlog.take(), backlog.take(), backlog.take()] == [first, second, None]
    assert len(backlog) == 0


def test_what_came_in_the_middle_of_something_counts_for_the_bounds() -> None:
    backlog = Backlog()
    with backlog._lock:
        for _ in range(50):
            backlog.add(pending("storm"), 10)

    gone = backlog.add(pending("rare"), 10)

    assert (len(backlog), len(gone), total(backlog)) == (10, 41, 51)


def test_threads_lose_nothing() -> None:
    backlog, taken = Backlog(), []

    def work() -> None:
        for letter in LETTERS * 20:
            backlog.add(pending(letter), 10_000)
            if one := backlog.take():
                taken.append(one)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) + len(backlog) == 4 * 20 * len(LETTERS)
    assert len({one.event.event_id for one in taken}) == len(taken)
