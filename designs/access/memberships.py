"""Members of an organization, and the audit log of granted memberships."""

from __future__ import annotations

import logging
import uuid
from typing import Any, cast

from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, F, QuerySet, Value
from rest_framework.exceptions import ValidationError

from designs.access.permissions import require_may_grant
from designs.exceptions import UserLimitExceeded
from designs.models import Clearance, Membership, Organization, Role, UnmatchedMember, User

__all__ = ["WORKS_ELSEWHERE", "add_member", "forget_unmatched", "listed_members", "log_grant", "works_elsewhere"]

WORKS_ELSEWHERE = "This user is a member of another organization; a superuser chooses the primary one."

audit_logger = logging.getLogger("enginel.audit")


def add_member(
    by: Membership, *, username: str, role: Role, clearance: int, is_us_person: bool, is_primary: bool
) -> Membership | UnmatchedMember:
    """Add a user to the organization of ``by``. The response does not reveal whether the account exists.

    A name without an active account becomes an `UnmatchedMember`. ``is_primary`` has no effect for a member of another
    organization.

    Raises:
        InsufficientPermissions: ``by`` is not an admin, or lacks the granted role, clearance or US person status.
        ValidationError: The organization has a member with this name already.
        UserLimitExceeded: The organization has reached its limit of members.
    """
    require_may_grant(by, role=role, clearance=clearance, is_us_person=is_us_person)
    rights = {"role": role, "clearance": clearance, "is_us_person": is_us_person}
    # All names cost the same queries, so the response time does not reveal whether an account exists.
    user = User.objects.filter(username=username, is_active=True).first()
    is_primary = is_primary and not _has_membership_elsewhere(username, by.organization_id)
    try:
        with transaction.atomic():
            organization = Organization.objects.select_for_update().get(pk=by.organization_id)
            _require_room(organization, username)
            if user is None:
                added = UnmatchedMember.objects.create(organization=organization, name=username, **rights)
                _log_unmatched(added, by=by.user_id)
                return added
            member = Membership.objects.create(organization=organization, user=user, is_primary=is_primary, **rights)
    except IntegrityError as exc:
        # Another request added this member between the check and the insert.
        raise _duplicate_member() from exc
    log_grant(member, by=by.user_id)
    return member


def listed_members(organization: Organization) -> QuerySet[Any]:
    """Return the entries of the list of members, oldest first, as dicts with the fields of `MemberSerializer`."""
    known = organization.memberships.annotate(username=F("user__username"), account=F("user_id"))
    unmatched = organization.unmatched_members.annotate(
        username=F("name"), account=Value(None, output_field=BigIntegerField())
    )
    columns = ("id", "role", "clearance", "is_us_person", "created_at", "username", "account")
    together = known.order_by().values(*columns).union(unmatched.order_by().values(*columns), all=True)
    return cast("QuerySet[Any]", together.order_by("created_at", "id"))


def _require_room(organization: Organization, username: str) -> None:
    known = organization.memberships.filter(user__username=username).exists()
    if organization.unmatched_members.filter(name=username).exists() or known:
        raise _duplicate_member()
    if (count := organization.user_count()) >= organization.max_users:
        raise UserLimitExceeded(details={"users": count, "max_users": organization.max_users})


def _has_membership_elsewhere(username: str, organization_id: uuid.UUID) -> bool:
    return Membership.objects.filter(user__username=username).exclude(organization=organization_id).exists()


def forget_unmatched(member: Membership) -> None:
    """Delete the `UnmatchedMember` with the name of a new member."""
    member.organization.unmatched_members.filter(name=member.user.get_username()).delete()


def works_elsewhere(user: User, organization: Organization) -> bool:
    """Return whether a user is a member of another organization too.

    An admin must not make their organization the primary one of such a user: series that the user creates without
    naming an organization would go there.
    """
    return user.memberships.exclude(organization=organization).exists()


def log_grant(member: Membership, *, by: int) -> None:
    """Log a granted membership to the audit log. The line contains ids only, no names.

    Args:
        member: The membership as stored now.
        by: Id of the granting user.
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


def _log_unmatched(added: UnmatchedMember, *, by: int) -> None:
    audit_logger.info(
        "No membership granted: there is no active account of the name",
        extra={"granted_by": by, "organization_id": str(added.organization_id), "unmatched_member": str(added.pk)},
    )


def _duplicate_member() -> ValidationError:
    return ValidationError({"username": ["This user is a member already."]})
