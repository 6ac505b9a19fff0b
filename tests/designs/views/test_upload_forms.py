"""Uploads whose form is cut, malformed or not what it says."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from designs.models import Series
from tests.support.upload_forms import STEP, URL, file_part, post_raw, raw_form, send_stream

pytestmark = pytest.mark.django_db


def test_a_form_cut_before_its_end_is_refused(api: Client, nothing_left: Any, series: Series) -> None:
    whole = raw_form(series, file_part=file_part("a.step", STEP.ljust(100_000)))

    for body in (whole[:-8], whole[:50_000], whole[:20], raw_form(series, file_part=file_part("a.step"), end=b"")):
        answer = post_raw(api, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "parse_error"), body[-50:]
        nothing_left()


def test_a_form_with_less_than_announced_is_refused(api: Client, nothing_left: Any, series: Series) -> None:
    body = raw_form(series, file_part=file_part("a.step", STEP.ljust(100_000)))

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


def test_a_client_that_goes_away_is_no_failure_of_the_service(api: Client, nothing_left: Any, series: Series) -> None:
    body = raw_form(series, file_part=file_part("a.step", STEP.ljust(100_000)))

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
def test_a_malformed_part_header_is_refused(api: Client, nothing_left: Any, header: str, series: Series) -> None:
    part = b"--b\r\n" + header.encode() + b"\r\n\r\n" + STEP + b"\r\n"

    answer = post_raw(api, raw_form(series, file_part=part))

    assert answer.status_code == 400
    assert set(answer.json()) >= {"detail", "code", "error_id"}
    nothing_left()


def test_names_without_a_path_part_are_kept_in_another_codec(api: Client, series: Series) -> None:
    part = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''B%C3%BCgel.step\r\n\r\n"

    answer = post_raw(api, raw_form(series, file_part=part + STEP + b"\r\n"))

    assert answer.json()["file_name"] == "Bügel.step"


@pytest.mark.parametrize("charset", ["base64", "undefined", "rot13", "utf-16", "nope", "idna"])
def test_a_codec_named_by_the_client_changes_nothing(api: Client, charset: str, series: Series) -> None:
    answer = post_raw(
        api,
        raw_form(series, file_part=file_part("a.step")),
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
def test_a_form_without_a_usable_boundary_is_refused(
    api: Client, nothing_left: Any, content_type: str, series: Series
) -> None:
    answer = post_raw(api, raw_form(series, file_part=file_part("a.step")), content_type=content_type)

    assert answer.status_code == 400
    nothing_left()


def test_too_many_fields_and_too_long_ones_are_refused(api: Client, nothing_left: Any, series: Series) -> None:
    field = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n%b\r\n'

    for extra, status, code in (
        (field % b"1" * 1001, 400, "parse_error"),
        (field % (b"x" * (1024**2 + 1)), 413, "request_too_large"),
    ):
        answer = post_raw(api, raw_form(series, file_part=extra + file_part("a.step")))
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        nothing_left()
