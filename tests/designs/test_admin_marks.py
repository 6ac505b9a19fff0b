"""Who lowers the marks of a design on the admin site: admins and owners who are cleared for it, and US persons."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from designs.models import Clearance, Design, Membership, Organization, Role, Status, User
from tests.designs.conftest import ClientOf, MakeDesign, MakeMember
from tests.designs.test_admin import staff_client, url

pytestmark = pytest.mark.django_db

CLEARED = {"clearance": 3, "is_us_person": True}
ITAR = {"is_itar": True}
SECRET = {"classification": 2}


def send(client: Client, design: Design, **marks: Any) -> Any:
    return client.post(url(Design, "change", design.pk), {"classification": "0", **marks})


def marks_of(design: Design) -> tuple[bool, int]:
    return Design.objects.values_list("is_itar", "classification").get(pk=design.pk)


def client_of_role(make_member: MakeMember, role: Role, **facts: Any) -> Client:
    return staff_client(make_member(role, **{**CLEARED, **facts}), "view_design", "change_design")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ENGINEER])
@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (ITAR, {"classification": "0"}),
        (SECRET, {"classification": "1"}),
        # One mark up does not pay for the other one down.
        ({**ITAR, **SECRET}, {"classification": "3"}),
        ({**ITAR, **SECRET}, {"is_itar": "on", "classification": "1"}),
    ],
)
def test_staff_below_an_admin_lower_no_mark(
    make_member: MakeMember, make_design: MakeDesign, role: Role, stored: dict[str, Any], sent: dict[str, Any]
) -> None:
    design = make_design(**stored)

    page = send(client_of_role(make_member, role), design, **sent)

    assert page.status_code == 200
    assert b"Only admins and owners of the organization can lower the marks of a design." in page.content
    assert marks_of(design) == (design.is_itar, design.classification)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
def test_admins_and_owners_lower_the_marks_they_are_cleared_for_with_a_line_in_the_audit_log(
    make_member: MakeMember, make_design: MakeDesign, role: Role, caplog: pytest.LogCaptureFixture
) -> None:
    design = make_design(**ITAR, classification=3)
    client = client_of_role(make_member, role)

    with caplog.at_level("INFO", "enginel.audit"):
        assert send(client, design, classification="1").status_code == 302
        assert send(client, design, classification="1").status_code == 302

    assert marks_of(design) == (False, 1)
    (line,) = [vars(record) for record in caplog.records if record.name == "enginel.audit"]
    assert (line["msg"], line["design_id"]) == ("Design marked", str(design.pk))
    assert line["marked_by"] == Membership.objects.get(role=role).user_id
    assert (line["was_itar"], line["is_itar"]) == (True, False)
    assert (line["was_classification"], line["classification"]) == ("TOP_SECRET", "CONFIDENTIAL")


@pytest.mark.parametrize(
    ("facts", "stored"),
    [({"clearance": 1}, SECRET), ({"is_us_person": False}, ITAR), ({"clearance": 1}, ITAR | SECRET)],
)
def test_an_admin_reaches_no_mark_above_the_own_rights(
    make_member: MakeMember, make_design: MakeDesign, facts: dict[str, Any], stored: dict[str, Any]
) -> None:
    design = make_design(**stored)

    send(client_of_role(make_member, Role.OWNER, **facts), design)

    assert marks_of(design) == (design.is_itar, design.classification)


def test_a_superuser_lowers_marks_by_membership_only(
    admin_client: Client, admin_user: User, make_design: MakeDesign, acme: Organization
) -> None:
    design = make_design(**ITAR)
    Membership.objects.create(user=admin_user, organization=acme, role=Role.VIEWER, **CLEARED)

    assert b"Only admins and owners" in send(admin_client, design).content
    Membership.objects.update(role=Role.ADMIN)
    assert send(admin_client, design).status_code == 302

    assert marks_of(design) == (False, 0)


@pytest.mark.parametrize("clearance", list(Clearance))
def test_viewers_raise_marks_also_above_the_own_clearance(
    make_member: MakeMember, make_design: MakeDesign, clearance: Clearance, caplog: pytest.LogCaptureFixture
) -> None:
    design = make_design()
    client = client_of_role(make_member, Role.VIEWER, clearance=clearance, is_us_person=False)

    with caplog.at_level("INFO", "enginel.audit"):
        answer = send(client, design, is_itar="on", classification="3")

    assert answer.status_code == 302
    assert marks_of(design) == (True, 3)
    assert [record.getMessage() for record in caplog.records if record.name == "enginel.audit"] == ["Design marked"]


def test_a_mark_raised_while_the_form_was_open_is_not_lowered_by_it(
    make_member: MakeMember, make_design: MakeDesign
) -> None:
    design = make_design()
    client = client_of_role(make_member, Role.VIEWER)
    Design.objects.filter(pk=design.pk).update(is_itar=True)

    page = send(client, design, classification="1")

    assert b"Only admins and owners" in page.content
    assert marks_of(design) == (True, 0)


def test_new_marks_leave_the_progress_of_a_worker_alone(
    make_member: MakeMember, make_design: MakeDesign, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_design(status=Status.PROCESSING)
    client = client_of_role(make_member, Role.VIEWER)
    save = Design.save

    def save_late(self: Design, *args: Any, **kwargs: Any) -> None:
        # The worker ends after the page has read the row.
        Design.objects.filter(pk=design.pk).update(status=Status.READY)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Design, "save", save_late)
    send(client, design, is_itar="on")

    design.refresh_from_db()
    assert (design.is_itar, design.status) == (True, Status.READY)


@pytest.mark.parametrize("method", ["put", "patch", "post"])
def test_the_api_changes_no_marks(
    make_member: MakeMember, client_of: ClientOf, make_design: MakeDesign, method: str
) -> None:
    design = make_design(**ITAR)
    client = client_of(make_member(Role.OWNER, **CLEARED))

    answer = getattr(client, method)(f"/api/designs/{design.pk}/", {"is_itar": False}, content_type="application/json")

    assert answer.status_code == 405
    assert marks_of(design) == (True, 0)
