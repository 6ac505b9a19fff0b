"""Words and levels of other systems mean one of five severities."""

from __future__ import annotations

import enum
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from django.utils.functional import SimpleLazyObject

from designs.exceptions import EnginelBaseException
from designs.monitoring import SEVERITIES, ErrorTracker
from designs.monitoring.errors.severity import ALIASES, known_severity, severity_of
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]

ROOT = Path(__file__).resolve().parents[4]


class Level(enum.Enum):
    LOUD = "fatal"
    QUIET = 20


class Hostile(str):
    __slots__ = ()

    def upper(self) -> str:
        raise RuntimeError("no")

    strip = __hash__ = upper  # type: ignore[assignment]


class HostileNumber(int):
    def __index__(self) -> int:
        raise RuntimeError("no")

    __int__ = __ge__ = __index__  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("WARN", "WARNING"), ("warn", "WARNING"), ("Warning", "WARNING"), (" warning ", "WARNING"),
        ("FATAL", "CRITICAL"), ("fatal", "CRITICAL"), ("critical", "CRITICAL"), ("crit", "CRITICAL"),
        ("panic", "CRITICAL"), ("emergency", "CRITICAL"), ("emerg", "CRITICAL"), ("alert", "CRITICAL"),
        ("err", "ERROR"), ("error", "ERROR"), ("exception", "ERROR"),
        ("notice", "INFO"), ("info", "INFO"), ("log", "INFO"), ("informational", "INFO"),
        ("debug", "DEBUG"), ("trace", "DEBUG"), ("verbose", "DEBUG"),
        (logging.DEBUG, "DEBUG"), (20, "INFO"), (logging.WARNING, "WARNING"), (30, "WARNING"), (40, "ERROR"),
        (logging.FATAL, "CRITICAL"), (50, "CRITICAL"), (60, "CRITICAL"), (35, "WARNING"), (15, "DEBUG"),
        ("30", "WARNING"), ("50", "CRITICAL"),
        (Level.LOUD, "CRITICAL"), (Level.QUIET, "INFO"), (enum.IntEnum("L", {"W": 30}).W, "WARNING"),
        (enum.StrEnum("S", {"W": "warn"}).W, "WARNING"),
        (Hostile("FATAL"), "CRITICAL"), (HostileNumber(50), "CRITICAL"),
    ],
)  # fmt: skip
def test_what_is_given_means_a_severity(given: Any, meant: str) -> None:
    assert severity_of(given) == meant
    assert ErrorTracker.log_error("x", severity=given)["severity"] == meant


@pytest.mark.parametrize(
    "given",
    [
        "",
        "warned",
        "fatality",
        None,
        0,
        5,
        -1,
        True,
        False,
        3.5,
        b"WARN",
        ["WARN"],
        object(),
        "W" * 10_000,
        "٣٠",
        Level,
    ],
)
def test_anything_else_is_an_error(given: Any) -> None:
    assert known_severity(given) is None
    assert ErrorTracker.log_error("x", severity=given)["severity"] == "ERROR"


def test_a_lazy_object_is_not_loaded() -> None:
    loaded: list[int] = []

    assert known_severity(SimpleLazyObject(lambda: loaded.append(1))) is None
    assert loaded == []


def test_a_level_the_application_has_added_is_known_by_its_name() -> None:
    logging.addLevelName(45, "OUTAGE")

    assert severity_of("outage") == "ERROR"
    assert severity_of("OUTAGE") == "ERROR"
    logging.addLevelName(55, "MELTDOWN")
    assert severity_of("meltdown") == "CRITICAL"


def test_every_alias_means_one_severity() -> None:
    words = [*SEVERITIES, *(word for aliases in ALIASES.values() for word in aliases)]

    assert len(words) == len(set(words))
    assert list(ALIASES) == list(SEVERITIES)


def test_the_reference_lists_every_alias() -> None:
    text = (ROOT / "docs" / "reference.md").read_text()
    rows = re.findall(r"^\| ((?:`[A-Z]+`(?:, )?)+) \| `([A-Z]+)` \|$", text, re.MULTILINE)

    assert {meant: tuple(re.findall(r"[A-Z]+", words)) for words, meant in rows} == ALIASES


@pytest.mark.parametrize(("own", "meant"), [("WARN", "WARNING"), ("fatal", "CRITICAL"), (10, "DEBUG"), ("x", "ERROR")])
def test_a_class_of_exceptions_may_use_an_alias(transport: Collecting, own: Any, meant: str) -> None:
    class Refused(EnginelBaseException):
        severity = own

    sentry_sdk.capture_exception(Refused("no"))

    assert ErrorTracker.get_recent_errors()[0]["severity"] == meant


@pytest.mark.parametrize(("level", "meant"), [(40, "ERROR"), (45, "ERROR"), (50, "CRITICAL"), (70, "CRITICAL")])
def test_the_level_of_a_log_line_is_its_severity(transport: Collecting, level: int, meant: str) -> None:
    logging.getLogger("designs.somewhere").log(level, "an order without a price")

    assert ErrorTracker.get_recent_errors()[0]["severity"] == meant
