"""The stores' scripts and reads on a cluster of three nodes: each call stays on one node, families spread over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis.crc import key_slot

from designs.context import RunContext
from designs.monitoring import MetricsCollector, PerformanceMonitor
from designs.monitoring.event import build_event
from designs.monitoring.fingerprint import Fingerprint, fingerprint_message
from designs.monitoring.metrics import flusher, read_families
from designs.monitoring.metrics import flusher as flusher_of_this_process
from designs.monitoring.metrics.flusher import Flusher
from designs.monitoring.store import ErrorStore
from tests.cluster import ClusterGateway, cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterGateway]:
    with cluster(tmp_path_factory.mktemp("cluster")) as gateway:
        yield gateway


@pytest.fixture
def gateway(nodes: ClusterGateway, monkeypatch: pytest.MonkeyPatch) -> ClusterGateway:
    """Let the stores of this process use the cluster, emptied."""
    nodes.client.flushall(target_nodes="all")
    monkeypatch.setattr(ErrorStore, "redis", nodes)
    monkeypatch.setattr(Flusher, "redis", nodes)
    return nodes


def record(store: ErrorStore, message: str, **facts: Any) -> Any:
    return store.record(build_event(message, RunContext(), **facts), fingerprint_message(message))


class TestMetrics:
    def test_all_families_are_merged_and_read(self, gateway: ClusterGateway) -> None:
        for _ in range(3):
            MetricsCollector.track_request("GET", "api/x/", 200, 0.1)
            MetricsCollector.track_task("designs.scan_design", "SUCCESS", 0.5, queue_seconds=0.1)
            MetricsCollector.increment_counter("n", 2)
            PerformanceMonitor._record_duration("op", 1.0, error_occurred=True)
            assert flusher.flush()

        families = read_families(gateway)  # type: ignore[arg-type]
        assert {name: sum(one.count for one in each.values()) for name, each in families.histograms.items()} == {
            "requests": 3, "operations": 3, "tasks": 3, "task_queue": 3,
        }  # fmt: skip
        assert families.counters["flat"][("n",)] == 6
        assert families.histograms["operations"][("op",)].errors == 3

    def test_a_batch_sent_twice_is_added_once(self, gateway: ClusterGateway, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[tuple[Any, ...]] = []
        script = ClusterGateway.script

        def keep(self: ClusterGateway, *call: Any) -> Any:
            sent.append(call)
            return script(self, *call)

        monkeypatch.setattr(ClusterGateway, "script", keep)
        MetricsCollector.increment_counter("n", 5)
        assert flusher_of_this_process.flush()
        for call in sent:
            assert script(gateway, *call) == 0

        assert read_families(gateway).counters["flat"][("n",)] == 5  # type: ignore[arg-type]

    def test_families_spread_over_the_nodes(self, gateway: ClusterGateway) -> None:
        slots = {key_slot(f"{{m:{family}}}".encode()) * 3 // 16_384 for family in ("requests", "operations", "tasks")}
        assert len(slots) > 1


class TestErrors:
    def test_occurrences_are_counted_kept_and_read(self, gateway: ClusterGateway) -> None:
        store = ErrorStore()
        outcomes = [record(store, "a", user_id=number) for number in range(3)]
        record(store, "b")

        assert [outcome.occurrences for outcome in outcomes] == [1, 2, 3]
        assert store.totals()["occurrences"] == 4
        assert [found["error_message"] for found in store.recent(10)] == ["b", "a", "a", "a"]
        group = store.group(fingerprint_message("a").key)
        assert group is not None
        assert (group["total"], group["users"]) == ("3", 3)

    def test_groups_are_resolved_related_and_found_by_alias(self, gateway: ClusterGateway) -> None:
        store = ErrorStore()
        for name in "ab":
            fingerprint = Fingerprint(f"1:{name}", "1", (name,), (f"1:alias-{name}",), "site")
            store.record(build_event("x", RunContext()), fingerprint)

        found = store.group("1:alias-a")
        assert found is not None
        assert [other["fingerprint"] for other in found["related"]] == ["1:b"]
        assert store.resolve("1:a")
