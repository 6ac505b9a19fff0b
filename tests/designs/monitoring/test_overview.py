"""What the dashboard gathers, from sources that are there, not there, or broken."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from designs.monitoring import ErrorTracker, MetricsCollector, overview
from designs.monitoring.overview import collect_overview
from integrations.redis import RedisUnavailable

STATS = {"count": 4, "avg_duration": 0.25, "p95": 1.5, "error_rate": 0.5}


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers of the sources; an exception is raised."""
    answers: dict[str, Any] = {name: {} for name in overview._SOURCES}

    def answer(name: str) -> Any:
        if isinstance(answers[name], Exception):
            raise answers[name]
        return answers[name]

    for name in answers:
        monkeypatch.setitem(overview._SOURCES, name, lambda *arguments, name=name: answer(name))
    monkeypatch.setattr(overview, "_rates", overview._Rates())
    return answers


def test_rows_come_from_the_stats(sources: dict[str, Any]) -> None:
    sources["requests"] = {"GET /": STATS, "POST /": {**STATS, "count": 9}}
    sources["operations"] = {"bom": {**STATS, "slow": 3}}

    found = collect_overview()

    assert [row["name"] for row in found["requests"]] == ["POST /", "GET /"]
    assert found["operations"] == [
        {"name": "bom", "count": 4, "per_minute": None, "avg_ms": 250.0, "p95_ms": 1500.0, "error_rate": 0.5, "slow": 3}
    ]


def test_tasks_come_from_what_was_counted_and_timed() -> None:
    for state, seconds in [("SUCCESS", 0.1), ("SUCCESS", 0.1), ("FAILED", 0.1), ("RETRY", 0.1)]:
        MetricsCollector.track_task("designs.tasks.scan", state, seconds)
    MetricsCollector.track_task("designs.tasks.fine", "SUCCESS", 2.0)

    assert collect_overview()["tasks"] == [
        {"name": "designs.tasks.scan", "success": 2, "failed": 1, "retry": 1, "p95_ms": pytest.approx(100)},
        {"name": "designs.tasks.fine", "success": 1, "failed": 0, "retry": 0, "p95_ms": pytest.approx(2000)},
    ]


def test_errors_come_from_the_groups() -> None:
    for _ in range(3):
        record = ErrorTracker.log_error(ValueError("no such part"))

    (group,) = collect_overview()["errors"]

    assert (group["key"], group["type"], group["total"]) == (record["fingerprint"], "ValueError", 3)
    assert sum(count for _, count in group["minutes"]) == 3


@pytest.mark.parametrize("part", ["requests", "operations", "tasks", "sentry"])
def test_a_part_that_is_away_takes_no_other_with_it(sources: dict[str, Any], part: str) -> None:
    sources["requests"] = {"GET /": STATS}
    sources[part] = RedisUnavailable("away", asked=True)

    sources["health"] = {"celery": {"status": "healthy", "workers": ["celery@worker1"]}}

    found = collect_overview()

    assert (found["away"], found[part], found["workers"]) == ([part], None, 1)
    assert bool(found["requests"]) == (part != "requests")


@pytest.mark.usefixtures("allow_swallowed")
def test_a_part_that_breaks_takes_no_other_with_it(sources: dict[str, Any]) -> None:
    sources |= {"health": KeyError("bug"), "requests": {"GET /": STATS}}

    found = collect_overview()

    assert (found["away"], found["health"], len(found["requests"])) == (["health", "workers"], None, 1)


def test_two_looks_make_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(overview, "time", SimpleNamespace(monotonic=lambda: now))
    rates = overview._Rates()

    assert rates.per_minute("GET /", 100) is None
    now += 30
    assert rates.per_minute("GET /", 150) == 100
    now += 1  # too short to tell
    assert rates.per_minute("GET /", 151) == 100
    now += 29
    assert rates.per_minute("GET /", 10) is None  # counted anew
    now += 3600
    assert rates.per_minute("GET /", 20) is None  # too long ago
