"""The error list: for admins, filtered, and safe to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client, override_settings
from freezegun import freeze_time
from knox.models import AuthToken

from designs.exceptions import ITARViolation
from designs.models import User
from designs.monitoring import ErrorTracker
from tests.support.outage import REFUSED_URL
from tests.support.secrets_table import IN_TEXT

pytestmark = pytest.mark.django_db

URL = "/api/monitoring/errors/"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def client_for(user: User, **options: Any) -> Client:
    return Client(headers=bearer(AuthToken.objects.create(user=user, **options)[1]))


@pytest.fixture
def admin(admin_user: User) -> Client:
    return client_for(admin_user)


class TestAccess:
    def test_nobody_is_asked_to_log_in(self) -> None:
        response = Client().get(URL)

        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
        assert response.json()["code"] == "not_authenticated"

    @pytest.mark.parametrize(
        "header",
        [
            "Bearer unknown",
            "Bearer",
            "Bearer ",
            "Bearer two words",
            "Bearer \xff\xfe",
            "Bearer " + "x" * 5000,
            "Bearer a\0b",
        ],
    )
    def test_a_wrong_token_is_refused(self, header: str) -> None:
        response = Client(raise_request_exception=False).get(URL, headers={"authorization": header})

        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
        assert ErrorTracker.get_recent_errors() == []

    @pytest.mark.parametrize("header", ["Basic YTpi", "Token abc", "abc", ""])
    def test_another_scheme_is_no_login(self, header: str) -> None:
        assert Client().get(URL, headers={"authorization": header}).status_code == 401

    def test_an_expired_token_is_refused(self, admin_user: User) -> None:
        with freeze_time(NOON) as clock:
            client = client_for(admin_user, expiry=timedelta(hours=1))
            assert client.get(URL).status_code == 200
            clock.tick(timedelta(hours=1, seconds=1))
            assert client.get(URL).status_code == 401

    def test_a_user_who_is_no_admin_is_refused(self) -> None:
        response = client_for(User.objects.create_user("bob")).get(URL)

        assert (response.status_code, response.json()["code"]) == (403, "permission_denied")

    def test_an_admin_who_was_switched_off_is_refused(self, admin: Client, admin_user: User) -> None:
        admin_user.is_active = False
        admin_user.save()

        assert admin.get(URL).status_code == 401

    def test_the_admins_session_is_enough(self, admin_client: Client) -> None:
        assert admin_client.get(URL).status_code == 200

    def test_refusals_are_not_recorded(self) -> None:
        Client().get(URL)

        assert ErrorTracker.get_recent_errors() == []


class TestList:
    def test_it_gives_the_records_newest_first(self, admin: Client) -> None:
        for number in range(3):
            ErrorTracker.log_error(f"row {'x' * number}")

        body = admin.get(URL).json()
        assert body == {"count": 3, "errors": ErrorTracker.get_recent_errors()}

    def test_no_errors_are_an_empty_list(self, admin: Client) -> None:
        assert admin.get(URL).json() == {"count": 0, "errors": []}

    @pytest.mark.parametrize(("limit", "count"), [("1", 1), ("100", 60), ("", 50), (None, 50)])
    def test_the_limit_holds(self, admin: Client, limit: str | None, count: int) -> None:
        for number in range(60):
            ErrorTracker.log_error(f"row {number}")

        response = admin.get(URL, {} if limit is None else {"limit": limit})
        if limit == "":
            assert response.status_code == 400
        else:
            assert response.json()["count"] == len(response.json()["errors"]) == count

    @pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "many", "1e2", "NaN", "9" * 5000, "\0"])
    def test_another_limit_is_a_clients_mistake(self, admin: Client, limit: str) -> None:
        response = admin.get(URL, {"limit": limit})

        assert response.status_code == 400
        assert set(response.json()["detail"]) == {"limit"}

    def test_head_is_answered_without_a_body(self, admin: Client) -> None:
        response = admin.head(URL)

        assert (response.status_code, response.content) == (200, b"")

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_it_cannot_be_written_to(self, admin: Client, method: str) -> None:
        response = getattr(admin, method)(URL)

        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")

    @override_settings(REDIS_URL=REFUSED_URL)
    def test_without_redis_it_is_503_and_names_what_this_process_knows(self, admin: Client) -> None:
        ErrorTracker.log_error("kept")
        ErrorTracker.log_error("left out", severity="INFO")

        response = admin.get(URL, {"severity": "ERROR"})

        body = response.json()
        assert (response.status_code, set(body)) == (503, {"detail", "code", "error_id", "this_process"})
        assert body["code"] == "external_service_error"
        assert [error["error_message"] for error in body["this_process"]["errors"]] == ["kept"]
        assert len(ErrorTracker.get_recent_errors()) == 2

    @pytest.mark.parametrize(("text", "secret"), IN_TEXT)
    def test_it_shows_no_secret(self, admin: Client, text: str, secret: str) -> None:
        ErrorTracker.log_error(ValueError(text), {"note": text, "password": text})

        assert secret not in str(admin.get(URL).json())


class TestFilters:
    @pytest.fixture(autouse=True)
    def some_errors(self) -> None:
        ErrorTracker.log_error(ValueError("a"))
        ErrorTracker.log_error(ITARViolation(), severity="CRITICAL")
        ErrorTracker.log_error("text", severity="WARNING")

    def types(self, admin: Client, **filters: str) -> list[str]:
        return [error["error_type"] for error in admin.get(URL, filters).json()["errors"]]

    def test_by_severity(self, admin: Client) -> None:
        assert self.types(admin, severity="CRITICAL") == ["ITARViolation"]
        assert self.types(admin, severity="DEBUG") == []

    @pytest.mark.parametrize("name", ["ITARViolation", "designs.exceptions.ITARViolation"])
    def test_by_type_qualified_or_bare(self, admin: Client, name: str) -> None:
        assert self.types(admin, type=name) == ["ITARViolation"]

    def test_by_fingerprint(self, admin: Client) -> None:
        wanted = ErrorTracker.get_recent_errors()[2]

        assert self.types(admin, fingerprint=wanted["fingerprint"]) == ["ValueError"]

    def test_together_and_with_a_limit_after_them(self, admin: Client) -> None:
        for _ in range(3):
            ErrorTracker.log_error(ValueError("a"))

        assert self.types(admin, type="ValueError", limit="2") == ["ValueError"] * 2
        assert self.types(admin, type="ValueError", severity="WARNING") == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("severity", "FATAL"),
            ("severity", "critical"),
            ("severity", ""),
            ("type", ""),
            ("type", "x" * 201),
            ("type", "\0"),
            ("fingerprint", "xyz"),
            ("fingerprint", "1:" + "g" * 32),
            ("since", "yesterday"),
            ("since", ""),
            ("since", "0001-01-01T00:00:00+14:00"),
            ("sevrity", "ERROR"),
            ("x" * 500, "1"),
        ],
    )
    def test_a_senseless_filter_is_a_clients_mistake(self, admin: Client, name: str, value: str) -> None:
        response = admin.get(URL, {name: value})

        assert response.status_code == 400
        assert set(response.json()["detail"]) == {name[:50]}


def test_errors_are_filtered_by_moment_in_any_zone(admin_user: User) -> None:
    with freeze_time(NOON) as clock:
        admin = client_for(admin_user)
        ErrorTracker.log_error("early")
        clock.tick(60)
        ErrorTracker.log_error("late")
        for since, count in [
            ("2026-01-31T12:00:00Z", 2),
            ("2026-01-31T12:00:01Z", 1),
            ("2026-01-31T14:00:01+02:00", 1),
            ("2026-01-31T12:01:00.000001Z", 0),
            ("0999-01-01T00:00:00Z", 2),
        ]:
            assert admin.get(URL, {"since": since}).json()["count"] == count, since
