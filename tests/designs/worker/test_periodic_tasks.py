"""Beat has the outbox replayed, and what comes late is not done twice."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentry_sdk
from django.conf import settings
from django.test import override_settings

from designs.monitoring.sentry.sdk_start import start_sentry
from designs.worker.periodic_tasks import replay_sentry_outbox
from enginel import settings as enginel_settings
from integrations.sentry import configure
from integrations.sentry.outbox.stream import outbox
from tests.support.faulty_sentry import FaultySentry, faulty_sentry
from tests.support.outbox_transport import envelope_of


@pytest.fixture
def sentry(tmp_path: Path) -> Iterator[FaultySentry]:
    with faulty_sentry() as server, override_settings(SENTRY_DSN=server.dsn, ENGINEL_STATE_DIR=tmp_path):
        assert start_sentry()
        yield server
        sentry_sdk.get_client().close(timeout=0)
        sentry_sdk.get_global_scope().set_client(None)
        configure()


def test_the_task_sends_what_waits(sentry: FaultySentry) -> None:
    store = outbox()
    assert store is not None
    store.add(envelope_of("a" * 32, 1_900_000_000_000), "gone", 0)

    assert replay_sentry_outbox.apply().result == 1
    assert [event["event_id"] for event in sentry.events()] == ["a" * 32]


def test_without_sentry_it_does_nothing() -> None:
    assert replay_sentry_outbox.apply().result == 0
    assert not [name for name in settings.CELERY_BEAT_SCHEDULE if "sentry" in name or "summaries" in name]


def test_with_a_dsn_beat_has_it_done_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_DSN", "http://public@127.0.0.1:9/5")
    spec = importlib.util.spec_from_file_location("settings_under_test", enginel_settings.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entry = module.CELERY_BEAT_SCHEDULE["replay-sentry-outbox"]

    assert entry["task"] == replay_sentry_outbox.name
    assert entry["schedule"] == entry["options"]["expires"] == 10
    assert replay_sentry_outbox.ignore_result
