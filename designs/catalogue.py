"""An organization's catalogue: series and their part numbers."""

from __future__ import annotations

import uuid

from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from designs.exceptions import DuplicatePartNumber
from designs.models import Membership, Role, Series, User
from designs.permissions import get_membership, require_role

__all__ = ["create_series"]


def create_series(
    user: User, *, part_number: str, name: str, description: str, organization: uuid.UUID | None = None
) -> Series:
    """Begin a series in an organization; in the user's primary or only one, if none is named.

    Raises:
        ValidationError: No organization is named, and the user has no primary or only one.
        NotFound: The organization does not exist, or is a foreign one.
        InsufficientPermissions: The user is no engineer there.
        DuplicatePartNumber: The organization has this part number.
    """
    membership = _own_membership(user) if organization is None else get_membership(user, organization)
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


def _own_membership(user: User) -> Membership:
    membership = user.primary_membership()
    if membership is None:
        raise ValidationError({"organization": ["Name the organization: you have no primary or only one."]})
    return membership
