"""The health plugins on what they probe."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError
from health_check.exceptions import HealthCheckException, ServiceUnavailable, ServiceWarning

from integrations.celery import heartbeats
from integrations.health import (
    Beat,
    CADKernel,
    CeleryWorkers,
    Database,
    Redis,
    SentryDelivery,
    Storage,
    broker_redis_url,
)
from integrations.redis import FailFastRedis
from tests.support.outage import REFUSED_URL


def gateway(url: str | None = None) -> FailFastRedis:
    return FailFastRedis(url or settings.REDIS_URL, timeout_seconds=2, breaker_seconds=0)


def said(check: Any) -> tuple[str, str]:
    """Return the kind and the message of what a check raises."""
    with pytest.raises(HealthCheckException) as caught:
        check.run()
    return type(caught.value).__name__, caught.value.message


@pytest.mark.django_db
def test_a_database_that_answers_is_fine() -> None:
    Database(write=False).run()


@pytest.mark.django_db
def test_a_database_that_fails_is_unavailable_and_its_message_not_told() -> None:
    def refuse(*args: object) -> None:
        raise OperationalError("secret.example.org refused")

    with connection.execute_wrapper(refuse), pytest.raises(ServiceUnavailable) as caught:
        Database().run()
    assert "secret" not in str(caught.value)


@pytest.mark.django_db
def test_pending_migrations_are_a_warning() -> None:
    MigrationRecorder(connection).record_unapplied("designs", "0001_initial")

    assert said(Database()) == ("ServiceWarning", "1 migrations are pending")


@pytest.mark.django_db
def test_a_database_without_tables_is_unavailable() -> None:
    MigrationRecorder(connection).migration_qs.all().delete()

    assert said(Database()) == ("ServiceUnavailable", "has no tables: run the migrations")


def test_a_redis_that_answers_is_fine_and_nothing_is_left_in_it() -> None:
    Redis(gateway()).run()

    assert gateway().run(lambda client: client.dbsize()) == 0


def test_a_redis_that_refuses_is_unavailable() -> None:
    assert said(Redis(gateway(REFUSED_URL))) == ("ServiceUnavailable", "does not answer")


def test_a_missing_kernel_is_a_warning() -> None:
    CADKernel(lambda: True).run()
    with pytest.raises(ServiceWarning):
        CADKernel(lambda: False).run()


def test_the_label_of_a_check_names_no_address() -> None:
    assert "127.0.0.1" not in repr(Redis(gateway(REFUSED_URL)))


def test_a_storage_that_keeps_files_is_fine_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    Storage(FileSystemStorage(tmp_path)).run()

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_storage_that_runs_full_is_a_warning(tmp_path: Path) -> None:
    assert said(Storage(FileSystemStorage(tmp_path), min_free_bytes=1 << 60)) == ("ServiceWarning", "almost full")


def test_a_storage_that_is_no_folder_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert said(Storage(FileSystemStorage(tmp_path / "file"))) == ("ServiceUnavailable", "cannot be written")


def test_a_storage_that_gives_back_something_else_is_unavailable(tmp_path: Path) -> None:
    class Forgetful(FileSystemStorage):
        def _save(self, name: str, content: Any) -> str:
            saved = super()._save(name, content)
            Path(self.path(saved)).write_bytes(b"")
            return saved

    assert said(Storage(Forgetful(tmp_path)))[1] == "gives back something else than was stored"


def delivery(**status: Any) -> SentryDelivery:
    return SentryDelivery(lambda: {"enabled": True, **status})


def test_sentry_without_a_dsn_is_fine() -> None:
    check = SentryDelivery(lambda: {"enabled": False})
    check.run()

    assert check.message == "not configured"


@pytest.mark.parametrize(("depth", "age"), [(0, 0.0), (5, 30.0), (0, 500.0)])
def test_events_that_are_not_waiting_for_long_are_fine(depth: int, age: float) -> None:
    delivery(outbox_depth=depth, outbox_oldest_seconds=age).run()


def test_events_that_wait_for_long_are_a_warning() -> None:
    assert said(delivery(outbox_depth=3, outbox_oldest_seconds=75.4)) == (
        "ServiceWarning",
        "3 events wait, the oldest for 75 s",
    )


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ("redis://:pw@host:6379/1", "redis://:pw@host:6379/1"),
        ("rediss://host", "rediss://host"),
        ("redis+socket:///run/a.sock", "unix:///run/a.sock"),
        ("redis+socket:///run/a.sock?virtual_host=4", "unix:///run/a.sock?db=4"),
        ("amqp://host", ""),
        ("", ""),
    ],
)
def test_a_redis_client_finds_the_broker(broker: str, expected: str) -> None:
    assert broker_redis_url(broker) == expected


@pytest.fixture
def app() -> Celery:
    app = Celery("probe", broker="memory://", set_as_current=False)
    app.conf.task_always_eager = False
    app.conf.task_time_limit = 60
    return app


def worker(name: str = "a@host.example", **facts: Any) -> None:
    heartbeats.tell(gateway(), heartbeats.WORKERS_KEY, name, {"queues": ["celery"], **facts})


def age(name: str, seconds: float, key: str = heartbeats.WORKERS_KEY) -> None:
    gateway().run(lambda client: client.zincrby(key, -seconds, name))


def workers_check(app: Celery, **limits: Any) -> CeleryWorkers:
    return CeleryWorkers(app, gateway(), gateway(), **limits)


@pytest.mark.parametrize(
    ("here", "workers", "usable"),
    [(True, [], True), (False, [], False), (False, [True], True), (True, [True, False], False)],
)
def test_the_kernel_counts_where_tasks_run(app: Celery, here: bool, workers: list[bool], usable: bool) -> None:
    for number, installed in enumerate(workers):
        worker(f"w{number}@host", kernel=installed)
    check = CADKernel(lambda: here, app, gateway())

    if usable:
        check.run()
    else:
        assert said(check)[0] == "ServiceWarning"


def test_with_redis_away_or_eager_tasks_the_kernel_counts_here(app: Celery) -> None:
    CADKernel(lambda: True, app, gateway(REFUSED_URL)).run()
    worker(kernel=False)
    app.conf.task_always_eager = True
    CADKernel(lambda: True, app, gateway()).run()


def test_with_eager_tasks_nobody_else_is_needed(app: Celery) -> None:
    app.conf.task_always_eager = True
    checks: list[Any] = [CeleryWorkers(app, gateway(REFUSED_URL)), Beat(app, gateway(REFUSED_URL))]
    for check in checks:
        check.run()

        assert check.message == "tasks run in process"


def test_a_worker_that_beats_is_fine_and_its_host_for_admins_only(app: Celery) -> None:
    worker()
    check = workers_check(app)
    check.run()

    assert (check.message, check.facts["workers"]) == ("1 worker(s) active", ["celery@worker1"])
    assert check.private_facts["worker_names"] == ["a@host.example"]


def test_no_worker_is_unavailable(app: Celery) -> None:
    assert said(workers_check(app)) == ("ServiceUnavailable", "no worker is alive")


def test_a_worker_that_fell_silent_is_not_alive(app: Celery) -> None:
    worker()
    age("a@host.example", heartbeats.LIVE_SECONDS + 1)

    assert said(workers_check(app)) == ("ServiceUnavailable", "no worker is alive")


def test_one_of_two_workers_lost_is_a_warning(app: Celery) -> None:
    worker()
    worker("b@host")
    age("b@host", heartbeats.LIVE_SECONDS + 1)

    assert said(workers_check(app)) == ("ServiceWarning", "1 of 2 workers are lost")


def test_a_worker_that_ended_as_it_should_is_not_missed(app: Celery) -> None:
    worker()
    worker("b@host")
    heartbeats.untell(gateway(), heartbeats.WORKERS_KEY, "b@host")

    workers_check(app).run()


def test_a_queue_nobody_takes_from_is_unavailable(app: Celery) -> None:
    worker(queues=["other"])
    check = workers_check(app)

    assert said(check) == ("ServiceUnavailable", "nobody takes from 1 of 1 queues")
    assert check.private_facts["queues_without_worker"] == ["celery"]


def test_a_pool_that_takes_no_work_is_seen(app: Celery) -> None:
    worker(idle_while_waiting_seconds=11.0)
    assert said(workers_check(app)) == ("ServiceUnavailable", "no worker starts what it took")

    worker("b@host")
    assert said(workers_check(app))[1] == "1 of 2 workers start nothing of what they took"


def test_a_worker_stuck_in_a_task_beyond_its_limit_is_a_warning(app: Celery) -> None:
    worker(longest_task_seconds=80.0)
    workers_check(app).run()

    worker(longest_task_seconds=91.0)
    assert said(workers_check(app)) == ("ServiceWarning", "1 workers are stuck in a task")


def test_depth_counts_what_waits_in_every_priority_and_what_is_unfinished(app: Celery) -> None:
    worker()
    client = gateway()
    client.run(lambda c: c.rpush("celery", "{}", "{}"))
    client.run(lambda c: c.rpush("celery\x06\x166", "{}"))
    client.run(lambda c: c.hset("unacked", mapping={"1": "", "2": ""}))
    check = workers_check(app)
    check.run()

    assert (check.facts["waiting"], check.facts["unfinished"]) == (3, 2)
    assert said(workers_check(app, max_depth=4)) == ("ServiceWarning", "5 tasks are unfinished")


def test_the_oldest_unfinished_task_is_a_warning(app: Celery) -> None:
    worker()
    gateway().run(lambda c: c.zadd("unacked_index", {"1": 0, "2": 1_000}))

    kind, message = said(workers_check(app))

    assert kind == "ServiceWarning"
    assert message.startswith("the oldest task has been unfinished for ")


def test_a_task_that_waits_for_its_time_is_not_old(app: Celery) -> None:
    worker(scheduled=1)
    headers = {
        "enginel_queued_at": time.time() - 5_000,
        "eta": datetime.fromtimestamp(time.time() + 60, UTC).isoformat(),
    }
    message = {"headers": headers}
    gateway().run(lambda c: c.zadd("unacked_index", {"1": time.time() - 5_000}))
    gateway().run(lambda c: c.hset("unacked", "1", json.dumps([message, "", "celery"])))
    gateway().run(lambda c: c.lpush("celery", json.dumps(message)))
    check = workers_check(app)
    check.run()
    assert check.facts["oldest_seconds"] == 0.0

    headers["eta"] = datetime.fromtimestamp(time.time() - 1_000, UTC).isoformat()
    gateway().run(lambda c: c.hset("unacked", "1", json.dumps([message, "", "celery"])))
    assert said(workers_check(app))[1].startswith("the oldest task has been unfinished for 100")


def test_a_task_that_waits_for_its_time_hides_none_that_is_late(app: Celery) -> None:
    worker(scheduled=1)
    late, later = (
        {"enginel_queued_at": time.time() - 1_000},
        {"enginel_queued_at": time.time(), "eta": "2999-01-01T00:00:00Z"},
    )
    for headers in (later, late, later):
        body = json.dumps({"headers": headers})
        gateway().run(lambda c, body=body: c.lpush("celery", body))

    assert said(workers_check(app))[1].startswith("the oldest task has been unfinished for 100")


def test_tasks_that_a_rate_limit_holds_back_are_not_old(app: Celery) -> None:
    worker(held=2)
    gateway().run(lambda c: c.zadd("unacked_index", {"1": 0}))

    workers_check(app).run()


def test_the_oldest_task_in_a_worker_counts(app: Celery) -> None:
    worker(oldest_task_seconds=901.0, active=2, waiting=1)
    check = workers_check(app)

    assert said(check) == ("ServiceWarning", "the oldest task has been unfinished for 901 s")
    assert check.facts["unfinished"] == 3


def test_the_oldest_waiting_task_counts_by_its_header(app: Celery) -> None:
    worker()
    for body in ('{"headers": {"enginel_queued_at": 0}}', '{"headers": {"enginel_queued_at": 1}}'):
        gateway().run(lambda c, body=body: c.lpush("celery", body))

    assert said(workers_check(app))[0] == "ServiceWarning"


@pytest.mark.parametrize("body", ["", "nonsense", "[]", '{"headers": 5}', '{"headers": {"enginel_queued_at": "x"}}'])
def test_a_message_that_says_nothing_of_its_age_has_none(app: Celery, body: str) -> None:
    worker()
    gateway().run(lambda c: c.lpush("celery", body))
    check = workers_check(app)
    check.run()

    assert check.facts["oldest_seconds"] == 0.0


def test_a_broker_that_is_away_is_unavailable(app: Celery) -> None:
    worker()

    assert said(CeleryWorkers(app, gateway(), gateway(REFUSED_URL)))[1] == "the broker does not answer"


def test_heartbeats_that_cannot_be_read_are_unavailable(app: Celery) -> None:
    assert said(CeleryWorkers(app, gateway(REFUSED_URL)))[1] == "the workers' heartbeats cannot be read"


def test_beat_that_is_away_is_a_warning(app: Celery) -> None:
    check = Beat(app, gateway())
    assert said(check) == ("ServiceWarning", "is not running")

    heartbeats.tell(gateway(), heartbeats.BEATS_KEY, "beat@a", {})
    check.run()
    assert check.message == "runs"

    heartbeats.tell(gateway(), heartbeats.BEATS_KEY, "beat@b", {})
    assert said(check) == ("ServiceWarning", "runs 2 times: what is due is queued as often")

    age("beat@b", 60, heartbeats.BEATS_KEY)
    check.run()


def test_a_worker_reports_what_it_takes_and_how_long(app: Celery) -> None:
    step = heartbeats.WorkerHeartbeat(SimpleNamespace(steps=[]))
    consumer = SimpleNamespace(
        task_consumer=SimpleNamespace(queues=[SimpleNamespace(name="b"), SimpleNamespace(name="a")])
    )
    parent = SimpleNamespace(pool=SimpleNamespace(num_processes=2), consumer=consumer, concurrency=2, app=app)

    assert step._facts(parent)["queues"] == ["a", "b"]
    parent.consumer = None
    assert step._facts(parent)["queues"] == ["celery"]


def test_a_pool_is_idle_while_tasks_wait_and_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    step = heartbeats.WorkerHeartbeat(SimpleNamespace(steps=[]))
    clock = iter(range(0, 100, 2))
    monkeypatch.setattr(heartbeats, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    waiting, active = [object()], [object()]

    assert step._idle_while_waiting(waiting, active, 5, 2) == 0.0  # the first look knows of no progress
    assert step._idle_while_waiting(waiting, active, 5, 2) == 0.0
    assert step._idle_while_waiting(waiting, active, 5, 2) == 2.0
    assert step._idle_while_waiting(waiting, active, 6, 2) == 0.0  # one was started
    assert step._idle_while_waiting(waiting, active * 2, 6, 2) == 0.0  # the pool is full
    assert step._idle_while_waiting([], active, 6, 2) == 0.0  # nothing waits


def test_a_beat_that_cannot_be_told_does_no_harm() -> None:
    assert not heartbeats.tell(gateway(REFUSED_URL), heartbeats.WORKERS_KEY, "a@b", {})
    heartbeats.untell(gateway(REFUSED_URL), heartbeats.WORKERS_KEY, "a@b")


def test_who_was_silent_for_long_is_forgotten() -> None:
    worker()
    age("a@host.example", heartbeats.FORGET_SECONDS + 1)
    assert heartbeats.read_beats(gateway()) == []

    worker("b@host")
    assert gateway().run(lambda c: c.zrange(heartbeats.WORKERS_KEY, 0, -1)) == [b"b@host"]
    assert heartbeats.live_workers(gateway()) == ["b@host"]
