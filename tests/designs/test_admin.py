from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from designs.models import BOMItem, Design, Geometry, Membership, Organization, Role, Series, Status, Step, User
from tests.designs.conftest import MakeDesign, MakeMember

pytestmark = pytest.mark.django_db

MODELS = [User, Organization, Membership, Series, Design, Geometry, BOMItem]
READ_ONLY = {Design, Geometry, BOMItem}


@pytest.fixture
def full(make_design: MakeDesign, make_member: MakeMember) -> Design:
    """A row of everything, with names that would break a page if they were not escaped."""
    make_member()
    design = make_design(file_name="<script>alert(1)</script>.step")
    Geometry.objects.create(
        design=design, solids=1, faces=6, kernel_version="1", duration_seconds=0.1, peak_memory_bytes=1
    )
    BOMItem.objects.create(design=design, part="<b>bolt</b>", quantity=1, position=1)
    return design


def url(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:designs_{model._meta.model_name}_{page}", args=args)


def test_every_model_is_in_the_admin() -> None:
    assert {model for model in admin.site._registry if model._meta.app_label == "designs"} >= set(MODELS)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("query", ["", "?q=AS1", "?q=%00", "?o=1"])
def test_every_list_and_search_loads(admin_client: Client, model: Any, query: str) -> None:
    assert admin_client.get(url(model, "changelist") + query).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_a_form_to_add_is_there_for_what_people_make(admin_client: Client, model: Any) -> None:
    assert admin_client.get(url(model, "add")).status_code == (403 if model in READ_ONLY else 200)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("model", MODELS)
def test_every_object_has_a_page_that_escapes_names(admin_client: Client, model: Any) -> None:
    for row in model.objects.all():
        page = admin_client.get(url(model, "change", row.pk))

        assert page.status_code == 200
        assert b"<script>alert(1)" not in page.content
        assert b"<b>bolt" not in page.content


@pytest.mark.parametrize("model", [Design, Geometry, BOMItem])
def test_lists_need_the_same_queries_for_many_as_for_one(
    admin_client: Client, make_design: MakeDesign, acme: Organization, model: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        design = make_design(series=Series.objects.create(organization=acme, part_number=f"P{number}", name="p"))
        Geometry.objects.create(
            design=design, solids=1, faces=6, kernel_version="1", duration_seconds=0.1, peak_memory_bytes=1
        )
        BOMItem.objects.create(design=design, part="bolt", quantity=1, position=1)

    with django_assert_max_num_queries(14):
        admin_client.get(url(model, "changelist"))


def test_a_failed_design_says_what_to_do(admin_client: Client, make_design: MakeDesign) -> None:
    failed = make_design(
        status=Status.FAILED, error_code="corrupted_file", error_reason="syntax", error_stage="scan",
        error_place={"line": 120, "entity": "#12", "part": "<b>"},
    )  # fmt: skip

    page = admin_client.get(url(Design, "change", failed.pk)).content.decode()

    assert "Line 120, entity #12: The file is damaged. Export it again" in page
    assert "syntax" in admin_client.get(url(Design, "changelist") + "?error_reason=syntax").content.decode()
    assert "<b>" not in page


def test_the_page_of_a_design_does_not_link_to_its_file(admin_client: Client, full: Design) -> None:
    page = admin_client.get(url(Design, "change", full.pk)).content.decode()

    assert full.stored_as in page
    assert f'href="{full.stored_as}"' not in page
    assert f"/{full.stored_as}" not in page


def test_marks_can_be_corrected_and_nothing_else(admin_client: Client, full: Design) -> None:
    admin_client.post(
        url(Design, "change", full.pk),
        {"is_itar": "on", "classification": "2", "status": "ready", "file_name": "x", "error_id": "x", "version": 9},
    )

    changed = Design.objects.get(pk=full.pk)
    assert (changed.is_itar, changed.classification) == (True, 2)
    assert (changed.status, changed.file_name, changed.error_id) == (full.status, full.file_name, "")
    assert changed.version == full.version


def test_usage_of_an_organization_is_shown(admin_client: Client, make_design: MakeDesign) -> None:
    make_design(b"x" * 12_345)
    make_design(b"x")

    page = admin_client.get(url(Organization, "changelist")).content.decode()

    assert '<td class="field-designs">2</td>' in page
    assert '<td class="field-used_bytes">12346</td>' in page


def test_deleting_a_design_removes_its_file(admin_client: Client, full: Design, stored_files: Any) -> None:
    admin_client.post(url(Design, "delete", full.pk), {"post": "yes"})

    assert not Design.objects.exists()
    assert stored_files() == []


@pytest.mark.parametrize("status", [Status.QUEUED, Status.PROCESSING])
def test_a_design_in_work_cannot_be_deleted(admin_client: Client, full: Design, status: Status) -> None:
    Design.objects.update(status=status)

    assert admin_client.post(url(Design, "delete", full.pk), {"post": "yes"}).status_code == 403
    assert Design.objects.exists()


def delete_in_bulk(client: Client, *designs: Design) -> Any:
    chosen = [str(design.pk) for design in designs]
    return client.post(
        url(Design, "changelist"), {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    )


def test_deleting_designs_in_bulk_removes_their_files(
    admin_client: Client, full: Design, make_design: MakeDesign, stored_files: Any
) -> None:
    delete_in_bulk(admin_client, full, make_design())

    assert not Design.objects.exists()
    assert stored_files() == []


def test_a_design_in_work_keeps_a_whole_bulk_from_being_deleted(
    admin_client: Client, full: Design, make_design: MakeDesign, stored_files: Any
) -> None:
    answer = delete_in_bulk(admin_client, full, make_design(status=Status.QUEUED))

    assert answer.status_code == 403
    assert Design.objects.count() == 2
    assert len(stored_files()) == 2


@pytest.mark.parametrize(
    ("status", "after"),
    [
        (Status.UPLOADED, Status.UPLOADED),
        (Status.QUEUED, Status.UPLOADED),
        (Status.PROCESSING, Status.UPLOADED),
        (Status.FAILED, Status.UPLOADED),
        (Status.READY, Status.READY),
    ],
)
def test_lost_and_failed_designs_can_be_put_back(
    admin_client: Client, full: Design, status: Status, after: Status
) -> None:
    Design.objects.update(status=status, step=Step.BOM, error_code="x", error_id="e", error_status=400, task_id="t")

    admin_client.post(url(Design, "changelist"), {"action": "process_again", "_selected_action": [str(full.pk)]})

    full.refresh_from_db()
    assert full.status == after
    if status in {Status.QUEUED, Status.PROCESSING, Status.FAILED}:
        assert (full.step, full.error_code, full.error_id, full.error_status, full.task_id) == ("", "", "", None, "")


def test_what_holds_files_is_protected_from_deletion(admin_client: Client, full: Design, acme: Organization) -> None:
    admin_client.post(url(Organization, "delete", acme.pk), {"post": "yes"})
    admin_client.post(url(Series, "delete", full.series_id), {"post": "yes"})

    assert Organization.objects.filter(pk=acme.pk).exists()
    assert Series.objects.filter(pk=full.series_id).exists()


def test_an_organization_is_made_with_its_first_member(admin_client: Client, db: None) -> None:
    user = User.objects.create_user("founder")
    form = {
        "name": "New",
        "slug": "new",
        "max_users": 1,
        "max_designs": 1,
        "storage_quota_bytes": 1,
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        "memberships-0-user": user.pk,
        "memberships-0-role": "OWNER",
        "memberships-0-clearance": 0,
    }

    admin_client.post(url(Organization, "add"), form)

    assert Membership.objects.get(user=user).role == Role.OWNER


def test_a_second_primary_membership_is_refused_in_the_form(
    admin_client: Client, make_member: MakeMember, rival: Organization
) -> None:
    user = make_member(is_primary=True)
    form = {"user": user.pk, "organization": str(rival.pk), "role": "VIEWER", "clearance": 0, "is_primary": "on"}

    page = admin_client.post(url(Membership, "add"), form).content.decode()

    assert "This user has a primary membership already." in page
    assert Membership.objects.filter(user=user).count() == 1


def staff_client(user: User, *permissions: str) -> Client:
    """Return a client of a staff member with these permissions, who is no superuser."""
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def member_form(member: Membership, **changed: Any) -> dict[str, Any]:
    """Return what a browser sends of the page of a membership."""
    fields = {"user": member.user_id, "organization": member.organization_id, "role": member.role}
    return {**fields, "clearance": member.clearance, **changed}


@pytest.mark.parametrize("changed", [{"clearance": 3}, {"is_us_person": "on"}, {"role": "OWNER"}])
def test_staff_cannot_raise_a_membership_beyond_the_own_rights(
    make_member: MakeMember, acme: Organization, changed: dict[str, Any]
) -> None:
    user = make_member(Role.ADMIN)
    client = staff_client(user, "change_membership", "view_membership", "change_organization", "view_organization")
    member = Membership.objects.get(user=user)

    page = client.post(url(Membership, "change", member.pk), member_form(member, **changed))

    assert page.status_code == 200
    assert b"cannot grant" in page.content or b"Only a US person" in page.content
    inline = {
        "memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 1, "memberships-0-id": member.pk,
        **{f"memberships-0-{name}": value for name, value in member_form(member, **changed).items()},
        "name": acme.name, "slug": acme.slug, "max_users": 9, "max_designs": 9, "storage_quota_bytes": 9,
    }  # fmt: skip
    assert client.post(url(Organization, "change", acme.pk), inline).status_code == 200
    member.refresh_from_db()
    assert (member.clearance, member.is_us_person, member.role) == (0, False, Role.ADMIN)


def test_staff_cannot_lower_rights_above_the_own_ones(make_member: MakeMember) -> None:
    client = staff_client(make_member(Role.ADMIN), "change_membership", "view_membership")
    owner = Membership.objects.get(user=make_member(Role.OWNER, clearance=3))

    client.post(url(Membership, "change", owner.pk), member_form(owner, role="VIEWER", clearance=0))

    owner.refresh_from_db()
    assert (owner.role, owner.clearance) == (Role.OWNER, 3)


def test_a_superuser_grants_all_with_a_line_in_the_audit_log(
    admin_client: Client, make_member: MakeMember, caplog: pytest.LogCaptureFixture
) -> None:
    member = Membership.objects.get(user=make_member())

    with caplog.at_level("INFO", "enginel.audit"):
        admin_client.post(url(Membership, "change", member.pk), member_form(member, clearance=3, is_us_person="on"))

    member.refresh_from_db()
    assert (member.clearance, member.is_us_person) == (3, True)
    (line,) = [vars(record) for record in caplog.records if record.name == "enginel.audit"]
    assert (line["granted_to"], line["clearance"], line["is_us_person"]) == (member.user_id, "TOP_SECRET", True)
    assert line["granted_by"] == User.objects.get(username="admin").pk


def test_staff_cannot_become_a_superuser(make_member: MakeMember, admin_user: User) -> None:
    user = make_member()
    client = staff_client(user, "change_user", "view_user")
    form = {"username": user.username, "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "is_active": "on"}

    assert client.post(url(User, "change", user.pk), {**form, "is_superuser": "on"}).status_code == 302
    user.refresh_from_db()
    assert not user.is_superuser

    password = {"password1": "correct horse 7", "password2": "correct horse 7"}
    assert client.post(reverse("admin:auth_user_password_change", args=[admin_user.pk]), password).status_code == 403
    assert not User.objects.get(pk=admin_user.pk).check_password("correct horse 7")


VIEWS = [f"view_{model._meta.model_name}" for model in MODELS]
HIDDEN_FILE = "hidden-from-staff.step"


def hidden_rows(make_design: MakeDesign, **secrecy: Any) -> list[Any]:
    """Make a design with a secrecy, and all that belongs to it."""
    design = make_design(file_name=HIDDEN_FILE, **secrecy)
    geometry = Geometry.objects.create(
        design=design, solids=1, faces=6, kernel_version="1", duration_seconds=0.1, peak_memory_bytes=1
    )
    return [design, geometry, BOMItem.objects.create(design=design, part="hidden-part", quantity=1, position=1)]


def assert_shown(client: Client, rows: list[Any], *, shown: bool) -> None:
    for row in rows:
        page = client.get(url(type(row), "change", row.pk))
        assert page.status_code == (200 if shown else 302), row
        listed = client.get(url(type(row), "changelist")).content.decode()
        assert (f"/{quote(row.pk)}/change/" in listed) == shown, row
        history = client.get(url(type(row), "history", row.pk)).status_code
        assert history == (200 if shown else 302), row


@pytest.mark.parametrize("secrecy", [{"is_itar": True}, {"classification": 1}, {"is_itar": True, "classification": 3}])
def test_staff_see_secret_designs_by_their_membership_only(
    make_member: MakeMember, make_design: MakeDesign, secrecy: dict[str, Any]
) -> None:
    rows = hidden_rows(make_design, **secrecy)

    assert_shown(staff_client(make_member(), *VIEWS), rows, shown=False)
    assert_shown(staff_client(make_member(clearance=3, is_us_person=True), *VIEWS), rows, shown=True)


def test_staff_see_nothing_of_other_organizations(
    stranger: User, make_design: MakeDesign, series: Series, acme: Organization
) -> None:
    member = Membership.objects.create(user=User.objects.create_user("own"), organization=acme)
    rows = [*hidden_rows(make_design), series, acme, member]

    assert_shown(staff_client(stranger, *VIEWS), rows, shown=False)


@pytest.mark.parametrize("secrecy", [{"is_itar": True}, {"classification": 1}])
def test_a_superuser_needs_a_membership_for_secret_designs(
    admin_client: Client, admin_user: User, make_design: MakeDesign, acme: Organization, secrecy: dict[str, Any]
) -> None:
    rows = hidden_rows(make_design, **secrecy)
    assert_shown(admin_client, rows, shown=False)

    Membership.objects.create(user=admin_user, organization=acme, clearance=1, is_us_person=True)

    assert_shown(admin_client, rows, shown=True)


def test_an_action_reaches_no_hidden_design(make_member: MakeMember, make_design: MakeDesign) -> None:
    design = make_design(is_itar=True, status=Status.FAILED)
    client = staff_client(make_member(), "view_design", "change_design")

    client.post(url(Design, "changelist"), {"action": "process_again", "_selected_action": [design.pk]})

    design.refresh_from_db()
    assert design.status == Status.FAILED


@pytest.mark.parametrize(("role", "is_allowed"), [(Role.ENGINEER, False), (Role.ADMIN, True)])
def test_staff_delete_designs_as_admins_of_their_organization_only(
    make_member: MakeMember, make_design: MakeDesign, role: Role, is_allowed: bool
) -> None:
    one, other = make_design(), make_design()
    client = staff_client(make_member(role), "view_design", "delete_design")

    answer = client.post(url(Design, "delete", one.pk), {"post": "yes"})
    delete_in_bulk(client, other)

    assert answer.status_code == (302 if is_allowed else 403)
    assert Design.objects.filter(pk__in=[one.pk, other.pk]).count() == (0 if is_allowed else 2)


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, Status.FAILED), (Role.ENGINEER, Status.UPLOADED)])
def test_staff_put_designs_back_as_engineers_of_their_organization_only(
    make_member: MakeMember, make_design: MakeDesign, role: Role, status: Status
) -> None:
    design = make_design(status=Status.FAILED)
    client = staff_client(make_member(role), "view_design", "change_design")

    data = {"action": "process_again", "_selected_action": [design.pk]}
    page = client.post(url(Design, "changelist"), data, follow=True).content.decode()

    design.refresh_from_db()
    assert design.status == status
    assert (f"needs the role {Role.ENGINEER.value}" in page) is (status == Status.FAILED)


def test_staff_set_no_primary_membership_of_a_member_of_another_organization(
    make_member: MakeMember, rival: Organization, admin_client: Client
) -> None:
    client = staff_client(make_member(Role.ADMIN), "change_membership", "view_membership")
    member = Membership.objects.get(user=make_member())
    Membership.objects.create(user=member.user, organization=rival)

    page = client.post(url(Membership, "change", member.pk), member_form(member, is_primary="on"))

    assert "a superuser chooses the primary one" in page.content.decode()
    assert member.user.organization is None
    admin_client.post(url(Membership, "change", member.pk), member_form(member, is_primary="on"))
    assert member.user.organization == member.organization
