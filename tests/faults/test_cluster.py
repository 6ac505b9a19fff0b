"""On a cluster of three nodes each call stays on one node, families spread over them, and nodes and slots may go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from redis.crc import key_slot

from designs.context import RunContext
from designs.monitoring import MetricsCollector, PerformanceMonitor
from designs.monitoring.errors.delivery_counts import account_of
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.store import ErrorStore
from designs.monitoring.fingerprint import Fingerprint, fingerprint_message
from designs.monitoring.health.history import History
from designs.monitoring.health.results import Outcome
from designs.monitoring.metrics import flusher, read_families
from designs.monitoring.metrics import flusher as flusher_of_this_process
from designs.monitoring.metrics.flusher import Flusher
from integrations import health as plugins
from integrations.celery.heartbeats import WORKERS_KEY, read_beats, tell, untell
from integrations.redis import FailFastRedis, Script
from integrations.sentry.outbox.stream import Outbox, Waiting
from tests.support.cluster import Cluster, gateway_to, nodes

__all__ = ["nodes"]

pytestmark = pytest.mark.slow


@pytest.fixture
def gateway(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[FailFastRedis]:
    """Let the stores of this process use the cluster, emptied."""
    nodes.flush()
    with gateway_to(nodes.url, breaker_seconds=0.05) as gateway:
        monkeypatch.setattr(ErrorStore, "redis", gateway)
        monkeypatch.setattr(Flusher, "redis", gateway)
        yield gateway


def record(store: ErrorStore, message: str, **facts: Any) -> Any:
    return store.record(build_event(message, RunContext(), **facts), fingerprint_message(message))


def test_options_of_the_url_are_those_of_redis_py(nodes: Cluster) -> None:
    with gateway_to(f"{nodes.url}?max_connections=5") as gateway:
        assert gateway.script(Script("integrations.celery", "beat"), ["{b}", "{b}:facts"], ["a", "{}", 1]) is not None
        assert gateway.run(lambda client: client.ping())


class TestMetrics:
    def test_all_families_are_merged_and_read(self, gateway: FailFastRedis) -> None:
        for _ in range(3):
            MetricsCollector.track_request("GET", "api/x/", 200, 0.1)
            MetricsCollector.track_task("designs.scan_design", "SUCCESS", 0.5, queue_seconds=0.1)
            MetricsCollector.increment_counter("n", 2)
            PerformanceMonitor._record_duration("op", 1.0, error_occurred=True)
            assert flusher.flush()

        families = read_families(gateway)
        assert {name: sum(one.count for one in each.values()) for name, each in families.histograms.items()} == {
            "requests": 3, "operations": 3, "tasks": 3, "tracked_tasks": 0, "task_queue": 3,
        }  # fmt: skip
        assert families.counters["flat"][("n",)] == 6
        assert families.histograms["operations"][("op",)].errors == 3

    def test_a_batch_sent_twice_is_added_once(self, gateway: FailFastRedis, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[tuple[Any, ...]] = []
        script = FailFastRedis.script

        def keep(self: FailFastRedis, *call: Any) -> Any:
            sent.append(call)
            return script(self, *call)

        monkeypatch.setattr(FailFastRedis, "script", keep)
        MetricsCollector.increment_counter("n", 5)
        assert flusher_of_this_process.flush()
        for call in sent:
            assert script(gateway, *call) == 0

        assert read_families(gateway).counters["flat"][("n",)] == 5

    def test_families_spread_over_the_nodes(self, gateway: FailFastRedis) -> None:
        slots = {key_slot(f"{{m:{family}}}".encode()) * 3 // 16_384 for family in ("requests", "operations", "tasks")}
        assert len(slots) > 1


class TestErrors:
    def test_occurrences_are_counted_kept_and_read(self, gateway: FailFastRedis) -> None:
        store = ErrorStore()
        outcomes = [record(store, "a", user_id=number) for number in range(3)]
        record(store, "b")

        assert [outcome.occurrences for outcome in outcomes] == [1, 2, 3]
        assert store.totals()["occurrences"] == 4
        assert [found["error_message"] for found in store.recent(10)] == ["b", "a", "a", "a"]
        group = store.group(fingerprint_message("a").key)
        assert group is not None
        assert (group["total"], group["users"]) == ("3", 3)

    def test_groups_are_resolved_related_and_found_by_alias(self, gateway: FailFastRedis) -> None:
        store = ErrorStore()
        for name in "ab":
            fingerprint = Fingerprint(f"1:{name}", "1", (name,), (f"1:alias-{name}",), "site")
            store.record(build_event("x", RunContext()), fingerprint)

        found = store.group("1:alias-a")
        assert found is not None
        assert [other["fingerprint"] for other in found["related"]] == ["1:b"]
        assert store.resolve("1:a")

    def test_two_keys_of_one_bug_are_one_group(self, gateway: FailFastRedis) -> None:
        store = ErrorStore()
        for name in "ab":
            fingerprint = Fingerprint(f"1:{name}", "1", (name,), ("1:bug",), "site")
            outcome = store.record(build_event("x", RunContext()), fingerprint)

        assert (outcome.joined, outcome.occurrences) == ("1:a", 2)
        assert (store.group("1:b") or {})["joined"] == ["1:b"]
        assert store.resolve("1:b")
        assert (store.group("1:a") or {})["state"] == "resolved"

    def test_what_no_event_stands_for_yet_is_pending(self, gateway: FailFastRedis) -> None:
        store = ErrorStore()
        for _ in range(12):
            record(store, "a")
        with override_settings(ENGINEL_MAX_GROUPS=1):
            record(store, "b")

        assert account_of(store.totals()) == (13, 0, 0, {"group_evicted": 2, "group_expired": 0, "sentry_off": 11})


def test_the_outbox_keeps_and_tells(gateway: FailFastRedis) -> None:
    outbox = Outbox(gateway)
    assert outbox.add(Waiting("e1", 1000.0 * time.time(), b"envelope"), "me", 0) == "kept"
    assert outbox.lock("me", 10)
    outbox.unlock("me")
    taken = outbox.take_oldest("me", 10)

    assert isinstance(taken, Waiting)
    assert outbox.facts()["depth"] == 1
    assert outbox.accepted("e1", by="replay")
    outbox.count(1, "me", {"x": 2})
    assert outbox.state_of("e1") == "delivered"
    assert outbox.dead_letters() == []


def test_heartbeats_are_told_and_read(gateway: FailFastRedis) -> None:
    assert tell(gateway, WORKERS_KEY, "w", {"pid": 1})
    assert [beat.name for beat in read_beats(gateway)] == ["w"]
    gateway.run(lambda client: client.time())
    untell(gateway, WORKERS_KEY, "w")
    assert read_beats(gateway) == []


def test_health_is_checked_and_its_history_read(gateway: FailFastRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins.Redis(gateway).run()
    monkeypatch.setattr(History, "redis", gateway)
    history = History()
    history.note(Outcome("redis", "healthy", "fine", at=timezone.now()))
    history.settle()

    assert history.last_known()["redis"]["status"] == "healthy"
    assert history.strips(["redis", "database"])["redis"][-1] == "healthy"
    assert history.totals() is not None
