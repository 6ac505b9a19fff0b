"""Uploads that are too large, by what they announce or by what comes, chunked ones too."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client, RequestFactory
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.unreader import IterUnreader
from knox.models import get_token_model

from designs.cad.reasons import HINTS
from designs.models import Design, Membership, Organization, Role, Series, User
from designs.uploads import FORM_OVERHEAD_BYTES
from enginel.request_handlers import TextWSGIHandler
from tests.designs.conftest import MakeDesign, MakeMember
from tests.support.upload_forms import STEP, URL, file_part, raw_form, send_stream

pytestmark = pytest.mark.django_db


def test_a_file_of_the_largest_size_is_taken_and_one_byte_more_is_not(api: Client, upload: Any, settings: Any) -> None:
    settings.ENGINEL_MAX_UPLOAD_BYTES = 200_000

    assert upload(api, STEP.ljust(200_000)).status_code == 201
    answer = upload(api, STEP.ljust(200_001))

    assert (answer.status_code, answer.json()["code"]) == (400, "file_size_exceeded")
    assert (answer.json()["reason"], answer.json()["hint"]) == ("too_large", HINTS["too_large"])
    assert Design.objects.count() == 1


class Unread(io.RawIOBase):
    """A body that must not be read before it is judged; counts what is thrown away after."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        taken = self.left if size < 0 else min(size, self.left)
        self.left -= taken
        return b"x" * taken


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
    monkeypatch.setattr("designs.http.request_bodies.time.monotonic", lambda: float(next(clock)))
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
    answer = post_chunked(api, raw_form(series, file_part=file_part("a.step")))

    assert answer.status_code == 201
    assert stored_files()[0].read_bytes() == STEP


def test_a_chunked_body_is_held_to_the_size_limit(
    api: Client, series: Series, settings: Any, nothing_left: Any
) -> None:
    settings.ENGINEL_MAX_UPLOAD_BYTES = 100_000

    answer = post_chunked(api, raw_form(series, file_part=file_part("a.step", STEP.ljust(100_001))))

    assert (answer.status_code, answer.json()["code"]) == (400, "file_size_exceeded")
    nothing_left()


def test_a_chunked_body_is_held_to_the_quota(api: Client, series: Series, nothing_left: Any) -> None:
    Organization.objects.update(storage_quota_bytes=1000)

    answer = post_chunked(api, raw_form(series, file_part=file_part("a.step", STEP.ljust(1001))))

    assert (answer.status_code, answer.json()["code"]) == (413, "storage_quota_exceeded")
    nothing_left()


@pytest.mark.parametrize("where", ["before the form", "after the form", "in a part nobody reads"])
def test_what_never_ends_is_not_read_on_and_on(
    api: Client, series: Series, settings: Any, nothing_left: Any, where: str
) -> None:
    settings.ENGINEL_MAX_UPLOAD_BYTES = 100_000
    form, noise = raw_form(series, file_part=file_part("a.step")), b"x" * 3_000_000
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
    body = raw_form(series, file_part=file_part("a.step"))

    answer = post_chunked(api, body, **{"wsgi.input_terminated": False})

    assert answer.status_code == 400


def test_asgi_hands_on_a_chunked_body_too(engineer: User, series: Series, rf: RequestFactory) -> None:
    # Django's ASGI request has read the body into a file and knows no length.
    from designs.uploads import _accept_chunked_body

    request = rf.generic("POST", URL, b"")
    del request.META["wsgi.input"]
    request.META.update({"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"})

    _accept_chunked_body(request)

    assert int(request.META["CONTENT_LENGTH"]) > 0


@pytest.fixture
def one_connection() -> Iterator[None]:
    """A handler of its own would close the connection that holds the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcXX0\r\n\r\n",
        b"3;\x01=\x00\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\nno trailer\r\n\r\n",
        b"3\r\nab",
        b"\r\n",
    ],
)
@pytest.mark.parametrize("begun", [False, True], ids=["at once", "within the file"])
def test_malformed_chunks_are_the_fault_of_the_client(
    engineer: User, series: Series, nothing_left: Any, chunks: bytes, begun: bool
) -> None:
    form = raw_form(series, file_part=file_part("a.step"))[:-20]
    stream = IterUnreader([b"%x\r\n%b\r\n" % (len(form), form) * begun, chunks])
    environ = RequestFactory().generic("POST", URL).environ
    environ |= {
        "CONTENT_TYPE": "multipart/form-data; boundary=b",
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_AUTHORIZATION": f"Bearer {get_token_model().objects.create(user=engineer)[1]}",
        "wsgi.input_terminated": True,
        # gunicorn's own, as its workers pass it.
        "wsgi.input": Body(ChunkedReader(None, stream)),
    }
    statuses: list[str] = []

    response = TextWSGIHandler()(environ, lambda status, headers: statuses.append(status))
    body = json.loads(b"".join(response))
    response.close()

    assert (statuses[0][:3], body["code"]) == ("400", "parse_error")
    nothing_left()
