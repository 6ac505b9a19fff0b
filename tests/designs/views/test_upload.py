from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.test import Client, RequestFactory

from designs.models import Clearance, Design, Membership, Organization, Role, Series
from designs.uploads import FORM_OVERHEAD_BYTES
from tests.designs.conftest import ClientOf, MakeDesign, MakeMember

pytestmark = pytest.mark.django_db

URL = "/api/designs/upload/"
STEP = b"ISO-10303-21;\nHEADER;\n"
IGES = b" " * 72 + b"S      1\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 5000


@pytest.fixture
def nothing_left(stored_files: Any, tmp_path: Path) -> Any:
    """Check that a refusal left no row, no stored file and no temporary file behind."""

    def check() -> None:
        assert not Design.objects.exists()
        assert stored_files() == []
        assert [path for path in tmp_path.iterdir() if path.name != "storage"] == []

    return check


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
    api: Client, upload: Any, stored_files: Any, acme: Organization, sent: str, kept: str
) -> None:
    body = raw_form(file_part=file_part(sent))

    answer = post_raw(api, body, series=None)

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
    answer = post_raw(client_of(stranger), raw_form(file_part=file_part("a.step", PNG)), series=series)

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


# --- refused by size ---------------------------------------------------------------------------------
def test_a_file_of_the_largest_size_is_taken_and_one_byte_more_is_not(api: Client, upload: Any, settings: Any) -> None:
    settings.ENGINEL_MAX_UPLOAD_BYTES = 200_000

    assert upload(api, STEP.ljust(200_000)).status_code == 201
    answer = upload(api, STEP.ljust(200_001))

    assert (answer.status_code, answer.json()["code"]) == (400, "file_size_exceeded")
    assert Design.objects.count() == 1


