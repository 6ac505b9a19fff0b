"""Permissions: all rules of access to organizations, series, designs and accounts.

Objects of other organizations do not exist for a user (404). Within the user's organizations, export control is checked
first, then clearance, then the role.
"""

from __future__ import annotations

import uuid
from typing import TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from rest_framework.exceptions import NotAuthenticated, NotFound

from designs.exceptions import (
    ClearanceLevelInsufficient,
    InsufficientPermissions,
    ITARViolation,
    raise_permission_error,
)
from designs.models import Clearance, Design, Membership, Organization, Role, Series, User

__all__ = [
    "administered_designs",
    "administered_designs_with_role",
    "administered_organizations",
    "administered_users",
    "covers",
    "get_design",
    "get_membership",
    "get_series",
    "may_grant_secrecy",
    "may_manage_account",
    "organizations_with_role",
    "require_access",
    "require_may_grant",
    "require_may_mark",
    "require_role",
    "require_user",
    "visible_designs",
    "visible_organizations",
    "visible_series",
    "with_visible_version",
]

_T = TypeVar("_T")


def require_user(user: User | AnonymousUser) -> User:
    """Return the user if authenticated.

    Raises:
        NotAuthenticated: The user is anonymous.
    """
    if isinstance(user, AnonymousUser):
        raise NotAuthenticated
    return user


def visible_organizations(user: User) -> QuerySet[Organization]:
    """Return the organizations the user is a member of."""
    return Organization.objects.filter(Exists(Membership.objects.filter(organization=OuterRef("pk"), user=user)))


def visible_series(user: User) -> QuerySet[Series]:
    """Return the series of the user's organizations."""
    own = Membership.objects.filter(organization=OuterRef("organization"), user=user)
    return Series.objects.filter(Exists(own))


def visible_designs(user: User) -> QuerySet[Design]:
    """Return the designs of the user's organizations that export control and clearance allow the user to see."""
    cleared = Membership.objects.filter(
        organization=OuterRef("series__organization"), user=user, clearance__gte=OuterRef("classification")
    )
    return Design.objects.filter(Q(Exists(cleared)) & (Q(is_itar=False) | Q(Exists(cleared.filter(is_us_person=True)))))


def with_visible_version(designs: QuerySet[Design], visible: QuerySet[Design]) -> QuerySet[Design]:
    """Number each design by the versions of its series that a user may see, oldest first, as ``visible_version``.

    The stored numbers have gaps for hidden versions, and a gap would reveal a hidden version.

    Args:
        designs: Designs to number; a subset of ``visible``.
        visible: All designs that the user may see.
    """
    until = visible.filter(series=OuterRef("series"), version__lte=OuterRef("version")).order_by()
    number = until.values("series").annotate(number=Count("pk")).values("number")
    return designs.annotate(visible_version=Subquery(number))  # type: ignore[no-redef]  # its default in the class


def administered_designs(user: User) -> QuerySet[Design]:
    """Return the designs that the admin site may show to a user.

    All users see the designs visible by membership. Superusers also see all designs that are neither export-controlled
    nor classified; the others need a membership, and the audit log contains its grant.
    """
    own = visible_designs(user)
    if not user.is_superuser:
        return own
    return Design.objects.filter(Q(pk__in=own.values("pk")) | Q(is_itar=False, classification=Clearance.UNCLASSIFIED))


def administered_designs_with_role(user: User, required: Role) -> QuerySet[Design]:
    """Return the designs of `administered_designs` for which the user has the required role in the organization.

    Superusers need no role for designs that are neither export-controlled nor classified.
    """
    sufficient = [role for role in Role if role.at_least(required)]
    own = Membership.objects.filter(organization=OuterRef("series__organization"), user=user, role__in=sufficient)
    allowed = Q(Exists(own))
    if user.is_superuser:
        allowed |= Q(is_itar=False, classification=Clearance.UNCLASSIFIED)
    return administered_designs(user).filter(allowed)


def administered_organizations(user: User) -> QuerySet[Organization]:
    """Return the organizations that the admin site may show: the user's own; for superusers, all."""
    return Organization.objects.all() if user.is_superuser else visible_organizations(user)


def administered_users(user: User) -> QuerySet[User]:
    """Return the accounts that the admin site may show: the user's own and those of the user's organizations.

    Superusers see all accounts. Users who may add accounts also see accounts without any organization: a new account
    has none yet.
    """
    if user.is_superuser:
        return User.objects.all()
    colleagues = Membership.objects.filter(user=OuterRef("pk"), organization__in=visible_organizations(user))
    shown = Q(pk=user.pk) | Q(Exists(colleagues))
    if user.has_perm("designs.add_user"):
        shown |= ~Q(Exists(Membership.objects.filter(user=OuterRef("pk"))))
    return User.objects.filter(shown)


def get_membership(user: User, organization_id: uuid.UUID) -> Membership:
    """Return the user's membership in an organization.

    Raises:
        NotFound: The organization does not exist, or the user is not a member.
    """
    own = Membership.objects.select_related("organization").filter(user=user, organization_id=organization_id)
    return _found(own.first())


def get_series(user: User, series_id: uuid.UUID) -> tuple[Series, Membership]:
    """Return a series and the user's membership in its organization.

    Raises:
        NotFound: The series does not exist, or belongs to another organization.
    """
    series = _found(Series.objects.select_related("organization").filter(pk=series_id).first())
    return series, get_membership(user, series.organization_id)


