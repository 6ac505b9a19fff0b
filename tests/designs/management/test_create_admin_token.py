"""The command prints a token that opens the monitoring, and stores its hash only."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from freezegun import freeze_time
from knox.models import AuthToken

from designs.models import User

pytestmark = pytest.mark.django_db


def create(**options: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_admin_token", stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def status(token: str) -> int:
    return Client().get("/api/monitoring/errors/", headers={"authorization": f"Bearer {token.strip()}"}).status_code


def test_the_token_alone_is_printed_and_works() -> None:
    out, err = create()

    assert out == out.strip() + "\n"
    assert status(out) == 200
    assert "Created the admin admin, without a password." in err


def test_only_its_hash_is_stored() -> None:
    token = create()[0].strip()

    (stored,) = AuthToken.objects.all()
    assert stored.digest != token
    assert token not in str(vars(stored))


def test_the_new_admin_cannot_sign_in_by_password() -> None:
    create(username="root")

    user = User.objects.get(username="root")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (True, True, False)


def test_an_existing_admin_keeps_the_password() -> None:
    User.objects.create_superuser("boss", password="correct horse battery")

    out, err = create(username="boss")

    assert status(out) == 200
    assert err == ""
    assert User.objects.get(username="boss").check_password("correct horse battery")


@pytest.mark.parametrize("facts", [{"is_staff": False}, {"is_staff": True, "is_active": False}])
def test_who_is_no_admin_gets_none(facts: dict[str, bool]) -> None:
    User.objects.create_user("bob", **facts)

    with pytest.raises(CommandError, match="bob exists and is no admin"):
        create(username="bob")
    assert not AuthToken.objects.exists()


def test_it_expires() -> None:
    with freeze_time(datetime(2026, 1, 31, tzinfo=UTC)) as clock:
        token = create(hours=2)[0]
        clock.tick(timedelta(hours=2) - timedelta(seconds=1))
        assert status(token) == 200
        clock.tick(2)
        assert status(token) == 401


@pytest.mark.parametrize("hours", [0, -1, 24 * 365 + 1])
def test_a_senseless_duration_is_refused(hours: int) -> None:
    with pytest.raises(CommandError, match="--hours"):
        create(hours=hours)
    assert not User.objects.exists()
