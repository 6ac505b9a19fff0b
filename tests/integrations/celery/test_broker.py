"""Which tasks the broker and live workers have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings

from integrations.celery import broker, heartbeats
from integrations.celery.broker import BrokerQueues, Undecided, tasks_at_workers, tasks_in_queues
from integrations.redis import FailFastRedis, RedisUnavailable, redis_for
from tests.support.outage import REFUSED_URL

CELERY = BrokerQueues(["celery"])


def gateway() -> FailFastRedis:
    return redis_for(settings.REDIS_URL)


def queue(key: str, *tasks: str) -> None:
    for task in tasks:
        body = json.dumps({"body": "", "headers": {"id": f"{task}-id", "root_id": task}})
        gateway().run(lambda client, body=body: client.lpush(key, body))


def tell(name: str, **facts: Any) -> None:
    heartbeats.tell(gateway(), heartbeats.WORKERS_KEY, name, facts)


def test_a_task_is_found_by_its_own_id_and_by_that_of_the_first() -> None:
    queue("celery", "a", "b")

    assert tasks_in_queues(gateway(), CELERY, {"a", "b-id", "c"}) == {"a", "b-id"}


@pytest.mark.parametrize("key", ["celery", "celery\x06\x163", "celery\x06\x169", "other"])
def test_every_queue_and_priority_is_looked_into(key: str) -> None:
    queue(key, "a")

    assert tasks_in_queues(gateway(), BrokerQueues(["other", "celery"]), {"a"}) == {"a"}


def test_transport_options_that_name_keys_are_honoured() -> None:
    options = {"global_keyprefix": "app1:", "priority_steps": [0, 1], "sep": ":"}
    queue("app1:celery:1", "a")
    queue("celery", "b")

    assert tasks_in_queues(gateway(), BrokerQueues(["celery"], options), {"a", "b"}) == {"a"}


def test_a_long_queue_is_read_to_its_end() -> None:
    queue("celery", *(f"t{number}" for number in range(1_201)))

    assert tasks_in_queues(gateway(), CELERY, {"t0", "t700", "t1200", "gone"}) == {"t0", "t700", "t1200"}


def test_a_queue_too_long_to_be_read_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_PAGE", 10)
    monkeypatch.setattr(broker, "_MESSAGES_MAX", 50)
    queue("celery", *(f"t{number}" for number in range(100)))

    with pytest.raises(Undecided):
        tasks_in_queues(gateway(), CELERY, {"gone"})


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "5", '{"headers": 5}', '{"headers": null}'])
def test_a_message_that_cannot_be_read_hides_no_other(body: str) -> None:
    queue("celery", "a")
    gateway().run(lambda client: client.lpush("celery", body))

    assert tasks_in_queues(gateway(), CELERY, {"a"}) == {"a"}


def test_live_workers_name_their_tasks_and_queues() -> None:
    tell("one@a", tasks=["a"], tasks_cut=False, queues=["celery"])
    tell("two@b", tasks=["b"], tasks_cut=False, queues=["cad"])

    assert tasks_at_workers(gateway()) == ({"a", "b"}, {"celery", "cad"})


@pytest.mark.parametrize("facts", [{}, {"tasks": ["a"], "tasks_cut": True}])
def test_a_worker_that_does_not_name_its_tasks_decides_nothing(facts: dict[str, Any]) -> None:
    tell("one@a", **facts)

    with pytest.raises(Undecided):
        tasks_at_workers(gateway())


def test_a_broker_that_is_away_is_told_from_an_empty_one() -> None:
    away = FailFastRedis(REFUSED_URL)
    with pytest.raises(RedisUnavailable):
        tasks_in_queues(away, CELERY, {"a"})
    with pytest.raises(RedisUnavailable):
        tasks_at_workers(away)
