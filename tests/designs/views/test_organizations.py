from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from designs.models import Clearance, Membership, Organization, Role, UnmatchedMember, User
from tests.designs.conftest import ClientOf, MakeDesign, MakeMember

pytestmark = pytest.mark.django_db


def members_url(organization: Organization) -> str:
    return f"/api/organizations/{organization.pk}/members/"


def add(client: Client, organization: Organization, **body: Any) -> Any:
    return client.post(members_url(organization), body, content_type="application/json")


@pytest.fixture
def newcomer(db: None) -> User:
    return User.objects.create_user("newcomer")


def test_list_holds_own_organizations_only(api: Client, acme: Organization, rival: Organization) -> None:
    results = api.get("/api/organizations/").json()["results"]

    assert [result["id"] for result in results] == [str(acme.pk)]


def test_detail_shows_limits_and_use(api: Client, acme: Organization, make_design: MakeDesign) -> None:
    make_design(b"12345")

    body = api.get(f"/api/organizations/{acme.pk}/").json()

    assert (body["name"], body["slug"]) == ("Acme", "acme")
    assert (body["max_users"], body["user_count"]) == (10, 1)
    assert (body["max_designs"], body["design_count"]) == (1000, 1)
    assert (body["storage_quota_bytes"], body["storage_used_bytes"]) == (10 * 1024**3, 5)


@pytest.mark.parametrize("path", ["", "members/"])
def test_a_foreign_organization_is_404(api: Client, rival: Organization, path: str) -> None:
    assert api.get(f"/api/organizations/{rival.pk}/{path}").status_code == 404


def test_members_see_each_other(api: Client, acme: Organization, org_admin: User, engineer: User) -> None:
    results = api.get(members_url(acme)).json()["results"]

    assert {(member["username"], member["role"]) for member in results} == {
        (engineer.username, "ENGINEER"),
        (org_admin.username, "ADMIN"),
    }


