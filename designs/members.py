"""Members of an organization, and the audit log of what they are granted."""

from __future__ import annotations

import logging

from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError

from designs.exceptions import UserLimitExceeded
from designs.models import Clearance, Membership, Organization, Role, User
from designs.permissions import require_may_grant

__all__ = ["WORKS_ELSEWHERE", "add_member", "log_grant", "works_elsewhere"]

WORKS_ELSEWHERE = "This user is a member of another organization; a superuser chooses the primary one."

audit_logger = logging.getLogger("enginel.audit")


def add_member(
    by: Membership, *, username: str, role: Role, clearance: int, is_us_person: bool, is_primary: bool
) -> Membership:
    """Make a user a member of the organization of ``by``.

    Raises:
        InsufficientPermissions: ``by`` is no admin, or grants a role, a clearance or a status it does not have.
        ValidationError: There is no such user, it is a member already, or ``is_primary`` is set for a member of another
            organization.
        UserLimitExceeded: The organization has as many members as it may.
    """
    require_may_grant(by, role=role, clearance=clearance, is_us_person=is_us_person)
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise ValidationError({"username": ["There is no such user."]})
    try:
        with transaction.atomic():
            organization = Organization.objects.select_for_update().get(pk=by.organization_id)
            count = organization.memberships.count()
            if organization.memberships.filter(user=user).exists():
                raise _member_already()
            if is_primary and works_elsewhere(user, organization):
                raise _works_elsewhere()
            if count >= organization.max_users:
                raise UserLimitExceeded(details={"users": count, "max_users": organization.max_users})
            member = Membership.objects.create(
                organization=organization,
                user=user,
                role=role,
                clearance=clearance,
                is_us_person=is_us_person,
                is_primary=is_primary,
            )
    except IntegrityError as exc:
        # Another request was quicker, between the look and the insert.
        raise (_works_elsewhere() if is_primary and works_elsewhere(user, organization) else _member_already()) from exc
    log_grant(member, by=by.user_id)
    return member


def works_elsewhere(user: User, organization: Organization) -> bool:
    """Return whether a user is a member of another organization too.

    An admin must not make the own organization the primary one of such a user: what the user begins without naming
    an organization would go there.
    """
    return user.memberships.exclude(organization=organization).exists()


def log_grant(member: Membership, *, by: int) -> None:
    """Write one line of the audit log: who gave which rights to whom. Ids only.

    Args:
        member: The membership as it is stored now.
        by: Id of the user who granted it.
    """
    audit_logger.info(
        "Membership granted",
        extra={
            "granted_by": by,
            "granted_to": member.user_id,
            "organization_id": str(member.organization_id),
            "role": member.role,
            "clearance": Clearance(member.clearance).name,
            "is_us_person": member.is_us_person,
        },
    )


def _works_elsewhere() -> ValidationError:
    return ValidationError({"is_primary": [WORKS_ELSEWHERE]})


def _member_already() -> ValidationError:
    return ValidationError({"username": ["This user is a member already."]})
