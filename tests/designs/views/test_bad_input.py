"""Bad input to every endpoint: always a 4xx with the error body, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import serializers
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from designs.models import Design, Organization, Role, Series, User
from designs.urls import urlpatterns
from tests.designs.conftest import ClientOf, MakeDesign, MakeMember

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete", "options", "trace", "head")
ALLOWED = {
    "login": {"post"},
    "logout": {"post"},
    "organization-list": {"get", "head"},
    "organization": {"get", "head"},
    "member-list": {"get", "head", "post"},
    "series-list": {"get", "head", "post"},
    "series": {"get", "head"},
    "design-list": {"get", "head"},
    "design-upload": {"post"},
    "design": {"get", "head", "delete"},
    "design-finalize": {"post"},
    "design-geometry": {"get", "head"},
    "design-bom": {"get", "head"},
    "schema": {"get", "head"},
    "docs": {"get", "head"},
}
OPEN = {"login", "schema", "docs"}
UNKNOWN = "0b8a2f1e-9c6d-4f7a-8e21-5d3c4b6a7f90"
"""The id of no object; the same in each process that runs tests."""
JSON_POSTS = ["login", "member-list", "series-list"]


@pytest.fixture
def url_of(acme: Organization, series: Series, make_design: MakeDesign) -> Callable[[str], str]:
    """Find the address of an endpoint, with objects that exist."""
    design = make_design(b"ISO-10303-21;")
    patterns = {pattern.name: str(pattern.pattern) for pattern in urlpatterns}
    known = {
        "<uuid:organization_id>": str(acme.pk),
        "<uuid:series_id>": str(series.pk),
        "<uuid:design_id>": str(design.pk),
    }

    def find(name: str) -> str:
        path = patterns[name]
        for placeholder, pk in known.items():
            path = path.replace(placeholder, pk)
        return f"/api/{path}"

    return find


@pytest.fixture
def owner_client(client_of: ClientOf, make_member: MakeMember) -> Client:
    """A client that may do everything, so that only the input can be at fault."""
    return client_of(make_member(Role.OWNER, is_us_person=True, clearance=3))


@pytest.fixture
def unchanged(db: None, storage_dir: Path) -> Callable[[], Any]:
    """Take a picture of all rows and of all stored files, to be compared."""

    def picture() -> Any:
        models = [model for model in apps.get_models() if model is not Session]
        rows = {
            model._meta.label: serializers.serialize("json", model._default_manager.order_by("pk")) for model in models
        }
        files = {path: path.read_bytes() for path in storage_dir.rglob("*") if path.is_file()}
        return rows, files

    return picture


def assert_refused(answer: Any, *statuses: int) -> None:
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.content)
    if statuses:
        assert answer.status_code in statuses, (answer.status_code, answer.content)
    body = json.loads(answer.content)
    assert {"detail", "code", "error_id"} <= set(body) <= {"detail", "code", "error_id", "field"}
    assert body["detail"]
    assert isinstance(body["code"], str)


def test_the_table_of_methods_knows_every_endpoint() -> None:
    assert set(ALLOWED) == {pattern.name for pattern in urlpatterns}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_method_an_endpoint_does_not_have_is_405(
    owner_client: Client, url_of: Any, unchanged: Any, name: str
) -> None:
    url, before = url_of(name), unchanged()

    for method in set(METHODS) - ALLOWED[name]:
        answer = owner_client.generic(method.upper(), url)
        assert answer.status_code == 405
        if method != "head" and name not in {"schema", "docs"}:
            assert_refused(answer)

    assert unchanged() == before


@pytest.mark.parametrize("name", sorted(ALLOWED.keys() - OPEN))
def test_without_a_token_or_with_a_wrong_one_every_endpoint_is_401(url_of: Any, unchanged: Any, name: str) -> None:
    url, before = url_of(name), unchanged()

    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Bearer " + "a" * 64}):
        for method in ALLOWED[name] - {"head"}:
            client = Client(raise_request_exception=False, headers=headers)
            assert_refused(client.generic(method.upper(), url), 401)

    assert unchanged() == before


@pytest.mark.parametrize("name", [name for name in ALLOWED if name not in {"login", "logout", "schema", "docs"}])
def test_a_member_of_another_organization_sees_and_changes_nothing(
    client_of: ClientOf, stranger: User, url_of: Any, unchanged: Any, series: Series, name: str
) -> None:
    url, client = url_of(name), client_of(stranger)
    before = unchanged()
    bodies: dict[str, Any] = {
        "series-list": {"part_number": "X", "name": "x", "organization": str(series.organization_id)},
        "member-list": {"username": stranger.username, "role": "VIEWER"},
    }

    for method in ALLOWED[name] - {"head"}:
        if name == "design-upload":
            answer = client.post(url, {"series": series.pk, "file": SimpleUploadedFile("a.step", b"ISO-10303-21;")})
        else:
            answer = client.generic(method.upper(), url, json.dumps(bodies.get(name, {})), "application/json")
        if method == "get" and name.endswith("-list") and name != "member-list":
            shown = answer.json()["results"]
            assert str(series.pk) not in json.dumps(shown)
            assert str(series.organization_id) not in json.dumps(shown)
        else:
            assert_refused(answer, 404)

    assert unchanged() == before


NO_IDS = [
    "x",
    "0",
    "-1",
    "9" * 50,
    UNKNOWN[:-1],
    UNKNOWN.upper() + "0",
    "%00",
    "%ff%fe",
    "..%2f",
    "'",
    "\u0661",
]


@pytest.mark.parametrize("template", [str(p.pattern) for p in urlpatterns if "<" in str(p.pattern)])
@pytest.mark.parametrize("bad", NO_IDS)
def test_what_is_no_id_is_404(owner_client: Client, unchanged: Any, template: str, bad: str) -> None:
    before = unchanged()
    path = template.partition("<")[0] + bad + template.partition(">")[2]

    for method in ("get", "post", "delete"):
        assert_refused(getattr(owner_client, method)(f"/api/{path}"), 404)

    assert unchanged() == before


NO_JSON_OBJECTS: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "application/json"),
    ("cut", b'{"part_number": "x', "application/json"),
    ("array", b"[1, 2]", "application/json"),
    ("array of objects", b'[{"part_number": "x", "name": "y"}]', "application/json"),
    ("null", b"null", "application/json"),
    ("number", b"1", "application/json"),
    ("text", b'"x"', "application/json"),
    ("true", b"true", "application/json"),
    ("NaN", b'{"part_number": NaN}', "application/json"),
    ("huge number", b'{"part_number": ' + b"9" * 10_000 + b"}", "application/json"),
    ("huge exponent", b'{"clearance": 1e999999}', "application/json"),
    ("a field twice", b'{"part_number": "x", "name": "y", "name": "z"}', "application/json"),
    ("a field twice inside", b'{"name": {"a": 1, "a": 2}}', "application/json"),
    ("deep", b"[" * 100_000, "application/json"),
    ("deep objects", b'{"a":' * 100_000, "application/json"),
    ("not UTF-8", b'{"part_number": "\xff\xfe"}', "application/json"),
    ("UTF-16", '{"part_number": "x", "name": "y"}'.encode("utf-16"), "application/json"),
    ("NUL bytes", b"\0\0\0\0", "application/json"),
    ("too large", b'{"part_number": "' + b"x" * (1024**2 + 1) + b'"}', "application/json"),
    ("a foreign codec", b'{"part_number": "x"}', "application/json; charset=base64"),
    ("no codec at all", b'{"part_number": "x"}', "application/json; charset=undefined"),
    ("form", b"part_number=x&name=y", "application/x-www-form-urlencoded"),
    ("form in a foreign codec", b"part_number=x&name=y", "application/x-www-form-urlencoded; charset=base64"),
    ("plain text", b"x", "text/plain"),
    ("no type", b"{}", ""),
    ("nonsense type", b"{}", "\x00;;;=/"),
    ("xml", b"<?xml version='1.0'?><a/>", "application/xml"),
    ("multipart without boundary", b"x", "multipart/form-data"),
]


@pytest.mark.parametrize("name", JSON_POSTS)
@pytest.mark.parametrize(
    ("body", "content_type"), [case[1:] for case in NO_JSON_OBJECTS], ids=[c[0] for c in NO_JSON_OBJECTS]
)
def test_a_body_that_is_no_json_object_is_refused(
    owner_client: Client, url_of: Any, unchanged: Any, name: str, body: bytes, content_type: str
) -> None:
    url, before = url_of(name), unchanged()

    statuses = (413,) if len(body) > 1024**2 else (400, 415)
    assert_refused(owner_client.generic("POST", url, body, content_type=content_type), *statuses)

    assert unchanged() == before


VALID: dict[str, dict[str, Any]] = {
    "login": {"username": "u", "password": "p"},
    "member-list": {"username": "u", "role": "VIEWER", "clearance": 0, "is_us_person": False},
    "series-list": {"part_number": "X", "name": "x", "description": "d", "organization": UNKNOWN},
}
WRONG = [
    None, [], {}, [[]], {"a": 1}, "\x00", "a\x00b", "\ud800", "\udfff", "x" * 100_000,
    -1, 2**31, 2**63, 2**200, 10**400, 1.5, True,
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(("name", "field"), [(name, field) for name, body in VALID.items() for field in body])
def test_a_field_of_a_wrong_type_or_range_is_refused(
    owner_client: Client, url_of: Any, unchanged: Any, name: str, field: str, wrong: Any
) -> None:
    # Any name can be added as a member, so the organization is full.
    Organization.objects.update(max_users=1)
    url, before = url_of(name), unchanged()
    body = json.dumps({**VALID[name], field: wrong})

    answer = owner_client.generic("POST", url, body, content_type="application/json")

    # Some of it is right for some fields; then something else (the full or the foreign organization) is refused.
    assert_refused(answer, 400, 401, 404, *([403] if name == "member-list" else []))
    assert unchanged() == before


@pytest.mark.parametrize("missing", ["username", "role", "part_number", "name", "password"])
def test_a_missing_field_is_400_and_named(owner_client: Client, url_of: Any, unchanged: Any, missing: str) -> None:
    (name,) = [name for name, body in VALID.items() if missing in body and (name, missing) != ("login", "username")]
    url, before = url_of(name), unchanged()
    body = {key: value for key, value in VALID[name].items() if key != missing}

    answer = owner_client.post(url, body, content_type="application/json")

    assert_refused(answer, 400)
    assert missing in answer.json()["detail"]
    assert unchanged() == before


FORM_WRONG: list[dict[str, Any]] = [
    {"series": ""},
    {"series": "x"},
    {"series": "\x00"},
    {"series": "9" * 1000},
    {"series": UNKNOWN},
    {"file": "no file"},
    {"file": ""},
    {"file": None},
    {"is_itar": "maybe"},
    {"is_itar": "\x00"},
    {"classification": "4"},
    {"classification": "-1"},
    {"classification": "secret"},
    {"classification": "9" * 5000},
    {"sha256": "0" * 63},
    {"sha256": "0" * 64 + "\n"},
    {"sha256": "g" * 64},
    {"sha256": "\x00" * 64},
    {"sha256": "\u0660" * 64},
]


@pytest.mark.parametrize("wrong", FORM_WRONG, ids=repr)
def test_a_wrong_field_of_the_upload_form_is_refused(
    owner_client: Client, series: Series, url_of: Any, unchanged: Any, wrong: dict[str, Any]
) -> None:
    url, before = url_of("design-upload"), unchanged()
    form = {"series": str(series.pk), "file": SimpleUploadedFile("a.step", b"ISO-10303-21;"), **wrong}

    answer = owner_client.post(url, {key: value for key, value in form.items() if value is not None})

    assert_refused(answer, 400, 404)
    assert unchanged() == before


@pytest.mark.parametrize("field", ["is_itar", "classification", "series", "sha256", "other"])
def test_a_field_of_the_upload_form_that_is_sent_twice_is_refused(
    owner_client: Client, series: Series, url_of: Any, unchanged: Any, field: str
) -> None:
    url, before = url_of("design-upload"), unchanged()
    values = {"is_itar": ["true", "false"], "classification": ["3", "0"], "series": [str(series.pk)] * 2}
    form = {"series": str(series.pk), "file": SimpleUploadedFile("a.step", b"ISO-10303-21;")}

    answer = owner_client.post(url, {**form, field: values.get(field, ["a" * 64] * 2)})

    assert_refused(answer, 400)
    assert unchanged() == before


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "multipart/form-data; boundary=b", 400),
        (b"{}", "application/json", 415),
        (b"ISO-10303-21;", "application/octet-stream", 415),
        (b"file=x", "application/x-www-form-urlencoded", 415),
        (b"x" * 1000, "multipart/form-data; boundary=b", 400),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 400),
    ],
)
def test_what_is_no_upload_form_is_refused(
    owner_client: Client, url_of: Any, unchanged: Any, body: bytes, content_type: str, status: int
) -> None:
    url, before = url_of("design-upload"), unchanged()

    assert_refused(owner_client.generic("POST", url, body, content_type=content_type), status)

    assert unchanged() == before


@pytest.mark.parametrize("name", ["organization-list", "design-list", "series-list", "member-list"])
@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page_size=0", "page_size=%00", "page=" + "9" * 5000, "format=xml"]
)
def test_a_wrong_page_is_refused(owner_client: Client, url_of: Any, name: str, query: str) -> None:
    assert_refused(owner_client.get(f"{url_of(name)}?{query}"), 400, 404)


@pytest.mark.parametrize("name", [name for name in ALLOWED if name not in {"docs", "schema"}])
def test_a_codec_that_is_none_never_breaks_an_endpoint(owner_client: Client, url_of: Any, name: str) -> None:
    url = url_of(name)

    for method in ALLOWED[name] - {"delete"}:
        odd = owner_client.generic(method.upper(), url, b"x", "text/plain; charset=base64")
        assert odd.status_code < 500


@pytest.mark.parametrize("name", [name for name in ALLOWED if name not in {"docs", "schema"}])
def test_a_type_of_answer_nobody_offers_is_406(owner_client: Client, url_of: Any, unchanged: Any, name: str) -> None:
    url, before = url_of(name), unchanged()

    for method in ALLOWED[name] - {"head"}:
        assert_refused(owner_client.generic(method.upper(), url, headers={"accept": "image/png"}), 406)

    assert unchanged() == before


@pytest.mark.parametrize("query", ["lang=xx", "lang=%00", "version=9", "format=xml", "format=%00"])
@pytest.mark.parametrize("name", ["schema", "docs"])
def test_odd_queries_of_the_documentation_are_no_failure(client: Client, db: None, name: str, query: str) -> None:
    client.raise_request_exception = False

    assert client.get(f"/api/{name}/?{query}").status_code < 500


@pytest.mark.parametrize(
    "ordering", [",", ",status", "status,", "status,,version", "%20", "-", "--status", "%00", "pk"]
)
def test_an_ordering_that_names_no_field_is_refused(owner_client: Client, url_of: Any, ordering: str) -> None:
    assert_refused(owner_client.get(f"{url_of('design-list')}?ordering={ordering}"), 400)


def test_a_body_too_large_for_json_is_thrown_away_and_answered(owner_client: Client, url_of: Any) -> None:
    url = url_of("series-list")

    answer = owner_client.generic("POST", url, b"x" * (3 * 1024**2), content_type="application/json")

    assert_refused(answer, 413)


def test_too_many_query_parameters_are_refused(owner_client: Client, url_of: Any) -> None:
    assert_refused(owner_client.get(url_of("design-list") + "?" + "a&" * 2000), 400)


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_a_host_nobody_serves_is_400(client: Client, url_of: Any, name: str) -> None:
    client.raise_request_exception = False

    answer = client.get(url_of(name), headers={"host": "evil.example"})

    assert_refused(answer, 400)


def test_designs_are_never_offered_for_download(owner_client: Client, url_of: Any) -> None:
    design = Design.objects.get()

    for path in (
        design.stored_as,
        f"media/{design.stored_as}",
        f"static/{design.stored_as}",
        f"storage/{design.stored_as}",
    ):
        assert owner_client.get(f"/{path}").status_code == 404