def test_member_list_needs_the_same_queries_for_many_as_for_one(
    api: Client, acme: Organization, make_member: MakeMember, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        make_member()

    with django_assert_max_num_queries(5):
        assert api.get(members_url(acme)).json()["count"] == 21


def test_an_admin_adds_a_member(
    client_of: ClientOf, make_member: MakeMember, newcomer: User, acme: Organization
) -> None:
    cleared = make_member(Role.ADMIN, clearance=Clearance.SECRET, is_us_person=True)

    answer = add(client_of(cleared), acme, username="newcomer", role="ENGINEER", clearance=2, is_us_person=True)

    assert answer.status_code == 201
    member = Membership.objects.get(user=newcomer)
    assert (member.organization, member.role, member.clearance) == (acme, Role.ENGINEER, Clearance.SECRET)
    assert member.is_us_person
    assert answer.json()["username"] == "newcomer"


def test_clearance_and_us_person_default_to_the_least(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization
) -> None:
    add(client_of(org_admin), acme, username="newcomer", role="VIEWER")

    member = Membership.objects.get(user=newcomer)
    assert (member.clearance, member.is_us_person) == (Clearance.UNCLASSIFIED, False)


def test_a_membership_is_primary_on_request(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization, rival: Organization
) -> None:
    answer = add(client_of(org_admin), acme, username="newcomer", role="VIEWER", is_primary=True)
    Membership.objects.create(user=newcomer, organization=rival)

    assert (answer.status_code, answer.json()["is_primary"]) == (201, True)
    assert newcomer.organization == acme


@pytest.mark.parametrize("primary", [True, False])
def test_an_admin_takes_no_member_of_another_organization_over(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization, rival: Organization, primary: bool
) -> None:
    Membership.objects.create(user=newcomer, organization=rival, is_primary=primary)

    answer = add(client_of(org_admin), acme, username="newcomer", role="VIEWER", is_primary=True)

    # A refusal would say that the account exists, and works elsewhere.
    assert (answer.status_code, answer.json()["is_primary"]) == (201, True)
    assert not Membership.objects.get(user=newcomer, organization=acme).is_primary
    assert newcomer.organization == (rival if primary else None)


def test_an_engineer_adds_nobody(api: Client, acme: Organization, newcomer: User) -> None:
    answer = add(api, acme, username="newcomer", role="VIEWER")

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert not Membership.objects.filter(user=newcomer).exists()


def test_nobody_grants_a_role_above_the_own_one(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization
) -> None:
    answer = add(client_of(org_admin), acme, username="newcomer", role="OWNER")

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert answer.json()["detail"] == "You have the role ADMIN and cannot grant the role OWNER."
    assert not Membership.objects.filter(user=newcomer).exists()


@pytest.mark.parametrize(
    ("own", "granted", "field"),
    [
        ({}, {"clearance": 1}, "clearance"),
        ({"clearance": 2}, {"clearance": 3}, "clearance"),
        ({"clearance": 3}, {"is_us_person": True}, "is_us_person"),
        ({"is_us_person": True}, {"clearance": 3, "is_us_person": True}, "clearance"),
    ],
)
def test_nobody_grants_a_clearance_or_status_beyond_the_own_one(
    client_of: ClientOf,
    make_member: MakeMember,
    newcomer: User,
    acme: Organization,
    own: dict[str, Any],
    granted: dict[str, Any],
    field: str,
) -> None:
    answer = add(client_of(make_member(Role.OWNER, **own)), acme, username="newcomer", role="VIEWER", **granted)

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert answer.json()["field"] == field
    assert not Membership.objects.filter(user=newcomer).exists()


def test_a_grant_is_one_line_of_the_audit_log(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "enginel.audit"):
        add(client_of(org_admin), acme, username="newcomer", role="VIEWER")
        add(client_of(org_admin), acme, username="newcomer", role="OWNER")

    (line,) = [vars(record) for record in caplog.records if record.name == "enginel.audit"]
    assert (line["granted_by"], line["granted_to"]) == (org_admin.pk, newcomer.pk)
    assert (line["organization_id"], line["role"]) == (str(acme.pk), "VIEWER")
    assert (line["clearance"], line["is_us_person"]) == ("UNCLASSIFIED", False)


def test_an_owner_grants_ownership(
    client_of: ClientOf, make_member: MakeMember, newcomer: User, acme: Organization
) -> None:
    answer = add(client_of(make_member(Role.OWNER)), acme, username="newcomer", role="OWNER")

    assert answer.status_code == 201


def test_an_owner_of_another_organization_finds_nothing_to_add_to(
    client_of: ClientOf, stranger: User, newcomer: User, acme: Organization
) -> None:
    assert add(client_of(stranger), acme, username="newcomer", role="VIEWER").status_code == 404


def test_an_organization_takes_no_more_users_than_its_limit(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization
) -> None:
    Organization.objects.update(max_users=1)

    answer = add(client_of(org_admin), acme, username="newcomer", role="VIEWER")

    assert (answer.status_code, answer.json()["code"]) == (403, "user_limit_exceeded")
    assert answer.json()["error_id"]
    assert acme.memberships.count() == 1


def answers_about(client: Client, organization: Organization, username: str, **body: Any) -> list[Any]:
    """Return all that an admin can see of a name before, while and after adding it, without ids and times."""
    url = members_url(organization)

    def plain(entry: dict[str, Any]) -> dict[str, Any]:
        assert len(entry.pop("id")) == 36
        assert entry.pop("created_at")
        assert entry.pop("username") == username
        return entry

    added = add(client, organization, username=username, **body)
    seen: list[Any] = [added.status_code, sorted(added.headers), plain(added.json())]
    seen += [plain(entry) for entry in client.get(url).json()["results"] if entry["username"] == username]
    again = add(client, organization, username=username, **body)
    return [*seen, again.status_code, again.json()]


@pytest.mark.parametrize(
    "body",
    [
        {"role": "VIEWER"},
        {"role": "ADMIN", "clearance": 2, "is_us_person": True},
        {"role": "VIEWER", "is_primary": True},
        {"role": "OWNER"},
        {"role": "VIEWER", "clearance": 3},
        {"role": "NONE"},
    ],
    ids=str,
)
def test_names_of_the_service_cannot_be_probed(
    client_of: ClientOf, make_member: MakeMember, acme: Organization, rival: Organization, body: dict[str, Any]
) -> None:
    client = client_of(make_member(Role.ADMIN, clearance=2, is_us_person=True))
    User.objects.create_user("free")
    User.objects.create_user("inactive", is_active=False)
    Membership.objects.create(user=User.objects.create_user("elsewhere"), organization=rival)
    Membership.objects.create(user=User.objects.create_user("settled"), organization=rival, is_primary=True)
    names = ("free", "inactive", "elsewhere", "settled", "nobody", "Free", "no name at all!")

    def refused_or_added(name: str) -> list[Any]:
        if add(client, acme, username=name, **body).status_code != 201:
            return [add(client, acme, username=name, **body).json()["code"]]
        Membership.objects.filter(user__username=name, organization=acme).delete()
        UnmatchedMember.objects.all().delete()
        return answers_about(client, acme, name, **body)

    found = [refused_or_added(name) for name in names]

    assert [each for each in found if each != found[0]] == []


def test_a_full_organization_answers_the_same_for_each_name(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization
) -> None:
    Organization.objects.update(max_users=2)
    client = client_of(org_admin)

    assert add(client, acme, username="nobody", role="VIEWER").status_code == 201

    codes = {add(client, acme, username=name, role="VIEWER").json()["code"] for name in ("newcomer", "nobody2")}
    assert codes == {"user_limit_exceeded"}
    assert client.get(f"/api/organizations/{acme.pk}/").json()["user_count"] == 2


def test_known_and_unknown_names_cost_the_same_queries(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization
) -> None:
    client = client_of(org_admin)
    for body in ({}, {"is_primary": True}):
        counts = []
        for name in (newcomer.username, "nobody"):
            with CaptureQueriesContext(connection) as queries:
                add(client, acme, username=name, role="VIEWER", **body)
            counts.append(len(queries))
        assert counts[0] == counts[1]
        Membership.objects.filter(user=newcomer).delete()
        UnmatchedMember.objects.all().delete()


def test_an_account_made_later_under_an_unmatched_name_gets_no_access(
    client_of: ClientOf, org_admin: User, acme: Organization
) -> None:
    add(client_of(org_admin), acme, username="later", role="ADMIN")

    later = User.objects.create_user("later")

    assert not later.memberships.exists()
    assert client_of(later).get(members_url(acme)).status_code == 404


def test_pages_of_members_hold_each_entry_once_oldest_first(
    client_of: ClientOf, org_admin: User, acme: Organization
) -> None:
    client = client_of(org_admin)
    for number in range(4):
        if number % 2:
            User.objects.create_user(f"new{number}")
        add(client, acme, username=f"new{number}", role="VIEWER")

    pages = [client.get(members_url(acme), {"page": page, "page_size": 2}).json() for page in (1, 2, 3)]

    assert [page["count"] for page in pages] == [5, 5, 5]
    names = [entry["username"] for page in pages for entry in page["results"]]
    assert names == [org_admin.username, "new0", "new1", "new2", "new3"]


def secrecy_shown(client: Client, organization: Organization) -> dict[str, tuple[int, bool]]:
    entries = client.get(members_url(organization)).json()["results"]
    for entry in entries:
        assert ("clearance" in entry) is ("is_us_person" in entry)
    return {e["username"]: (e["clearance"], e["is_us_person"]) for e in entries if "clearance" in e}


def test_clearance_and_us_person_are_shown_to_those_who_may_grant_them(
    client_of: ClientOf, make_member: MakeMember, acme: Organization
) -> None:
    plain = make_member(Role.VIEWER)
    secret = make_member(Role.ENGINEER, clearance=3)
    us_person = make_member(Role.ENGINEER, is_us_person=True)
    viewer_with_all = make_member(Role.VIEWER, clearance=3, is_us_person=True)
    admin = make_member(Role.ADMIN)
    owner = make_member(Role.OWNER, clearance=3, is_us_person=True)

    def names(user: User) -> set[str]:
        return set(secrecy_shown(client_of(user), acme))

    for user in (plain, secret, us_person, viewer_with_all):
        assert names(user) == set()
    assert names(admin) == {plain.username, admin.username}
    assert len(names(owner)) == 6
    assert secrecy_shown(client_of(owner), acme)[secret.username] == (3, False)


def test_members_see_whether_their_own_membership_is_primary_and_not_that_of_others(
    client_of: ClientOf, make_member: MakeMember, acme: Organization
) -> None:
    own = make_member(Role.OWNER, is_primary=True)
    make_member(Role.VIEWER, is_primary=True)

    entries = client_of(own).get(members_url(acme)).json()["results"]

    assert [entry.get("is_primary") for entry in entries] == [True, None]


def test_a_member_is_not_added_twice(client_of: ClientOf, org_admin: User, engineer: User, acme: Organization) -> None:
    answer = add(client_of(org_admin), acme, username=engineer.username, role="ADMIN")

    assert answer.status_code == 400
    assert Membership.objects.get(user=engineer).role == Role.ENGINEER


def test_a_member_added_by_somebody_else_at_the_same_time_is_400(
    client_of: ClientOf, org_admin: User, newcomer: User, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(**facts: Any) -> None:
        raise IntegrityError

    monkeypatch.setattr(Membership.objects, "create", taken)

    answer = add(client_of(org_admin), acme, username="newcomer", role="VIEWER")

    assert answer.status_code == 400
