"""User model. Custom from the start, since Django cannot swap the user model later."""

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
"""Fields of an account whose change ends its tokens and sessions; see `designs.access.logins`."""

rights_updated = Signal()
"""Signal sent after a query that writes `LOGIN_FIELDS` of several accounts.

``before`` and ``after`` map primary keys to the values. Django sends no signal for such a query.
"""

Accounts = Mapping[Any, Mapping[str, Any]]
_BATCH = 500


class UserQuerySet(models.QuerySet["User"]):
    """Queries of accounts. Writes of rights or passwords send `rights_updated` in the same transaction."""

    def update(self, **kwargs: Any) -> int:
        # `bulk_update` and `aupdate` call this method too.
        with self._sending_signal(kwargs, lambda: list(self.order_by().values_list("pk", flat=True))):
            return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]  # forbids calls from templates, as in Django

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
        with self._sending_signal(update_fields or (), lambda: self._conflicting(accounts, unique_fields or ())):
            return super().bulk_create(
                accounts, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    @contextmanager
    def _sending_signal(self, fields: Collection[str], find: Callable[[], list[Any]]) -> Iterator[None]:
        if LOGIN_FIELDS.isdisjoint(fields):
            yield
            return
        with transaction.atomic(using=self.db):
            keys = find()
            # Locked, so that no other transaction writes between the two reads.
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
        """Return the primary keys of stored accounts that an insert of these accounts would overwrite."""
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
    # Migrations need only Django's manager.
    use_in_migrations = False

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)


class User(AbstractUser):
    """Account of Django with memberships in organizations.

    Attributes:
        before_save: The stored `LOGIN_FIELDS` during a save that writes some of them; see `designs.access.logins`.
        ended_for_password: Hash of the new password for which all logins were ended.
    """

    objects: ClassVar[UserManager] = UserManager()

    before_save: Mapping[str, Any] | None = None
    ended_for_password: str = ""

    def primary_membership(self) -> Membership | None:
        """Return the primary or only membership; None without memberships, or with several but no primary one."""
        # Two rows suffice: the primary membership sorts first, and a second row shows that there are several.
        found = list(self.memberships.select_related("organization").order_by("-is_primary", "created_at", "id")[:2])
        return found[0] if found and (found[0].is_primary or len(found) == 1) else None

    @property
    def organization(self) -> Organization | None:
        """Organization of the primary or only membership, else None. One uncached query, since memberships change."""
        membership = self.primary_membership()
        return membership.organization if membership else None
