"""The user model. A project's own from the start, since Django cannot swap it later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractUser

if TYPE_CHECKING:
    from designs.models.organizations import Membership, Organization

__all__ = ["User"]


class User(AbstractUser):
    """An account: Django's, and the organization it works for.

    Attributes:
        lost_rights: Names of the flags that a save is about to take away; see `designs.logins`.
        is_password_replaced: Whether a save is about to store another password.
        ended_for_password: Hash of the password whose storing ended all logins.
    """

    lost_rights: Sequence[str] = ()
    is_password_replaced: bool = False
    ended_for_password: str = ""

    def primary_membership(self) -> Membership | None:
        """Return the primary membership, or the only one; None without any, or with several and no primary."""
        # Two rows decide: the primary one sorts first, and a second row means that the first is not the only one.
        found = list(self.memberships.select_related("organization").order_by("-is_primary", "created_at", "id")[:2])
        return found[0] if found and (found[0].is_primary or len(found) == 1) else None

    @property
    def organization(self) -> Organization | None:
        """Organization of the primary or only membership, else None. One query, never cached: memberships change."""
        membership = self.primary_membership()
        return membership.organization if membership else None
