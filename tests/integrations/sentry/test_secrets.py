"""Secrets in every place an event has: not one byte of an envelope holds them, whichever door it left by."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import sentry_sdk

from designs.monitoring import ErrorTracker
from integrations.sentry import before_send
from tests.support.probe_views import doing
from tests.support.secrets_table import BY_KEY, IN_TEXT
from tests.support.sentry_capture import Collecting, serve, started, transport

__all__ = ["transport"]

pytestmark = pytest.mark.urls("tests.urls")

log = logging.getLogger("designs.somewhere")


class Holder:
    """An object that shows what it holds."""

    def __init__(self, held: object) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"Holder({self.held})"


def fail_with(planted: Any) -> Exception:
    """Raise with it in messages, notes, and locals of every kind; the names tell nothing."""

    def inner(note: Any) -> None:
        listed, nested, shown = [note, (note,)], {"a": {"b": [note]}}, Holder(note)  # noqa: F841
        text = f"about {note}"
        raise KeyError(text)

    try:
        try:
            inner(planted)
        except KeyError as error:
            raise RuntimeError(f"because of {planted}") from error
    except RuntimeError as error:
        error.add_note(str(planted))
        return error


def explicitly(planted: Any) -> None:
    ErrorTracker.log_error(fail_with(planted), {"note": planted}, user_id=str(planted), request_path=str(planted))


def as_a_message(planted: Any) -> None:
    ErrorTracker.log_error(f"told: {planted}", [planted])


def captured(planted: Any) -> None:
    with sentry_sdk.new_scope() as scope:
        scope.set_extra("note", planted)
        scope.set_context("application", {"note": planted})
        scope.set_tag("note", str(planted))
        scope.set_user({"id": "7", "note": planted})
        scope.set_transaction_name(f"doing {planted}")
        scope.fingerprint = [str(planted)]
        sentry_sdk.add_breadcrumb(message=f"before {planted}", category="note", data={"note": planted})
        sentry_sdk.capture_exception(fail_with(planted))


def logged(planted: Any) -> None:
    log.warning("before: %s", planted)
    log.error("failed with %s", planted, extra={"note": planted})
    log.error(f"failed with {planted}", exc_info=fail_with(planted))  # noqa: G004


def in_a_request(planted: Any) -> None:
    def view(request: Any) -> None:
        raise fail_with(planted)

    text = str(planted).replace("\n", " ")
    with doing(view):
        serve(f"/api/probe/plain/?note={quote(text)}", HTTP_X_NOTE=text, HTTP_REFERER=f"http://here/?{quote(text)}")


SECRETS = ["hunter2", "https://here/?access_token=hunter2", "ALTER USER bob WITH PASSWORD 'hunter2'"]

DOORS: list[Callable[[Any], None]] = [explicitly, as_a_message, captured, logged, in_a_request]


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("planted", "secret"), [*IN_TEXT, *BY_KEY])
def test_no_secret_is_in_any_byte(
    transport: Collecting, door: Callable[[Any], None], planted: Any, secret: str
) -> None:
    door(planted)

    assert transport.events
    assert secret not in readable(b"".join(transport.raw))


@pytest.mark.parametrize("door", DOORS)
def test_one_of_each_kind_is_in_no_byte(transport: Collecting, door: Callable[[Any], None]) -> None:
    door({"db_password": SECRETS[0], "a": [{"refreshToken": SECRETS[0]}], "url": SECRETS[1], "sql": SECRETS[2]})

    assert transport.events
    assert "hunter2" not in readable(b"".join(transport.raw))


@pytest.mark.parametrize("door", DOORS)
def test_what_is_none_is_sent(transport: Collecting, door: Callable[[Any], None]) -> None:
    door("gear 7 of 9")

    assert readable(b"".join(transport.raw)).count("gear 7 of 9") >= 1


def divide(request: Any) -> None:
    1 / 0  # noqa: B018


HEADERS = [
    {"HTTP_AUTHORIZATION": "Bearer hunter2hunter2"},
    {"HTTP_COOKIE": "sessionid=hunter2; theme=hunter2"},
    {"HTTP_X_API_KEY": "hunter2"},
    {"HTTP_X_AUTH_TOKEN_V2": "hunter2"},
    {"HTTP_PROXY_AUTHORIZATION": "Basic hunter2"},
    {"QUERY_STRING": "access_token=hunter2&page=2"},
    {"QUERY_STRING": "next=https%3A%2F%2Fhere%2F%3Ftoken%3Dhunter2"},
]


@pytest.mark.parametrize("headers", HEADERS)
def test_headers_and_cookies_do_not_leave(transport: Collecting, headers: dict[str, str]) -> None:
    with doing(divide):
        serve("/api/probe/plain/", **headers)

    (event,) = transport.events
    assert "hunter2" not in readable(b"".join(transport.raw))
    assert event["request"]["method"] == "GET"


def test_locals_and_source_of_the_application_are_sent(transport: Collecting) -> None:
    sentry_sdk.capture_exception(fail_with("gear"))

    cause = transport.events[0]["exception"]["values"][0]
    frame = cause["stacktrace"]["frames"][-1]
    assert frame["vars"] == {
        "note": "gear",
        "listed": ["gear", ["gear"]],
        "nested": {"a": {"b": ["gear"]}},
        "shown": "Holder(gear)",
        "text": "about gear",
    }
    assert frame["context_line"].strip() == "raise KeyError(text)"
    assert len(frame["pre_context"]) == len(frame["post_context"]) == 5


def test_a_secret_in_the_source_does_not_leave(transport: Collecting) -> None:
    def connect(**options: str) -> None:
        raise OSError("refused")

    try:
        connect(user="bob", password="hunter2")
    except OSError as error:
        ErrorTracker.log_error(error)

    assert 'password="hunter2"' not in readable(b"".join(transport.raw))
    assert "password=[filtered]" in readable(b"".join(transport.raw))


def test_where_text_is_cut_no_half_of_a_secret_is_left(transport: Collecting) -> None:
    for length in (480, 2_020, 2_040, 6_100, 6_140, 6_150):
        text = "x" * length + " postgres://bob:hunter2hunter2@db/enginel " + "y" * 5_000
        sentry_sdk.capture_exception(fail_with(text))
        log.error(text)

    assert "hunter" not in readable(b"".join(transport.raw))


def test_a_scrubber_that_fails_sends_the_event_bare(monkeypatch: pytest.MonkeyPatch) -> None:
    with started() as transport:
        monkeypatch.setattr("integrations.sentry.before_send._exception", lambda *a: 1 / 0)
        monkeypatch.setitem(before_send._PARTS, "exception", lambda *a: 1 / 0)
        explicitly("password=hunter2")

    (event,) = transport.events
    assert "exception" not in event
    assert event["fingerprint"][0] == "enginel"
    assert "hunter2" not in readable(b"".join(transport.raw))


def readable(raw: bytes) -> str:
    return raw.decode().replace("\\\\", "\\").replace("\\n", "\n").replace('\\"', '"')
