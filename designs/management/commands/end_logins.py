"""``manage.py end_logins``: end all sessions and tokens of a user."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from designs.access.logins import end_all_logins
from designs.models import User


class Command(BaseCommand):
    help = "End all sessions and tokens of a user. The account itself stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError("There is no such user.")
        tokens, sessions = end_all_logins(user, reason="by command")
        self.stdout.write(f"Ended {tokens} tokens and {sessions} sessions of {username}.")
