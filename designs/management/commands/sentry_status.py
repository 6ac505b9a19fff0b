"""``manage.py sentry_status``: counts of errors delivered to Sentry, waiting, and lost by reason."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from designs.monitoring import Account, sentry_account
from designs.terminal_text import fit
from integrations.sentry import dead_letters, delivery_status

_WIDTH = 80
_DEAD_SHOWN = 5


class Command(BaseCommand):
    help = "Show the delivery to Sentry: the outbox, the spool of this host, losses by reason, dead letters."

    # The others load URLs, models and the admin, which takes longer than the command itself.
    requires_system_checks = ["enginel"]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="JSON in place of text")

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        status = delivery_status()
        letters = dead_letters()
        account = sentry_account()
        if as_json:
            occurrences = account.as_dict() if account else None
            self.stdout.write(json.dumps({**status, "occurrences": occurrences, "dead_letters_newest": letters}))
        else:
            for line in [*_lines(status, letters), *_account_lines(account)]:
                self.stdout.write(fit(line, _WIDTH).rstrip())
        if status["store"] == "away" or account is None:
            raise CommandError("Redis does not answer, so neither the outbox nor the counts can be read.")


def _lines(status: dict[str, Any], letters: list[dict[str, Any]]) -> list[str]:
    reachable = {True: "yes", False: "no", None: "not known: no event was sent yet"}[status["reachable"]]
    if not status["enabled"]:
        reachable = "-"
    waits = f"{status['outbox_depth']} in the outbox, {status['spool_depth']} in this host's spool"
    if status["outbox_depth"]:
        waits += f", the oldest for {_duration(status['outbox_oldest_seconds'])}"
    facts = {
        "Sentry": "on" if status["enabled"] else "off: SENTRY_DSN is not set, so no event is sent",
        "Reachable": f"{reachable} ({status['last_answer']})" if status["last_answer"] else reachable,
        "Limited until": status["rate_limited_until"] or "-",
        "Delivered": f"{status['accepted']}, of them {status['replayed']} later than at once",
        "Waiting": waits,
        "Dead letters": str(status["dead_letters"]),
    }
    lines = [f"{name:<14} {value}" for name, value in facts.items()]
    lines.append("Lost           " + ("nothing" if not status["dropped"] else ""))
    lines += [f"  {number:>10}  {reason}" for reason, number in sorted(status["dropped"].items())]
    for letter in letters[:_DEAD_SHOWN]:
        lines.append(f"  dead letter {letter['event_id']}  {letter['why']}  {letter['bytes']} bytes")
    return [line.rstrip() for line in lines]


def _account_lines(account: Account | None) -> list[str]:
    """Return lines with the occurrences by delivery. They add up to the recorded occurrences."""
    if account is None:
        return []
    lines = [
        f"Recorded       {account.recorded} occurrences",
        f"Told           {account.told}, by the events that were forwarded",
        f"Pending        {account.pending}, until the next event of their group",
    ]
    return lines + [f"Untold         {number}  {reason}" for reason, number in account.untold.items() if number]


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
