"""Members without clearance see no trace of hidden designs: not in version numbers, counts, orders or pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from designs.models import BOMItem, Design, Geometry, Organization, Role, Series, User
from tests.designs.conftest import ClientOf, MakeDesign, MakeMember

pytestmark = pytest.mark.django_db

STEP = b"ISO-10303-21;\nHEADER;\nFILE_SCHEMA(('CONFIG_CONTROL_DESIGN'));\nENDSEC;\nDATA;\nENDSEC;\nEND-ISO-10303-21;\n"
SECRECIES = [{"is_itar": True}, {"classification": 1}, {"is_itar": True, "classification": 3}]
secrecies = pytest.mark.parametrize("secrecy", SECRECIES)


@pytest.fixture
def cleared(make_member: MakeMember, client_of: ClientOf) -> Client:
    return client_of(make_member(Role.ADMIN, clearance=3, is_us_person=True))


def versions(client: Client, **query: Any) -> list[int]:
    body = client.get("/api/designs/", {"ordering": "version", **query}).json()
    assert body["count"] == len(body["results"])
    return [design["version"] for design in body["results"]]


@secrecies
def test_versions_are_counted_without_hidden_ones(
    api: Client, cleared: Client, make_design: MakeDesign, secrecy: dict[str, Any]
) -> None:
    rows = [make_design(**facts) for facts in ({}, secrecy, {}, secrecy, {"file_name": "last.step"}, secrecy)]

    assert versions(api) == [1, 2, 3]
    assert versions(cleared) == [1, 2, 3, 4, 5, 6]
    assert api.get(f"/api/designs/{rows[4].pk}/").json()["version"] == 3
    assert cleared.get(f"/api/designs/{rows[4].pk}/").json()["version"] == 5


@secrecies
def test_an_upload_is_the_next_visible_version(
    api: Client, cleared: Client, upload: Any, secrecy: dict[str, Any]
) -> None:
    fields = {name: str(value).lower() for name, value in secrecy.items()}
    sent = [upload(api, STEP), upload(cleared, STEP, **fields), upload(cleared, STEP, **fields), upload(api, STEP)]

    assert [answer.json()["version"] for answer in sent] == [1, 2, 3, 2]
    last = sent[-1].json()["id"]
    assert api.post(f"/api/designs/{last}/finalize/").json()["version"] == 2


def test_a_filter_does_not_change_numbers_and_the_order_shows_no_gap(
    api: Client, acme: Organization, make_design: MakeDesign
) -> None:
    first, second = (Series.objects.create(organization=acme, part_number=name, name="part") for name in "AB")
    for _ in range(3):
        make_design(series=first, is_itar=True)
    late = [make_design(series=first), make_design(series=first, status="ready")]
    early = [make_design(series=second) for _ in range(3)]

    assert versions(api, status="ready") == [2]
    found = api.get("/api/designs/", {"ordering": "-version"}).json()["results"]
    assert [design["version"] for design in found] == [3, 2, 2, 1, 1]
    assert found[0]["id"] == str(early[-1].pk)
    assert {str(late[1].pk), str(early[1].pk)} == {design["id"] for design in found[1:3]}


def test_a_hidden_version_that_is_deleted_changes_nothing(
    api: Client, cleared: Client, make_design: MakeDesign
) -> None:
    _, hidden, _ = make_design(), make_design(classification=2), make_design()
    before = api.get("/api/designs/").json()

    assert cleared.delete(f"/api/designs/{hidden.pk}/").status_code == 204

    assert api.get("/api/designs/").json() == before


@secrecies
def test_what_an_organization_uses_is_what_the_member_sees(
    api: Client, cleared: Client, acme: Organization, make_design: MakeDesign, secrecy: dict[str, Any]
) -> None:
    make_design(b"12345")
    make_design(b"1234567", **secrecy)

    def used(client: Client) -> tuple[int, int]:
        body = client.get(f"/api/organizations/{acme.pk}/").json()
        return body["design_count"], body["storage_used_bytes"]

    assert (used(api), used(cleared)) == ((1, 5), (2, 12))


def test_a_full_organization_refuses_though_only_hidden_designs_fill_it(
    api: Client, acme: Organization, make_design: MakeDesign, upload: Any
) -> None:
    Organization.objects.update(max_designs=1)
    make_design(is_itar=True)

    answer = upload(api, STEP)

    assert answer.json()["code"] == "organization_limit_exceeded"
    assert answer.json()["detail"] == "Your organization has reached its limit of designs."


class TestAdminSite:
    @pytest.fixture
    def staff(self, make_member: MakeMember, admin_permissions: Any) -> Client:
        return admin_permissions(make_member(Role.ADMIN))

    @pytest.fixture
    def admin_permissions(self) -> Any:
        def make(user: User) -> Client:
            User.objects.filter(pk=user.pk).update(is_staff=True)
            user.user_permissions.set(Permission.objects.filter(content_type__app_label="designs"))
            client = Client()
            client.force_login(User.objects.get(pk=user.pk))
            return client

        return make

    @staticmethod
    def page(client: Client, model: Any, what: str, *args: Any, query: str = "") -> str:
        answer = client.get(reverse(f"admin:designs_{model._meta.model_name}_{what}", args=args) + query)
        assert answer.status_code == 200
        return str(answer.content.decode())

    def test_counts_and_numbers_are_of_visible_designs(
        self, staff: Client, acme: Organization, make_design: MakeDesign
    ) -> None:
        _, shown = make_design(b"1234567", is_itar=True), make_design(b"12345")

        listed = self.page(staff, Organization, "changelist")
        assert '<td class="field-designs">1</td>' in listed
        assert '<td class="field-used_bytes">5</td>' in listed
        assert '<td class="field-visible_version">1</td>' in self.page(staff, Design, "changelist")
        for what in ("change", "delete", "history"):
            page = self.page(staff, Design, what, shown.pk)
            assert "AS1 version 1" in page
            assert "version 2" not in page

    def test_parts_of_a_design_do_not_name_its_stored_number(self, staff: Client, make_design: MakeDesign) -> None:
        _, shown = make_design(is_itar=True), make_design()
        measured = Geometry.objects.create(
            design=shown, solids=1, faces=6, kernel_version="1", duration_seconds=0.1, peak_memory_bytes=1
        )
        item = BOMItem.objects.create(design=shown, part="bolt", quantity=1, position=1)

        for row in (measured, item):
            for page in (self.page(staff, type(row), "changelist"), self.page(staff, type(row), "change", row.pk)):
                assert f"AS1 {shown.pk}" in page
                assert "version 2" not in page

    def test_deleting_lists_nothing_hidden(self, staff: Client, series: Series, make_design: MakeDesign) -> None:
        make_design()
        before = self.page(staff, Series, "delete", series.pk)
        make_design(is_itar=True)

        after = self.page(staff, Series, "delete", series.pk)

        assert "version" not in after
        assert after.count("deleted first") == before.count("deleted first") == 1

    @pytest.mark.parametrize("query", ["?designs__isnull=0", "?designs__isnull=1", "?designs__in=1"])
    def test_series_cannot_be_searched_by_their_designs(
        self, staff: Client, make_design: MakeDesign, query: str
    ) -> None:
        make_design(is_itar=True)

        assert staff.get(reverse("admin:designs_series_changelist") + query).status_code == 400

    @pytest.mark.parametrize("query", ["?version=2", "?version__gt=1"])
    def test_designs_cannot_be_searched_by_the_stored_number(
        self, staff: Client, make_design: MakeDesign, query: str
    ) -> None:
        make_design(is_itar=True)
        make_design()

        assert staff.get(reverse("admin:designs_design_changelist") + query).status_code == 400
