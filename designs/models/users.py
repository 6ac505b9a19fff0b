"""The user model. A project's own from the start, since Django cannot swap it later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction
from django.dispatch import Signal

if TYPE_CHECKING:
    from designs.models.organizations import Membership, Organization

__all__ = ["LOGIN_FIELDS", "User", "UserManager", "UserQuerySet", "rights_updated"]

LOGIN_FIELDS = frozenset({"is_active", "is_staff", "is_superuser", "password"})
"""What tokens and sessions of an account depend on; see `designs.access.logins`."""

rights_updated = Signal()
"""Sent after a query that writes `LOGIN_FIELDS` of many accounts, with ``before`` and ``after``: their values by key.

Django sends no signal for such a query.
"""

Accounts = Mapping[Any, Mapping[str, Any]]
_BATCH = 500


class UserQuerySet(models.QuerySet["User"]):
    """Queries for accounts; those that write rights or passwords send `rights_updated` in the same transaction."""

    def update(self, **kwargs: Any) -> int:
        # Also what `bulk_update` and `aupdate` call.
        with self._watched(kwargs, lambda: list(self.order_by().values_list("pk", flat=True))):
            return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]  # as Django marks its own: templates must not call it

    def bulk_create(
        self,
        objs: Iterable[User],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[User]:
        accounts = list(objs)
        with self._watched(update_fields or (), lambda: self._conflicting(accounts, unique_fields or ())):
            return super().bulk_create(
                accounts, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    @contextmanager
    def _watched(self, fields: Collection[str], find: Callable[[], list[Any]]) -> Iterator[None]:
        if LOGIN_FIELDS.isdisjoint(fields):
            yield
            return
        with transaction.atomic(using=self.db):
            keys = find()
            # Locked: what another transaction writes in between would be missed.
            before = self._read(keys, lock=True)
            yield
            rights_updated.send(sender=self.model, before=before, after=self._read(keys))

    def _read(self, keys: list[Any], *, lock: bool = False) -> Accounts:
        accounts = self._all().order_by("pk")
        if lock:
            accounts = accounts.select_for_update()
        read: dict[Any, Mapping[str, Any]] = {}
        for batch in _batches(keys):
            read.update((row["pk"], row) for row in accounts.filter(pk__in=batch).values("pk", *LOGIN_FIELDS))
        return read

    def _all(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self.db)

    def _conflicting(self, accounts: list[User], unique_fields: Collection[str]) -> list[Any]:
        """Return the keys of stored accounts that an insert of these would overwrite."""
        found: list[Any] = []
        for batch in _batches(accounts):
            same = models.Q(pk__in=())
            for account in batch:
                same |= models.Q(**{name: getattr(account, name) for name in unique_fields})
            found.extend(self._all().filter(same).values_list("pk", flat=True))
        return found


def _batches(rows: list[Any]) -> Iterator[list[Any]]:
    # Databases limit the parameters of a query.
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


class UserManager(DjangoUserManager["User"]):
    # The state of migrations needs Django's own only.
    use_in_migrations = False

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)


class User(AbstractUser):
    """An account: Django's, and the organization it works for.

    Attributes:
        before_save: The stored `LOGIN_FIELDS` while a save is about to write some of them; see `designs.access.logins`.
        ended_for_password: Hash of the password whose storing ended all logins.
    """

    objects: ClassVar[UserManager] = UserManager()

    before_save: Mapping[str, Any] | None = None
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
