from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.exceptions import NotAuthenticated, NotFound

from designs.access import permissions
from designs.exceptions import ClearanceLevelInsufficient, InsufficientPermissions, ITARViolation
from designs.models import Clearance, Membership, Organization, Role, Series, User
from tests.designs.conftest import MakeDesign, MakeMember

pytestmark = pytest.mark.django_db


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def test_nobody_is_no_user() -> None:
    with pytest.raises(NotAuthenticated):
        permissions.require_user(AnonymousUser())


@pytest.mark.parametrize("get", [permissions.get_membership, permissions.get_series, permissions.get_design])
def test_what_does_not_exist_is_not_found(get: object, engineer: User) -> None:
    with pytest.raises(NotFound):
        get(engineer, uuid.uuid4())  # type: ignore[operator]


def test_what_is_foreign_is_not_found_either(
    stranger: User, acme: Organization, series: Series, make_design: MakeDesign
) -> None:
    design = make_design(is_itar=True, classification=Clearance.SECRET)

    with pytest.raises(NotFound):
        permissions.get_membership(stranger, acme.pk)
    with pytest.raises(NotFound):
        permissions.get_series(stranger, series.pk)
    with pytest.raises(NotFound):
        permissions.get_design(stranger, design.pk)


ACCESS = [
    # is_us_person, clearance, is_itar, classification, refusal
    (False, 0, False, 0, None),
    (False, 0, True, 0, ITARViolation),
    (True, 0, True, 0, None),
    (True, 1, False, 2, ClearanceLevelInsufficient),
    (True, 2, False, 2, None),
    (False, 0, True, 3, ITARViolation),
    (True, 0, True, 3, ClearanceLevelInsufficient),
    (False, 3, True, 3, ITARViolation),
    (True, 3, True, 3, None),
]


@pytest.mark.parametrize(("us_person", "clearance", "is_itar", "classification", "refusal"), ACCESS)
def test_access_judges_export_control_first_and_then_clearance(
    make_member: MakeMember,
    us_person: bool,
    clearance: int,
    is_itar: bool,
    classification: int,
    refusal: type[Exception] | None,
) -> None:
    member = membership_of(make_member(is_us_person=us_person, clearance=clearance))

    if refusal is None:
        permissions.require_access(member, is_itar=is_itar, classification=classification)
    else:
        with pytest.raises(refusal):
            permissions.require_access(member, is_itar=is_itar, classification=classification)


@pytest.mark.parametrize(("us_person", "clearance", "is_itar", "classification", "refusal"), ACCESS)
def test_lists_hold_just_what_may_be_read(
    make_member: MakeMember,
    make_design: MakeDesign,
    us_person: bool,
    clearance: int,
    is_itar: bool,
    classification: int,
    refusal: type[Exception] | None,
) -> None:
    user = make_member(is_us_person=us_person, clearance=clearance)
    design = make_design(is_itar=is_itar, classification=classification)

    listed = list(permissions.visible_designs(user))

    assert listed == ([] if refusal else [design])


def test_rights_in_one_organization_open_nothing_in_another(
    make_member: MakeMember, rival: Organization, make_design: MakeDesign
) -> None:
    user = make_member(is_us_person=False, clearance=0)
    Membership.objects.create(user=user, organization=rival, role=Role.OWNER, is_us_person=True, clearance=3)
    make_design(is_itar=True)
    make_design(classification=Clearance.SECRET)

    assert list(permissions.visible_designs(user)) == []


def test_organizations_and_series_are_those_of_the_member(
    engineer: User, acme: Organization, rival: Organization, series: Series
) -> None:
    Series.objects.create(organization=rival, part_number="AS1", name="foreign")

    assert list(permissions.visible_organizations(engineer)) == [acme]
    assert list(permissions.visible_series(engineer)) == [series]


def test_a_role_below_the_required_one_is_refused_with_both_named(viewer: User) -> None:
    with pytest.raises(InsufficientPermissions, match=r"needs the role ENGINEER.*have the role VIEWER"):
        permissions.require_role(membership_of(viewer), Role.ENGINEER)


def test_a_role_above_the_required_one_suffices(org_admin: User) -> None:
    permissions.require_role(membership_of(org_admin), Role.ENGINEER)


def test_organizations_with_role_are_those_where_the_role_suffices(
    make_member: MakeMember, acme: Organization, rival: Organization
) -> None:
    user = make_member(Role.ADMIN)
    Membership.objects.create(user=user, organization=rival, role=Role.VIEWER)

    assert list(permissions.organizations_with_role(user, Role.ENGINEER)) == [acme]


def test_a_role_that_suffices_nowhere_is_refused(viewer: User) -> None:
    with pytest.raises(InsufficientPermissions):
        permissions.organizations_with_role(viewer, Role.ENGINEER)


@pytest.mark.parametrize(
    ("role", "facts", "was", "field"),
    [
        (Role.ADMIN, {"clearance": 2, "is_us_person": True}, (True, 2), None),
        (Role.ENGINEER, {"clearance": 3, "is_us_person": True}, (True, 0), "is_itar"),
        (Role.ENGINEER, {"clearance": 3, "is_us_person": True}, (False, 1), "classification"),
        (Role.OWNER, {"clearance": 3}, (True, 0), "is_itar"),
        (Role.OWNER, {"clearance": 1, "is_us_person": True}, (False, 2), "classification"),
        (None, {}, (True, 0), "is_itar"),
        (None, {}, (False, 1), "classification"),
        (None, {}, (False, 0), None),
    ],
)
def test_marks_are_lowered_by_cleared_admins_only(
    make_member: MakeMember, role: Role | None, facts: dict[str, int], was: tuple[bool, int], field: str | None
) -> None:
    by = None if role is None else membership_of(make_member(role, **facts))
    stored = {"was_itar": was[0], "was_classification": was[1]}

    if field is None:
        permissions.require_may_mark(by, **stored, is_itar=False, classification=0)
    else:
        with pytest.raises(InsufficientPermissions) as refused:
            permissions.require_may_mark(by, **stored, is_itar=False, classification=0)
        assert refused.value.field == field
    permissions.require_may_mark(by, **stored, is_itar=True, classification=3)
