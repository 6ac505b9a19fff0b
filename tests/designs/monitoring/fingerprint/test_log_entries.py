"""Structured log entries are named by their event; the fields differ from one occurrence to the next."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest

from designs.monitoring.fingerprint import fingerprint_event, fingerprint_message
from designs.monitoring.fingerprint.log_entries import entry_name, has_words

WHEN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

# Each row is one event, written in several ways.
ENTRIES: list[list[str]] = [
    [
        json.dumps({"event": "payment_failed", "amount": 5, "user": {"id": 1, "message": "no"}}),
        json.dumps({"user": None, "level": "error", "event": "payment_failed", "items": [{"event": "x"}]}, indent=2),
        str({"event": "payment_failed", "at": WHEN, "owner": object(), "note": 'a "b" {c'}),
        "event=payment_failed user=5 reason='no money' at=datetime.datetime(2026, 1, 31)",
        'level=error event="payment_failed" user=bob',
        "2026-01-31 12:00:00 [error    ] payment_failed                 [app.views] amount=5 user=bob",
        "\x1b[2m2026-01-31T12:00Z\x1b[0m [\x1b[31merror\x1b[0m] \x1b[1mpayment_failed\x1b[0m \x1b[36mid\x1b[0m=5",
        json.dumps({"event": "payment_failed", "filler": "x" * 20_000}),
    ],
    [json.dumps({"event": "payment_refused", "amount": 5})],
    [json.dumps({"event": {"action": "login.failed", "id": 7}}),
     json.dumps({"event": {"id": 8, "action": "login.failed"}})],
    [json.dumps({"message": "design 5 is gone", "level": "error"}), str({"msg": "design 17 is gone", "pid": 3})],
    [json.dumps({"log": {"level": "error", "message": "mesh of part 4 is empty"}, "host": "a"}),
     json.dumps({"log": {"message": "mesh of part 9 is empty"}, "pid": 5})],
    [json.dumps({"log": {"message": "mesh of part 4 is broken"}})],
    [json.dumps({"error": {"message": "cannot mesh", "id": 1}}),
     json.dumps({"error": {"id": 2, "message": "cannot mesh"}})],
    [json.dumps({"a": 1, "b": "x"}), json.dumps({"b": "y", "a": [1, 2, {"c": 5}]}), str({"b": None, "a": "z"})],
    [json.dumps({"a": 1, "c": 1})],
    ["{'id': 1} was rejected", "{'id': 2} was rejected"],
    ["{'id': 1} was accepted"],
]  # fmt: skip


def test_entries_group_by_their_event() -> None:
    keys = [{fingerprint_message(text, "app").key for text in row} for row in ENTRIES]

    assert [len(row) for row in keys] == [1] * len(keys)
    assert not any(first & second for first, second in combinations(keys, 2))


@pytest.mark.parametrize(
    "text", ["", "{}", "{", "{'", "}{", "{name} failed", "reason=timeout after 5 s", "[error] ", "plain"]
)
def test_other_messages_are_no_entries(text: str) -> None:
    assert entry_name(text) is None


def log_event(template: str, formatted: str) -> dict[str, Any]:
    return {"logger": "app", "logentry": {"message": template, "formatted": formatted}}


def test_a_template_without_words_does_not_name_a_message() -> None:
    texts = ["kernel is gone", "disk is full"]
    keys = {
        template: {fingerprint_event(log_event(template, text)).key for text in texts} for template in ("%s", "%r: %s")
    }
    entries = [json.dumps({"event": "mesh_failed", "part": part}) for part in (1, 2)]

    assert [len(found) for found in keys.values()] == [2, 2]
    assert len({fingerprint_event(log_event("%s", text)).key for text in entries}) == 1
    assert len({fingerprint_event(log_event("lost %s", text)).key for text in texts}) == 1
    assert [has_words(text) for text in ("%(a)s {b} %5.2f", "%d rows")] == [False, True]


def test_secrets_in_an_entry_are_scrubbed() -> None:
    made = fingerprint_message(json.dumps({"event": "login with password=hunter2hunter2 failed"}), "app")

    assert "hunter2" not in " ".join(made.parts)


@pytest.mark.parametrize("hostile", ['{"a":', '{"', "{'\\'", "event=x ", "[error] a ", "{[", "{}}", "%(", "\x1b["])
def test_hostile_entries_cost_no_time(hostile: str) -> None:
    text = hostile * (1_000_000 // len(hostile))
    began = time.perf_counter()
    entry_name(text)
    fingerprint_event(log_event(text, text))

    assert time.perf_counter() - began < 0.5
