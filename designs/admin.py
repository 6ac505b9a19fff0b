"""The admin of the workload. What was uploaded, measured or computed is shown, not edited."""

from __future__ import annotations

from typing import Any

import knox.admin
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as AuthGroupAdmin
from django.contrib.auth.admin import UserAdmin as AuthUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from knox.models import get_token_model

from designs.admin_members import MembershipInline, user_id_of, user_of
from designs.lifecycle import delete_design, put_back
from designs.logins import end_all_logins
from designs.members import forget_unmatched, log_grant
from designs.models import IN_WORK, BOMItem, Design, Geometry, Membership, Organization, Series, User
from designs.permissions import (
    administered_designs,
    administered_organizations,
    administered_users,
    may_manage_account,
    with_visible_version,
)

__all__ = [
    "BOMItemAdmin",
    "DesignAdmin",
    "GeometryAdmin",
    "GroupAdmin",
    "OrganizationAdmin",
    "SeriesAdmin",
    "TokenAdmin",
    "UserAdmin",
]

admin.site.site_header = admin.site.site_title = "Enginel"
admin.site.index_title = "Data"

_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


class _NothingOfOthers:
    """A delete page that lists the deleted rows only: related rows may be hidden from the user."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        _, _, perms_needed, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        blocked = ["What belongs to it must be deleted first. Some of it may be hidden from you."] if protected else []
        return [str(row) for row in objs], {}, perms_needed, blocked


@admin.register(User)
class UserAdmin(_NothingOfOthers, AuthUserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Django's, but for accounts and rights above the own ones: only superusers change these."""

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
        # Django answers 404 for an account that is not there: the same for all that are not shown.
        if self.get_object(request, id) is None:
            raise PermissionDenied
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if _is_superuser(request) else [*fields, *_RIGHTS]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A new password for an account with rights above the own ones would be a way to them.
        is_covered = obj is None or may_manage_account(user_of(request), obj)
        return is_covered and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_within_reach(request, obj) and bool(super().has_delete_permission(request, obj))

    @staticmethod
    def _is_within_reach(request: HttpRequest, obj: Any) -> bool:
        return obj is None or not obj.is_superuser or _is_superuser(request)


class GroupAdmin(AuthGroupAdmin):
    """Django's, but for superusers only: a group gives its permissions to all accounts in it, the own one too."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request) and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request) and bool(super().has_delete_permission(request, obj))


# Django has registered its own.
admin.site.unregister(Group)
admin.site.register(Group, GroupAdmin)


class TokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Tokens can be seen and ended. They are made by their owner's login or by a command, never for others here."""

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


# knox registers a page of its own, where staff make tokens for any user. Its module is loaded first, so that it does
# not register the page after this.
admin.site.unregister(knox.admin.models.AuthToken)
admin.site.register(get_token_model(), TokenAdmin)


