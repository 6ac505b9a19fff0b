"""Ending logins: all tokens and sessions of a user end when the password or the rights of the account change.

Django itself ends sessions after a change of the password. It knows no tokens, and a session outlives the loss of staff
rights.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import is_password_usable
from django.contrib.sessions.models import Session
from django.db.models.signals import post_save, pre_save
from django.utils import timezone
from knox.models import get_token_model

from designs.models import User

__all__ = ["EndLoginsOnPasswordChange", "connect", "end_all_logins"]

audit_logger = logging.getLogger("enginel.audit")

_RIGHTS = ("is_active", "is_staff", "is_superuser")
_WATCHED = {*_RIGHTS, "password"}


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
        # A whole save has seen the new hash, and ended them before this.
        if isinstance(user, User) and user.pk is not None and user.ended_for_password != user.password:
            end_all_logins(user, reason="password changed")


def _delete_sessions(user: User) -> int:
    # The store has no index by user: sessions name their user inside of signed data.
    live = Session.objects.filter(expire_date__gte=timezone.now())
    own = [row.pk for row in live.iterator() if row.get_decoded().get(SESSION_KEY) == str(user.pk)]
    return Session.objects.filter(pk__in=own).delete()[0]


def _note_lost_rights(instance: User, update_fields: Collection[str] | None = None, **kwargs: object) -> None:
    # A login saves its time only, and must not cost a query more.
    if instance.pk is None or (update_fields is not None and not _WATCHED & set(update_fields)):
        return
    stored = User.objects.filter(pk=instance.pk).values(*_WATCHED).first()
    if stored is None:
        return
    instance.lost_rights = [name for name in _RIGHTS if stored[name] and not getattr(instance, name)]
    instance.is_password_replaced = _is_replaced(stored["password"], instance.password, update_fields)


def _is_replaced(stored: str, password: str, update_fields: Collection[str] | None) -> bool:
    """Return whether a save replaces the password, also where Django's validators are not called for it.

    They are not when a password is made unusable or when code assigns a hash. A login that renews the hash of the same
    password saves this field alone.
    """
    is_renewed = update_fields is not None and set(update_fields) == {"password"} and is_password_usable(password)
    return stored != password and not is_renewed


def _end_after_lost_rights(instance: User, **kwargs: object) -> None:
    lost, is_replaced = instance.lost_rights, instance.is_password_replaced
    instance.lost_rights, instance.is_password_replaced = [], False
    if is_replaced:
        instance.ended_for_password = instance.password
    if lost or is_replaced:
        end_all_logins(instance, reason=f"lost {', '.join(lost)}" if lost else "password changed")
