"""The liveness probe of worker and beat."""

from __future__ import annotations

import time

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from integrations.redis import redis_for
from tests.support.outage import REFUSED_URL


def heard_of(key: str, name: str, seconds_ago: float) -> None:
    redis_for(settings.REDIS_URL).run(lambda client: client.zadd(key, {name: time.time() - seconds_ago}))


@pytest.mark.parametrize(("process", "key"), [("worker", "{health}workers"), ("beat", "{health}beats")])
def test_a_process_that_beats_lives(process: str, key: str) -> None:
    heard_of(key, {"worker": "celery@here", "beat": "beat@here:7"}[process], 20)
    heard_of(key, "other@here", 500)

    call_command("heartbeat_check", process, host="here")


@pytest.mark.parametrize(("name", "seconds_ago"), [("celery@here", 90), ("celery@there", 0)])
def test_a_silent_process_does_not(name: str, seconds_ago: float) -> None:
    heard_of("{health}workers", name, seconds_ago)

    with pytest.raises(SystemExit, match="1"):
        call_command("heartbeat_check", "worker", host="here")


def test_with_redis_away_nobody_is_restarted() -> None:
    with override_settings(REDIS_URL=REFUSED_URL):
        call_command("heartbeat_check", "worker", host="here")
