from __future__ import annotations

from typing import Any

import pytest

from designs.models import Design, Organization
from designs.serializers import (
    DesignSerializer,
    NewMemberSerializer,
    NewSeriesSerializer,
    OrganizationDetailSerializer,
    UploadSerializer,
)
from tests.designs.conftest import MakeDesign

pytestmark = pytest.mark.django_db


def test_marks_of_an_upload_default_to_the_least() -> None:
    form = UploadSerializer()

    assert (form.fields["is_itar"].default, form.fields["classification"].default) == (False, 0)


@pytest.mark.parametrize("digest", ["0" * 64, "abcdefABCDEF" + "0" * 52])
def test_a_digest_is_64_hexadecimal_digits(digest: str) -> None:
    field = UploadSerializer().fields["sha256"]

    assert field.run_validation(digest) == digest


def test_no_field_of_a_design_can_be_written() -> None:
    assert all(field.read_only for field in DesignSerializer().fields.values())


def test_an_error_is_told_only_when_there_is_one(make_design: MakeDesign) -> None:
    assert DesignSerializer(make_design()).data["error"] is None


def test_a_failure_without_a_record_yet_is_told(make_design: MakeDesign) -> None:
    design = make_design(error_code="corrupted_file", error_detail="Cut.", error_status=400)

    assert DesignSerializer(design).data["error"] == {
        "id": "",
        "code": "corrupted_file",
        "detail": "Cut.",
        "status": 400,
    }


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (3, 3), ("2", 2)])
def test_clearance_is_a_number_from_0_to_3(value: Any, expected: int) -> None:
    form = NewMemberSerializer(data={"username": "u", "role": "VIEWER", "clearance": value})

    assert form.is_valid()
    assert form.validated_data["clearance"] == expected


def test_text_of_a_series_is_trimmed() -> None:
    form = NewSeriesSerializer(data={"part_number": " A1 ", "name": " x "})

    assert form.is_valid()
    assert (form.validated_data["part_number"], form.validated_data["name"]) == ("A1", "x")


def test_numbers_beyond_32_bits_are_told_whole(acme: Organization, make_design: MakeDesign) -> None:
    make_design()
    Design.objects.update(size_bytes=2**40)

    assert OrganizationDetailSerializer(acme).data["storage_used_bytes"] == 2**40


@pytest.mark.parametrize("role", ["VIEWER", "ENGINEER", "ADMIN", "OWNER"])
def test_every_role_is_accepted_as_documented(role: str) -> None:
    form = NewMemberSerializer(data={"username": "u", "role": role})

    assert form.is_valid()
    assert form.validated_data["role"] == role


@pytest.mark.parametrize("role", ["viewer", "Admin", "MANAGER", "manager", "", None, 1, [], {}])
def test_another_spelling_of_a_role_is_refused_with_the_names(role: object) -> None:
    form = NewMemberSerializer(data={"username": "u", "role": role})

    assert not form.is_valid()
    if isinstance(role, str) and role:
        assert form.errors["role"] == [f'"{role}" is no role. Use one of VIEWER, ENGINEER, ADMIN, OWNER.']
