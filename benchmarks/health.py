"""Benchmark of a health probe, beside stock django-health-check on the same components.

Method. One process, Django's WSGI test client, embedded Valkey on a unix socket, SQLite, no worker: tasks are eager, so
neither side checks workers (stock uses ``control.ping``, which alone waits a second). Stock runs its own Database,
Redis and Storage checks; ours runs the same three. A warm probe follows another within a second; a cold one finds no
cached result. Contenders run in alternating rounds (`timing`).
"""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections.abc import Callable

import redis.asyncio
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import path
from health_check.views import HealthCheckView

from benchmarks.timing import alternate, show
from designs.monitoring.health import checker
from enginel.local.valkey import EmbeddedValkey
from enginel.urls import urlpatterns as service_urlpatterns

__all__ = ["run"]

OURS, STOCK = "/api/health/detailed/", "/stock/"
THREE = {"checks": "database,redis,storage"}
PROBES = 50

urlpatterns = list(service_urlpatterns)


def run(server: EmbeddedValkey) -> None:
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    stock = HealthCheckView.as_view(
        checks=[
            "health_check.checks.Database",
            "health_check.checks.Storage",
            (
                "health_check.contrib.redis.Redis",
                {"client_factory": lambda: redis.asyncio.Redis(unix_socket_path=str(server.socket))},
            ),
        ]
    )
    urlpatterns.append(path("stock/", stock))
    with override_settings(ROOT_URLCONF="benchmarks.health", CELERY_TASK_ALWAYS_EAGER=True, ALLOWED_HOSTS=["*"]):
        client = Client()

        def ours(query: dict[str, str]) -> None:
            assert client.get(OURS, query).status_code == 200

        def cold() -> None:
            checker.runner.reset()
            ours(THREE)

        def stock_probe() -> None:
            assert client.get(STOCK, headers={"accept": "application/json"}).status_code == 200

        results = alternate(
            {
                "stock django-health-check, 3 checks": stock_probe,
                "ours, the same 3, cold": cold,
                "ours, the same 3, warm": lambda: ours(THREE),
                "ours, all 7, warm": lambda: ours({}),
                "liveness": lambda: client.get("/api/health/"),
            },
            calls=40,
        )
        show("One probe (WSGI, in process)", results, base="stock django-health-check, 3 checks")
        _show_storm("stock django-health-check", stock_probe)
        _show_storm("ours", lambda: ours(THREE), before=checker.runner.reset)


def _show_storm(name: str, probe: Callable[[], None], before: Callable[[], None] = lambda: None) -> None:
    """Print the time that fifty concurrent probes take in all."""
    taken = []
    for _ in range(5):
        before()
        threads = [threading.Thread(target=probe) for _ in range(PROBES)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken.append((time.perf_counter() - began) * 1000)
    print(f"  {PROBES} cold probes at once, {name:<32} median {statistics.median(taken):>8.1f} ms for all")
