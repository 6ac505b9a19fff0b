"""What goes to Redis for an occurrence, and what its answer says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import override_settings
from freezegun import freeze_time

from designs.context import RunContext
from designs.monitoring.errors.backlog import Pending
from designs.monitoring.errors.command_slots import Slots
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.keys import PREFIX
from designs.monitoring.errors.record_command import MAX_OPERATIONS, command_of, result_of
from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.fingerprint import Fingerprint
from tests.support.sentry_capture import transport

__all__ = ["transport"]

KEY = Fingerprint("1:a", "1", ("type ValueError",), (), "ValueError in here")


def pending(run: RunContext | None = None) -> Pending:
    return Pending(build_event(ValueError("x"), run or RunContext()), KEY, "")


@freeze_time("2026-01-31T12:00:00Z")
def test_a_plain_occurrence_brings_nothing_that_most_do_not_have() -> None:
    waiting = pending()
    slot = Slots().acquire()
    assert slot is not None

    _, keys, args = command_of(waiting, slot, live=True, describe=False)

    about = (waiting.event.event_id, "1:a", "exception|ERROR|explicit", waiting.event.as_json())
    assert args == (1_769_860_800_000, *about, slot.sequence)
    assert {f"{PREFIX}guard:{slot.name}", f"{PREFIX}group:1:a", f"{PREFIX}users:1:a"} < set(keys)


@pytest.mark.parametrize(
    ("waiting", "rest"),
    [
        (pending(RunContext(user_id="7")), ("7", "", "", "", 1, "")),
        (replace(pending(), operation="task:1:0"), ("", "task:1:0", "", "", 1, "")),
        (replace(pending(), traceback="Traceback"), ("", "", "", "Traceback", 1, "")),
    ],
)
def test_what_some_have_comes_behind_it(waiting: Pending, rest: tuple[object, ...]) -> None:
    slot = Slots().acquire()
    assert slot is not None

    assert command_of(waiting, slot, live=True, describe=False)[2][6:] == rest


def test_what_is_handed_over_brings_its_count_and_what_was_forwarded_of_it() -> None:
    slot = Slots().acquire()
    assert slot is not None
    late = replace(pending(), occurrences=12, represented=10)

    assert command_of(late, slot, live=False, describe=False)[2][-2:] == (12, 10)
    assert command_of(pending(), slot, live=False, describe=False)[2][-2:] == (1, 0)


def test_the_facts_of_the_group_come_where_they_may_be_missing() -> None:
    slot = Slots().acquire()
    assert slot is not None

    facts = command_of(pending(), slot, live=True, describe=True)[2][8]

    assert '"site": "ValueError in here"' in str(facts)


def test_the_script_is_that_of_the_settings() -> None:
    slot = Slots().acquire()
    assert slot is not None
    usual = command_of(pending(), slot, live=True, describe=False)[0]

    with override_settings(ENGINEL_RING_SIZE=7, ENGINEL_WINDOW_SECONDS=0.5):
        other = command_of(pending(), slot, live=True, describe=False)[0]

    rest = f"10000, {MAX_OPERATIONS}, 172800, 'untold:sentry_off'"
    assert f"= '{PREFIX}', 100, 3600000, 86400, 300000, {rest}\n" in usual.text
    assert f"= '{PREFIX}', 7, 3600000, 86400, 500, {rest}\n" in other.text


@pytest.mark.usefixtures("transport")
def test_with_sentry_on_what_is_forwarded_counts_as_told() -> None:
    slot = Slots().acquire()
    assert slot is not None

    assert command_of(pending(), slot, live=True, describe=False)[0].text.count(", 'told'\n") == 1


def test_a_repetition_is_told_from_a_new_occurrence_for_two_days_and_twice_as_long_as_groups_are_kept() -> None:
    slot = Slots().acquire()
    assert slot is not None

    with override_settings(ENGINEL_GROUP_SECONDS=100_000):
        script = command_of(pending(), slot, live=True, describe=False)[0]

    assert ", 200000, " in script.text


def test_two_numbers_are_a_duplicate_of_which_nothing_else_is_to_be_told() -> None:
    assert result_of([1_234, 56], "e") == RecordResult("recorded", "e", 1_234, in_window=56)


def test_a_whole_answer_is_read_by_place() -> None:
    answer = [b"seen", b"earlier", 10, 0, 1, 1, 9, 1, 0, 10, 1_769_860_800_000]

    outcome = result_of(answer, "e")

    assert outcome == RecordResult("seen", "earlier", 10, False, True, True, 9, True, False, 10, 1_769_860_800_000)
    assert outcome.first_seen == "2026-01-31T12:00:00.000000Z"
