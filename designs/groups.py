"""Error groups for the API and its pages: numbers as numbers, timestamps as ISO 8601."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from designs.exceptions import ExternalServiceError
from designs.monitoring import StoreAway, known_group, known_groups
from designs.sentry_links import with_issue_link

__all__ = ["KEY", "STATES", "all_groups", "find_group", "lines_of", "reasons_in_words", "refused_while_away"]

KEY = r"^\d{1,9}:[0-9a-f]{32}\Z"
STATES = ("new", "ongoing", "resolved", "regressed")

_KEY = re.compile(KEY)
_LISTED_REASONS = 5


def all_groups() -> list[dict[str, Any]]:
    """Return all groups, most recently seen first.

    Raises:
        ExternalServiceError: Redis does not respond, so the groups are unknown.
    """
    with refused_while_away():
        return [_summary(group) for group in known_groups()]


def find_group(key: str) -> dict[str, Any] | None:
    """Return one group with its counts per minute, a sample traceback and related groups; None if it is unknown.

    Raises:
        ExternalServiceError: Redis does not respond.
    """
    if not _KEY.match(key):
        return None
    with refused_while_away():
        found = known_group(key)
    if found is None:
        return None
    return {
        **_summary(found),
        "traceback": _text(found.get("traceback")),
        "joined": [_text(other) for other in found.get("joined") or []],
        "minutes": [[_text(minute), _number(count)] for minute, count in found.get("minutes") or []],
        "related": [
            {
                "fingerprint": _text(other.get("fingerprint")),
                "type": _text(other.get("type")),
                "module": _text(other.get("module")),
                "total": _number(other.get("total")),
            }
            for other in found.get("related") or []
        ],
    }


@contextmanager
def refused_while_away() -> Iterator[None]:
    """Raise `ExternalServiceError` in place of `StoreAway`: an outage must not look like an empty list."""
    try:
        yield
    except StoreAway as error:
        away = ExternalServiceError("The store of errors does not answer. Try again later.")
        # Reading errors must not record new ones.
        away.__dict__["already_recorded"] = True
        raise away from error


def lines_of(group: Mapping[str, Any]) -> list[str]:
    """Return the lines that a list shows for a group: its title, then its message, its reasons, or both.

    If files cause the failures, the title has the stage and the signal of a crash; reasons replace the message, which
    belongs to one occurrence.

    Args:
        group: A group of `all_groups` or of the monitoring, with ``type``, ``message``, ``why`` and ``reasons``.
    """
    why, counted = group.get("why") or [""], group.get("reasons") or []
    words = [part.partition(" ")[2] for part in why if part.startswith(("stage ", "signal "))]
    is_of_files = bool(words) and why[0] == "custom"
    title = ", ".join([group["type"], *words]) if is_of_files else group["type"]
    reasons = reasons_in_words(counted, most=_LISTED_REASONS)
    if is_of_files and reasons:
        return [title, reasons]
    return [title, *(line for line in (group["message"], reasons) if line)]


def reasons_in_words(reasons: Sequence[Mapping[str, Any]], *, most: int | None = None) -> str:
    """Return text such as ``unresolved reference 12, syntax 9``; an ellipsis replaces the reasons beyond ``most``."""
    shown = [f"{_text(row.get('reason')).replace('_', ' ')} {_number(row.get('count'))}" for row in reasons[:most]]
    return ", ".join([*shown, "…"] if len(shown) < len(reasons) else shown)


def _summary(group: dict[str, Any]) -> dict[str, Any]:
    users = group.get("users")
    return {
        "fingerprint": _text(group.get("fingerprint")),
        "type": _text(group.get("type")),
        "module": _text(group.get("module")),
        "message": _text(group.get("message")),
        "severity": _text(group.get("severity")),
        "state": _text(group.get("state")),
        "total": _number(group.get("total")),
        "users": None if users is None else _number(users),
        "pending": _number(group.get("pending")),
        "reasons": [
            {"reason": _text(row.get("reason")), "count": _number(row.get("count"))}
            for row in group.get("reasons") or []
        ],
        "site": _text(group.get("site")),
        "releases": _text(group.get("releases")).splitlines(),
        "why": _why(group),
        "first_seen": _moment(group.get("first_seen_ms")),
        "last_seen": _moment(group.get("last_seen_ms")),
        "last_event_id": _text(group.get("last_event_id")),
        **with_issue_link(_text(group.get("fingerprint"))),
    }


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _why(group: dict[str, Any]) -> list[str]:
    value = group.get("parts")
    try:
        parts = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return []
    if not isinstance(parts, list | tuple):
        return []
    return [str(part) for part in parts]


def _moment(milliseconds: Any) -> str | None:
    number = _number(milliseconds)
    if number <= 0:
        return None
    return datetime.fromtimestamp(number / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
