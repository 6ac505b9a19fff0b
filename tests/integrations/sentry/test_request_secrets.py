"""Secrets of a request, by its own names: none in an event, wherever the application has put the value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.probe_views import doing
from tests.support.sentry_capture import Collecting, serve, transport

__all__ = ["transport"]

pytestmark = pytest.mark.urls("tests.urls")

SECRET = "481516234planted"
NAMED = {
    "code beside state": {"QUERY_STRING": f"code={SECRET}&state=481516234xyz"},
    "code of a client": {"QUERY_STRING": f"client_id=5&Code={SECRET}"},
    "encoded": {"QUERY_STRING": "api_key=481516234%70lanted"},
    "header": {"HTTP_X_SIGNING_KEY": SECRET},
    "scheme": {"HTTP_X_AUTH_TOKEN": f"Bearer {SECRET}"},
}


def read_and_fail(request: Any) -> None:
    """Fail with the values of the request under names of the view's own, and with the request itself."""
    first = [*request.GET.values(), *(value for name, value in request.META.items() if name.startswith("HTTP_X_"))]
    raise LookupError(f"cannot use {first[0]}")


def written(transport: Collecting) -> str:
    return b"".join(transport.raw).decode()


@pytest.mark.parametrize("kind", NAMED)
def test_a_secret_of_the_request_is_in_no_part_of_the_event(transport: Collecting, kind: str) -> None:
    with doing(read_and_fail):
        serve("/api/probe/plain/", **NAMED[kind])

    [event] = transport.events
    assert SECRET not in written(transport)
    assert "481516234" not in json.dumps(event["request"])
    assert "cannot use " in event["exception"]["values"][-1]["value"]


def test_a_secret_after_a_semicolon_is_in_no_part_of_the_event(transport: Collecting) -> None:
    def split_and_fail(request: Any) -> None:
        raise LookupError(f"cannot use {request.GET['page'].rpartition('=')[2]}")

    with doing(split_and_fail):
        serve("/api/probe/plain/", QUERY_STRING=f"page=2;sid={SECRET}")

    assert SECRET not in written(transport)
    assert transport.events[0]["request"]["query_string"] == "page=2;sid=[filtered]"


@pytest.mark.parametrize("query", ["code=M4x0481516234", "page=2&state=finalized481516234", "q=481516234"])
def test_a_code_or_a_state_alone_is_sent(transport: Collecting, query: str) -> None:
    with doing(read_and_fail):
        serve("/api/probe/plain/", QUERY_STRING=query)

    assert transport.events[0]["request"]["query_string"] == query


def test_a_word_or_a_short_value_under_a_secret_name_hides_nothing_else(transport: Collecting) -> None:
    with doing(read_and_fail):
        serve("/api/probe/plain/", QUERY_STRING="password=standard&token=57")

    [event] = transport.events
    assert event["request"]["query_string"] == "password=[filtered]&token=[filtered]"
    assert event["exception"]["values"][-1]["value"] == "cannot use standard"
