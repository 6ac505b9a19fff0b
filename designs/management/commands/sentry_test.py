"""``manage.py sentry_test``: send a test event to Sentry through the normal path, and print the result."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from designs.monitoring import ErrorTracker
from designs.sentry_links import issue_link
from designs.terminal_text import fit
from integrations.sentry import delivery_of, delivery_status, flush

_WIDTH = 80
_WAIT_SECONDS = 15.0


class SentryTest(Exception):
    """Test error of `sentry_test`. Each one makes a new group, so that the gate forwards it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.error_fingerprint = ["sentry_test", uuid.uuid4().hex]


class Command(BaseCommand):
    help = "Record one test error, send it to Sentry through the normal path, and print the result."

    def handle(self, *args: Any, **options: Any) -> None:
        if not delivery_status()["enabled"]:
            raise CommandError("Sentry is off: SENTRY_DSN is not set.")
        record = _fail()
        if not record:
            raise CommandError("The error could not be recorded; see the log.")
        self._print_line(f"Recorded  {record['event_id']} in group {record['fingerprint']}")
        flush(_WAIT_SECONDS)
        delivery = delivery_of(record["event_id"])
        status = delivery_status()
        if delivery == "delivered":
            self._print_line("Delivered Sentry accepted it.")
            if link := issue_link(record["fingerprint"]):
                self._print_line(f"Issue     {link}")
            return
        answer = status["last_answer"] or "no answer"
        if delivery == "waiting":
            raise CommandError(f"It waits in the outbox: Sentry did not take it ({answer}). Beat sends it later.")
        if delivery == "refused":
            raise CommandError(f"Sentry refused it for good ({answer}); see manage.py sentry_status.")
        raise CommandError(f"The delivery state is unknown: Redis does not answer ({answer}).")

    def _print_line(self, line: str) -> None:
        self.stdout.write(fit(line, _WIDTH) if not line.startswith("Issue") else line)


def _fail() -> dict[str, Any]:
    try:
        raise SentryTest("Test of the delivery to Sentry; nothing is wrong.")
    except SentryTest as error:
        return ErrorTracker.log_error(error, severity="WARNING")