class Unread(io.RawIOBase):
    """A body that must not be read before it is judged; counts what is thrown away after."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        taken = self.left if size < 0 else min(size, self.left)
        self.left -= taken
        return b"x" * taken


def send_stream(client: Client, body: Any, **environ: Any) -> Any:
    """Send a body as a stream of its own, which the test client would make of bytes."""
    content_type = "multipart/form-data; boundary=b"
    return client.generic("POST", URL, CONTENT_TYPE=content_type, **{"wsgi.input": body, **environ})


def announce(client: Client, length: int | str, body: Any) -> Any:
    return send_stream(client, body, CONTENT_LENGTH=length)


def test_a_body_announced_too_large_is_refused_unparsed_and_thrown_away(
    api: Client, settings: Any, series: Series, nothing_left: Any
) -> None:
    settings.ENGINEL_MAX_UPLOAD_BYTES = 100_000
    length = settings.ENGINEL_MAX_UPLOAD_BYTES + FORM_OVERHEAD_BYTES + 1
    body = Unread(length)

    answer = announce(api, length, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "file_size_exceeded")
    assert body.left == 0
    nothing_left()


def test_no_more_than_64_mebibytes_of_a_refused_body_are_read(api: Client, series: Series) -> None:
    body = Unread(200 * 1024**2)

    answer = announce(api, 200 * 1024**2, body)

    assert answer.status_code == 400
    assert body.left == (200 - 64) * 1024**2


def test_throwing_a_body_away_ends_after_some_seconds(
    api: Client, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr("designs.parsers.time.monotonic", lambda: float(next(clock)))
    body = Unread(200 * 1024**2)

    announce(api, 200 * 1024**2, body)

    assert body.left == 200 * 1024**2 - 2 * 64 * 1024


class Connection:
    """What gunicorn lends: a socket whose timeout can be set."""

    def __init__(self) -> None:
        self.timeouts: list[float | None] = [None]

    def gettimeout(self) -> float | None:
        return self.timeouts[-1]

    def settimeout(self, seconds: float | None) -> None:
        self.timeouts.append(seconds)


class Stalled(io.RawIOBase):
    """A client that announces a body and sends none of it."""

    def read(self, size: int = -1) -> bytes:
        raise TimeoutError


def test_a_client_that_stalls_is_waited_for_no_longer_than_the_deadline(api: Client, series: Series) -> None:
    connection = Connection()

    answer = send_stream(api, Stalled(), CONTENT_LENGTH=200 * 1024**2, **{"gunicorn.socket": connection})

    assert answer.status_code == 400
    assert connection.timeouts[0] is None
    assert 0 < (connection.timeouts[1] or 0) <= 5
    assert connection.timeouts[-1] is None


def test_a_body_over_every_free_quota_is_refused_unparsed(
    api: Client, acme: Organization, rival: Organization, engineer: User, series: Series
) -> None:
    Membership.objects.create(user=engineer, organization=rival, role=Role.VIEWER)
    Organization.objects.filter(pk=acme.pk).update(storage_quota_bytes=1000)
    length = 1000 + FORM_OVERHEAD_BYTES + 1

    answer = announce(api, length, Unread(length))

    assert (answer.status_code, answer.json()["code"]) == (413, "storage_quota_exceeded")


def test_the_quota_of_the_series_organization_counts_in_the_end(
    api: Client, upload: Any, make_member: MakeMember, rival: Organization, engineer: User, nothing_left: Any
) -> None:
    Membership.objects.create(user=engineer, organization=rival, role=Role.ENGINEER)
    Organization.objects.filter(slug="acme").update(storage_quota_bytes=len(STEP) - 1)

    answer = upload(api, STEP)

    assert (answer.status_code, answer.json()["code"]) == (413, "storage_quota_exceeded")
    nothing_left()


def test_a_quota_can_be_filled_to_the_last_byte(api: Client, upload: Any, acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(storage_quota_bytes=2 * len(STEP))

    statuses = [upload(api, STEP).status_code for _ in range(3)]

    assert statuses == [201, 201, 413]
    assert acme.storage_used_bytes() == 2 * len(STEP)


def test_an_organization_takes_no_more_designs_than_its_limit(
    api: Client, upload: Any, acme: Organization, make_design: MakeDesign, stored_files: Any
) -> None:
    make_design()
    Organization.objects.filter(pk=acme.pk).update(max_designs=1)

    answer = upload(api, STEP)

    assert (answer.status_code, answer.json()["code"]) == (403, "organization_limit_exceeded")
    assert (Design.objects.count(), len(stored_files())) == (1, 1)


# --- chunked bodies ----------------------------------------------------------------------------------
def post_chunked(client: Client, body: bytes, **extra: Any) -> Any:
    """Send a body as gunicorn hands on a chunked one: without length, its stream ending where the body does."""
    environ = {
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
        **extra,
    }
    return send_stream(client, io.BytesIO(body), **environ)


def test_a_chunked_body_is_read(api: Client, series: Series, stored_files: Any) -> None:
    answer = post_chunked(api, raw_form(series=series, file_part=file_part("a.step")))

    assert answer.status_code == 201
    assert stored_files()[0].read_bytes() == STEP


def test_a_chunked_body_is_held_to_the_size_limit(
    api: Client, series: Series, settings: Any, nothing_left: Any
) -> None:
    settings.ENGINEL_MAX_UPLOAD_BYTES = 100_000

    answer = post_chunked(api, raw_form(series=series, file_part=file_part("a.step", STEP.ljust(100_001))))

    assert (answer.status_code, answer.json()["code"]) == (400, "file_size_exceeded")
    nothing_left()


def test_a_chunked_body_is_held_to_the_quota(api: Client, series: Series, nothing_left: Any) -> None:
    Organization.objects.update(storage_quota_bytes=1000)

    answer = post_chunked(api, raw_form(series=series, file_part=file_part("a.step", STEP.ljust(1001))))

    assert (answer.status_code, answer.json()["code"]) == (413, "storage_quota_exceeded")
    nothing_left()


@pytest.mark.parametrize("where", ["before the form", "after the form", "in a part nobody reads"])
def test_what_never_ends_is_not_read_on_and_on(
    api: Client, series: Series, settings: Any, nothing_left: Any, where: str
) -> None:
    settings.ENGINEL_MAX_UPLOAD_BYTES = 100_000
    form, noise = raw_form(series=series, file_part=file_part("a.step")), b"x" * 3_000_000
    bodies = {
        "before the form": noise + form,
        "after the form": form + noise,
        "in a part nobody reads": b"--b\r\nX: y\r\n\r\n" + noise + b"\r\n" + form,
    }

    answer = post_chunked(api, bodies[where])

    assert answer.status_code == 400
    nothing_left()


def test_a_length_that_is_no_number_is_no_failure(api: Client, series: Series) -> None:
    assert announce(api, "many", Unread(10)).status_code == 400


def test_a_chunked_body_of_a_server_that_cannot_tell_its_end_is_an_empty_one(api: Client, series: Series) -> None:
    body = raw_form(series=series, file_part=file_part("a.step"))

    answer = post_chunked(api, body, **{"wsgi.input_terminated": False})

    assert answer.status_code == 400


# --- malformed forms ---------------------------------------------------------------------------------
_series_of_test: list[Series] = []


@pytest.fixture(autouse=True)
def remember_series(series: Series) -> Any:
    _series_of_test.append(series)
    yield
    _series_of_test.clear()


def file_part(name: str, content: bytes = STEP, field: str = "file") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{field}"; filename="{name}"'
    return b"--b\r\n" + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"


def raw_form(*, file_part: bytes = b"", series: Series | None = None, end: bytes = b"--b--\r\n") -> bytes:
    target = (series or _series_of_test[0]).pk
    return file_part + f'--b\r\nContent-Disposition: form-data; name="series"\r\n\r\n{target}\r\n'.encode() + end


def post_raw(client: Client, body: bytes, content_type: str = "multipart/form-data; boundary=b", **_: Any) -> Any:
    return client.generic("POST", URL, body, content_type=content_type)


def test_a_form_cut_before_its_end_is_refused(api: Client, nothing_left: Any) -> None:
    whole = raw_form(file_part=file_part("a.step", STEP.ljust(100_000)))

    for body in (whole[:-8], whole[:50_000], whole[:20], raw_form(file_part=file_part("a.step"), end=b"")):
        answer = post_raw(api, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "parse_error"), body[-50:]
        nothing_left()


def test_a_form_with_less_than_announced_is_refused(api: Client, nothing_left: Any) -> None:
    body = raw_form(file_part=file_part("a.step", STEP.ljust(100_000)))

    answer = send_stream(api, io.BytesIO(body[:60_000]), CONTENT_LENGTH=len(body))

    assert answer.status_code == 400
    nothing_left()


class Broken(io.RawIOBase):
    """A client that goes away in the middle of its body."""

    def __init__(self, body: bytes) -> None:
        self.body = io.BytesIO(body)

    def read(self, size: int = -1) -> bytes:
        chunk = self.body.read(size)
        if not chunk:
            raise ConnectionResetError("/run/gunicorn.sock")
        return chunk


def test_a_client_that_goes_away_is_no_failure_of_the_service(api: Client, nothing_left: Any) -> None:
    body = raw_form(file_part=file_part("a.step", STEP.ljust(100_000)))

    answer = send_stream(api, Broken(body[:60_000]), CONTENT_LENGTH=len(body))

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
    nothing_left()


@pytest.mark.parametrize(
    "files",
    [
        {"file": [STEP, STEP]},
        {"file": [STEP], "other": [STEP]},
        {"other": [STEP], "file": [STEP]},
        {"series": [STEP], "file": [STEP]},
    ],
    ids=["two files", "another beside", "another before", "a file as a field"],
)
def test_just_one_file_under_its_own_name_is_taken(
    api: Client, series: Series, nothing_left: Any, files: dict[str, list[bytes]]
) -> None:
    form: dict[str, Any] = {
        name: [SimpleUploadedFile("a.step", content) for content in contents] for name, contents in files.items()
    }
    form.setdefault("series", str(series.pk))

    answer = api.post(URL, form)

    assert (answer.status_code, answer.json()["code"]) == (400, "file_validation_error")
    assert answer.json()["field"] == "file"
    nothing_left()


@pytest.mark.parametrize(
    "header",
    [
        "Content-Disposition: form-data; name=\"file\"; filename*=nope''%41.step",
        'Content-Disposition: form-data; name="file"; filename="a.step"\r\nContent-Transfer-Encoding: base64',
        'Content-Disposition: form-data; name="file"; filename=""',
        'Content-Disposition: form-data; name="file"',
        'Content-Disposition: form-data; filename="a.step"',
        "Content-Disposition: form-data; " + "x" * 5000,
        "garbage",
    ],
)
def test_a_malformed_part_header_is_refused(api: Client, nothing_left: Any, header: str) -> None:
    part = b"--b\r\n" + header.encode() + b"\r\n\r\n" + STEP + b"\r\n"

    answer = post_raw(api, raw_form(file_part=part))

    assert answer.status_code == 400
    assert set(answer.json()) >= {"detail", "code", "error_id"}
    nothing_left()


def test_names_without_a_path_part_are_kept_in_another_codec(api: Client) -> None:
    part = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''B%C3%BCgel.step\r\n\r\n"

    answer = post_raw(api, raw_form(file_part=part + STEP + b"\r\n"))

    assert answer.json()["file_name"] == "Bügel.step"


@pytest.mark.parametrize("charset", ["base64", "undefined", "rot13", "utf-16", "nope", "idna"])
def test_a_codec_named_by_the_client_changes_nothing(api: Client, charset: str) -> None:
    answer = post_raw(
        api,
        raw_form(file_part=file_part("a.step")),
        content_type=f"multipart/form-data; boundary=b; charset={charset}",
    )

    assert answer.status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\u00e9",
    ],
)
def test_a_form_without_a_usable_boundary_is_refused(api: Client, nothing_left: Any, content_type: str) -> None:
    answer = post_raw(api, raw_form(file_part=file_part("a.step")), content_type=content_type)

    assert answer.status_code == 400
    nothing_left()


def test_too_many_fields_and_too_long_ones_are_refused(api: Client, nothing_left: Any) -> None:
    field = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n%b\r\n'

    for extra in (field % b"1" * 1001, field % (b"x" * (1024**2 + 1))):
        answer = post_raw(api, raw_form(file_part=extra + file_part("a.step")))
        assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
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


def test_asgi_hands_on_a_chunked_body_too(engineer: User, series: Series, rf: RequestFactory) -> None:
    # Django's ASGI request has read the body into a file and knows no length.
    from designs.uploads import _accept_chunked_body

    request = rf.generic("POST", URL, b"")
    del request.META["wsgi.input"]
    request.META.update({"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"})

    _accept_chunked_body(request)

    assert int(request.META["CONTENT_LENGTH"]) > 0
