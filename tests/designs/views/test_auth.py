from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from freezegun import freeze_time
from knox.models import get_token_model

from designs.models import User
from tests.designs.conftest import ClientOf

pytestmark = pytest.mark.django_db

LOGIN, LOGOUT, ORGANIZATIONS = "/api/auth/login/", "/api/auth/logout/", "/api/organizations/"
PASSWORD = "correct horse battery"


def log_in(client: Client, username: Any, password: Any, **headers: str) -> Any:
    body = {"username": username, "password": password}
    return client.post(LOGIN, body, content_type="application/json", headers=headers)


def test_login_gives_a_token_that_opens_the_api_until_it_expires(engineer: User, client: Client) -> None:
    body = log_in(client, engineer.username, PASSWORD).json()

    bearer = {"authorization": f"Bearer {body['token']}"}
    assert client.get(ORGANIZATIONS, headers=bearer).status_code == 200
    with freeze_time(datetime.datetime.fromisoformat(body["expiry"]) + datetime.timedelta(seconds=1)):
        assert client.get(ORGANIZATIONS, headers=bearer).status_code == 401


def test_login_notes_the_time(engineer: User, client: Client) -> None:
    log_in(client, engineer.username, PASSWORD)

    engineer.refresh_from_db()
    assert engineer.last_login is not None
    assert timezone.now() - engineer.last_login < datetime.timedelta(minutes=1)


def test_only_the_hash_of_a_token_is_kept(engineer: User, client: Client) -> None:
    token = log_in(client, engineer.username, PASSWORD).json()["token"]

    record = get_token_model().objects.get(user=engineer)
    assert token not in str(vars(record))


def test_unknown_user_and_wrong_password_and_inactive_user_get_the_same_answer(engineer: User, client: Client) -> None:
    inactive = User.objects.create_user("gone", password=PASSWORD, is_active=False)

    answers = [
        log_in(client, engineer.username, "wrong"),
        log_in(client, "nobody", PASSWORD),
        log_in(client, inactive.username, PASSWORD),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


def test_unknown_user_costs_a_password_hash_as_a_known_one_does(
    engineer: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(User, "set_password", lambda self, raw: hashed.append(raw))

    log_in(client, "nobody", PASSWORD)

    assert hashed == [PASSWORD]


def test_logout_ends_the_token_it_came_with_and_no_other(engineer: User, client_of: ClientOf) -> None:
    one, other = client_of(engineer), client_of(engineer)

    assert one.post(LOGOUT).status_code == 204

    assert one.get(ORGANIZATIONS).status_code == 401
    assert other.get(ORGANIZATIONS).status_code == 200


def test_logout_ends_a_session(engineer: User, client: Client) -> None:
    client.force_login(engineer)

    assert client.post(LOGOUT).status_code == 204

    assert client.get(ORGANIZATIONS).status_code == 401


def test_a_session_may_read(engineer: User, client: Client) -> None:
    client.force_login(engineer)

    assert client.get(ORGANIZATIONS).status_code == 200


def test_a_session_may_write_with_the_csrf_header_only(engineer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(engineer)
    client.cookies["csrftoken"] = secret = "a" * 32

    bare = client.post(LOGOUT)
    in_form = client.post(LOGOUT, {"csrfmiddlewaretoken": secret})
    in_header = client.post(LOGOUT, headers={"x-csrftoken": secret})

    assert [answer.status_code for answer in (bare, in_form, in_header)] == [403, 403, 204]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer a b",
        "Bearer wrong",
        "Bearer " + "0" * 64,
        "Bearer \x00" + "0" * 63,
        "Bearer \xff\xfe",
        "Bearer " + "é" * 64,
        "Bearer " + "0" * 100_000,
        "Basic dXNlcjpwYXNz",
        "bearer",
    ],
)
def test_no_usable_token_is_401(header: str, client: Client, engineer: User) -> None:
    answer = Client(raise_request_exception=False, HTTP_AUTHORIZATION=header).get(ORGANIZATIONS)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert set(answer.json()) == {"detail", "code", "error_id"}


def test_the_token_of_a_user_who_became_inactive_is_401(engineer: User, api: Client) -> None:
    User.objects.filter(pk=engineer.pk).update(is_active=False)

    assert api.get(ORGANIZATIONS).status_code == 401


@pytest.mark.parametrize("key", ["abcdefgh\\000", "abc def gh", "x" * 5000])
def test_a_session_cookie_nobody_gave_is_401(key: str, db: None) -> None:
    client = Client(raise_request_exception=False, HTTP_COOKIE=f'sessionid="{key}"')

    assert client.get(ORGANIZATIONS).status_code == 401
