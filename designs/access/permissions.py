"""Who may see and do what: the only module that judges it.

What belongs to a foreign organization does not exist for a user (404). Within an own organization export
control is judged first, then clearance, then the role.
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
    """Return the user, known to be somebody.

    Raises:
        NotAuthenticated: The request carries no login.
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
    """Return the designs of the user's organizations that export control and clearance let the user see."""
    cleared = Membership.objects.filter(
        organization=OuterRef("series__organization"), user=user, clearance__gte=OuterRef("classification")
    )
    return Design.objects.filter(Q(Exists(cleared)) & (Q(is_itar=False) | Q(Exists(cleared.filter(is_us_person=True)))))


def with_visible_version(designs: QuerySet[Design], visible: QuerySet[Design]) -> QuerySet[Design]:
    """Number each design by the versions of its series that a user may see, oldest first, as ``visible_version``.

    The stored numbers have gaps where versions are hidden, and a gap shows that there is one.

    Args:
        designs: What to number; each is one of ``visible``.
        visible: All designs that the user may see.
    """
    until = visible.filter(series=OuterRef("series"), version__lte=OuterRef("version")).order_by()
    number = until.values("series").annotate(number=Count("pk")).values("number")
    return designs.annotate(visible_version=Subquery(number))  # type: ignore[no-redef]  # its default in the class


def administered_designs(user: User) -> QuerySet[Design]:
    """Return the designs the admin site may show to a user.

    Those visible by membership. To superusers also all that are neither export-controlled nor classified: those need a
    membership, whose grant is in the audit log.
    """
    own = visible_designs(user)
    if not user.is_superuser:
        return own
    return Design.objects.filter(Q(pk__in=own.values("pk")) | Q(is_itar=False, classification=Clearance.UNCLASSIFIED))


def administered_designs_with_role(user: User, required: Role) -> QuerySet[Design]:
    """Return the designs of `administered_designs` that the user's role in their organization lets the user act on.

    A superuser acts on those that are neither export-controlled nor classified in any organization.
    """
    sufficient = [role for role in Role if role.at_least(required)]
    own = Membership.objects.filter(organization=OuterRef("series__organization"), user=user, role__in=sufficient)
    allowed = Q(Exists(own))
    if user.is_superuser:
        allowed |= Q(is_itar=False, classification=Clearance.UNCLASSIFIED)
    return administered_designs(user).filter(allowed)


def administered_organizations(user: User) -> QuerySet[Organization]:
    """Return the organizations the admin site may show to a user: the own ones, to superusers all."""
    return Organization.objects.all() if user.is_superuser else visible_organizations(user)


def administered_users(user: User) -> QuerySet[User]:
    """Return the accounts the admin site may show to a user: the own one and those of the own organizations.

    To superusers all. To others who may add accounts also those without any organization: they were just made.
    """
    if user.is_superuser:
        return User.objects.all()
    colleagues = Membership.objects.filter(user=OuterRef("pk"), organization__in=visible_organizations(user))
    shown = Q(pk=user.pk) | Q(Exists(colleagues))
    if user.has_perm("designs.add_user"):
        shown |= ~Q(Exists(Membership.objects.filter(user=OuterRef("pk"))))
    return User.objects.filter(shown)


def get_membership(user: User, organization_id: uuid.UUID) -> Membership:
    """Return the user's membership.

    Raises:
        NotFound: There is no such organization, or it is a foreign one.
    """
    own = Membership.objects.select_related("organization").filter(user=user, organization_id=organization_id)
    return _found(own.first())


def get_series(user: User, series_id: uuid.UUID) -> tuple[Series, Membership]:
    """Return a series and the user's membership in its organization.

    Raises:
        NotFound: There is no such series, or it is a foreign one.
    """
    series = _found(Series.objects.select_related("organization").filter(pk=series_id).first())
    return series, get_membership(user, series.organization_id)


def get_design(user: User, design_id: uuid.UUID, *, to_show: bool = False) -> tuple[Design, Membership]:
    """Return a design the user may see, and the user's membership in its organization.

    Args:
        user: Who asks.
        design_id: Of the design.
        to_show: Whether to number it for this user, see `with_visible_version`.

    Raises:
        NotFound: There is no such design, or it is a foreign one.
        ITARViolation: It is export-controlled and the user is no US person.
        ClearanceLevelInsufficient: It is classified above the user's clearance.
    """
    designs = Design.objects.select_related("series__organization").filter(pk=design_id)
    design = _found((with_visible_version(designs, visible_designs(user)) if to_show else designs).first())
    membership = get_membership(user, design.series.organization_id)
    require_access(membership, is_itar=design.is_itar, classification=design.classification)
    return design, membership


def require_access(membership: Membership, *, is_itar: bool, classification: int) -> None:
    """Judge whether a member may handle data of this kind.

    Raises:
        ITARViolation: It is export-controlled and the member is no US person.
        ClearanceLevelInsufficient: It is classified above the member's clearance.
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
    """Judge whether a member's role suffices.

    Raises:
        InsufficientPermissions: The role is below the required one.
    """
    current = Role(membership.role)
    if not current.at_least(required):
        raise_permission_error(required.value, current.value)


def require_may_grant(by: Membership, *, role: Role, clearance: int, is_us_person: bool) -> None:
    """Judge whether a member may give these rights to a member of the same organization.

    Raises:
        InsufficientPermissions: ``by`` is no admin, or lacks one of the rights; ``field`` names it.
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
    """Judge whether a user may change the marks of a design. To raise them is allowed to all who see it.

    Args:
        by: The user's membership in the organization of the design, if there is one.
        was_itar: Whether the design is export-controlled so far.
        was_classification: Of the design so far.
        is_itar: Whether it is to be export-controlled.
        classification: That it is to have.

    Raises:
        InsufficientPermissions: A mark is lowered and ``by`` is no admin, no US person or not cleared; ``field`` names
            the mark.
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
    """Return whether a member may grant this clearance and status, and therefore see them of others."""
    is_covered = clearance <= by.clearance and (by.is_us_person or not is_us_person)
    return is_covered and Role(by.role).at_least(Role.ADMIN)


def covers(by: Membership | None, member: Membership) -> bool:
    """Return whether a member may grant all rights of another member of the organization, and so take them away."""
    if by is None or not Role(by.role).at_least(Role(member.role)):
        return False
    return may_grant_secrecy(by, clearance=member.clearance, is_us_person=member.is_us_person)


def may_manage_account(user: User, account: User) -> bool:
    """Return whether a user has all that an account gives, so that a new password for it would open nothing more.

    The own account is always covered; to superusers all accounts are.
    """
    if user.is_superuser or user.pk == account.pk:
        return True
    if account.is_superuser or not account.get_all_permissions() <= user.get_all_permissions():
        return False
    own = {member.organization_id: member for member in user.memberships.all()}
    return all(covers(own.get(member.organization_id), member) for member in account.memberships.all())


def organizations_with_role(user: User, required: Role) -> QuerySet[Organization]:
    """Return where the user's role suffices: judged before a body says which organization it is for.

    Raises:
        InsufficientPermissions: It suffices in none.
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
