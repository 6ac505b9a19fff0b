"""2,000 mutations of sound files through scanner and kernel: each is read or refused, in time, and each time alike."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.cad.mutation_runs import DEADLINE_SECONDS, MEMORY_BYTES, READY, Outcome, run_all
from tests.support.cad.mutations import KINDS, OPERATOR_NAMES, mutated

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 16
CASES = 2000
# Of these each is run once more, in another process.
EVERY = 8
OWN_MEMORY_BYTES = 512 * 1024**2
FROM_FILES = {
    "BOMExtractionError", "CorruptedFile", "GeometryProcessingError", "InvalidFileFormat", "TaskTimeoutError",
    "UnitConversionError",
}  # fmt: skip
# A loaded machine is no failure, an answer that never comes is one.
PATIENCE_SECONDS = DEADLINE_SECONDS + 30


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return run_all(SEED, range(CASES))


def test_each_failure_is_one_of_a_file_and_says_where(outcomes: list[Outcome]) -> None:
    """That none of the processes died is shown by the outcomes being there."""
    assert len(outcomes) == CASES
    assert [outcome for outcome in outcomes if not outcome.is_ours] == []
    failures = [outcome for outcome in outcomes if outcome.result != READY]
    assert {failure.result for failure in failures} == FROM_FILES
    assert [failure for failure in failures if not failure.stage] == []
    assert [failure for failure in failures if not failure.why and failure.result != "TaskTimeoutError"] == []


def test_none_answers_beyond_the_deadline(outcomes: list[Outcome]) -> None:
    # The host stops the child at the deadline. Stage `host` is the client giving up on the host.
    assert [outcome for outcome in outcomes if outcome.stage == "host"] == []
    assert [outcome for outcome in outcomes if outcome.seconds > PATIENCE_SECONDS] == []


def test_memory_stays_within_the_limits(outcomes: list[Outcome]) -> None:
    assert max(outcome.child_bytes for outcome in outcomes) < MEMORY_BYTES
    assert max(outcome.own_bytes for outcome in outcomes) < OWN_MEMORY_BYTES


def test_few_wait_for_the_deadline(outcomes: list[Outcome]) -> None:
    """Numbers on which the kernel waits are found before it."""
    waited = [outcome for outcome in outcomes if outcome.result == "TaskTimeoutError"]

    assert len(waited) <= CASES / 200, waited


def test_a_file_ends_the_same_way_in_another_process(outcomes: list[Outcome]) -> None:
    first = {outcome.index: outcome for outcome in outcomes[::EVERY]}

    again = run_all(SEED, first)

    # Where the deadline decides, the load of the machine does.
    timed = {outcome.index for outcome in (*first.values(), *again) if outcome.result == "TaskTimeoutError"}
    changed = [(first[other.index], other) for other in again if other.verdict != first[other.index].verdict]
    assert [pair for pair in changed if pair[0].index not in timed] == []


def test_each_kind_and_each_operator_had_its_turn_and_most_of_them_fail(outcomes: list[Outcome]) -> None:
    failed = Counter(outcome.kind for outcome in outcomes if outcome.result != READY)

    assert set(failed) == set(KINDS)
    assert {name for outcome in outcomes for name in outcome.operators} == OPERATOR_NAMES


def test_a_case_is_the_same_each_time_and_others_differ() -> None:
    contents = [mutated(SEED, index).content for index in range(40)]

    assert contents == [mutated(SEED, index).content for index in range(40)]
    assert len(set(contents)) > 30
