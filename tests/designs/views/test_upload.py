"""Uploads that are taken, those that are refused by rights or content, and what fails around them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError
from django.test import Client

from designs.models import Clearance, Design, Membership, Organization, Role, Series, User
from tests.designs.conftest import ClientOf, MakeMember
from tests.support.upload_forms import IGES, PNG, STEP, file_part, post_raw, raw_form

pytestmark = pytest.mark.django_db


# --- accepted ----------------------------------------------------------------------------------------
def test_an_upload_becomes_the_first_version(
    api: Client, upload: Any, series: Series, engineer: User, stored_files: Any
) -> None:
    answer = upload(api, STEP, "Bügel 1.STEP")

    assert answer.status_code == 201
    design = Design.objects.get(pk=answer.json()["id"])
    assert (design.series, design.version, design.status) == (series, 1, "uploaded")
    assert (design.file_name, design.size_bytes, design.kind) == ("Bügel 1.STEP", len(STEP), "step")
    assert (design.sha256, design.created_by) == (hashlib.sha256(STEP).hexdigest(), engineer)
    assert [path.read_bytes() for path in stored_files()] == [STEP]


def test_the_next_upload_is_the_next_version(api: Client, upload: Any) -> None:
    assert [upload(api, STEP).json()["version"] for _ in range(3)] == [1, 2, 3]


def test_iges_is_told_by_its_content(api: Client, upload: Any) -> None:
    assert upload(api, IGES, "part.igs").json()["kind"] == "iges"


def test_a_file_longer_than_one_chunk_arrives_whole(api: Client, upload: Any, stored_files: Any) -> None:
    content = STEP + bytes(range(32, 127)) * 5_000

    answer = upload(api, content, sha256=hashlib.sha256(content).hexdigest().upper())

    assert answer.status_code == 201
    assert stored_files()[0].read_bytes() == content


def test_marks_are_kept(client_of: ClientOf, make_member: MakeMember, upload: Any) -> None:
    client = client_of(make_member(is_us_person=True, clearance=Clearance.SECRET))

    body = upload(client, STEP, is_itar="true", classification="2").json()

    assert (body["is_itar"], body["classification"]) == (True, 2)


def test_an_optional_field_left_empty_is_one_left_out(api: Client, upload: Any) -> None:
    answer = upload(api, STEP, sha256="", classification="", is_itar="")

    assert answer.status_code == 201
    assert (answer.json()["classification"], answer.json()["is_itar"]) == (0, False)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../../etc/cron.d/x.step", "x.step"),
        ("C:\\temp\\a.step", "a.step"),
        ("$(id) `id` -rf.step", "$(id) `id` -rf.step"),
        ("<script>alert(1)</script>.step", "script>.step"),
        ("a\u202eb.step", "ab.step"),
        ("部品.step", "部品.step"),
        ("x" * 300 + ".step", "x" * 250 + ".step"),
    ],
)
def test_the_clients_name_is_data_and_never_part_of_a_path(
    api: Client, upload: Any, stored_files: Any, acme: Organization, sent: str, kept: str, series: Series
) -> None:
    body = raw_form(series, file_part=file_part(sent))

    answer = post_raw(api, body)

    assert answer.status_code == 201, answer.content
    assert answer.json()["file_name"] == kept
    (stored,) = stored_files()
    assert stored.name == f"{answer.json()['id']}.step"
    assert stored.parent.name == str(acme.pk)


# --- refused by rights -------------------------------------------------------------------------------
def test_a_viewer_is_refused_before_the_body_is_read(
    client_of: ClientOf, viewer: User, series: Series, nothing_left: Any
) -> None:
    answer = post_raw(client_of(viewer), b"not a form at all")

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    nothing_left()


def test_a_viewer_here_who_is_an_engineer_elsewhere_is_refused(
    client_of: ClientOf, viewer: User, rival: Organization, upload: Any, nothing_left: Any
) -> None:
    Membership.objects.create(user=viewer, organization=rival, role=Role.ENGINEER)

    answer = upload(client_of(viewer), PNG)

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    nothing_left()


def test_the_series_may_come_after_the_file_and_rights_are_still_judged_first(
    client_of: ClientOf, stranger: User, series: Series, nothing_left: Any
) -> None:
    answer = post_raw(client_of(stranger), raw_form(series, file_part=file_part("a.step", PNG)))

    assert answer.status_code == 404
    nothing_left()


@pytest.mark.parametrize(
    ("marks", "code"),
    [
        ({"is_itar": "true"}, "itar_violation"),
        ({"classification": "1"}, "clearance_level_insufficient"),
        ({"is_itar": "true", "classification": "3"}, "itar_violation"),
    ],
)
def test_marks_beyond_the_own_rights_are_refused(
    api: Client, upload: Any, nothing_left: Any, marks: dict[str, str], code: str
) -> None:
    answer = upload(api, STEP, **marks)

    assert (answer.status_code, answer.json()["code"]) == (403, code)
    nothing_left()


# --- refused by content ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (PNG, "a.step", "invalid_file_format"),
        (PNG[:20], "a.step", "invalid_file_format"),
        (b"", "a.step", "corrupted_file"),
        (b"\0" * 10_000, "a.step", "corrupted_file"),
        (STEP, "a.igs", "invalid_file_format"),
        (IGES, "a.step", "invalid_file_format"),
        (STEP, "a.pdf", "invalid_file_format"),
        (STEP, "step", "invalid_file_format"),
        (STEP, ".step", "invalid_file_format"),
    ],
)
def test_content_and_name_must_be_those_of_a_readable_format(
    api: Client, upload: Any, nothing_left: Any, content: bytes, name: str, code: str
) -> None:
    answer = upload(api, content, name)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["error_id"]
    nothing_left()


def test_content_that_is_refused_by_its_first_bytes_never_reaches_the_disk(
    api: Client, upload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    monkeypatch.setattr("designs.uploads.ReceivedFile.write", lambda self, data: written.append(data), raising=False)

    upload(api, PNG + b"x" * 500_000)

    assert written == []


def test_content_with_another_digest_than_announced_is_refused(api: Client, upload: Any, nothing_left: Any) -> None:
    answer = upload(api, STEP, sha256="0" * 64)

    assert (answer.status_code, answer.json()["code"]) == (400, "file_validation_error")
    assert answer.json()["field"] == "sha256"
    nothing_left()


# --- the outside fails -------------------------------------------------------------------------------
def full_disk(*args: object, **kwargs: object) -> None:
    raise OSError(28, "No space left on device", "/srv/enginel/secret")


def test_storage_away_is_503_and_leaves_nothing(
    api: Client, upload: Any, monkeypatch: pytest.MonkeyPatch, nothing_left: Any
) -> None:
    monkeypatch.setattr(FileSystemStorage, "_save", full_disk)

    answer = upload(api, STEP)

    assert (answer.status_code, answer.json()["code"]) == (503, "external_service_error")
    assert b"/srv" not in answer.content
    nothing_left()


@pytest.mark.parametrize("call", ["write", "seek"])
def test_a_full_temporary_directory_is_503(
    api: Client, upload: Any, monkeypatch: pytest.MonkeyPatch, nothing_left: Any, call: str
) -> None:
    monkeypatch.setattr(f"designs.uploads.ReceivedFile.{call}", full_disk, raising=False)

    answer = upload(api, STEP)

    assert (answer.status_code, answer.json()["code"]) == (503, "external_service_error")
    nothing_left()


def test_no_temporary_directory_is_503(api: Client, upload: Any, settings: Any, stored_files: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = "/nowhere"

    answer = upload(api, STEP)

    assert (answer.status_code, answer.json()["code"]) == (503, "external_service_error")
    assert b"nowhere" not in answer.content


def test_a_row_that_cannot_be_written_leaves_no_file(
    api: Client, upload: Any, monkeypatch: pytest.MonkeyPatch, nothing_left: Any
) -> None:
    def fail(self: Design, **kwargs: object) -> None:
        raise DatabaseError("disk image is malformed")

    monkeypatch.setattr(Design, "save", fail)

    assert upload(api, STEP).status_code == 500
    nothing_left()


def test_a_refusal_is_answered_even_when_its_file_cannot_be_removed(
    api: Client, upload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(self: FileSystemStorage, name: str, content: Any) -> str:
        # Somebody else takes the last place while this file is on its way to storage.
        Organization.objects.update(max_designs=0)
        return saved(self, name, content)

    saved = FileSystemStorage._save
    monkeypatch.setattr(FileSystemStorage, "_save", fill_up)
    monkeypatch.setattr(FileSystemStorage, "delete", full_disk)

    answer = upload(api, STEP)

    assert (answer.status_code, answer.json()["code"]) == (403, "organization_limit_exceeded")
