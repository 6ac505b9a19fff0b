"""Many cold probes at once: each check runs once, and nobody waits for more than the slowest."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from django.test import Client, override_settings

from designs.monitoring.health import checker
from integrations.health import Plugin
from tests.support.health_probes import Usage, within

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

SLOWEST_SECONDS = 1.0
PROBES = 50


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Three checks, the slowest taking a second, that count their runs."""
    counted: Counter[str] = Counter()

    def slow(name: str, seconds: float) -> type[Plugin]:
        class Slow(Plugin):
            def run(self) -> None:
                counted[name] += 1
                time.sleep(seconds)

        return Slow

    parts = {"database": 0.0, "redis": 0.3, "celery": SLOWEST_SECONDS}
    monkeypatch.setattr(checker, "_plugins", {name: slow(name, seconds) for name, seconds in parts.items()})
    yield counted
    assert checker.runner.wait(10)


# A machine so slow that the last asks after the first result's second would run a check twice, and rightly.
@override_settings(ENGINEL_HEALTH_CACHE_SECONDS=30)
def test_fifty_cold_probes_run_each_check_once(runs: Counter[str]) -> None:
    Client().get("/api/health/")
    # The connection that outcomes are noted by stays.
    wires = checker.history.redis._wires
    wires.give_back(wires.take())
    before = Usage.now()
    codes: list[int] = []
    clients = [Client() for _ in range(PROBES)]
    askers = [
        threading.Thread(target=lambda client=client: codes.append(client.get("/api/health/detailed/").status_code))
        for client in clients
    ]

    with within(1.5 * SLOWEST_SECONDS):
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()

    assert codes == [200] * PROBES
    assert runs == {"database": 1, "redis": 1, "celery": 1}
    assert before.covers(Usage.now())
