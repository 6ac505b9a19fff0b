"""Failures that files cause group by class and stage; everything else keeps its stack as group."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.test import override_settings

from designs import context
from designs.exceptions import (
    SIGNALS,
    STAGES,
    BOMExtractionError,
    CorruptedFile,
    DesignNotReady,
    EnginelBaseException,
    ExternalServiceError,
    FileSizeExceeded,
    FileValidationError,
    GeometryProcessingError,
    InvalidFileFormat,
    ITARViolation,
    TaskTimeoutError,
    UnitConversionError,
)
from designs.monitoring import ErrorTracker
from designs.monitoring.fingerprint import Fingerprint, fingerprint_event, fingerprint_exception
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]

OF_FILES = (
    FileValidationError, InvalidFileFormat, FileSizeExceeded, CorruptedFile,
    GeometryProcessingError, UnitConversionError, BOMExtractionError, TaskTimeoutError,
)  # fmt: skip


class OwnKind(CorruptedFile):
    """An application's class."""


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def raised_elsewhere(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def both(make: Callable[[], BaseException]) -> tuple[Fingerprint, Fingerprint]:
    return fingerprint_exception(raised(make())), fingerprint_exception(raised_elsewhere(make()))


def details(stage: object = "scan", **facts: object) -> dict[str, Any]:
    return {"stage": stage, "reason": "syntax", **facts}


@pytest.mark.parametrize("kind", OF_FILES)
def test_the_class_and_the_stage_are_the_group_whichever_line_noticed(kind: type[EnginelBaseException]) -> None:
    one, other = both(lambda: kind("words", details=details()))

    assert one == other
    assert one.parts == ("custom", f"type designs.exceptions.{kind.__name__}", "stage scan")
    assert one.site == f"designs.exceptions.{kind.__name__} in stage scan"


def test_no_two_classes_or_stages_share_a_group() -> None:
    keys = [fingerprint_exception(kind(details=details(stage))).key for kind in OF_FILES for stage in sorted(STAGES)]

    assert len(set(keys)) == len(OF_FILES) * len(STAGES)


def test_a_crash_of_the_kernel_groups_by_its_signal_wherever_it_happens() -> None:
    def crash(stage: str, signal: str) -> Fingerprint:
        return fingerprint_exception(GeometryProcessingError(details=details(stage, signal=signal)))

    assert crash("read", "SIGSEGV") == crash("transfer", "SIGSEGV") == crash("props", "SIGSEGV")
    assert crash("read", "SIGSEGV").parts[2:] == ("stage kernel", "signal SIGSEGV")
    assert len({crash("read", signal).key for signal in SIGNALS}) == len(SIGNALS)
    assert crash("host", "SIGKILL").parts[2:] == ("stage host", "signal SIGKILL")


@pytest.mark.parametrize(
    "make",
    [
        lambda: CorruptedFile("a form's file is damaged"),
        lambda: UnitConversionError("no unit", field="unit", details=details("units")),
        lambda: OwnKind(details=details()),
        lambda: ValueError("a bug of ours"),
        lambda: ExternalServiceError(details=details()),
        lambda: ITARViolation(details=details()),
        lambda: DesignNotReady(details=details()),
        lambda: EnginelBaseException(details=details()),
    ],
)
def test_other_failures_keep_their_stack(make: Callable[[], BaseException]) -> None:
    one, other = both(make)

    assert one.key != other.key
    assert any(part.startswith("frame ") for part in one.parts)


@pytest.mark.parametrize("stage", ["bracket of pump 7", "", None, 7, ["scan"], "Scan", "scan\n", b"scan", object()])
def test_a_stage_that_is_none_of_ours_never_becomes_part_of_a_key(stage: object) -> None:
    one, other = both(lambda: CorruptedFile(details=details(stage)))

    assert one.key != other.key
    assert "bracket" not in "".join(one.parts)


@pytest.mark.parametrize("signal", ["SIGBRACKET", "sigsegv", 11, ["SIGSEGV"], ""])
def test_a_signal_that_is_none_never_becomes_part_of_a_key(signal: object) -> None:
    found = fingerprint_exception(GeometryProcessingError(details=details("read", signal=signal)))

    assert found.parts[2:] == ("stage read",)


def test_an_exception_that_names_its_group_itself_keeps_it() -> None:
    error = CorruptedFile(details=details())
    error.error_fingerprint = ["mine"]  # type: ignore[method-assign,assignment]

    assert fingerprint_exception(error).parts == ("custom", "mine")


@pytest.mark.parametrize("spoilt", [None, 7, "stage scan", [("stage", "scan")]])
def test_details_of_another_kind_do_no_harm(spoilt: object) -> None:
    error = CorruptedFile(details=details())
    error.details = spoilt  # type: ignore[assignment]

    assert fingerprint_exception(raised(error)).parts[0] != "custom"


def test_the_group_survives_the_way_from_a_worker() -> None:
    error = CorruptedFile("words", details=details())

    assert fingerprint_exception(pickle.loads(pickle.dumps(error))) == fingerprint_exception(error)


def hook(record: Mapping[str, Any]) -> list[str] | None:
    return ["hooked", str(record["type"])] if record["type"].endswith("CorruptedFile") else None


@override_settings(ENGINEL_FINGERPRINT_HOOK=f"{__name__}.hook")
def test_the_hook_of_the_settings_comes_first() -> None:
    scan = GeometryProcessingError(details=details())

    assert fingerprint_exception(CorruptedFile(details=details())).parts[1] == "hooked"
    assert fingerprint_exception(scan).parts[1:] == ("type designs.exceptions.GeometryProcessingError", "stage scan")


SYNTAX = {"stage": "scan", "reason": "syntax", "line": 7}
CRASH = {"stage": "read", "reason": "crash", "signal": "SIGSEGV"}


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        (CorruptedFile, SYNTAX, {"stage": "scan", "reason": "syntax"}),
        (GeometryProcessingError, CRASH, CRASH),
        (CorruptedFile, {"stage": "a part", "reason": "password=hunter2"}, {"reason": "other"}),
    ],
)
@pytest.mark.parametrize("is_controlled", [False, True])
def test_sentry_has_the_group_and_the_words(
    transport: Collecting,
    kind: type[EnginelBaseException],
    facts: dict[str, Any],
    words: dict[str, str],
    is_controlled: bool,
) -> None:
    error = raised(kind("words", details=facts))
    with context.use(context.RunContext(is_controlled=is_controlled)):
        record = ErrorTracker.log_error(error)

    (event,) = transport.events
    assert event["fingerprint"] == ["enginel", record["fingerprint"]]
    assert {name: event["tags"][name] for name in ("stage", "reason", "signal") if name in event["tags"]} == words
    assert "hunter2" not in str(event)


@pytest.mark.parametrize(("kind", "facts"), [(CorruptedFile, SYNTAX), (GeometryProcessingError, CRASH)])
def test_the_event_makes_the_same_key(
    transport: Collecting, kind: type[EnginelBaseException], facts: dict[str, Any]
) -> None:
    error = raised(kind("words", details=facts))
    ErrorTracker.log_error(error)

    (event,) = transport.events
    assert fingerprint_event(event) == fingerprint_exception(error)
    # Also without the key that it names: the tags say the rest.
    del event["fingerprint"], event["tags"]["fingerprint"]
    assert fingerprint_event(event) == fingerprint_exception(error)


def test_a_controlled_design_has_the_group_of_all_others() -> None:
    error = raised(CorruptedFile("bracket of pump 7", details=details()))
    with context.use(context.RunContext(is_controlled=True)):
        ErrorTracker.log_error(error)

    (group,) = ErrorTracker.get_groups()
    assert group["fingerprint"] == fingerprint_exception(error).key
    assert (group["reasons"], "bracket" in str(group)) == ([{"reason": "syntax", "count": 1}], False)
