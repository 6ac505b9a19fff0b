"""``manage.py errors``: list, follow and show recorded errors in a terminal of 80 columns."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from designs.exceptions import ExternalServiceError
from designs.groups import all_groups, find_group, lines_of, reasons_in_words, refused_while_away
from designs.monitoring import known_errors
from designs.terminal_text import fit, sparkline, wrap

_WIDTH = 80
_ROWS_MAX = 100
_SEEN_MAX = 1_000
_INTERVAL_MIN, _INTERVAL_MAX = 0.2, 60.0
_MESSAGE_LINES = 6
_RELEASES_MAX = 5
_HOUR_COLUMNS = 60
_DAY_COLUMNS = 72


class Command(BaseCommand):
    help = "Show recorded errors: the groups with most occurrences, new records as they come, or one group."

    # The others load URLs, models and the admin, which takes longer than the command itself.
    requires_system_checks = ["enginel"]

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        top = actions.add_parser("top", help="groups by occurrences")
        tail = actions.add_parser("tail", help="the newest records")
        tail.add_argument("-f", "--follow", action="store_true", help="continue until Ctrl-C")
        tail.add_argument("--interval", type=float, default=2.0, help="seconds between reads, 0.2 to 60 (default: 2)")
        show = actions.add_parser("show", help="one group")
        show.add_argument("key", help="fingerprint of the group, as top prints it, or its beginning")
        for action in (top, tail):
            action.add_argument("-n", "--limit", type=int, default=10, help=f"1 to {_ROWS_MAX} (default: 10)")
        for action in (top, tail, show):
            action.add_argument("--json", action="store_true", dest="as_json", help="JSON in place of text")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        if not 1 <= options.get("limit", 1) <= _ROWS_MAX:
            raise CommandError(f"--limit must be from 1 to {_ROWS_MAX}.")
        if not _INTERVAL_MIN <= options.get("interval", 1.0) <= _INTERVAL_MAX:
            raise CommandError(f"--interval must be from {_INTERVAL_MIN} to {_INTERVAL_MAX:.0f}.")
        try:
            getattr(self, f"_{action}")(**options)
        except ExternalServiceError as error:
            raise CommandError("Redis does not answer, so the errors cannot be read.") from error
        except KeyboardInterrupt:
            return
        except BrokenPipeError:
            # The reader closed the pipe. Redirect stdout, so that the flush at exit does not fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _top(self, *, limit: int, as_json: bool, **options: Any) -> None:
        groups = sorted(all_groups(), key=lambda group: -int(group["total"]))[:limit]
        if as_json:
            self._json({"count": len(groups), "groups": groups})
            return
        if not groups:
            self._line("No errors are known.")
            return
        self._line(f"{'COUNT':>8} {'USERS':>6} {'LAST':>5}  {'SEVERITY':<8} {'STATE':<9} KEY")
        for group in groups:
            users = "-" if group["users"] is None else group["users"]
            self._line(
                f"{group['total']:>8} {users:>6} {_age(group['last_seen']):>5}  {group['severity']:<8} "
                f"{group['state'] or '-':<9} {group['fingerprint']}"
            )
            self._line(f"         {_summary_line(group)}")

    def _tail(self, *, limit: int, follow: bool, interval: float, as_json: bool, **options: Any) -> None:
        for record in _records(limit, interval, follow=follow):
            if as_json:
                self._json(record)
                continue
            moment = record["timestamp"][11:19]
            title = _title(record["error_type"], record["error_message"])
            self._line(f"{moment} {record['severity']:<8} {title}")
            where = record["task"] or record["request_path"] or "-"
            self._line(f"         {record['source']:<8} {record['fingerprint']} {where}")

    def _show(self, *, key: str, as_json: bool, **options: Any) -> None:
        group = find_group(key) or find_group(_complete_key(key))
        if group is None:
            raise CommandError(f"No group has the key {fit(key, 40)}.")
        if as_json:
            self._json(group)
            return
        for number, line in enumerate(wrap(_summary_line({**group, "reasons": []}), _WIDTH)):
            if number == _MESSAGE_LINES:
                self._line("...")
                break
            self._line(line)
        users = "" if group["users"] is None else f", users: {group['users']}"
        self._facts(
            {
                "key": group["fingerprint"],
                "severity": group["severity"],
                "state": group["state"] or "-",
                "count": f"{group['total']}{users}",
                "pending": f"{group['pending']} wait for the next event of the group to Sentry",
                "first seen": group["first_seen"] or "-",
                "last seen": group["last_seen"] or "-",
                "releases": ", ".join(group["releases"][-_RELEASES_MAX:]) or "-",
                "last event": group["last_event_id"] or "-",
            }
        )
        self._counts(group["minutes"])
        self._section("Reasons", [reasons_in_words(group["reasons"])] if group["reasons"] else [])
        self._section("Why these are one group", group["why"])
        self._section("Other keys that count here, joined by an alias", group["joined"])
        self._section("A traceback", group["traceback"].splitlines())
        related = [f"{other['total']:>8}  {other['fingerprint']}  {other['type']}" for other in group["related"]]
        self._section("Related: from the same place", related)

    def _facts(self, facts: dict[str, str]) -> None:
        for name, value in facts.items():
            self._line(f"  {name:<11} {value}")

    def _counts(self, minutes: list[list[Any]]) -> None:
        encoding = getattr(sys.stdout, "encoding", None)
        counts = [(moment, int(count)) for text, count in minutes if (moment := _parse(text)) is not None]
        for title, columns, seconds in (("Last hour, by minute", _HOUR_COLUMNS, 60), ("Last day", _DAY_COLUMNS, 1200)):
            drawn = _columns(counts, columns, seconds)
            if any(drawn):
                self._section(f"{title} (most: {max(drawn)})", [f"|{sparkline(drawn, encoding)}|"])

    def _section(self, title: str, lines: list[str]) -> None:
        if not lines:
            return
        self._line("")
        self._line(title)
        for text in lines:
            for line in wrap(text, _WIDTH - 2):
                self._line(f"  {line}")

    def _json(self, document: Any) -> None:
        self.stdout.write(json.dumps(document))
        self.stdout.flush()

    def _line(self, text: str) -> None:
        line = fit(text, _WIDTH)
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self.stdout.write(line.encode(encoding, "replace").decode(encoding).rstrip())
        self.stdout.flush()


def _records(limit: int, interval: float, *, follow: bool) -> Iterator[dict[str, Any]]:
    """Yield the newest records, oldest first; with ``follow``, then yield new records without end."""
    seen: OrderedDict[str, None] = OrderedDict()
    found = _newest()
    yield from reversed(found[:limit])
    while follow:
        seen.update(dict.fromkeys(record["event_id"] for record in found))
        while len(seen) > _SEEN_MAX:
            seen.popitem(last=False)
        time.sleep(interval)
        found = _newest()
        yield from [record for record in reversed(found) if record["event_id"] not in seen]


def _newest() -> list[dict[str, Any]]:
    with refused_while_away():
        return known_errors(_ROWS_MAX)


def _complete_key(beginning: str) -> str:
    """Return the only key with this beginning; the text itself if no key has it.

    Raises:
        CommandError: Several keys have this beginning.
    """
    keys = [group["fingerprint"] for group in all_groups() if group["fingerprint"].startswith(beginning)]
    if len(keys) > 1:
        raise CommandError(f"{len(keys)} groups have a key that begins with {fit(beginning, 40)}. Enter more of it.")
    return keys[0] if keys else beginning


def _summary_line(group: dict[str, Any]) -> str:
    """Return the summary of a group in one line."""
    title, *about = lines_of(group)
    text = _title(title, about[0] if about else "")
    return f"{text} ({about[1]})" if len(about) > 1 else text


def _title(type_name: str, message: str) -> str:
    return message if type_name == "message" else f"{type_name}: {message}"


def _parse(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _columns(counts: list[tuple[datetime, int]], columns: int, seconds: int) -> list[int]:
    """Return the counts of the latest ``columns`` intervals of ``seconds`` each, newest last."""
    now = int(timezone.now().timestamp()) // seconds
    drawn = [0] * columns
    for moment, count in counts:
        age = now - int(moment.timestamp()) // seconds
        if 0 <= age < columns:
            drawn[-1 - age] += count
    return drawn


def _age(moment: str | None) -> str:
    if moment is None:
        return "-"
    seconds = max(0, int((timezone.now() - datetime.fromisoformat(moment)).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
