"""Staff see accounts of their own organizations, and secrecy of members that they may grant."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from knox.models import get_token_model

from designs.models import Membership, Organization, Role, UnmatchedMember, User
from tests.designs.conftest import MakeMember

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
