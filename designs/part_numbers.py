"""An organization's catalogue: series and their part numbers."""

from __future__ import annotations

import uuid

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError

from designs import context
from designs.access.permissions import get_membership, require_role
from designs.exceptions import DuplicatePartNumber
from designs.models import Clearance, Design, Membership, Role, Series, User

__all__ = ["create_series"]


def create_series(
    user: User, *, part_number: str, name: str, description: str, organization: uuid.UUID | None = None
) -> Series:
    """Create a series in an organization; in the user's primary or only one, if none is named.

    Raises:
        ValidationError: No organization is named, and the user has no primary or only one.
        NotFound: The organization does not exist, or is a foreign one.
        InsufficientPermissions: The user is not an engineer there.
        DuplicatePartNumber: The part number already exists in the organization.
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
    same = Series.objects.filter(organization=membership.organization, part_number=part_number)
    if same.exists():
        _mark_if_controlled(same)
        raise DuplicatePartNumber(field="part_number")
    try:
        with transaction.atomic():
            series.save(force_insert=True)
    except IntegrityError as exc:
        # A concurrent request has inserted the part number since the check.
        _mark_if_controlled(same)
        raise DuplicatePartNumber(field="part_number") from exc
    return series


def _mark_if_controlled(series: QuerySet[Series]) -> None:
    """Keep a part number of a controlled design out of error reports, which show the request's body."""
    controlled = Q(is_itar=True) | Q(classification__gt=Clearance.UNCLASSIFIED)
    if Design.objects.filter(controlled, series__in=series).exists():
        context.set_controlled()


def _own_membership(user: User) -> Membership:
    membership = user.primary_membership()
    if membership is None:
        raise ValidationError({"organization": ["Name the organization: you have no primary or only one."]})
    return membership
