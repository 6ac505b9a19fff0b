"""What the dashboard gathers, from sources that are there, not there, or broken."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from designs.monitoring import ErrorTracker
from designs.views import dashboard_data
from designs.views.dashboard_data import collect
from integrations.redis import RedisUnavailable

STATS = {"count": 4, "avg_duration": 0.25, "p95": 1.5, "error_rate": 0.5}


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers of the sources; an exception is raised."""
    answers: dict[str, Any] = {name: {} for name in dashboard_data._SOURCES}
    answers["workers"] = []

    def answer(name: str) -> Any:
        if isinstance(answers[name], Exception):
            raise answers[name]
        return answers[name]

    module = ModuleType("dashboard_sources")
    for name in answers:
        setattr(module, name, lambda *arguments, name=name: answer(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(dashboard_data, "_SOURCES", {name: (module.__name__, name) for name in answers})
    monkeypatch.setattr(dashboard_data, "_rates", dashboard_data._Rates())
    return answers


def test_rows_come_from_the_stats(sources: dict[str, Any]) -> None:
    sources |= {"requests": {"GET /": STATS, "POST /": {**STATS, "count": 9}}, "operations": {"bom": STATS}}
    sources["metrics"] = {"counters": {"slow_bom": 3.0}}

    found = collect()

    assert [row["name"] for row in found["requests"]] == ["POST /", "GET /"]
    assert found["operations"] == [
        {"name": "bom", "count": 4, "per_minute": None, "avg_ms": 250.0, "p95_ms": 1500.0, "error_rate": 0.5, "slow": 3}
    ]


def test_tasks_come_from_the_flat_counters(sources: dict[str, Any]) -> None:
    sources["metrics"] = {
        "counters": {
            "celery_task_total": 7.0,
            "celery_task_SUCCESS": 5.0,
            "celery_task_FAILED": 2.0,
            "celery_task_designs.tasks.scan": 7.0,
            "celery_task_designs.tasks.scan_SUCCESS": 5.0,
            "celery_task_designs.tasks.scan_FAILED": 2.0,
            "http_requests_total": 9.0,
        }
    }

    assert collect()["tasks"] == [{"name": "designs.tasks.scan", "success": 5, "failed": 2, "retry": 0, "p95_ms": None}]


def test_errors_come_from_the_groups() -> None:
    for _ in range(3):
        record = ErrorTracker.log_error(ValueError("no such part"))

    (group,) = collect()["errors"]

    assert (group["key"], group["type"], group["total"]) == (record["fingerprint"], "ValueError", 3)
    assert sum(count for _, count in group["minutes"]) == 3


@pytest.mark.parametrize("part", ["health", "requests", "operations", "sentry", "workers"])
def test_a_part_that_is_away_takes_no_other_with_it(sources: dict[str, Any], part: str) -> None:
    sources["requests"] = {"GET /": STATS}
    sources[part] = RedisUnavailable("away", asked=True)

    found = collect()

    assert found["away"] == [part]
    assert bool(found["requests"]) == (part != "requests")


@pytest.mark.usefixtures("allow_swallowed")
def test_a_part_that_breaks_takes_no_other_with_it(sources: dict[str, Any]) -> None:
    sources |= {"health": KeyError("bug"), "requests": {"GET /": STATS}}

    found = collect()

    assert (found["away"], found["health"], len(found["requests"])) == (["health"], {}, 1)


def test_without_any_source_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = dict.fromkeys(dashboard_data._SOURCES, ("no.such.module", "name"))
    monkeypatch.setattr(dashboard_data, "_SOURCES", nowhere)

    found = collect()

    assert found.pop("workers") == 0
    assert not any(found.values())


def test_two_looks_make_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(dashboard_data, "time", SimpleNamespace(monotonic=lambda: now))
    rates = dashboard_data._Rates()

    assert rates.per_minute("GET /", 100) is None
    now += 30
    assert rates.per_minute("GET /", 150) == 100
    now += 1  # too short to tell
    assert rates.per_minute("GET /", 151) == 100
    now += 29
    assert rates.per_minute("GET /", 10) is None  # counted anew
    now += 3600
    assert rates.per_minute("GET /", 20) is None  # too long ago
