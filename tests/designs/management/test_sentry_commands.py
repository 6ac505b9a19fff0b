"""``sentry_status`` and ``sentry_test``: how delivery stands, and one event the whole way."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentry_sdk
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from designs.monitoring import ErrorTracker
from designs.monitoring.sentry.sdk_start import start_sentry
from designs.terminal_text import width_of
from integrations.redis import redis_for
from integrations.sentry import configure
from integrations.sentry.outbox import stream
from integrations.sentry.outbox.lost_events import losses
from integrations.sentry.outbox.stream import Outbox
from tests.support.faulty_sentry import FaultySentry, faulty_sentry
from tests.support.outage import REFUSED_URL
from tests.support.outbox_transport import envelope_of


@pytest.fixture(autouse=True)
def no_outbox_afterwards() -> Iterator[None]:
    losses.reset()
    yield
    configure()
    losses.reset()


@pytest.fixture
def store(tmp_path: Path) -> Outbox:
    configure(settings.REDIS_URL, tmp_path)
    found = stream.outbox()
    assert found is not None
    return found


@pytest.fixture
def sentry(tmp_path: Path) -> Iterator[FaultySentry]:
    """The service with Sentry on."""
    with faulty_sentry() as server, override_settings(SENTRY_DSN=server.dsn, ENGINEL_STATE_DIR=tmp_path):
        assert start_sentry()
        yield server
        sentry_sdk.get_client().close(timeout=0)
        sentry_sdk.get_global_scope().set_client(None)


def run(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


class TestStatus:
    def test_it_tells_what_waits_what_was_lost_and_what_is_dead(self, store: Outbox) -> None:
        now_ms = int(time.time() * 1000)
        store.add(envelope_of("a" * 32, now_ms - 7_200_000), "me", 0)
        store.add(envelope_of("b" * 32, now_ms), "me", 0)
        store.dead(envelope_of("b" * 32, now_ms), "status_413", by="live")
        losses.record("queue_overflow", 3)

        text = run("sentry_status")

        assert "1 in the outbox, 0 in this host's spool, the oldest for 2 h" in text
        assert "3  queue_overflow" in text
        assert "1  status_413" in text
        assert f"dead letter {'b' * 32}" in text
        assert max(width_of(line) for line in text.splitlines()) <= 80

    def test_without_sentry_it_says_that_no_event_is_sent(self) -> None:
        with override_settings(SENTRY_DSN=""):
            lines = dict(line.split(maxsplit=1) for line in run("sentry_status").splitlines() if " " in line)

        assert lines["Sentry"] == "off: SENTRY_DSN is not set, so no event is sent"
        assert lines["Reachable"] == "-"

    def test_as_json_it_is_one_document(self, store: Outbox) -> None:
        document = json.loads(run("sentry_status", "--json"))

        assert document["outbox_depth"] == 0
        assert document["dropped"] == {}
        assert document["store"] == "ok"
        assert document["dead_letters_newest"] == []

    def test_what_is_told_pending_and_untold_adds_up_to_what_is_recorded(self, store: Outbox) -> None:
        for _ in range(12):
            ErrorTracker.log_error("broken")

        document = json.loads(run("sentry_status", "--json"))
        assert document["occurrences"] == {
            "recorded": 12,
            "told": 0,
            "pending": 2,
            "untold": {"group_evicted": 0, "group_expired": 0, "sentry_off": 10},
        }
        text = run("sentry_status")
        assert "Recorded       12 occurrences" in text
        assert "Pending        2, until the next event of their group" in text
        assert "Untold         10  sentry_off" in text

    def test_with_sentry_on_what_is_forwarded_is_told(self, sentry: FaultySentry) -> None:
        for _ in range(12):
            ErrorTracker.log_error("broken")

        occurrences = json.loads(run("sentry_status", "--json"))["occurrences"]
        assert (occurrences["recorded"], occurrences["told"], occurrences["pending"]) == (12, 10, 2)

    def test_with_redis_away_it_says_so_and_fails(self, tmp_path: Path) -> None:
        configure(REFUSED_URL, tmp_path)
        redis_for(REFUSED_URL).close_breaker()

        with pytest.raises(CommandError, match="Redis does not answer"):
            run("sentry_status")


class TestTest:
    def test_an_event_goes_the_whole_way(self, sentry: FaultySentry) -> None:
        base = "https://sentry.example.com/organizations/acme/issues/"
        with override_settings(ENGINEL_SENTRY_ISSUE_URL=base):
            text = run("sentry_test")

        (event,) = sentry.events()
        assert event["event_id"] in text
        assert "Delivered" in text
        key = event["tags"]["fingerprint"]
        assert f"{base}?query=tags%5Bfingerprint%5D%3A%22{key.replace(':', '%3A')}%22" in text

    def test_it_can_be_repeated(self, sentry: FaultySentry) -> None:
        run("sentry_test")
        run("sentry_test")

        assert len(sentry.events()) == 2

    def test_a_sentry_that_is_away_is_told(self, sentry: FaultySentry) -> None:
        sentry.fail_with(503)

        with pytest.raises(CommandError, match=r"waits in the outbox.*status_503"):
            run("sentry_test")

    def test_a_refusal_is_told(self, sentry: FaultySentry) -> None:
        sentry.fail_with(400)

        with pytest.raises(CommandError, match=r"refused it for good.*status_400"):
            run("sentry_test")

    def test_without_a_dsn_it_fails(self) -> None:
        with pytest.raises(CommandError, match="SENTRY_DSN"):
            run("sentry_test")
