"""``manage.py probe WAY``: ends in the way that is named."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from designs.exceptions import ExternalServiceError
from designs.monitoring import ErrorTracker


class Command(BaseCommand):
    # From Django 6 on, the checks of models ask the database, so that the command would not begin without it.
    requires_system_checks: list[str] = []

    help = "End in the way that is named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("way")
        parser.add_argument("more", nargs="*")
        parser.add_argument("--password")
        parser.add_argument("-k", dest="api_key")
        parser.add_argument("-n", dest="secret_number", type=int)

    def handle(self, *args: Any, way: str, **options: Any) -> None:
        self.stdout.write("began")
        sys.stdout.flush()
        self._more = options["more"]
        getattr(self, f"_{way}")()

    def _fail(self) -> None:
        raise ValueError("broken")

    def _leak(self) -> None:
        raise ValueError(f"broken {self._more[0]}")

    def _leak_mistake(self) -> None:
        raise CommandError(f"mistaken {self._more[0]}")

    def _leak_exit(self) -> None:
        sys.exit(f"ended {self._more[0]}")

    def _succeed(self) -> None:
        self.stdout.write("done")

    def _mistake(self) -> None:
        raise CommandError("No such design.", returncode=3)

    def _mistake_from_failure(self) -> None:
        try:
            self._fail()
        except ValueError as error:
            raise CommandError("It cannot be read.") from error

    def _mistake_from_outage(self) -> None:
        raise CommandError("Redis does not answer.") from ExternalServiceError("away")

    def _exit(self) -> None:
        sys.exit(5)

    def _interrupt(self) -> None:
        raise KeyboardInterrupt

    def _query(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select * from there_is_none")

    def _nested(self) -> None:
        call_command("probe", "fail")

    def _told(self) -> None:
        try:
            self._fail()
        except ValueError as error:
            ErrorTracker.log_error(error, {"told": "by the command"})
            raise
