"""Groups over HTTP: for admins, filtered, and honest while Redis is away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, override_settings
from freezegun import freeze_time

from designs import groups
from designs.context import RunContext
from designs.exceptions import CorruptedFile, GeometryProcessingError
from designs.groups import lines_of
from designs.models import User
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.monitoring.errors.event import build_event
from designs.monitoring.fingerprint import Fingerprint
from tests.designs.views.test_monitoring import client_for
from tests.support.outage import REFUSED_URL
from tests.support.secrets_table import IN_TEXT

pytestmark = pytest.mark.django_db

URL = "/api/monitoring/groups/"
UNKNOWN = f"{URL}1:{'0' * 32}/"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def admin(admin_user: User) -> Client:
    return client_for(admin_user)


def stub(monkeypatch: pytest.MonkeyPatch, *found: dict[str, Any]) -> None:
    """Let the store hold these groups."""
    by_key = {group["fingerprint"]: group for group in found}
    monkeypatch.setattr(groups, "known_groups", lambda *args, **kwargs: list(found))
    monkeypatch.setattr(groups, "known_group", by_key.get)


FULL = {
    "fingerprint": f"1:{'a' * 32}",
    "type": "ValueError",
    "message": "broken",
    "severity": "ERROR",
    "site": "site",
    "parts": '["ValueError", "designs/x.py"]',
    "total": "12",
    "users": 3,
    "state": "regressed",
    "first_seen_ms": "1769860800000",
    "last_seen_ms": "1769860860000",
    "last_event_id": "e",
    "traceback": "Traceback",
    "minutes": [["2026-01-31T12:00:00Z", 12]],
    "reasons": [{"reason": "syntax", "count": 9}],
    "related": [{"fingerprint": f"1:{'b' * 32}", "type": "KeyError", "total": "2", "message": "left out"}],
}


@pytest.mark.parametrize("url", [URL, UNKNOWN])
def test_groups_are_for_admins(url: str) -> None:
    assert Client().get(url).status_code == 401
    response = client_for(User.objects.create_user("bob")).get(url)

    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert ErrorTracker.get_recent_errors() == []


def test_occurrences_of_one_failure_are_one_group(admin: Client) -> None:
    with freeze_time(NOON) as clock:
        for _ in range(3):
            ErrorTracker.log_error(ValueError("broken"))
            clock.tick(60)
    ErrorTracker.log_error("another", severity="WARNING")

    body = admin.get(URL).json()
    assert body["count"] == 2
    assert [(group["type"], group["total"]) for group in body["groups"]] == [("message", 1), ("ValueError", 3)]
    group = body["groups"][1]
    assert (group["first_seen"], group["last_seen"]) == ("2026-01-31T12:00:00.000Z", "2026-01-31T12:02:00.000Z")
    assert group["why"]


def test_a_group_is_found_by_its_key(admin: Client) -> None:
    try:
        raise KeyError("broken")
    except KeyError as error:
        record = ErrorTracker.log_error(error)

    body = admin.get(f"{URL}{record['fingerprint']}/").json()
    assert (body["fingerprint"], body["total"]) == (record["fingerprint"], 1)
    assert "test_groups.py" in body["traceback"]


def test_a_key_that_was_joined_finds_group_and_errors(admin: Client) -> None:
    group, joined = f"1:{'a' * 32}", f"1:{'b' * 32}"
    for key in (group, joined):
        recorder.error_store.record(
            build_event("broken", RunContext()), Fingerprint(key, "1", (key,), ("1:bug",), "site")
        )
    recorder.error_store.record(build_event("other", RunContext()), Fingerprint("1:c", "1", ("c",), (), "site"))

    body = admin.get(f"{URL}{joined}/").json()
    assert (body["fingerprint"], body["total"], body["joined"]) == (group, 2, [joined])
    listed = admin.get("/api/monitoring/errors/", {"fingerprint": joined}).json()
    assert [error["fingerprint"] for error in listed["errors"]] == [group, group]


def test_what_the_store_tells_is_shown_typed(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, FULL)

    assert admin.get(f"{URL}{FULL['fingerprint']}/").json() == {
        "fingerprint": FULL["fingerprint"],
        "type": "ValueError",
        "module": "",
        "message": "broken",
        "severity": "ERROR",
        "state": "regressed",
        "releases": [],
        "total": 12,
        "users": 3,
        "pending": 0,
        "reasons": [{"reason": "syntax", "count": 9}],
        "site": "site",
        "why": ["ValueError", "designs/x.py"],
        "first_seen": "2026-01-31T12:00:00.000Z",
        "last_seen": "2026-01-31T12:01:00.000Z",
        "last_event_id": "e",
        "traceback": "Traceback",
        "minutes": [["2026-01-31T12:00:00Z", 12]],
        "joined": [],
        "related": [{"fingerprint": f"1:{'b' * 32}", "type": "KeyError", "module": "", "total": 2}],
    }


def test_a_group_of_files_has_its_reasons_with_their_counts(admin: Client) -> None:
    for reason in ("syntax", "unresolved_reference", "unresolved_reference"):
        ErrorTracker.log_error(CorruptedFile("words", details={"stage": "scan", "reason": reason}))

    (group,) = admin.get(URL).json()["groups"]
    assert group["reasons"] == [{"reason": "unresolved_reference", "count": 2}, {"reason": "syntax", "count": 1}]
    assert group["why"] == ["custom", "type designs.exceptions.CorruptedFile", "stage scan"]
    assert admin.get(f"{URL}{group['fingerprint']}/").json()["reasons"] == group["reasons"]
    assert lines_of(group) == ["CorruptedFile, scan", "unresolved reference 2, syntax 1"]


def test_a_list_shows_five_reasons_and_says_that_there_are_more() -> None:
    counted = [{"reason": f"reason_{number}", "count": 9 - number} for number in range(6)]
    group = {"type": "Refused", "message": "no", "why": ["type Refused"], "reasons": counted}

    assert lines_of(group)[:2] == ["Refused", "no"]
    assert lines_of(group)[2] == "reason 0 9, reason 1 8, reason 2 7, reason 3 6, reason 4 5, …"
    assert lines_of({**group, "reasons": []}) == ["Refused", "no"]


def test_the_title_of_a_crash_has_its_signal() -> None:
    error = GeometryProcessingError(details={"stage": "read", "signal": "SIGSEGV", "reason": "crash"})
    ErrorTracker.log_error(error)

    assert lines_of(groups.all_groups()[0]) == ["GeometryProcessingError, kernel, SIGSEGV", "crash 1"]


@pytest.mark.parametrize(
    "held", [{}, {"parts": "{", "total": "x", "first_seen_ms": ""}, {"parts": None, "users": None, "minutes": None}]
)
def test_a_group_with_gaps_is_shown_with_gaps(
    admin: Client, monkeypatch: pytest.MonkeyPatch, held: dict[str, Any]
) -> None:
    stub(monkeypatch, {"fingerprint": FULL["fingerprint"], **held})

    body = admin.get(f"{URL}{FULL['fingerprint']}/").json()
    assert (body["total"], body["why"], body["first_seen"], body["minutes"]) == (0, [], None, [])


@pytest.mark.parametrize("key", [f"1:{'0' * 32}", "1:abc", "x", "1:" + "g" * 32, "%00", "..", "9" * 5000, "1:é"])
def test_an_unknown_or_malformed_key_is_404_with_the_error_body(admin: Client, key: str) -> None:
    response = admin.get(f"{URL}{key}/")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"
    assert set(response.json()) == {"detail", "code", "error_id"}


class TestFilters:
    @pytest.fixture(autouse=True)
    def some_groups(self, monkeypatch: pytest.MonkeyPatch) -> None:
        other = {
            "fingerprint": f"1:{'b' * 32}",
            "type": "ITARViolation",
            "module": "designs.exceptions",
            "severity": "CRITICAL",
        }
        stub(monkeypatch, FULL, {**FULL, **other, "state": "new", "last_seen_ms": "1769864400000"})

    @pytest.mark.parametrize(
        ("filters", "types"),
        [
            ({}, ["ValueError", "ITARViolation"]),
            ({"severity": "CRITICAL"}, ["ITARViolation"]),
            ({"type": "ITARViolation"}, ["ITARViolation"]),
            ({"type": "designs.exceptions.ITARViolation"}, ["ITARViolation"]),
            ({"state": "regressed"}, ["ValueError"]),
            ({"state": "resolved"}, []),
            ({"since": "2026-01-31T13:00:00Z"}, ["ITARViolation"]),
            ({"since": "2026-01-31T13:00:01Z"}, []),
            ({"state": "new", "severity": "ERROR"}, []),
            ({"limit": "1"}, ["ValueError"]),
        ],
    )
    def test_they_narrow_the_list(self, admin: Client, filters: dict[str, str], types: list[str]) -> None:
        body = admin.get(URL, filters).json()

        assert [group["type"] for group in body["groups"]] == types
        assert body["count"] == len(types)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("limit", "0"),
            ("limit", "101"),
            ("limit", ""),
            ("severity", "x"),
            ("state", "x"),
            ("since", "soon"),
            ("type", "\0"),
            ("fingerprint", f"1:{'0' * 32}"),
            ("sate", "new"),
        ],
    )
    def test_a_senseless_one_is_a_clients_mistake(self, admin: Client, name: str, value: str) -> None:
        response = admin.get(URL, {name: value})

        assert response.status_code == 400
        assert set(response.json()["detail"]) == {name}


@override_settings(REDIS_URL=REFUSED_URL)
@pytest.mark.parametrize("url", [URL, UNKNOWN])
def test_without_redis_the_answer_is_503_and_no_new_error(admin: Client, url: str) -> None:
    response = admin.get(url)

    assert (response.status_code, response.json()["code"]) == (503, "external_service_error")
    assert ErrorTracker.get_recent_errors() == []


@pytest.mark.parametrize(("text", "secret"), IN_TEXT)
def test_no_secret_is_shown(admin: Client, text: str, secret: str) -> None:
    record = ErrorTracker.log_error(ValueError(text))

    assert secret not in admin.get(URL).content.decode()
    assert secret not in admin.get(f"{URL}{record['fingerprint']}/").content.decode()


def test_a_malformed_key_never_reaches_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "known_group", pytest.fail)

    assert groups.find_group("1:*") is None
