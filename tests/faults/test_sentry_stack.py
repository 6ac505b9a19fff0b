"""The running service with Sentry away: beat and a worker deliver when it is back, with nobody's help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enginel.local.stack import LocalStack, Ports, free_port
from tests.support.faulty_sentry import faulty_sentry
from tests.support.stack import RunningStack, manage, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_failure_while_sentry_is_away_arrives_when_it_is_back(tmp_path: Path) -> None:
    with faulty_sentry() as sentry:
        sentry.fail_with(503)
        stack = LocalStack(
            tmp_path,
            Ports(free_port(), free_port()),
            {"ENGINEL_ENVIRONMENT": "test", "REDIS_URL": "", "DATABASE_URL": "", "SENTRY_DSN": sentry.dsn},
            celery_app="tests.support.probe_tasks",
        )
        try:
            stack.start_valkey()
            manage(stack, "migrate")
            token = manage(stack, "create_admin_token")
            stack.start_services()
            running = RunningStack(stack, token)
            (record,) = running.errors_of(running.send("probe.fail", "while Sentry is away"))
            # The worker has tried, and beat's replay too.
            wait_for(lambda: sentry.asked >= 2, 40)
            assert json.loads(manage(stack, "sentry_status", "--json"))["outbox_depth"] == 1

            sentry.fail(None)
            wait_for(sentry.events, 40)

            (event,) = sentry.events()
            assert event["event_id"] == record["event_id"]
            status = wait_for(
                lambda: (told := json.loads(manage(stack, "sentry_status", "--json")))["accepted"] and told
            )
            assert (status["outbox_depth"], status["replayed"], status["dropped"]) == (0, 1, {})
        finally:
            stack.stop()
