"""One limit of logins for the API and the admin site."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth import hashers
from django.test import Client

from designs.models import User
from integrations.redis import redis_for
from tests.support.outage import REFUSED_URL

pytestmark = pytest.mark.django_db

API, ADMIN = "/api/auth/login/", "/admin/login/"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def three_a_minute(settings: Any) -> None:
    rest = settings.REST_FRAMEWORK
    settings.REST_FRAMEWORK = {**rest, "DEFAULT_THROTTLE_RATES": {**rest["DEFAULT_THROTTLE_RATES"], "login": "3/min"}}


@pytest.fixture
def account(db: None) -> User:
    return User.objects.create_user("ada", password=PASSWORD, is_staff=True)


def try_to_log_in(door: str, username: str = "ada", password: str = "wrong", **environ: Any) -> Any:
    body = {"username": username, "password": password}
    if door == API:
        return Client().post(door, body, content_type="application/json", **environ)
    return Client().post(door, body, **environ)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("door", [API, ADMIN])
def test_after_the_limit_the_right_password_is_refused_too(door: str) -> None:
    for _ in range(3):
        assert try_to_log_in(door).status_code != 429

    answer = try_to_log_in(door, password=PASSWORD)

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60


@pytest.mark.usefixtures("account")
def test_both_doors_share_one_count() -> None:
    doors = [API, ADMIN, API]
    assert 429 not in [try_to_log_in(door).status_code for door in doors]

    assert [try_to_log_in(door).status_code for door in (API, ADMIN)] == [429, 429]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("door", [API, ADMIN])
def test_a_name_is_limited_from_many_addresses(door: str) -> None:
    statuses = [try_to_log_in(door, REMOTE_ADDR=f"10.0.0.{number}").status_code for number in range(4)]

    assert statuses[3] == 429
    assert 429 not in statuses[:3]


@pytest.mark.parametrize(
    "names",
    [["ada", "Ada", "ADA", "\uff41da"], ["ada", " ada", "ada\t ", "\u00a0ada\u3000"], ["\x00", "\x00", "\x00", "\x00"]],
)
def test_spellings_of_a_name_share_one_count(names: list[str]) -> None:
    statuses = [try_to_log_in(ADMIN, name, REMOTE_ADDR=f"10.0.0.{n}").status_code for n, name in enumerate(names)]

    assert statuses[3] == 429


@pytest.mark.parametrize(
    ("addresses", "last"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3", "2001:db8:1:2:3:4:5:6"], 429),
        (["2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:4::1"], 401),
        (["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1"], 429),
        (["", "", "", ""], 429),
    ],
)
def test_an_address_is_limited_over_many_names_an_ipv6_network_as_one(addresses: list[str], last: int) -> None:
    answers = [try_to_log_in(API, f"user{n}", REMOTE_ADDR=address) for n, address in enumerate(addresses)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, last]


def test_a_client_cannot_claim_other_addresses() -> None:
    statuses = [try_to_log_in(API, f"u{n}", HTTP_X_FORWARDED_FOR=f"10.0.0.{n}").status_code for n in range(4)]

    assert statuses == [401, 401, 401, 429]


def test_behind_a_proxy_its_own_word_counts(settings: Any) -> None:
    settings.ENGINEL_BEHIND_PROXY = True
    forwarded = ["6.6.6.1, 10.0.0.1", "6.6.6.2, 10.0.0.1", "6.6.6.3, 10.0.0.1", "6.6.6.4, 10.0.0.1", "10.0.0.2"]

    answers = [try_to_log_in(API, f"u{n}", HTTP_X_FORWARDED_FOR=value) for n, value in enumerate(forwarded)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 401]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("door", [API, ADMIN])
def test_a_refused_try_hashes_no_password(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        try_to_log_in(door)
    hashed: list[str] = []
    hasher = type(hashers.get_hasher())
    encode = hasher.encode
    monkeypatch.setattr(hasher, "encode", lambda self, *args: hashed.append(args[0]) or encode(self, *args))

    try_to_log_in(door)

    assert hashed == []


@pytest.mark.usefixtures("account")
def test_a_login_clears_the_count_of_its_name_and_not_of_its_address() -> None:
    for number in range(2):
        try_to_log_in(API, REMOTE_ADDR=f"10.0.0.{number}")
    assert try_to_log_in(API, password=PASSWORD, REMOTE_ADDR="10.0.0.9").status_code == 200

    assert [try_to_log_in(API, REMOTE_ADDR=f"10.0.1.{n}").status_code for n in range(4)] == [401, 401, 401, 429]
    assert [try_to_log_in(API, f"other{n}", REMOTE_ADDR="10.0.0.9").status_code for n in range(3)] == [401, 401, 429]


@pytest.mark.usefixtures("account")
def test_the_limit_ends_with_its_minute() -> None:
    for _ in range(4):
        try_to_log_in(API)
    client = redis.Redis.from_url(settings.REDIS_URL)
    keys = list(client.scan_iter("enginel:logins:*"))
    assert len(keys) == 2
    assert all(0 < client.ttl(key) <= 60 for key in keys)
    client.delete(*keys)
    client.close()

    assert try_to_log_in(API, password=PASSWORD).status_code == 200


@pytest.mark.usefixtures("account")
def test_names_are_not_readable_in_redis() -> None:
    try_to_log_in(API, "a-password-in-the-wrong-field")

    found = redis_for(settings.REDIS_URL).run(lambda client: list(client.scan_iter("enginel:logins:*")))
    assert found
    assert not any(b"password" in bytes(key) for key in found)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("door", [API, ADMIN])
def test_without_redis_people_still_get_in(door: str, settings: Any) -> None:
    settings.REDIS_URL = REFUSED_URL
    for _ in range(5):
        try_to_log_in(door)

    assert try_to_log_in(door, password=PASSWORD).status_code in {200, 302}


def test_the_login_page_of_the_admin_site_is_shown(client: Client) -> None:
    page = client.get(ADMIN)

    assert page.status_code == 200
    assert b"csrfmiddlewaretoken" in page.content


def test_the_old_password_is_limited_as_a_login_is(account: User, client: Client) -> None:
    User.objects.filter(pk=account.pk).update(is_staff=True)
    client.force_login(account)
    form = {"old_password": "wrong", "new_password1": "another horse 7", "new_password2": "another horse 7"}

    answers = [client.post("/admin/password_change/", form) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"]
    assert client.get("/admin/password_change/").status_code == 200
    assert Client().post("/admin/password_change/", form).status_code == 302
