"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import hypothesis
import pytest
import redis
import sentry_sdk
from django.conf import settings

from designs import context
from designs.monitoring import guard, lifecycle
from designs.monitoring.health import checker
from integrations.redis import redis_for
from tests.support.stack import running

__all__ = ["running"]

# No timed assertions: a loaded machine is no failure.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def redis_is_ours() -> None:
    """Tests empty the Redis they use, so one that holds anything is not theirs."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    if client.dbsize():
        pytest.exit("REDIS_URL names a Redis database that holds data; the tests would empty it.", returncode=3)
    client.close()


@pytest.fixture(autouse=True)
def clean_monitoring(redis_is_ours: None) -> None:
    """Every test starts with an empty store, a closed breaker and no context."""
    # What a test before this one checked may still be telling Redis.
    checker.runner.wait(10)
    gateway = redis_for(settings.REDIS_URL)
    gateway.close_breaker()
    gateway.run(lambda client: client.flushdb())
    lifecycle.reset()
    context.start(context.RunContext())
    context._is_met_outside = False
    # Django's test client goes past the SDK's wrapper, which ends a request's scope.
    for scope in (sentry_sdk.get_isolation_scope(), sentry_sdk.get_current_scope()):
        scope.clear()
    guard.swallowed.clear()


@pytest.fixture(autouse=True)
def swallowed_failures_are_loud(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[tuple[str, Exception]]]:
    """What the guard swallows in production fails the test that caused it, unless it asks for it."""
    seen: list[tuple[str, Exception]] = []
    monkeypatch.setattr(guard, "on_swallowed", lambda where, error: seen.append((where, error)))
    yield seen
    if seen and "allow_swallowed" not in request.fixturenames:
        where, error = seen[0]
        raise AssertionError(f"the monitoring swallowed a failure in {where}") from error


@pytest.fixture
def allow_swallowed() -> None:
    """Ask for it: this test makes the monitoring itself fail."""


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """Let reports of parallel processes hold any captured text: they travel as UTF-8, which has no lone surrogates."""
    data = yield
    if data and "sections" in data:
        data["sections"] = [(name, text.encode(errors="backslashreplace").decode()) for name, text in data["sections"]]
    return data
