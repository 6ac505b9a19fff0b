"""Tokens and sessions end with the password and the rights they were made with."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse
from knox.models import get_token_model

from designs.models import User
from tests.designs.conftest import ClientOf

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another horse 7 battery"


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_user("staff", password="correct horse battery", is_staff=True)


@pytest.fixture
def doors(staff: User, client_of: ClientOf) -> dict[str, Client]:
    session = Client()
    session.force_login(staff)
    return {"token": client_of(staff), "session": session}


def statuses(doors: dict[str, Client]) -> dict[str, int]:
    return {name: door.get("/api/organizations/").status_code for name, door in doors.items()}


def change_password_in_the_admin(user: User, admin_client: Client) -> None:
    form = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    assert admin_client.post(address, form).status_code == 302


def change_password_in_code(user: User, admin_client: Client) -> None:
    user.set_password(NEW_PASSWORD)
    user.save()


def make_password_unusable_in_the_admin(user: User, admin_client: Client) -> None:
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    assert admin_client.post(address, {"usable_password": "false", "unset-password": "1"}).status_code == 302


def make_password_unusable_alone(user: User, admin_client: Client) -> None:
    user.set_unusable_password()
    user.save(update_fields=["password"])


def assign_a_hash(user: User, admin_client: Client) -> None:
    user.password = make_password(NEW_PASSWORD)
    user.save()


def save(**changes: Any) -> Callable[[User, Client], None]:
    def change(user: User, admin_client: Client) -> None:
        stored = User.objects.get(pk=user.pk)
        for name, value in changes.items():
            setattr(stored, name, value)
        stored.save()

    return change


def end_by_command(user: User, admin_client: Client) -> None:
    out = io.StringIO()
    call_command("end_logins", user.username, stdout=out)
    assert out.getvalue() == "Ended 1 tokens and 1 sessions of staff.\n"


def end_in_the_admin(user: User, admin_client: Client) -> None:
    form = {"action": "end_logins", "_selected_action": [user.pk]}
    assert admin_client.post(reverse("admin:designs_user_changelist"), form).status_code == 302


@pytest.mark.parametrize(
    "change",
    [
        change_password_in_the_admin,
        change_password_in_code,
        make_password_unusable_in_the_admin,
        make_password_unusable_alone,
        assign_a_hash,
        save(is_active=False),
        save(is_staff=False),
        end_by_command,
        end_in_the_admin,
    ],
)
def test_all_logins_end(
    staff: User, doors: dict[str, Client], admin_client: Client, change: Callable[[User, Client], None]
) -> None:
    assert statuses(doors) == {"token": 200, "session": 200}

    change(staff, admin_client)

    assert statuses(doors) == {"token": 401, "session": 401}
    assert not get_token_model().objects.filter(user=staff).exists()
    assert admin_client.get("/admin/").status_code == 200


def test_tokens_of_a_user_do_not_come_back_with_the_account(staff: User, doors: dict[str, Client]) -> None:
    for active in (False, True):
        staff.is_active = active
        staff.save()

    assert statuses(doors) == {"token": 401, "session": 401}


def renew_hash(user: User) -> None:
    first = "django.contrib.auth.hashers.PBKDF2PasswordHasher"
    with override_settings(PASSWORD_HASHERS=[first, *settings.PASSWORD_HASHERS]):
        assert user.check_password("correct horse battery")
    user.refresh_from_db()
    assert user.password.startswith("pbkdf2_sha256$")


def log_in_again(user: User) -> None:
    assert Client().login(username="staff", password="correct horse battery")


def rename(user: User) -> None:
    user.first_name = "Ada"
    user.save()


@pytest.mark.parametrize("change", [log_in_again, rename, renew_hash])
def test_logins_outlive_what_changes_neither_password_nor_rights(
    staff: User, client_of: ClientOf, change: Callable[[User], None]
) -> None:
    door = client_of(staff)

    change(staff)

    assert door.get("/api/organizations/").status_code == 200


def test_a_login_costs_no_query_for_it(staff: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        staff.save(update_fields=["last_login"])


def test_an_end_is_a_line_of_the_audit_log(staff: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "enginel.audit"):
        save(is_staff=False, is_active=False)(staff, Client())

    (line,) = [vars(record) for record in caplog.records if record.name == "enginel.audit"]
    assert (line["ended_for"], line["reason"]) == (staff.pk, "lost is_active, is_staff")


def test_a_new_password_is_one_line_of_the_audit_log(staff: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "enginel.audit"):
        change_password_in_code(staff, Client())

    (line,) = [vars(record) for record in caplog.records if record.name == "enginel.audit"]
    assert (line["ended_for"], line["reason"]) == (staff.pk, "password changed")


def test_the_command_names_an_unknown_user() -> None:
    with pytest.raises(CommandError, match="no such user"):
        call_command("end_logins", "nobody")


def test_staff_make_no_tokens_in_the_admin(staff: User) -> None:
    token_rights = Permission.objects.filter(content_type__app_label="knox")
    staff.user_permissions.set(token_rights)
    client = Client()
    client.force_login(staff)

    assert client.get(reverse("admin:knox_authtoken_add")).status_code == 403
    assert client.post(reverse("admin:knox_authtoken_add"), {"user": staff.pk}).status_code == 403
    assert client.get(reverse("admin:knox_authtoken_changelist")).status_code == 200
    assert not get_token_model().objects.exists()


@pytest.mark.parametrize("password", ["8273645190", "staffstaff"])
def test_a_password_of_digits_or_like_the_name_is_refused(staff: User, admin_client: Client, password: str) -> None:
    staff.first_name = "Staffstaffy"
    staff.save()
    form = {"password1": password, "password2": password, "usable_password": "true"}

    page = admin_client.post(reverse("admin:auth_user_password_change", args=[staff.pk]), form)

    assert page.status_code == 200
    assert staff.check_password("correct horse battery")
