"""Organizations, which own designs, and their members."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from designs.models.text import validate_one_line

__all__ = ["Clearance", "Membership", "Organization", "Role", "UnmatchedMember"]

_GIBIBYTE = 1024**3


class Role(models.TextChoices):
    """Role of a member. Each role includes the rights of the roles before it.

    A viewer reads. An engineer adds series and designs. An admin deletes designs and adds members. An owner adds
    owners.
    """

    VIEWER = "VIEWER", "Viewer"
    ENGINEER = "ENGINEER", "Engineer"
    ADMIN = "ADMIN", "Admin"
    OWNER = "OWNER", "Owner"

    def at_least(self, other: Role) -> bool:
        """Return whether this role includes the rights of another role."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class Clearance(models.IntegerChoices):
    """Classification of a design, or the highest classification that a member may see."""

    UNCLASSIFIED = 0, "Unclassified"
    CONFIDENTIAL = 1, "Confidential"
    SECRET = 2, "Secret"
    TOP_SECRET = 3, "Top secret"


class Organization(models.Model):
    """Customer that owns series and designs, with limits on users, designs and storage."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, unique=True, validators=[validate_one_line])
    slug = models.SlugField(max_length=100, unique=True)
    max_users = models.PositiveIntegerField(default=10)
    max_designs = models.PositiveIntegerField(default=1000)
    storage_quota_bytes = models.PositiveBigIntegerField(default=10 * _GIBIBYTE)
    kernel_seconds_max = models.PositiveIntegerField(
        "kernel deadline",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Seconds the CAD kernel gets for one file, where that is less than the service's deadline.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def kernel_timeout_seconds(self) -> float:
        """Return the time limit of the CAD kernel for one file: the shorter of the service's and the organization's."""
        service = float(settings.ENGINEL_KERNEL_TIMEOUT_SECONDS)
        return service if self.kernel_seconds_max is None else min(service, float(self.kernel_seconds_max))

    def storage_used_bytes(self, among: models.QuerySet[Any] | None = None) -> int:
        """Return the file size of all designs in bytes, or of the designs in ``among``."""
        used = self.series.aggregate(used=models.Sum("designs__size_bytes", filter=_among(among)))["used"]
        return int(used or 0)

    def user_count(self) -> int:
        """Return the number of members, including unmatched ones."""
        return self.memberships.count() + self.unmatched_members.count()

    def design_count(self, among: models.QuerySet[Any] | None = None) -> int:
        """Return the number of designs (all versions), or of the designs in ``among``."""
        return int(self.series.aggregate(count=models.Count("designs", filter=_among(among)))["count"])


def _among(designs: models.QuerySet[Any] | None) -> models.Q | None:
    return None if designs is None else models.Q(designs__in=designs.values("pk"))


class Membership(models.Model):
    """Membership of a user in an organization: role, clearance, and access to export-controlled data."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    clearance = models.PositiveSmallIntegerField(choices=Clearance.choices, default=Clearance.UNCLASSIFIED)
    is_us_person = models.BooleanField(
        "US person", default=False, help_text="May see export-controlled (ITAR) designs: 22 CFR 120.62."
    )
    is_primary = models.BooleanField(
        "primary", default=False, help_text="The organization this user works for when none is named; at most one."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(is_primary=True),
                name="membership_primary_once",
                violation_error_message="This user has a primary membership already.",
            ),
            models.UniqueConstraint(fields=["user", "organization"], name="membership_once_per_organization"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
            models.CheckConstraint(
                condition=models.Q(clearance__in=Clearance.values), name="membership_clearance_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}: {self.role}"


class UnmatchedMember(models.Model):
    """Member added under a name without an active account. It grants no access.

    The list of members shows it like a membership, so that adding members does not reveal which accounts exist. It
    never becomes a membership: a later account with that name may belong to another person.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="unmatched_members")
    name = models.CharField("user name as given", max_length=150)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    clearance = models.PositiveSmallIntegerField(choices=Clearance.choices, default=Clearance.UNCLASSIFIED)
    is_us_person = models.BooleanField("US person", default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="unmatched_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.organization}"
