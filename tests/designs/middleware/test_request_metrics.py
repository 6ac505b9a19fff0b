"""Requests are counted and timed by route, whatever clients send, without a word to Redis."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import re
import runpy
import threading
from typing import Any

import pytest
import redis
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, override_settings

from designs.exceptions import GeometryProcessingError
from designs.logs import JSONFormatter
from designs.middleware import request_logging as module
from designs.monitoring import ErrorTracker, MetricsCollector, PerformanceMonitor, guard
from designs.monitoring.metrics import registry
from designs.monitoring.metrics.registry import Timed
from tests.support.probe_views import doing, raising
from tests.support.serving import KINDS, get_as

pytestmark = pytest.mark.urls("tests.urls")

ROUTE = "api/probe/plain/"


@pytest.fixture(params=KINDS)
def get(request: pytest.FixtureRequest) -> Any:
    return get_as(request)


def test_a_request_is_one_by_method_route_and_status(get: Any) -> None:
    with doing(lambda request: HttpResponse(status=204)):
        get(f"/{ROUTE}")

    assert list(registry.family("requests")) == [("GET", ROUTE, "204")]
    assert PerformanceMonitor.get_request_stats()[f"GET {ROUTE}"]["count"] == 1
    assert MetricsCollector.get_metrics()["http_status_204"] == 1


def exemplars() -> list[str]:
    return [name for timed in registry.family("requests").values() for name, _, _ in timed.exemplars.values()]


def test_a_failure_is_an_example_of_its_duration(get: Any) -> None:
    with doing(raising(GeometryProcessingError("broken"))):
        get("/api/probe/drf/")

    (record,) = ErrorTracker.get_recent_errors(10)
    assert exemplars() == [record["event_id"]]


def test_a_request_that_is_traced_is_an_example_and_another_is_none(get: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with doing(lambda request: HttpResponse("fine")):
        get(f"/{ROUTE}")
        assert exemplars() == []

        monkeypatch.setattr("designs.context.tracer", lambda: "0af7651916cd43dd8448eb211c80319c")
        get(f"/{ROUTE}")

    assert exemplars() == ["0af7651916cd43dd8448eb211c80319c"]


def test_paths_and_methods_nobody_knows_make_no_series() -> None:
    chance, client = random.Random(1), Client()
    client.get("/nowhere/")
    client.generic("BREW", "/nowhere/")
    known = set(registry.family("requests"))
    for _ in range(500):
        client.generic(f"M{chance.random()}", f"/nowhere/{chance.random()}/{chance.random()}")
        client.get(f"/{chance.random()}")

    assert set(registry.family("requests")) == known
    assert MetricsCollector.get_metrics()["http_status_404"] == 1_002


def test_a_request_that_succeeds_sends_redis_nothing(get: Any) -> None:
    with doing(lambda request: HttpResponse("fine")):
        get(f"/{ROUTE}")
        client = redis.Redis.from_url(settings.REDIS_URL)
        client.config_resetstat()
        for _ in range(20):
            get(f"/{ROUTE}")
        commands = set(client.info("commandstats"))
        client.close()

    assert commands <= {"cmdstat_config|resetstat", "cmdstat_info"}


def test_a_slow_request_is_a_warning_and_a_count(get: Any, caplog: pytest.LogCaptureFixture) -> None:
    with (
        override_settings(ENGINEL_SLOW_SECONDS={"api_request": 0.0}),
        pytest.MonkeyPatch.context() as patch,
        caplog.at_level(logging.WARNING, logger="enginel.performance"),
        doing(lambda request: HttpResponse("fine")),
    ):
        patch.setattr("designs.middleware.request_metrics._QUICK_SECONDS", 0.0)
        get(f"/{ROUTE}")

    (told,) = (record.getMessage() for record in caplog.records if record.name == "enginel.performance")
    assert re.fullmatch(rf"GET {ROUTE} took \d+\.\d s", told)


def test_a_failure_of_the_measuring_reaches_no_client(
    get: Any, monkeypatch: pytest.MonkeyPatch, allow_swallowed: None
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(MetricsCollector, "track_request", broken)
    with doing(lambda request: HttpResponse("fine")):
        assert get(f"/{ROUTE}").content == b"fine"

    assert guard.swallowed["MetricsMiddleware"] == 1


def test_a_request_of_the_api_is_one_line_with_its_route(get: Any, caplog: pytest.LogCaptureFixture) -> None:
    # Within the request: its context ends with it.
    caplog.handler.setFormatter(JSONFormatter())
    with caplog.at_level(logging.INFO, logger="enginel.requests"), doing(lambda request: HttpResponse("fine")):
        get(f"/{ROUTE}?secret=hunter2")
        get("/probe/plain/")

    (line,) = (line for text in caplog.text.splitlines() if (line := json.loads(text))["logger"] == "enginel.requests")
    assert (line["route"], line["status"], line["size_bytes"], line["method"]) == (ROUTE, 200, 4, "GET")
    assert line["duration_ms"] >= 0
    assert line["request_id"]
    assert "hunter2" not in str(line)


@override_settings(ENGINEL_REQUEST_LOG_PREFIXES=("",))
def test_other_paths_are_logged_where_it_is_wanted(get: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="enginel.requests"), doing(lambda request: HttpResponse("fine")):
        get("/probe/plain/")

    assert len([record for record in caplog.records if record.name == "enginel.requests"]) == 1


def logged(caplog: pytest.LogCaptureFixture, get: Any) -> logging.LogRecord:
    with caplog.at_level(logging.INFO, logger="enginel.requests"), doing(lambda request: HttpResponse("fine")):
        get(f"/{ROUTE}")
    (record,) = (record for record in caplog.records if record.name == "enginel.requests")
    return record


def test_the_record_of_a_request_is_like_any_other(get: Any, caplog: pytest.LogCaptureFixture) -> None:
    before = logging.makeLogRecord({})
    record = logged(caplog, get)
    after = logging.makeLogRecord({})
    given = {"route", "status", "duration_ms", "size_bytes"}

    assert vars(record).keys() - {"message", "asctime"} == vars(after).keys() | given
    assert before.created <= record.created <= after.created
    assert abs(record.msecs - record.created % 1 * 1000) < 1.001
    # Python 3.13 reads another clock for it.
    assert before.relativeCreated - 1 <= record.relativeCreated <= after.relativeCreated + 1
    assert (record.levelno, record.levelname, record.process) == (20, "INFO", after.process)
    assert record.filename == "request_logging.py"
    assert logging.Formatter("%(levelname)s %(threadName)s %(message)s").format(record).endswith(f"GET /{ROUTE} 200")


def test_the_record_of_a_sync_request_names_its_own_thread_and_process(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of the process that imported the module and forked since.
    for name in ("thread", "threadName", "process"):
        monkeypatch.setitem(module._first, name, "another's")

    record = logged(caplog, Client().get)

    assert (record.process, record.threadName) == (os.getpid(), threading.current_thread().name)
    assert record.thread == threading.get_ident()


def test_a_module_that_is_imported_within_a_coroutine_names_it_on_no_record() -> None:
    async def imported() -> dict[str, Any]:
        return runpy.run_path(str(module.__file__))

    # Before Python 3.12 records have no such name.
    assert asyncio.run(imported())["_first"].get("taskName") is None


def test_a_record_factory_makes_the_records_of_requests_too(
    get: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(logging.LogRecord):
        pass

    monkeypatch.setattr(logging, "_logRecordFactory", Own)

    assert isinstance(logged(caplog, get), Own)


def test_a_failure_of_the_logging_reaches_no_client(get: Any, allow_swallowed: None) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise RuntimeError("broken")

    logger = logging.getLogger("enginel.requests")
    logger.addFilter(refuse)
    try:
        with doing(lambda request: HttpResponse("fine")):
            assert get(f"/{ROUTE}").content == b"fine"
    finally:
        logger.removeFilter(refuse)

    assert guard.swallowed["RequestLoggingMiddleware"] == 1


def test_requests_that_nobody_hands_over_take_no_more_room_than_their_buckets(
    get: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Timed, "MAX_VALUES", 10)
    with doing(lambda request: HttpResponse("fine")):
        for _ in range(25):
            get(f"/{ROUTE}")

    (timed,) = registry.family("requests").values()
    assert (len(timed.values), timed.folded.count) == (5, 20)
