"""The documented queries on a real Prometheus: one right sample each, whatever happens to Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import redis
from django.core.handlers.wsgi import WSGIHandler

from designs.monitoring import MetricsCollector
from designs.monitoring.metrics import flusher
from designs.views import metrics as view
from enginel.local.valkey import EmbeddedValkey
from integrations.celery import heartbeats
from integrations.redis import redis_for
from tests.support.outage import FrozenValkey
from tests.support.prometheus import Prometheus, is_no_number, prometheus
from tests.support.stack import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TOKEN = "correct-horse-battery-staple"
QUERIES = {
    "requests": "rate(http_requests_total[5m])",
    "failing requests": "rate(http_status_500[5m]) / rate(http_requests_total[5m])",
    "mean": "rate(api_request_duration_sum[5m]) / rate(api_request_duration_count[5m])",
    "p95": "histogram_quantile(0.95, rate(api_request_duration_bucket[5m]))",
    "failing tasks": "rate(celery_task_FAILED[5m]) / rate(celery_task_total[5m])",
    "no workers": "celery_workers_active == 0",
    "storage": "storage_used_gb / storage_quota_gb",
}


EVENT = "0123456789abcdef0123456789abcdef"


@dataclass
class Service:
    """The view of /metrics behind a port, on a Valkey of its own."""

    valkey: FrozenValkey
    target: str

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url)

    def traffic(self, requests: int, failed: int) -> None:
        """Count requests: nine in ten took 20 ms, the rest 1.82 s; and half as many tasks."""
        for number in range(requests):
            is_quick = number * 10 < requests * 9
            MetricsCollector.track_request(
                "GET", "api/designs/", 500 if number < failed else 200, 0.02 if is_quick else 1.82,
                exemplar=EVENT if is_quick else "",
            )  # fmt: skip
        for number in range(requests // 2):
            MetricsCollector.track_task("designs.scan_design", "FAILED" if number < failed else "SUCCESS", 1.0)
        wait_for(flusher.flush)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the standard library
        pass


@pytest.fixture
def service(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    valkey = EmbeddedValkey(tmp_path / "state")
    valkey.start()
    settings.REDIS_URL = valkey.url
    settings.CELERY_BROKER_URL = valkey.url.replace("unix://", "redis+socket://")
    settings.ENGINEL_METRICS_TOKEN, settings.ENGINEL_METRICS_ALLOWED_IPS = TOKEN, ()
    settings.ENGINEL_METRICS_CACHE_SECONDS = 0
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    # What the scrapes themselves are is not part of the sums below.
    settings.MIDDLEWARE = ["designs.middleware.ErrorTrackingMiddleware"]
    monkeypatch.setattr(view, "storage_in_gb", lambda: {"storage_used_gb": 2, "storage_quota_gb": 8})
    server = make_server("127.0.0.1", 0, WSGIHandler(), WSGIServer, _Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Service(FrozenValkey(valkey), f"127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        redis_for(valkey.url)._wires.client.close()
        redis_for.cache_clear()
        valkey.stop()


@pytest.fixture
def asked(service: Service, tmp_path: Path) -> Iterator[Prometheus]:
    with prometheus(tmp_path, service.target, TOKEN) as running:
        yield running


def answers(asked: Prometheus) -> dict[str, float]:
    return {name: asked.one(query) for name, query in QUERIES.items()}


def test_each_documented_query_gives_one_right_sample(service: Service, asked: Prometheus, settings: Any) -> None:
    asked.wait_for_scrapes(3)
    before = answers(asked)
    assert {name: before[name] for name in ("requests", "no workers", "storage")} == {
        "requests": 0, "no workers": 0, "storage": 0.25,
    }  # fmt: skip
    assert all(is_no_number(before[name]) for name in ("failing requests", "mean", "p95", "failing tasks"))

    # The service says what is in use; an application cannot.
    MetricsCollector.record_gauge("storage_used_gb", 6)
    heartbeats.tell(service.valkey.gateway, heartbeats.WORKERS_KEY, "worker@a", {})
    for _ in range(3):
        service.traffic(100, 10)
        asked.wait_for_scrapes(1)
    asked.wait_for_scrapes(1)
    assert asked.query(QUERIES["requests"])[0] > 0
    assert asked.one(QUERIES["failing requests"]) == pytest.approx(0.1)
    assert asked.one(QUERIES["failing tasks"]) == pytest.approx(0.2)
    assert asked.one(QUERIES["mean"]) == pytest.approx(0.2)
    assert asked.one(QUERIES["p95"]) == pytest.approx(1.75)
    assert asked.one(QUERIES["storage"]) == 0.25
    assert asked.one("celery_workers_active") == 1
    assert asked.query(QUERIES["no workers"]) == []
    assert {e["labels"]["trace_id"] for e in asked.exemplars("api_request_duration_bucket")} == {EVENT}

    with service.client as client:
        client.delete(heartbeats.WORKERS_KEY)
    asked.wait_for_scrapes(2)
    after = answers(asked)
    assert (after["storage"], after["no workers"]) == (0.25, 0)
    assert not [name for name, value in after.items() if is_no_number(value)]


@contextmanager
def busy(service: Service) -> Iterator[None]:
    """Let Redis answer every command with an error: a script is running and does not end."""
    with service.client as client:
        client.config_set("busy-reply-threshold", 100)
        victim = redis.Redis.from_url(service.valkey.url)
        script = threading.Thread(target=_run_for_ever, args=(victim,), daemon=True)
        script.start()
        try:
            yield
        finally:
            client.script_kill()
            script.join()
            victim.close()


def _run_for_ever(client: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError, match=r"[Kk]illed"):
        client.eval("while true do end", 0)


def test_no_counter_is_seen_to_fall_while_redis_stalls_refuses_and_restarts(
    service: Service, asked: Prometheus
) -> None:
    service.traffic(1000, 10)
    asked.wait_for_scrapes(2)

    with service.valkey.frozen():
        asked.wait_until_down()
    asked.wait_for_scrapes(2)
    with busy(service):
        asked.wait_until_down()
    service.traffic(10, 1)
    asked.wait_for_scrapes(2)
    service.valkey.server.stop()
    asked.wait_until_down()
    service.valkey.server.start()
    asked.wait_for_scrapes(2)

    for name in ("http_requests_total", "http_status_500", "celery_task_total", "api_request_duration_count"):
        assert asked.one(f"resets({name}[1h])") == 0, name
    assert asked.one("max_over_time(http_requests_total[1h])") == 1010
