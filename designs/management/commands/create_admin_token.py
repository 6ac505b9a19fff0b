"""``manage.py create_admin_token``: create an API token for the monitoring endpoints."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import AuthToken

_MAX_HOURS = 24 * 365


class Command(BaseCommand):
    help = "Print a new Bearer token for an admin; only its hash is stored. Creates the admin if missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", default="admin", help="user name of the admin (default: admin)")
        parser.add_argument("--hours", type=int, default=10, help="validity in hours (default: 10)")

    def handle(self, *args: Any, username: str, hours: int, **options: Any) -> None:
        if not 1 <= hours <= _MAX_HOURS:
            raise CommandError(f"--hours must be from 1 to {_MAX_HOURS}.")
        user, created = get_user_model().objects.get_or_create(
            username=username, defaults={"is_staff": True, "is_superuser": True}
        )
        if created:
            # Without a password, the account logs in by token only; manage.py changepassword sets one.
            user.set_unusable_password()
            user.save(update_fields=["password"])
        if not (user.is_active and user.is_staff):
            raise CommandError(f"{username} exists and is no admin.")
        _, token = AuthToken.objects.create(user=user, expiry=timedelta(hours=hours))
        if created:
            self.stderr.write(f"Created the admin {username}, without a password.")
        self.stdout.write(token)
