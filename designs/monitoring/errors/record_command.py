"""The command that records an occurrence: arguments and answer of ``record_error.lua``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from designs.conf import conf
from designs.monitoring.errors.backlog import Pending
from designs.monitoring.errors.collaborators import collaborators
from designs.monitoring.errors.command_slots import Slot
from designs.monitoring.errors.delivery_counts import TOLD, UNTOLD
from designs.monitoring.errors.failure_reasons import reasons_text
from designs.monitoring.errors.keys import GROUP_PREFIX, GUARD_SECONDS, PREFIX
from designs.monitoring.errors.record_result import RecordResult
from designs.monitoring.errors.serialization import counter_of, facts_of
from designs.monitoring.timestamps import ms_of_iso
from integrations.redis import Script

__all__ = ["MAX_OPERATIONS", "command_of", "result_of"]

MAX_OPERATIONS = 50_000
"""Remembered operation ids (about 10 MB), the oldest evicted first: other processes may report a task attempt again."""

_SHORT, _WHOLE = 2, 11
_KEYS = tuple(PREFIX + name for name in ("ring", "records", "places", "groups", "totals", "pending"))


Command = tuple[Script, tuple[str, ...], tuple[str | int, ...]]
"""Script, keys and arguments."""


def command_of(pending: Pending, slot: Slot, *, live: bool, describe: bool) -> Command:
    """Return the command for one occurrence, or for several of one group that are delivered late.

    Args:
        pending: The occurrence.
        slot: Slot of the command until it has an answer.
        live: Whether the gate decides now; otherwise it decided when the occurrence entered the backlog.
        describe: Whether to send the facts of the group.
    """
    event, key = pending.event, pending.fingerprint.key
    keys = (
        *_KEYS, f"{PREFIX}guard:{slot.name}", GROUP_PREFIX + key, f"{PREFIX}users:{key}", f"{PREFIX}held:{key}"
    )  # fmt: skip
    args: tuple[str | int, ...] = (
        ms_of_iso(event.timestamp), event.event_id, key, counter_of(event, pending.fingerprint), event.as_json(),
        slot.sequence,
    )  # fmt: skip
    facts = facts_of(event, pending.fingerprint) if describe else ""
    reasons = reasons_text(pending.reasons)
    if not live or facts or reasons or event.user_id is not None or pending.operation or pending.traceback:
        args += (
            "" if event.user_id is None else str(event.user_id), pending.operation, facts, pending.traceback,
            pending.occurrences, "" if live else pending.represented,
        )  # fmt: skip
        if reasons:
            args += (reasons,)
    script = _script(
        conf.ring_size, conf.ring_seconds, conf.group_seconds, conf.window_seconds, conf.max_groups,
        collaborators.forwards(),
    )  # fmt: skip
    return script, keys, args


@lru_cache(maxsize=8)
def _script(
    ring_size: int, ring_seconds: int, group_seconds: int, window_seconds: int, max_groups: int, is_forwarding: bool
) -> Script:
    """Return the recording script with the values of the settings."""
    return Script(
        "designs.monitoring.errors",
        "record_error",
        constants={
            "prefix": PREFIX,
            "ring_size": int(ring_size),
            "ring_ms": int(ring_seconds * 1000),
            "group_seconds": int(group_seconds),
            "window_ms": int(window_seconds * 1000),
            "max_groups": int(max_groups),
            "max_operations": MAX_OPERATIONS,
            "guard_seconds": int(max(2 * group_seconds, GUARD_SECONDS)),
            "told_as": TOLD if is_forwarding else f"{UNTOLD}sentry_off",
        },
    )


def result_of(answer: list[Any], event_id: str) -> RecordResult:
    """Return the parsed answer to the command that recorded an event."""
    if len(answer) == _SHORT:
        total, in_window = answer
        return RecordResult("recorded", event_id, total, in_window=in_window)
    state, recorded, total, *flags, represents, needs_facts, needs_traceback, in_window, first_seen_ms = answer[:_WHOLE]
    is_new, is_regressed, forward = map(bool, flags)
    return RecordResult(
        state.decode(), recorded.decode(), total, is_new, is_regressed, forward, represents or 1,
        bool(needs_facts), bool(needs_traceback), in_window, first_seen_ms, b"".join(answer[_WHOLE:]).decode(),
    )  # fmt: skip
