"""Log calls with a dict or a text in JSON: one group for each event, by the live record as by the event sent."""

from __future__ import annotations

import json
import logging

import pytest

from designs.monitoring import ErrorTracker
from designs.monitoring.fingerprint import fingerprint_event
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]

# A request closes what connections it finds, and those of other tests may be there.
pytestmark = pytest.mark.django_db

log = logging.getLogger("designs.somewhere")


def test_a_structured_entry_groups_by_its_event(transport: Collecting) -> None:
    log.error({"event": "mesh_failed", "part": 1, "owner": "anna"})
    log.error({"event": "mesh_failed", "part": 2, "owner": None})
    log.error(json.dumps({"part": 3, "event": "mesh_failed"}))
    log.error("%s", json.dumps({"part": 4, "event": "mesh_failed"}))
    log.error({"event": "upload_failed", "part": 1})

    totals = {group["fingerprint"]: int(group["total"]) for group in ErrorTracker.get_groups()}
    assert sorted(totals.values()) == [1, 4]
    sent = {fingerprint_event({**event, "fingerprint": None}).key for event in transport.events}
    assert sent == totals.keys()
