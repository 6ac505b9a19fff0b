"""End of logins: a changed password or changed rights delete all tokens and sessions of the user.

Django ends sessions after a change of the password, but not tokens, and a session survives the loss of staff rights.
Logins end when an account is deactivated, and again when it is activated: an administrator may have deactivated it by
SQL, without a signal, or a login may have begun just before.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import is_password_usable
from django.contrib.sessions.models import Session
from django.db.models.signals import post_save, pre_save
from django.utils import timezone
from knox.models import get_token_model

from designs.models import User
from designs.models.users import LOGIN_FIELDS, rights_updated

__all__ = ["EndLoginsOnPasswordChange", "connect", "end_all_logins"]

audit_logger = logging.getLogger("enginel.audit")

_RIGHTS = ("is_active", "is_staff", "is_superuser")
_NEW_PASSWORD = "password changed"  # noqa: S105  # a reason


def connect() -> None:
    """Connect the receivers that detect changed rights and passwords of accounts."""
    pre_save.connect(_read_before_save, sender=User, dispatch_uid="enginel.note_before_save")
    post_save.connect(_end_after_save, sender=User, dispatch_uid="enginel.end_after_save")
    rights_updated.connect(_end_after_update, sender=User, dispatch_uid="enginel.end_after_update")


def end_all_logins(user: User, *, reason: str) -> tuple[int, int]:
    """Delete all tokens and sessions of a user, with one line in the audit log.

    Returns:
        Number of deleted tokens, number of deleted sessions.
    """
    return _end({user.pk: reason})[user.pk]


class EndLoginsOnPasswordChange:
    """Entry of ``AUTH_PASSWORD_VALIDATORS``: Django calls `password_changed` after it stored a new password.

    Django does not call it when a login only renews the hash of the same password.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Accept any password."""

    def get_help_text(self) -> str:
        return "A new password ends all sessions and tokens of the account."

    def password_changed(self, password: str, user: Any = None) -> None:
        """End the logins of a stored account, unless the save has ended them already."""
        # A save of all fields has detected the new hash and ended the logins already.
        if isinstance(user, User) and user.pk is not None and user.ended_for_password != user.password:
            end_all_logins(user, reason="password changed")


def _end(reasons: Mapping[Any, str]) -> dict[Any, tuple[int, int]]:
    """Delete all tokens and sessions of users; return the numbers of tokens and sessions.

    Keys of argument and result are the primary keys of users.
    """
    model = get_token_model()
    # One query per user, since databases limit the parameters of a query.
    tokens = {pk: model.objects.filter(user=pk).delete()[0] for pk in reasons}
    sessions = _delete_sessions({str(pk): pk for pk in reasons})
    for pk, reason in reasons.items():
        audit_logger.info(
            "Logins ended",
            extra={"ended_for": pk, "reason": reason, "tokens": tokens[pk], "sessions": sessions.get(pk, 0)},
        )
    return {pk: (tokens[pk], sessions.get(pk, 0)) for pk in reasons}


def _delete_sessions(users: Mapping[str, Any]) -> Counter[Any]:
    # The session table has no column for the user; the signed session data contain the key of the user.
    live = Session.objects.filter(expire_date__gte=timezone.now())
    owners = ((row.pk, users.get(str(row.get_decoded().get(SESSION_KEY)))) for row in live.iterator())
    own = {session: owner for session, owner in owners if owner is not None}
    Session.objects.filter(pk__in=own).delete()
    return Counter(own.values())


def _read_before_save(instance: User, update_fields: Collection[str] | None = None, **kwargs: object) -> None:
    # A login saves only its time, and must not cost another query.
    if instance.pk is None or (update_fields is not None and LOGIN_FIELDS.isdisjoint(update_fields)):
        return
    instance.before_save = User.objects.filter(pk=instance.pk).values(*LOGIN_FIELDS).first()


def _end_after_save(instance: User, update_fields: Collection[str] | None = None, **kwargs: object) -> None:
    before, instance.before_save = instance.before_save, None
    if before is None:
        return
    written = LOGIN_FIELDS if update_fields is None else LOGIN_FIELDS.intersection(update_fields)
    after = {**before, **{name: getattr(instance, name) for name in written}}
    if any(hasattr(value, "resolve_expression") for value in after.values()):
        after = User.objects.values(*LOGIN_FIELDS).get(pk=instance.pk)
    is_replaced = before["password"] != after["password"] and not _is_renewed(after["password"], update_fields)
    if is_replaced:
        instance.ended_for_password = after["password"]
    reason = _rights_reason(before, after) or (_NEW_PASSWORD if is_replaced else "")
    if reason:
        end_all_logins(instance, reason=reason)


def _is_renewed(password: str, update_fields: Collection[str] | None) -> bool:
    """Return whether a save only renews the hash of the same password. A login does so, and saves this field alone.

    All other saves replace the password. Django calls no validator when code makes a password unusable or assigns a
    hash, so these cases are detected here.
    """
    return update_fields is not None and set(update_fields) == {"password"} and is_password_usable(password)


def _end_after_update(
    before: Mapping[Any, Mapping[str, Any]], after: Mapping[Any, Mapping[str, Any]], **kwargs: object
) -> None:
    reasons = {pk: _changed(before[pk], row) for pk, row in after.items() if pk in before}
    if ended := {pk: reason for pk, reason in reasons.items() if reason}:
        _end(ended)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return _rights_reason(before, after) or (_NEW_PASSWORD if before["password"] != after["password"] else "")


def _rights_reason(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return the reason why this change of rights ends logins; empty if it does not."""
    lost = [name for name in _RIGHTS if before[name] and not after[name]]
    if lost:
        return f"lost {', '.join(lost)}"
    return "activated again" if after["is_active"] and not before["is_active"] else ""