def get_design(user: User, design_id: uuid.UUID, *, to_show: bool = False) -> tuple[Design, Membership]:
    """Return a design that the user may see, and the user's membership in its organization.

    Args:
        user: The user who requests it.
        design_id: Id of the design.
        to_show: Whether to set ``visible_version`` for this user, see `with_visible_version`.

    Raises:
        NotFound: The design does not exist, or belongs to another organization.
        ITARViolation: It is export-controlled and the user is not a US person.
        ClearanceLevelInsufficient: It is classified above the user's clearance.
    """
    designs = Design.objects.select_related("series__organization").filter(pk=design_id)
    design = _found((with_visible_version(designs, visible_designs(user)) if to_show else designs).first())
    membership = get_membership(user, design.series.organization_id)
    require_access(membership, is_itar=design.is_itar, classification=design.classification)
    return design, membership


def require_access(membership: Membership, *, is_itar: bool, classification: int) -> None:
    """Check that a member may handle data with these marks.

    Raises:
        ITARViolation: The data are export-controlled and the member is not a US person.
        ClearanceLevelInsufficient: The data are classified above the member's clearance.
    """
    if is_itar and not membership.is_us_person:
        raise ITARViolation
    if classification > membership.clearance:
        raise ClearanceLevelInsufficient(
            details={
                "required": Clearance(classification).name,
                "current": Clearance(membership.clearance).name,
            }
        )


def require_role(membership: Membership, required: Role) -> None:
    """Check that a member has at least the required role.

    Raises:
        InsufficientPermissions: The role is below the required one.
    """
    current = Role(membership.role)
    if not current.at_least(required):
        raise_permission_error(required.value, current.value)


def require_may_grant(by: Membership, *, role: Role, clearance: int, is_us_person: bool) -> None:
    """Check that a member may grant these rights to another member of the same organization.

    Raises:
        InsufficientPermissions: ``by`` is not an admin, or lacks one of the rights; ``field`` names that right.
    """
    require_role(by, Role.ADMIN)
    if not Role(by.role).at_least(role):
        raise InsufficientPermissions(f"You have the role {by.role} and cannot grant the role {role}.", field="role")
    if clearance > by.clearance:
        own, wanted = Clearance(by.clearance).name, Clearance(clearance).name
        raise InsufficientPermissions(
            f"You have the clearance {own} and cannot grant the clearance {wanted}.", field="clearance"
        )
    if is_us_person and not by.is_us_person:
        raise InsufficientPermissions("Only a US person can register a US person.", field="is_us_person")


def require_may_mark(
    by: Membership | None, *, was_itar: bool, was_classification: int, is_itar: bool, classification: int
) -> None:
    """Check that a user may change the marks of a design. All users who see a design may raise its marks.

    Args:
        by: The user's membership in the organization of the design, if any.
        was_itar: Stored mark of export control.
        was_classification: Stored classification.
        is_itar: New mark of export control.
        classification: New classification.

    Raises:
        InsufficientPermissions: A mark is lowered and ``by`` is not an admin, not a US person or not cleared;
            ``field`` names the mark.
    """
    if was_itar and not is_itar and not _admin(by, "is_itar").is_us_person:
        raise InsufficientPermissions("Only a US person can remove the mark of export control.", field="is_itar")
    if classification < was_classification:
        cleared = _admin(by, "classification").clearance
        if cleared < was_classification:
            own, stored = Clearance(cleared).name, Clearance(was_classification).name
            raise InsufficientPermissions(
                f"You have the clearance {own} and cannot lower the classification {stored}.", field="classification"
            )


def _admin(by: Membership | None, field: str) -> Membership:
    if by is None or not Role(by.role).at_least(Role.ADMIN):
        raise InsufficientPermissions(
            "Only admins and owners of the organization can lower the marks of a design.", field=field
        )
    return by


def may_grant_secrecy(by: Membership, *, clearance: int, is_us_person: bool) -> bool:
    """Return whether a member may grant this clearance and US person status, and so may see them for others."""
    is_covered = clearance <= by.clearance and (by.is_us_person or not is_us_person)
    return is_covered and Role(by.role).at_least(Role.ADMIN)


def covers(by: Membership | None, member: Membership) -> bool:
    """Return whether a member may grant all rights of another member of the organization, and so may revoke them."""
    if by is None or not Role(by.role).at_least(Role(member.role)):
        return False
    return may_grant_secrecy(by, clearance=member.clearance, is_us_person=member.is_us_person)


def may_manage_account(user: User, account: User) -> bool:
    """Return whether a user has all rights of an account, so that setting its password gives the user no new rights.

    True for the user's own account; for superusers, true for all accounts.
    """
    if user.is_superuser or user.pk == account.pk:
        return True
    if account.is_superuser or not account.get_all_permissions() <= user.get_all_permissions():
        return False
    own = {member.organization_id: member for member in user.memberships.all()}
    return all(covers(own.get(member.organization_id), member) for member in account.memberships.all())


def organizations_with_role(user: User, required: Role) -> QuerySet[Organization]:
    """Return the organizations in which the user has the required role.

    Used before the body of a request, which names the organization, is read.

    Raises:
        InsufficientPermissions: The user has the role in no organization.
    """
    sufficient = [role for role in Role if role.at_least(required)]
    own = Membership.objects.filter(organization=OuterRef("pk"), user=user, role__in=sufficient)
    organizations = Organization.objects.filter(Exists(own))
    if not organizations.exists():
        raise_permission_error(required.value)
    return organizations


def _found(value: _T | None) -> _T:
    if value is None:
        raise NotFound
    return value
