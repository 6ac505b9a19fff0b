"""Tokens and sessions end with the password and the rights they were made with."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Q, Value
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


def session_of(doors: dict[str, Client]) -> str:
    return doors["session"].cookies[settings.SESSION_COOKIE_NAME].value


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


def update(**changes: Any) -> Callable[[User, Client], None]:
    def change(user: User, admin_client: Client) -> None:
        User.objects.filter(pk=user.pk).update(**changes)

    return change


def update_by_an_expression(user: User, admin_client: Client) -> None:
    User.objects.filter(pk=user.pk).update(is_active=Q(is_superuser=True))


def update_through_a_group(user: User, admin_client: Client) -> None:
    group = Group.objects.create(name="contractors")
    group.user_set.add(user)
    group.user_set.update(is_active=False)


def bulk_update(user: User, admin_client: Client) -> None:
    user.is_staff = False
    User.objects.bulk_update([user], ["is_staff"])


def bulk_create_over_it(user: User, admin_client: Client) -> None:
    User.objects.bulk_create(
        [User(username=user.username, is_active=False)],
        update_conflicts=True,
        update_fields=["is_active"],
        unique_fields=["username"],
    )


def save_an_expression(user: User, admin_client: Client) -> None:
    user.is_active = Value(False)
    user.save()


def act_on_a_list_of_the_admin(user: User, admin_client: Client) -> None:
    def deactivate(page: Any, request: Any, queryset: Any) -> None:
        queryset.update(is_active=False)

    page = admin.site.get_model_admin(User)
    with mock.patch.object(page, "actions", [deactivate]):
        form = {"action": "deactivate", "_selected_action": [user.pk]}
        assert admin_client.post(reverse("admin:designs_user_changelist"), form).status_code == 302


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
        update(is_active=False),
        update(is_staff=False),
        update(password=make_password(NEW_PASSWORD)),
        update_by_an_expression,
        update_through_a_group,
        bulk_update,
        bulk_create_over_it,
        save_an_expression,
        act_on_a_list_of_the_admin,
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
    # What Django refuses for the moment would be valid again with the account.
    assert not Session.objects.filter(pk=session_of(doors)).exists()
    assert admin_client.get("/admin/").status_code == 200


def test_tokens_of_a_user_do_not_come_back_with_the_account(staff: User, doors: dict[str, Client]) -> None:
    for active in (False, True):
        staff.is_active = active
        staff.save()

    assert statuses(doors) == {"token": 401, "session": 401}


@pytest.mark.parametrize("activate", [update(is_active=True), save(is_active=True)])
def test_logins_do_not_come_back_where_only_sql_deactivated_the_account(
    staff: User, doors: dict[str, Client], admin_client: Client, activate: Callable[[User, Client], None]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE designs_user SET is_active = %s WHERE id = %s", [False, staff.pk])

    activate(staff, admin_client)

    assert statuses(doors) == {"token": 401, "session": 401}
    assert not Session.objects.filter(pk=session_of(doors)).exists()


def renew_hash(user: User) -> None:
    first = "django.contrib.auth.hashers.PBKDF2PasswordHasher"
    with override_settings(PASSWORD_HASHERS=[first, *settings.PASSWORD_HASHERS]):
        assert user.check_password("correct horse battery")
    user.refresh_from_db()
    assert user.password.startswith("pbkdf2_sha256$")


def log_in_again(user: User) -> None:
    assert Client().login(username="staff", password="correct horse battery")


def update_other_columns(user: User) -> None:
    User.objects.update(first_name="Ada", is_active=True)
    User.objects.exclude(pk=user.pk).update(is_active=False)


def rename(user: User) -> None:
    user.first_name = "Ada"
    user.save()


@pytest.mark.parametrize("change", [log_in_again, rename, renew_hash, update_other_columns])
def test_logins_outlive_what_changes_neither_password_nor_rights(
    staff: User, client_of: ClientOf, change: Callable[[User], None]
) -> None:
    door = client_of(staff)

    change(staff)

    assert door.get("/api/organizations/").status_code == 200


def test_a_login_costs_no_query_for_it(staff: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        staff.save(update_fields=["last_login"])


def test_an_update_without_rights_costs_no_query_more(staff: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        User.objects.update(last_login=None)


def test_an_update_writes_one_line_for_each_account(staff: User, caplog: pytest.LogCaptureFixture) -> None:
    User.objects.create_user("other")
    User.objects.create_user("gone", is_active=False)

    with caplog.at_level("INFO", "enginel.audit"):
        User.objects.update(is_active=False)

    lines = [vars(record) for record in caplog.records if record.name == "enginel.audit"]
    ended = User.objects.filter(username__in=["staff", "other"]).values_list("pk", flat=True)
    assert {line["ended_for"] for line in lines} == set(ended)
    assert {line["reason"] for line in lines} == {"lost is_active"}
    assert len(lines) == 2


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
