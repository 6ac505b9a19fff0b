"""Admin site of the workload. Uploaded, measured and computed data is shown, not edited.

Django loads this module only; the other modules of the admin register their pages when it imports them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest

from designs.access.memberships import forget_unmatched, log_grant
from designs.access.permissions import administered_designs, administered_organizations
from designs.admin_deletion import NothingOfOthers
from designs.admin_designs import BOMItemAdmin, DesignAdmin, GeometryAdmin
from designs.admin_members import MembershipInline, user_id_of, user_of
from designs.admin_users import GroupAdmin, TokenAdmin, UserAdmin
from designs.models import Membership, Organization, Series

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


@admin.register(Organization)
class OrganizationAdmin(NothingOfOthers, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
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
class SeriesAdmin(NothingOfOthers, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
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
        # Its designs would move, too, and another clearance might show hidden ones there.
        return self.readonly_fields if obj is None else ["organization", *self.readonly_fields]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # ?designs__isnull= would reveal whether there are hidden ones.
        return not lookup.startswith("designs") and super().lookup_allowed(lookup, value, request)
