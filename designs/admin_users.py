"""Accounts, groups and tokens on the admin site."""

from __future__ import annotations

from typing import Any

import knox.admin
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as AuthGroupAdmin
from django.contrib.auth.admin import UserAdmin as AuthUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from knox.models import get_token_model

from designs.access.logins import end_all_logins
from designs.access.permissions import administered_users, may_manage_account
from designs.admin_deletion import NothingOfOthers
from designs.admin_members import user_id_of, user_of
from designs.models import User

__all__ = ["GroupAdmin", "TokenAdmin", "UserAdmin"]

_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


@admin.register(User)
class UserAdmin(NothingOfOthers, AuthUserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Django's user page, on which only superusers may change rights and accounts with more rights than their own."""

    actions = ["end_logins"]

    @admin.action(description="End all sessions and tokens of these users", permissions=["change"])
    def end_logins(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        users = [user for user in queryset if self._is_within_reach(request, user)]
        for user in users:
            end_all_logins(user, reason=f"by user {user_id_of(request)}")
        self.message_user(request, f"{len(users)} users have to log in again.", messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        shown: QuerySet[User] = super().get_queryset(request)
        return shown.filter(pk__in=administered_users(user_of(request)).values("pk"))

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        # Missing and hidden accounts get the same answer; Django would answer 404 for missing ones only.
        if self.get_object(request, id) is None:
            raise PermissionDenied
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if _is_superuser(request) else [*fields, *_RIGHTS]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A user who may set the password of an account with more rights could use those rights.
        is_covered = obj is None or may_manage_account(user_of(request), obj)
        return is_covered and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_within_reach(request, obj) and bool(super().has_delete_permission(request, obj))

    @staticmethod
    def _is_within_reach(request: HttpRequest, obj: Any) -> bool:
        return obj is None or not obj.is_superuser or _is_superuser(request)


class GroupAdmin(AuthGroupAdmin):
    """Django's group page, for superusers only: a group grants its permissions to all its members, the editor too."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request) and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request) and bool(super().has_delete_permission(request, obj))


# Django has registered its own page.
admin.site.unregister(Group)
admin.site.register(Group, GroupAdmin)


class TokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Tokens can be viewed and revoked. Their owner's login or a command creates them, this page never does."""

    list_display = ["user", "created", "expiry"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    fields = ["user", "created", "expiry"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        shown: QuerySet[Any] = super().get_queryset(request)
        return shown.filter(user__in=administered_users(user_of(request)).values("pk"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


# knox registers its own page, on which staff can create tokens for any user. Its module is imported above, so that it
# does not register the page later.
admin.site.unregister(knox.admin.models.AuthToken)
admin.site.register(get_token_model(), TokenAdmin)
