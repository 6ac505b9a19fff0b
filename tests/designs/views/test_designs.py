from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.test import Client
from django.utils import timezone

from designs.cad.reasons import HINTS
from designs.models import BOMItem, Clearance, Design, Geometry, Organization, Role, Series, Status, Step, User
from tests.designs.conftest import ClientOf, MakeDesign, MakeMember

pytestmark = pytest.mark.django_db

URL = "/api/designs/"


def ids(client: Client, **query: Any) -> list[str]:
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    return [result["id"] for result in answer.json()["results"]]


def measured(design: Design, **facts: Any) -> Geometry:
    found = {
        "solids": 1,
        "faces": 6,
        "box_x_mm": 25.4,
        "box_y_mm": 50.8,
        "box_z_mm": 0.0,
        "volume_mm3": 16387.064,
        "area_mm2": 645.16,
        "kernel_version": "kernel 1",
        "duration_seconds": 0.1,
        "peak_memory_bytes": 1,
        "warnings": ["odd"],
    }
    return Geometry.objects.create(design=design, **{**found, **facts})


# --- list and detail ---------------------------------------------------------------------------------
def test_detail_tells_all_about_a_design(api: Client, make_design: MakeDesign, acme: Organization) -> None:
    design = make_design(b"12345", file_name="Bügel <b>.step", schema="AP203", unit="inch", unit_millimetres=25.4)

    body = api.get(f"{URL}{design.pk}/").json()

    assert body == {
        "id": str(design.pk),
        "organization": str(acme.pk),
        "series": str(design.series_id),
        "part_number": "AS1",
        "version": 1,
        "status": "uploaded",
        "step": "",
        "error": None,
        "file_name": "Bügel <b>.step",
        "size_bytes": 5,
        "sha256": "0" * 64,
        "kind": "step",
        "schema": "AP203",
        "unit": "inch",
        "unit_millimetres": 25.4,
        "is_itar": False,
        "classification": 0,
        "created_at": body["created_at"],
        "finalized_at": None,
        "processed_at": None,
    }


def test_nothing_the_api_shows_tells_where_a_file_lies(api: Client, make_design: MakeDesign) -> None:
    design = make_design()

    shown = api.get(f"{URL}{design.pk}/").content + api.get(URL).content

    assert design.stored_as.encode() not in shown
    assert b"designs/" + str(design.series.organization_id).encode() not in shown


def test_detail_of_a_failed_design_tells_the_failure(api: Client, make_design: MakeDesign) -> None:
    design = make_design(
        status=Status.FAILED,
        error_id="e1",
        error_code="corrupted_file",
        error_detail="Cut.",
        error_status=400,
    )

    body = api.get(f"{URL}{design.pk}/").json()

    assert body["error"] == {"id": "e1", "code": "corrupted_file", "detail": "Cut.", "status": 400}


def test_a_failed_design_says_why_where_and_what_to_do(api: Client, make_design: MakeDesign) -> None:
    facts = {"error_stage": "scan", "error_reason": "syntax", "error_place": {"line": 120, "section": "global"}}
    design = make_design(
        status=Status.FAILED, error_id="e1", error_code="corrupted_file", error_detail="Cut.", error_status=400, **facts
    )
    told = {
        "reason": "syntax",
        "stage": "scan",
        "line": 120,
        "section": "global",
        "hint": "Line 120, section global: " + HINTS["syntax"],
    }

    error = api.get(f"{URL}{design.pk}/").json()["error"]
    refused = api.get(f"{URL}{design.pk}/geometry/").json()

    assert error == {"id": "e1", "code": "corrupted_file", "detail": "Cut.", "status": 400, **told}
    assert refused == {"error_id": "e1", "code": "corrupted_file", "detail": "Cut.", **told}


def test_what_a_row_holds_otherwise_is_not_shown(api: Client, make_design: MakeDesign) -> None:
    facts = {"error_stage": "scan", "error_reason": "syntax", "error_place": {"line": "<b>", "part": "secret"}}
    design = make_design(status=Status.FAILED, error_code="corrupted_file", error_detail="Cut.", **facts)

    shown = api.get(f"{URL}{design.pk}/").content + api.get(f"{URL}{design.pk}/geometry/").content

    assert b"secret" not in shown
    assert b"<b>" not in shown


@pytest.mark.parametrize("path", ["", "geometry/", "bom/"])
@pytest.mark.parametrize(
    ("facts", "status", "code"),
    [
        ({"is_itar": True}, 403, "itar_violation"),
        ({"classification": Clearance.SECRET}, 403, "clearance_level_insufficient"),
        ({"is_itar": True, "classification": Clearance.SECRET}, 403, "itar_violation"),
    ],
)
def test_reading_is_refused_for_export_control_and_clearance(
    api: Client, make_design: MakeDesign, path: str, facts: dict[str, Any], status: int, code: str
) -> None:
    design = make_design(**facts)

    answer = api.get(f"{URL}{design.pk}/{path}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["error_id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", ""), ("delete", ""), ("post", "finalize/"), ("get", "geometry/"), ("get", "bom/")],
)
@pytest.mark.parametrize("whose", ["stranger", "nobody"])
def test_a_foreign_design_and_none_at_all_are_the_same_404(
    client_of: ClientOf, stranger: User, make_design: MakeDesign, method: str, path: str, whose: str
) -> None:
    pk = make_design(is_itar=True).pk if whose == "stranger" else uuid.uuid4()

    answer = getattr(client_of(stranger), method)(f"{URL}{pk}/{path}")

    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not found.", "code": "not_found", "error_id": None}


