"""Members of an organization."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from designs.exceptions import InsufficientPermissions, UserLimitExceeded
from designs.models import Membership, Organization, Role, User
from designs.permissions import require_role

__all__ = ["add_member"]


def add_member(
    by: Membership, *, username: str, role: Role, clearance: int, is_us_person: bool, is_primary: bool
) -> Membership:
    """Make a user a member of the organization of ``by``.

    Raises:
        InsufficientPermissions: ``by`` is no admin, or grants a role above its own.
        ValidationError: There is no such user, it is a member already, or ``is_primary`` is set for a user who has a
            primary membership elsewhere.
        UserLimitExceeded: The organization has as many members as it may.
    """
    require_role(by, Role.ADMIN)
    if not Role(by.role).at_least(role):
        raise InsufficientPermissions(f"You have the role {by.role} and cannot grant the role {role}.", field="role")
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise ValidationError({"username": ["There is no such user."]})
    try:
        with transaction.atomic():
            organization = Organization.objects.select_for_update().get(pk=by.organization_id)
            count = organization.memberships.count()
            if organization.memberships.filter(user=user).exists():
                raise _member_already()
            if is_primary and user.memberships.filter(is_primary=True).exists():
                raise ValidationError({"is_primary": ["This user has a primary membership already."]})
            if count >= organization.max_users:
                raise UserLimitExceeded(details={"users": count, "max_users": organization.max_users})
            return Membership.objects.create(
                organization=organization,
                user=user,
                role=role,
                clearance=clearance,
                is_us_person=is_us_person,
                is_primary=is_primary,
            )
    except IntegrityError as exc:
        raise _member_already() from exc


def _member_already() -> ValidationError:
    return ValidationError({"username": ["This user is a member already."]})
