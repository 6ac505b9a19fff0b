"""One line a failure: frameworks' lines about recorded failures are dropped."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from rest_framework.exceptions import APIException

from designs.exceptions import CorruptedFile, ExternalServiceError
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from tests.support import probe_tasks
from tests.support.probe_views import doing, raising

pytestmark = pytest.mark.django_db

PLAIN, DRF, ASYNC = "/api/probe/plain/", "/api/probe/drf/", "/api/probe/async/"
DOCUMENTED = {
    "timestamp", "error_type", "error_message", "severity", "user_id", "request_path", "context", "traceback",
}  # fmt: skip


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Read what the configured handler writes, as it is configured."""
    stream = io.StringIO()
    logging.config.dictConfig(settings.LOGGING)
    (handler,) = [handler for handler in logging.root.handlers if type(handler) is logging.StreamHandler]
    monkeypatch.setattr(handler, "stream", stream)
    yield lambda: [
        line
        for line in map(json.loads, stream.getvalue().splitlines())
        if line["level"] in {"WARNING", "ERROR", "CRITICAL"}
    ]
    logging.config.dictConfig(settings.LOGGING)


def answer(path: str, act: Any) -> int:
    client = Client(raise_request_exception=False)
    with doing(act):
        return int(client.get(path).status_code)


@pytest.mark.urls("tests.urls")
@pytest.mark.parametrize("path", [PLAIN, DRF, ASYNC, "/probe/plain/"])
@pytest.mark.parametrize(
    "error", [ValueError("broken"), ExternalServiceError(), APIException("x"), CorruptedFile()], ids=repr
)
def test_a_failed_request_is_one_line_with_the_documented_keys(lines: Any, path: str, error: Exception) -> None:
    answer(path, raising(error))

    (line,) = lines()
    assert set(line) >= DOCUMENTED
    assert line["logger"] == "enginel.errors"
    assert line["traceback"].startswith("Traceback (most recent call last):")
    assert line["request_path"] == path


@pytest.mark.urls("tests.urls")
def test_a_logged_failure_and_its_response_are_one_line(lines: Any) -> None:
    def act(request: object) -> HttpResponse:
        ErrorTracker.log_error(ValueError("broken"))
        return HttpResponse(status=503)

    assert answer(PLAIN, act) == 503
    assert [line["error_type"] for line in lines()] == ["ValueError"]


@pytest.mark.urls("tests.urls")
def test_a_response_without_an_exception_is_one_line(lines: Any) -> None:
    assert answer(PLAIN, lambda request: HttpResponse(status=502)) == 502
    assert [line["logger"] for line in lines()] == ["enginel.errors"]


@pytest.mark.urls("tests.urls")
@pytest.mark.usefixtures("allow_swallowed")
def test_a_failure_that_is_not_recorded_keeps_djangos_line(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the tracker broke")

    monkeypatch.setattr(recorder, "build_event", fail)

    assert answer(PLAIN, raising(ValueError("broken"))) == 500
    assert [line["logger"] for line in lines() if line["logger"].startswith("django")] == ["django.request"]


@pytest.mark.urls("tests.urls")
def test_a_clients_mistake_keeps_djangos_line(lines: Any) -> None:
    assert answer("/api/probe/there-is-none/", raising(ValueError())) == 404
    assert [line["logger"] for line in lines()] == ["django.request"]


@pytest.mark.parametrize("task", [probe_tasks.fail_ours, probe_tasks.log_and_raise])
def test_a_failed_task_is_one_line(lines: Any, task: Any) -> None:
    task.delay()

    (line,) = lines()
    assert (line["logger"], line["source"]) == (
        "enginel.errors",
        "celery" if task is probe_tasks.fail_ours else "explicit",
    )
    assert set(line) >= DOCUMENTED


def test_the_lines_of_a_group_share_a_traceback(lines: Any) -> None:
    for number in range(3):
        try:
            raise ValueError(f"broken {number}")
        except ValueError as error:
            ErrorTracker.log_error(error, {"number": number}, user_id=number, request_path="/x/")

    written = lines()
    assert [line["error_message"] for line in written] == ["broken 0", "broken 1", "broken 2"]
    assert [line["user_id"] for line in written] == [0, 1, 2]
    assert [line["context"] for line in written] == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert len({line["traceback"] for line in written}) == 1
    assert "raise ValueError" in written[0]["traceback"]


def test_no_secret_is_in_a_line(lines: Any) -> None:
    secret = "hunter2hunter2"
    try:
        raise ValueError(f"password={secret}")
    except ValueError as error:
        ErrorTracker.log_error(
            error, {"password": secret, "note": f"token={secret}"}, request_path=f"/x/?token={secret}"
        )

    (line,) = lines()
    assert secret not in json.dumps(line)


def test_an_application_line_about_a_recorded_failure_stays(lines: Any) -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        ErrorTracker.log_error(error)
        logging.getLogger("shop.orders").exception("order 7 failed")

    assert [line["logger"] for line in lines()] == ["enginel.errors", "shop.orders"]


def test_a_stack_that_was_asked_for_is_kept_without_its_secrets(lines: Any) -> None:
    logging.getLogger("shop.orders").warning("slow", stack_info=True)
    facts = {"name": "shop.orders", "msg": "x", "levelno": logging.WARNING, "levelname": "WARNING"}
    secret = {"stack_info": "Stack (most recent call last):\n  password=hunter2hunter2"}
    logging.getLogger("shop.orders").handle(logging.makeLogRecord(facts | secret))

    first, second = lines()
    assert first["stack"].startswith("Stack (most recent call last):")
    assert "test_log_filters.py" in first["stack"]
    assert "hunter2hunter2" not in second["stack"]


def test_no_log_call_passes_its_values_off_as_scrubbed(lines: Any) -> None:
    logging.getLogger("enginel.errors").error("x", extra={"scrubbed": True, "password": "hunter2hunter2"})

    (line,) = lines()
    assert "hunter2hunter2" not in json.dumps(line)