@admin.register(Organization)
class OrganizationAdmin(_NothingOfOthers, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    list_display = [
        "name",
        "slug",
        "designs",
        "max_designs",
        "used_bytes",
        "storage_quota_bytes",
        "max_users",
    ]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["id", "created_at"]
    inlines = [MembershipInline]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        if formset.model is Membership:
            for member in [*formset.new_objects, *(member for member, _ in formset.changed_objects)]:
                forget_unmatched(member)
                log_grant(member, by=user_id_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        shown: QuerySet[Organization] = super().get_queryset(request)
        shown = shown.filter(pk__in=administered_organizations(user_of(request)))
        visible = Q(series__designs__in=administered_designs(user_of(request)).values("pk"))
        return shown.annotate(
            designs=Count("series__designs", filter=visible),
            used_bytes=Sum("series__designs__size_bytes", filter=visible),
        )

    @admin.display(description="designs", ordering="designs")
    def designs(self, organization: Any) -> int:
        return int(organization.designs)

    @admin.display(description="used bytes", ordering="used_bytes")
    def used_bytes(self, organization: Any) -> int:
        return int(organization.used_bytes or 0)


@admin.register(Series)
class SeriesAdmin(_NothingOfOthers, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    list_display = ["part_number", "name", "organization", "created_by", "created_at"]
    list_filter = [("organization", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["organization", "created_by"]
    search_fields = ["part_number", "name"]
    autocomplete_fields = ["organization"]
    readonly_fields = ["id", "created_by", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Series]:
        shown: QuerySet[Series] = super().get_queryset(request)
        return shown.filter(organization__in=administered_organizations(user_of(request)))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Its designs would move along, hidden ones to where another clearance shows them.
        return self.readonly_fields if obj is None else ["organization", *self.readonly_fields]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # ?designs__isnull= would say whether there are hidden ones.
        return not lookup.startswith("designs") and super().lookup_allowed(lookup, value, request)


@admin.register(Design)
class DesignAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    list_display = [
        "part_number", "visible_version", "organization", "status", "step", "error_code",
        "kind", "size_bytes", "is_itar", "classification", "created_at",
    ]  # fmt: skip
    list_filter = ["status", "step", "error_code", "kind", "is_itar", "classification", "created_at"]
    list_select_related = ["series__organization"]
    search_fields = ["id", "series__part_number", "file_name", "sha256", "error_id"]
    # All but what an export officer may have to correct. The file itself is left out: its field links to it.
    readonly_fields = [
        "id", "series", "visible_version", "status", "step",
        "stored_as", "file_name", "size_bytes", "sha256", "kind",
        "schema", "unit", "unit_millimetres", "defined_solids",
        "error_id", "error_code", "error_detail", "error_status",
        "created_by", "created_at", "finalized_at", "processed_at", "task_id",
    ]  # fmt: skip
    fields = ["is_itar", "classification", *readonly_fields]
    actions = ["process_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Design]:
        shown: QuerySet[Design] = super().get_queryset(request)
        visible = administered_designs(user_of(request))
        return with_visible_version(shown.filter(pk__in=visible.values("pk")), visible)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # The stored number says how many versions are hidden.
        return not lookup.startswith("version") and super().lookup_allowed(lookup, value, request)

    @admin.display(description="version", ordering="visible_version")
    def visible_version(self, design: Design) -> int:
        return design.shown_version

    @admin.display(ordering="series__part_number")
    def part_number(self, design: Design) -> str:
        return design.series.part_number

    @admin.display(ordering="series__organization__name")
    def organization(self, design: Design) -> str:
        return design.series.organization.name

    @admin.action(description="Put back to uploaded, to be finalized again", permissions=["change"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[Design]) -> None:
        count = put_back(queryset)
        self.message_user(request, f"{count} designs can be finalized again.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Design | None = None) -> bool:
        in_work = obj is not None and obj.status in IN_WORK
        return not in_work and bool(super().has_delete_permission(request, obj))

    def delete_model(self, request: HttpRequest, obj: Design) -> None:
        delete_design(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Design]) -> None:
        # A delete of the query would go past the files.
        for design in queryset:
            delete_design(design)


class _PartOfDesignAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """What processing found in a design: shown where the design is, never edited."""

    # Not the design itself: its text has a number that counts hidden versions.
    exclude = ["design"]
    readonly_fields = ["of_design"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        shown: QuerySet[Any] = super().get_queryset(request)
        return shown.filter(design__in=administered_designs(user_of(request)).values("pk"))

    @admin.display(description="design", ordering="design__series__part_number")
    def of_design(self, row: Any) -> str:
        return f"{row.design.series.part_number} {row.design_id}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Geometry)
class GeometryAdmin(_PartOfDesignAdmin):
    list_display = ["of_design", "solids", "faces", "volume_mm3", "duration_seconds", "peak_memory_bytes"]
    list_filter = ["kernel_version"]
    list_select_related = ["design__series"]
    search_fields = ["design__id", "design__series__part_number"]


@admin.register(BOMItem)
class BOMItemAdmin(_PartOfDesignAdmin):
    list_display = ["of_design", "position", "part", "quantity"]
    list_select_related = ["design__series"]
    search_fields = ["design__id", "part"]
