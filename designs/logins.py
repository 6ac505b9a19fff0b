"""Ending logins: all tokens and sessions of a user end when the password or the rights of the account change.

Django itself ends sessions after a change of the password. It knows no tokens, and a session outlives the loss of staff
rights.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models.signals import post_save, pre_save
from django.utils import timezone
from knox.models import get_token_model

from designs.models import User

__all__ = ["EndLoginsOnPasswordChange", "connect", "end_all_logins"]

audit_logger = logging.getLogger("enginel.audit")

_RIGHTS = ("is_active", "is_staff", "is_superuser")


def connect() -> None:
    """Connect the receivers that see an account lose rights."""
    pre_save.connect(_note_lost_rights, sender=User, dispatch_uid="enginel.note_lost_rights")
    post_save.connect(_end_after_lost_rights, sender=User, dispatch_uid="enginel.end_after_lost_rights")


def end_all_logins(user: User, *, reason: str) -> tuple[int, int]:
    """Delete all tokens and sessions of a user, with one line in the audit log.

    Returns:
        How many tokens and how many sessions there were.
    """
    tokens, _ = get_token_model().objects.filter(user=user).delete()
    sessions = _delete_sessions(user)
    audit_logger.info(
        "Logins ended", extra={"ended_for": user.pk, "reason": reason, "tokens": tokens, "sessions": sessions}
    )
    return tokens, sessions


class EndLoginsOnPasswordChange:
    """An entry of ``AUTH_PASSWORD_VALIDATORS``: Django calls its validators when a new password has been stored.

    It does not call them when a login only renews the hash of the same password.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Accept any password."""

    def get_help_text(self) -> str:
        return "A new password ends all sessions and tokens of the account."

    def password_changed(self, password: str, user: Any = None) -> None:
        """End the logins of a stored account."""
        if isinstance(user, User) and user.pk is not None:
            end_all_logins(user, reason="password changed")


def _delete_sessions(user: User) -> int:
    # The store has no index by user: sessions name their user inside of signed data.
    live = Session.objects.filter(expire_date__gte=timezone.now())
    own = [row.pk for row in live.iterator() if row.get_decoded().get(SESSION_KEY) == str(user.pk)]
    return Session.objects.filter(pk__in=own).delete()[0]


def _note_lost_rights(instance: User, update_fields: Collection[str] | None = None, **kwargs: object) -> None:
    # A login saves its time only, and must not cost a query more.
    if instance.pk is None or (update_fields is not None and not set(_RIGHTS) & set(update_fields)):
        return
    stored = User.objects.filter(pk=instance.pk).values(*_RIGHTS).first() or {}
    instance.lost_rights = [name for name, had in stored.items() if had and not getattr(instance, name)]


def _end_after_lost_rights(instance: User, **kwargs: object) -> None:
    if lost := instance.lost_rights:
        instance.lost_rights = []
        end_all_logins(instance, reason=f"lost {', '.join(lost)}")
