"""The line of the log that tells of an error: JSON with the documented keys."""

from __future__ import annotations

import json
import logging

import pytest

from designs.exceptions import GeometryProcessingError
from designs.logs import JSONFormatter
from designs.monitoring import ErrorTracker
from tests.guide.shapes import differences, documented


def test_an_error_is_one_line_with_the_documented_keys(caplog: pytest.LogCaptureFixture) -> None:
    shown = documented("log line")

    try:
        raise GeometryProcessingError("Failed to parse STEP file")
    except GeometryProcessingError as error:
        ErrorTracker.log_error(
            error, context=shown["context"], user_id=shown["user_id"], request_path=shown["request_path"]
        )

    [record] = caplog.records
    line = JSONFormatter().format(record)
    written = json.loads(line)
    assert "\n" not in line
    assert differences(shown, written) == []
    for name in set(shown) - {"timestamp", "traceback"}:
        assert written[name] == shown[name], name
    assert written["traceback"].startswith("Traceback (most recent call last):\n  File")


@pytest.mark.parametrize("severity", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_the_level_of_the_line_is_the_severity(caplog: pytest.LogCaptureFixture, severity: str) -> None:
    with caplog.at_level(logging.DEBUG, "enginel.errors"):
        ErrorTracker.log_error("it broke", severity=severity)

    assert [record.levelname for record in caplog.records] == [severity]
