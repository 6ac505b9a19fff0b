"""Metrics, log entries and streamed spans pass the scrubber, and stay here if they concern a controlled design."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk

from designs import context
from designs.monitoring.sentry.scrubber import SCRUBBER
from integrations.sentry.telemetry import scrubbing_spans
from tests.support.sentry_capture import Collecting, started

MARKER = "ZQX-Marker-7341"
SECRET = "password=hunter2hunter2"


@pytest.fixture
def heard() -> Iterator[Collecting]:
    with started(ENGINEL_SENTRY_OPTIONS={"enable_logs": True}) as transport:
        context.start(context.RunContext())
        yield transport
        context.start(context.RunContext())


def say(text: str) -> list[bytes]:
    sentry_sdk.metrics.count("parts", 1, attributes={"part": text})
    sentry_sdk.logger.error("about {part}", part=text)
    sentry_sdk.logger.error(text)
    client: Any = sentry_sdk.get_client()
    client.metrics_batcher.flush()
    client.log_batcher.flush()
    return list(client.transport.raw)


def test_none_is_sent_of_a_controlled_design(heard: Collecting) -> None:
    context.set_controlled()

    assert [raw for raw in say(MARKER) if MARKER.encode() in raw] == []


def test_they_hold_no_secret(heard: Collecting) -> None:
    raw = b"".join(say(f"{MARKER} {SECRET}"))

    assert raw.count(MARKER.encode()) >= 3
    assert SECRET.encode() not in raw


def test_a_streamed_span_keeps_neither_name_nor_attributes_of_a_controlled_design() -> None:
    hook = scrubbing_spans(SCRUBBER)
    span = {"name": MARKER, "attributes": {"part": MARKER, "secret": SECRET}, "span_id": "0123456789abcdef"}
    context.start(context.RunContext())

    assert SECRET not in str(hook(span, {}))
    context.set_controlled()
    try:
        kept = hook(span, {})
    finally:
        context.start(context.RunContext())
    assert MARKER not in str(kept)
    assert kept["span_id"] == "0123456789abcdef"
