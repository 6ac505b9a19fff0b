"""An organization's catalogue: series and their part numbers."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from designs.exceptions import DuplicatePartNumber
from designs.models import Membership, Role, Series
from designs.permissions import get_membership, require_role

__all__ = ["create_series"]


def create_series(
    user: User, *, part_number: str, name: str, description: str, organization: uuid.UUID | None = None
) -> Series:
    """Begin a series in an organization; in the user's only one, if none is named.

    Raises:
        ValidationError: No organization is named and the user has not just one.
        NotFound: The organization does not exist, or is a foreign one.
        InsufficientPermissions: The user is no engineer there.
        DuplicatePartNumber: The organization has this part number.
    """
    membership = _only_membership(user) if organization is None else get_membership(user, organization)
    require_role(membership, Role.ENGINEER)
    series = Series(
        organization=membership.organization,
        part_number=part_number,
        name=name,
        description=description,
        created_by=user,
    )
    if Series.objects.filter(organization=membership.organization, part_number=part_number).exists():
        raise DuplicatePartNumber(field="part_number")
    try:
        with transaction.atomic():
            series.save(force_insert=True)
    except IntegrityError as exc:
        # Somebody else was quicker, between the look and the insert.
        raise DuplicatePartNumber(field="part_number") from exc
    return series


def _only_membership(user: User) -> Membership:
    memberships = list(Membership.objects.select_related("organization").filter(user=user)[:2])
    if len(memberships) != 1:
        raise ValidationError({"organization": ["Name the organization: you are not a member of just one."]})
    return memberships[0]
