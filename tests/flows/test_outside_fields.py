"""Every field that comes from outside holds anything: the service answers, records failures once and stays readable."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from designs import context
from designs.models import User
from designs.monitoring.errors.store import error_store
from tests.support.probe_views import doing, raising
from tests.support.stack import RunningStack

PAGES = (
    "/api/monitoring/errors/?limit=100",
    "/api/monitoring/groups/",
    "/api/monitoring/dashboard/",
    "/admin/monitoring/",
    "/api/health/",
    "/api/health/detailed/?format=json",
    "/metrics",
)
FAILING = ("/probe/plain/", "/api/probe/plain/", "/api/probe/drf/", "/api/probe/async/", "/api/probe/template/")
SERVED = (
    "/", "/admin/login/", "/api/auth/login/", "/api/designs/", "/api/designs/upload/", "/api/health/", "/api/schema/",
    "/api/monitoring/errors/", "/api/monitoring/groups/", "/api/monitoring/performance/", "/api/organizations/",
    "/static/", "/metrics",
)  # fmt: skip
HEADERS = (
    "HTTP_USER_AGENT", "HTTP_X_REQUEST_ID", "HTTP_ACCEPT", "HTTP_ACCEPT_LANGUAGE", "HTTP_AUTHORIZATION", "HTTP_COOKIE",
    "HTTP_REFERER", "HTTP_ORIGIN", "HTTP_X_FORWARDED_FOR", "HTTP_TRACEPARENT", "HTTP_BAGGAGE", "HTTP_SENTRY_TRACE",
    "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE", "HTTP_X_CSRFTOKEN", "HTTP_X_REQUESTED_WITH", "QUERY_STRING", "REMOTE_ADDR",
)  # fmt: skip

HOSTILE = st.sampled_from(
    ["\ud800", "\udfff\ud800", "\0", "\x1f|c|x", "a\nb", "\r\n", "\u202e", "\u2028", "é", "\U0001f600", "%ed%a0%80",
     "%00", "%", '"', "'", "{{7*7}}", "<script>", "\x1b[31m", "9" * 400, "x" * 3000, ";", ",", "=", "[", "\\ud800"]
)  # fmt: skip
TEXT = st.lists(st.one_of(HOSTILE, st.text(max_size=8), st.characters(categories=["Cs", "Cc", "Cf"])), max_size=4).map(
    "".join
)
# Servers pass headers on as latin-1.
WIRE = TEXT.map(lambda text: text.encode("utf-8", "surrogatepass").decode("latin-1"))
ENVIRON = st.dictionaries(st.sampled_from(HEADERS), WIRE, max_size=4)
COOKIES = st.builds(lambda name, text: f"{name}={text}", st.sampled_from(["sessionid", "csrftoken", "messages"]), WIRE)
FIELDS = st.builds(lambda cookie, environ: {"HTTP_COOKIE": cookie, **environ}, COOKIES, ENVIRON)
URLS = st.tuples(st.sampled_from(SERVED), st.sampled_from(FAILING))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 10**30), st.floats(), TEXT)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2))
BODIES = st.one_of(VALUES.map(lambda value: json.dumps(value).encode()), st.binary(max_size=40))

FORM = "multipart/form-data; boundary=b"
# To shrink an example takes longer than to read it.
PHASES = (Phase.explicit, Phase.generate)


def form(name: str, content: bytes) -> bytes:
    """Return a form with a name in it that no browser would send."""
    raw = name.encode("utf-8", "surrogatepass")
    head = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n'
    return b"".join((head % (b"file", raw), content, b"\r\n", head % (raw, raw), content, b"\r\n--b--\r\n"))


def failures() -> int:
    """Return how many failures were counted. What a client does wrong may be an occurrence of severity WARNING."""
    return sum(count for name, count in error_store.totals().items() if name.startswith("by:") and "|ERROR|" in name)


def unreadable_pages(admin: APIClient) -> dict[str, int]:
    return {path: status for path in PAGES if (status := admin.get(path).status_code) != 200}


@pytest.fixture
def admin(db: None) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root", password="long enough for tests"))
    return client


@pytest.mark.urls("tests.urls")
@settings(max_examples=15, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(fields=FIELDS, path=TEXT, body=BODIES, text=TEXT, urls=URLS)
def test_a_request_of_any_text_is_no_failure_and_a_failure_is_recorded_once(
    admin: APIClient, fields: dict[str, Any], path: str, body: bytes, text: str, urls: tuple[str, str]
) -> None:
    client = Client(raise_request_exception=False)
    before = failures()
    url, failing = urls
    name = path.encode("utf-8", "surrogatepass").decode("latin-1")

    statuses = [
        client.get(url, **fields).status_code,
        client.generic("GET", "/api/designs/", PATH_INFO=f"/api/designs/{name}/", **fields).status_code,
        client.generic("POST", url, body, content_type="application/json", **fields).status_code,
        client.generic("POST", "/api/auth/login/", body, content_type=f"{name}/{name}").status_code,
        admin.generic("POST", "/api/designs/upload/", form(text, body), FORM).status_code,
    ]

    assert [status for status in statuses if status >= 500] == []
    assert failures() == before

    with doing(raising(ValueError(f"{text} {path}"))):
        assert client.get(failing, **fields).status_code == 500

    assert failures() == before + 1
    assert unreadable_pages(admin) == {}


# Not "is_controlled": the message of a controlled task is withheld, and the test finds its tasks by their messages.
RUN_FIELDS = sorted({*context.RunContext.__dataclass_fields__, "x"} - {"is_controlled"})
RUNS = st.dictionaries(st.sampled_from(RUN_FIELDS), VALUES, max_size=4)
MESSAGES = st.dictionaries(
    st.sampled_from([context.HEADER, "root_id", "parent_id", "group", "shadow", "argsrepr", "kwargsrepr", "traceparent",
                     "sentry-trace", "baggage", "stamps", "origin", "lang"]),
    st.one_of(TEXT, RUNS),
    max_size=4,
)  # fmt: skip


@pytest.mark.timeout(90)
@settings(max_examples=2, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(messages=st.lists(st.tuples(MESSAGES, RUNS, TEXT), min_size=6, max_size=6))
def test_a_message_of_any_text_is_recorded_once(
    running: RunningStack, messages: list[tuple[dict[str, Any], dict[str, Any], str]]
) -> None:
    markers = []
    for headers, run, text in messages:
        marker = uuid.uuid4().hex
        markers += [f"{marker}_known", f"{marker}_unknown"]
        running.send("probe.fail", f"{marker}_known", headers={context.HEADER: run, **headers})
        running.send(f"probe.{text}.{marker}_unknown", headers={context.HEADER: run, **headers})
    running.marker()

    seen = [f"{error['error_message']} {error['task']}" for error in running.errors()]
    assert {marker: sum(marker in one for one in seen) for marker in markers} == dict.fromkeys(markers, 1)
    for path in ("/api/monitoring/dashboard/", "/api/monitoring/groups/", "/api/health/detailed/"):
        assert running.get(path)[0] == 200
    assert running.http.request("GET", f"{running.stack.url}/metrics", timeout=10).status == 200
