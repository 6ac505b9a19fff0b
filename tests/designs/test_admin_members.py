"""Staff see accounts of their own organizations, and secrecy of members that they may grant."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from knox.models import get_token_model

from designs.models import Design, Membership, Organization, Role, Series, UnmatchedMember, User
from tests.designs.conftest import MakeDesign, MakeMember
from tests.designs.test_admin import member_form, staff_client, url

pytestmark = pytest.mark.django_db

MEMBERS = "admin:designs_membership_changelist"


@pytest.fixture
def staff_of() -> Any:
    def make(user: User, *left_out: str) -> Client:
        user.is_staff = True
        user.save()
        user.user_permissions.set(Permission.objects.exclude(codename__in=left_out))
        client = Client()
        client.force_login(user)
        return client

    return make


def page(client: Client, name: str, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200, (name, query)
    return str(answer.content.decode())


@pytest.fixture
def foreign(rival: Organization) -> User:
    user = User.objects.create_user("foreign-person")
    Membership.objects.create(user=user, organization=rival)
    get_token_model().objects.create(user=user)
    return user


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OWNER])
def test_staff_find_no_names_of_other_organizations(
    staff_of: Any, make_member: MakeMember, foreign: User, role: Role
) -> None:
    colleague = make_member()
    client = staff_of(make_member(role, clearance=3, is_us_person=True))

    listed = page(client, "admin:designs_user_changelist")
    assert colleague.username in listed
    found = [
        listed,
        *(page(client, f"admin:{name}_changelist", query="?q=foreign") for name in ("designs_user", "knox_authtoken")),
    ]
    query = "?app_label=designs&model_name=membership&field_name=user&term=foreign"
    found.append(page(client, "admin:autocomplete", query=query))
    assert [text for text in found if "foreign-person" in text] == []
    assert client.get(reverse("admin:designs_user_change", args=[foreign.pk])).status_code == 302


def test_accounts_without_an_organization_are_shown_to_those_who_add_accounts(
    staff_of: Any, make_member: MakeMember
) -> None:
    User.objects.create_user("just-made")

    assert "just-made" in page(staff_of(make_member()), "admin:designs_user_changelist")
    assert "just-made" not in page(staff_of(make_member(), "add_user"), "admin:designs_user_changelist")


def test_the_id_of_a_foreign_account_tells_no_name(
    staff_of: Any, make_member: MakeMember, foreign: User, acme: Organization
) -> None:
    client = staff_of(make_member(Role.OWNER))
    form = {"organization": str(acme.pk), "role": "VIEWER", "clearance": 0}

    answers = [
        client.post(reverse("admin:designs_membership_add"), {**form, "user": pk}).content.decode()
        for pk in (foreign.pk, foreign.pk + 1000)
    ]

    assert "foreign-person" not in "".join(answers)
    assert all("Select a valid choice" in answer for answer in answers)
    assert not Membership.objects.filter(user=foreign, organization=acme).exists()


def test_secrecy_of_members_is_shown_to_those_who_may_grant_it(
    staff_of: Any, make_member: MakeMember, acme: Organization, admin_client: Client
) -> None:
    secret = Membership.objects.get(user=make_member(clearance=3, is_us_person=True))
    viewer, owner = make_member(), make_member(Role.OWNER, clearance=3, is_us_person=True)
    for client, is_shown in ((staff_of(viewer), False), (staff_of(owner), True), (admin_client, True)):
        assert ("Top secret</td>" in page(client, MEMBERS)) is is_shown
        form = page(client, "admin:designs_membership_change", secret.pk)
        assert ("clearance" in form) is is_shown
        inline = page(client, "admin:designs_organization_change", acme.pk)
        assert ("Top secret" in inline) is is_shown


@pytest.mark.parametrize("query", ["?clearance=3", "?clearance__gte=2", "?is_us_person=1", "?is_us_person__exact=0"])
def test_members_cannot_be_searched_by_secrecy(
    staff_of: Any, make_member: MakeMember, admin_client: Client, query: str
) -> None:
    assert staff_of(make_member()).get(reverse(MEMBERS) + query).status_code == 400
    assert admin_client.get(reverse(MEMBERS) + query).status_code == 200


def test_names_without_an_account_are_for_superusers_and_go_with_the_membership(
    staff_of: Any, make_member: MakeMember, acme: Organization, admin_client: Client
) -> None:
    UnmatchedMember.objects.create(organization=acme, name="later")
    changelist = "admin:designs_unmatchedmember_changelist"
    assert staff_of(make_member(Role.OWNER)).get(reverse(changelist)).status_code == 403
    assert "later" in page(admin_client, changelist)

    user = User.objects.create_user("later")
    form = {"user": user.pk, "organization": str(acme.pk), "role": "VIEWER", "clearance": 0}
    admin_client.post(reverse("admin:designs_membership_add"), form)

    assert user.memberships.count() == 1
    assert not UnmatchedMember.objects.exists()


def test_deleting_an_account_lists_no_membership_elsewhere(
    staff_of: Any, make_member: MakeMember, rival: Organization
) -> None:
    colleague = make_member()
    Membership.objects.create(user=colleague, organization=rival)

    assert "Rival" not in page(staff_of(make_member()), "admin:designs_user_delete", colleague.pk)


def inline_form(organization: Organization, *members: Membership, **changed: Any) -> dict[str, Any]:
    """Return what a browser sends of the page of an organization; ``changed`` is of the first member."""
    rows = {
        f"memberships-{number}-{name}": value
        for number, member in enumerate(members)
        for name, value in {"id": member.pk, **member_form(member), **(changed if number == 0 else {})}.items()
    }
    counts = {"memberships-TOTAL_FORMS": len(members), "memberships-INITIAL_FORMS": len(members)}
    limits = {"max_users": 9, "max_designs": 9, "storage_quota_bytes": 9}
    return {**rows, **counts, **limits, "name": organization.name, "slug": organization.slug}


MEMBERSHIP_PERMISSIONS = [
    f"{verb}_{model}" for verb in ("view", "change", "delete") for model in ("membership", "organization")
]


def test_staff_cannot_delete_a_membership_with_rights_above_the_own_ones(
    make_member: MakeMember, acme: Organization
) -> None:
    client = staff_client(make_member(Role.ADMIN), *MEMBERSHIP_PERMISSIONS)
    owner, equal, listed = (
        Membership.objects.get(user=make_member(role)) for role in (Role.OWNER, Role.ADMIN, Role.ADMIN)
    )
    bulk = {"action": "delete_selected", "_selected_action": [owner.pk], "post": "yes"}

    assert client.post(url(Membership, "delete", owner.pk), {"post": "yes"}).status_code == 403
    client.post(url(Membership, "changelist"), bulk)
    refused = client.post(url(Organization, "change", acme.pk), inline_form(acme, owner, DELETE="on"))
    assert b"rights above your own" in refused.content
    assert Membership.objects.filter(pk=owner.pk).exists()
    assert client.post(url(Membership, "delete", equal.pk), {"post": "yes"}).status_code == 302
    assert client.post(url(Organization, "change", acme.pk), inline_form(acme, listed, DELETE="on")).status_code == 302
    assert not Membership.objects.filter(pk__in=[equal.pk, listed.pk]).exists()


def test_staff_cannot_move_a_membership_out_of_an_organization_they_do_not_administer(
    make_member: MakeMember, acme: Organization, rival: Organization
) -> None:
    user = make_member(Role.VIEWER)
    Membership.objects.create(user=user, organization=rival, role=Role.OWNER, clearance=3, is_us_person=True)
    client = staff_client(user, *MEMBERSHIP_PERMISSIONS)
    member = Membership.objects.get(user=make_member(Role.OWNER))

    page = client.post(url(Membership, "change", member.pk), member_form(member, organization=rival.pk))

    assert page.status_code == 200
    member.refresh_from_db()
    assert member.organization == acme


def test_staff_grant_nothing_in_an_organization_that_they_add(make_member: MakeMember, acme: Organization) -> None:
    user = make_member(Role.OWNER)
    client = staff_client(user, "add_organization", "view_organization", "add_membership", "view_membership")
    new = Membership(user=user, organization=Organization(name="New", slug="new"), role=Role.VIEWER)
    form = {
        **inline_form(new.organization, new),
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-id": "",
        "memberships-0-organization": "",
    }

    page = client.post(url(Organization, "add"), form)

    assert b"You are no member of this organization." in page.content
    assert not Organization.objects.filter(name="New").exists()


@pytest.mark.parametrize(
    "facts", [{"clearance": 3}, {"is_us_person": True}, {"role": Role.OWNER}, "elsewhere", "staff"]
)
def test_staff_set_no_password_of_an_account_with_rights_above_the_own_ones(
    make_member: MakeMember, rival: Organization, facts: Any
) -> None:
    client = staff_client(make_member(Role.ADMIN), "change_user", "view_user")
    covered, above = make_member(), make_member(**(facts if isinstance(facts, dict) else {}))
    if facts == "elsewhere":
        Membership.objects.create(user=above, organization=rival)
    if facts == "staff":
        staff_client(above, "change_design")
    form = {"password1": "another horse 7", "password2": "another horse 7", "usable_password": "true"}

    answers = [
        client.post(reverse("admin:auth_user_password_change", args=[user.pk]), form) for user in (covered, above)
    ]

    assert [answer.status_code for answer in answers] == [302, 403]
    above.refresh_from_db()
    assert above.check_password("correct horse battery")


def test_staff_cannot_give_permissions_to_a_group(make_member: MakeMember, admin_client: Client) -> None:
    user = make_member(Role.ADMIN)
    client = staff_client(user, "view_group", "add_group", "change_group", "delete_group")
    group = Group.objects.create(name="Helpers")
    user.groups.add(group)
    form = {"name": group.name, "permissions": [Permission.objects.get(codename="delete_design").pk]}
    address = reverse("admin:auth_group_change", args=[group.pk])

    assert [client.get(address).status_code, client.post(address, form).status_code] == [200, 403]
    assert client.post(reverse("admin:auth_group_add"), {**form, "name": "Others"}).status_code == 403
    assert client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    assert not group.permissions.exists()
    assert admin_client.post(address, form).status_code == 302


def test_a_series_stays_in_its_organization(
    make_member: MakeMember, acme: Organization, rival: Organization, make_design: MakeDesign
) -> None:
    user = make_member(Role.VIEWER)
    Membership.objects.create(user=user, organization=rival, role=Role.OWNER, clearance=3, is_us_person=True)
    client = staff_client(user, "view_series", "change_series", "view_design")
    design = make_design(is_itar=True, classification=2)
    form = {"organization": rival.pk, "part_number": "AS1", "name": "Renamed"}

    assert client.post(url(Series, "change", design.series_id), form).status_code == 302

    series = Series.objects.get()
    assert (series.name, series.organization) == ("Renamed", acme)
    assert client.get(url(Design, "change", design.pk)).status_code == 302