def test_list_leaves_out_what_may_not_be_seen(
    api: Client, make_design: MakeDesign, make_member: MakeMember, rival: Organization
) -> None:
    shown = make_design()
    make_design(is_itar=True)
    make_design(classification=Clearance.CONFIDENTIAL)
    make_design(series=Series.objects.create(organization=rival, part_number="X", name="x"))

    assert ids(api) == [str(shown.pk)]


def test_list_is_newest_first(api: Client, make_design: MakeDesign) -> None:
    old, new = make_design(), make_design()
    Design.objects.filter(pk=old.pk).update(created_at=timezone.now() - datetime.timedelta(days=1))

    assert ids(api) == [str(new.pk), str(old.pk)]


def test_list_needs_the_same_queries_for_many_as_for_one(
    api: Client, make_design: MakeDesign, acme: Organization, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        make_design(series=Series.objects.create(organization=acme, part_number=f"P{number}", name="part"))

    with django_assert_max_num_queries(4):
        assert len(ids(api)) == 20


# --- geometry and bill of materials ------------------------------------------------------------------
@pytest.mark.parametrize(("unit", "x", "volume", "area"), [("mm", 25.4, 16387.064, 645.16), ("inch", 1.0, 1.0, 1.0)])
def test_geometry_is_told_in_the_unit_asked_for(
    api: Client, make_design: MakeDesign, unit: str, x: float, volume: float, area: float
) -> None:
    design = make_design(status=Status.READY)
    measured(design)

    body = api.get(f"{URL}{design.pk}/geometry/", {"unit": unit}).json()

    assert (body["design"], body["unit"]) == (str(design.pk), unit)
    assert (body["solids"], body["faces"], body["warnings"]) == (1, 6, ["odd"])
    assert body["box"] == pytest.approx({"x": x, "y": 2 * x, "z": 0.0})
    assert (body["volume"], body["area"]) == pytest.approx((volume, area))


def test_geometry_is_told_in_millimetres_unless_asked_otherwise(api: Client, make_design: MakeDesign) -> None:
    design = make_design(status=Status.READY)
    measured(design)

    body = api.get(f"{URL}{design.pk}/geometry/").json()

    assert (body["unit"], body["box"]["x"]) == ("mm", 25.4)


def test_geometry_a_file_does_not_have_is_null(api: Client, make_design: MakeDesign) -> None:
    design = make_design(status=Status.READY)
    measured(design, box_x_mm=None, box_y_mm=None, box_z_mm=None, volume_mm3=None, area_mm2=None)

    body = api.get(f"{URL}{design.pk}/geometry/", {"unit": "inch"}).json()

    assert (body["box"], body["volume"], body["area"]) == (None, None, None)


UNKNOWN_UNITS = [
    "furlongsx",
    "",
    "mm ",
    "mm**2",
    "2**99999999",
    "kg",
    "\x00",
    "mm\n",
    "ﬀ",
    "x" * 10_000,
    "degC",
]


@pytest.mark.parametrize("unit", UNKNOWN_UNITS)
@pytest.mark.parametrize("volume", [16387.064, None])
def test_an_unknown_unit_is_422_and_names_the_field(
    api: Client, make_design: MakeDesign, unit: str, volume: float | None
) -> None:
    design = make_design(status=Status.READY)
    measured(design, volume_mm3=volume)

    answer = api.get(f"{URL}{design.pk}/geometry/", {"unit": unit})

    assert (answer.status_code, answer.json()["code"]) == (422, "unit_conversion_error")
    assert answer.json()["field"] == "unit"


def test_a_value_out_of_range_in_a_unit_is_422(api: Client, make_design: MakeDesign) -> None:
    design = make_design(status=Status.READY)
    measured(design, volume_mm3=1e300)

    answer = api.get(f"{URL}{design.pk}/geometry/", {"unit": "attometer"})

    assert answer.status_code == 422


@pytest.mark.parametrize("status", [Status.UPLOADED, Status.QUEUED, Status.PROCESSING])
@pytest.mark.parametrize("path", ["geometry/", "bom/"])
def test_results_of_a_design_that_is_not_processed_are_409(
    api: Client, make_design: MakeDesign, status: Status, path: str
) -> None:
    design = make_design(status=status, step=Step.GEOMETRY)

    answer = api.get(f"{URL}{design.pk}/{path}")

    assert (answer.status_code, answer.json()["code"]) == (409, "design_not_ready")
    assert answer.json()["error_id"]


def test_bom_tells_parts_in_order_and_their_sum(api: Client, make_design: MakeDesign) -> None:
    design = make_design(status=Status.READY)
    BOMItem.objects.create(design=design, part="nut", quantity=10**15, position=2)
    BOMItem.objects.create(design=design, part="bolt", quantity=1, position=1)

    body = api.get(f"{URL}{design.pk}/bom/").json()

    assert body == {
        "design": str(design.pk),
        "pieces": 10**15 + 1,
        "items": [{"part": "bolt", "quantity": 1}, {"part": "nut", "quantity": 10**15}],
    }


def test_bom_of_a_single_part_is_empty(api: Client, make_design: MakeDesign) -> None:
    design = make_design(status=Status.READY)

    body = api.get(f"{URL}{design.pk}/bom/").json()

    assert (body["pieces"], body["items"]) == (0, [])


@pytest.fixture
def failed(make_design: MakeDesign) -> Design:
    return make_design(
        status=Status.FAILED,
        step=Step.GEOMETRY,
        error_id="abc",
        error_code="geometry_processing_error",
        error_detail="Failed to parse STEP file: the CAD kernel crashed on it.",
        error_status=422,
    )


def test_geometry_of_a_failed_design_is_the_stored_failure_under_its_own_id(
    api: Client, failed: Design, recorded: Any
) -> None:
    answer = api.get(f"{URL}{failed.pk}/geometry/")

    assert answer.status_code == 422
    assert answer.json() == {
        "detail": "Failed to parse STEP file: the CAD kernel crashed on it.",
        "code": "geometry_processing_error",
        "error_id": "abc",
    }
    assert recorded() == []


def test_bom_survives_a_failure_of_the_geometry(api: Client, failed: Design) -> None:
    BOMItem.objects.create(design=failed, part="bolt", quantity=1, position=1)

    assert api.get(f"{URL}{failed.pk}/bom/").json()["pieces"] == 1


@pytest.mark.parametrize("step", [Step.NONE, Step.SCAN, Step.BOM])
def test_bom_of_a_design_that_failed_before_it_is_the_stored_failure(api: Client, failed: Design, step: Step) -> None:
    Design.objects.update(step=step)

    answer = api.get(f"{URL}{failed.pk}/bom/")

    assert (answer.status_code, answer.json()["error_id"]) == (422, "abc")


def test_a_stored_failure_keeps_code_and_status_that_no_class_has(api: Client, failed: Design) -> None:
    Design.objects.update(error_code="kernel_not_installed")

    answer = api.get(f"{URL}{failed.pk}/geometry/")

    assert (answer.status_code, answer.json()["code"]) == (422, "kernel_not_installed")


# --- delete ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [Status.UPLOADED, Status.READY, Status.FAILED])
def test_an_admin_deletes_a_design_with_its_file(
    client_of: ClientOf, org_admin: User, make_design: MakeDesign, stored_files: Any, status: Status
) -> None:
    design = make_design(status=status)
    measured(design)

    assert client_of(org_admin).delete(f"{URL}{design.pk}/").status_code == 204

    assert not Design.objects.exists()
    assert stored_files() == []


def test_an_engineer_deletes_nothing(api: Client, make_design: MakeDesign, stored_files: Any) -> None:
    design = make_design()

    answer = api.delete(f"{URL}{design.pk}/")

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert len(stored_files()) == 1


def test_an_admin_deletes_nothing_export_control_hides(
    client_of: ClientOf, org_admin: User, make_design: MakeDesign
) -> None:
    design = make_design(is_itar=True)

    assert client_of(org_admin).delete(f"{URL}{design.pk}/").json()["code"] == "itar_violation"
    assert Design.objects.exists()


@pytest.mark.parametrize("status", [Status.QUEUED, Status.PROCESSING])
def test_a_design_in_work_is_not_deleted(
    client_of: ClientOf, org_admin: User, make_design: MakeDesign, stored_files: Any, status: Status
) -> None:
    design = make_design(status=status)

    answer = client_of(org_admin).delete(f"{URL}{design.pk}/")

    assert (answer.status_code, answer.json()["code"]) == (409, "design_not_ready")
    assert Design.objects.exists()
    assert len(stored_files()) == 1


def test_a_design_whose_file_is_gone_is_deleted(
    client_of: ClientOf, org_admin: User, make_design: MakeDesign, stored_files: Any
) -> None:
    design = make_design()
    stored_files()[0].unlink()

    assert client_of(org_admin).delete(f"{URL}{design.pk}/").status_code == 204


def test_a_design_stays_when_storage_cannot_delete(
    client_of: ClientOf, org_admin: User, make_design: MakeDesign, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_design()

    def fail(self: object, name: str) -> None:
        raise OSError(5, "Input/output error", f"/srv/{name}")

    monkeypatch.setattr(FileSystemStorage, "delete", fail)

    answer = client_of(org_admin).delete(f"{URL}{design.pk}/")

    assert (answer.status_code, answer.json()["code"]) == (503, "external_service_error")
    assert b"/srv/" not in answer.content
    assert Design.objects.filter(pk=design.pk).exists()


def test_roles_above_admin_delete_too(client_of: ClientOf, make_member: MakeMember, make_design: MakeDesign) -> None:
    design = make_design()

    assert client_of(make_member(Role.OWNER)).delete(f"{URL}{design.pk}/").status_code == 204
