"""Designs and the results of their processing on the admin site."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from designs.access.control_marks import Marks, judge_marks, log_marks
from designs.access.permissions import administered_designs, administered_designs_with_role, with_visible_version
from designs.admin_members import user_id_of, user_of
from designs.cad.reasons import shown_facts
from designs.design_lifecycle import delete_design, put_back
from designs.exceptions import InsufficientPermissions
from designs.models import IN_WORK, BOMItem, Design, Geometry, Role, User

__all__ = ["BOMItemAdmin", "DesignAdmin", "GeometryAdmin"]


class _MarksForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The marks of a design. Lowering one requires the rights of `designs.access.permissions.require_may_mark`."""

    marking_user: User
    stored: Marks

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            self.stored = judge_marks(
                self.marking_user, self.instance, Marks(cleaned["is_itar"], cleaned["classification"])
            )
        except InsufficientPermissions as exc:
            raise ValidationError({str(exc.field): str(exc.detail)}) from exc
        return cleaned

    def changed_marks(self) -> dict[str, Any]:
        """Return the marks that differ from the stored ones."""
        wanted = Marks(self.cleaned_data["is_itar"], self.cleaned_data["classification"])
        return {name: value for name, value in wanted._asdict().items() if value != getattr(self.stored, name)}


@admin.register(Design)
class DesignAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    list_display = [
        "part_number", "visible_version", "organization", "status", "step", "error_code", "error_reason",
        "kind", "size_bytes", "is_itar", "classification", "created_at",
    ]  # fmt: skip
    list_filter = ["status", "step", "error_code", "error_reason", "kind", "is_itar", "classification", "created_at"]
    list_select_related = ["series__organization"]
    search_fields = ["id", "series__part_number", "file_name", "sha256", "error_id"]
    # All but the fields that an export officer may have to correct. The file is left out: its field links to it.
    readonly_fields = [
        "id", "series", "visible_version", "status", "step",
        "stored_as", "file_name", "size_bytes", "sha256", "kind",
        "schema", "unit", "unit_millimetres", "defined_solids",
        "error_id", "error_code", "error_detail", "error_status", "error_reason", "error_stage", "what_to_do",
        "created_by", "created_at", "finalized_at", "processed_at", "task_id",
    ]  # fmt: skip
    fields = ["is_itar", "classification", *readonly_fields]
    actions = ["process_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Design]:
        shown: QuerySet[Design] = super().get_queryset(request)
        visible = administered_designs(user_of(request))
        return with_visible_version(shown.filter(pk__in=visible.values("pk")), visible)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # The stored number reveals how many versions are hidden.
        return not lookup.startswith("version") and super().lookup_allowed(lookup, value, request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = type("MarksForm", (_MarksForm,), {"marking_user": user_of(request)})
        return super().get_form(request, obj, change, **{**kwargs, "form": form})

    def save_model(self, request: HttpRequest, obj: Design, form: Any, change: bool) -> None:
        # The changed marks only: a worker may have written the other fields since the row was read.
        if changed := form.changed_marks():
            obj.save(update_fields=list(changed))
            after = form.stored._replace(**changed)
            log_marks(obj.pk, obj.series.organization_id, form.stored, after, by=user_id_of(request))

    @admin.display(description="what to do")
    def what_to_do(self, design: Design) -> str:
        return str(shown_facts(design.error_facts).get("hint") or "-")

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
        allowed = administered_designs_with_role(user_of(request), Role.ENGINEER)
        count = put_back(queryset.filter(pk__in=allowed.values("pk")))
        self.message_user(request, f"{count} designs can be finalized again.", messages.SUCCESS)
        if refused := queryset.exclude(pk__in=allowed.values("pk")).count():
            text = f"{refused} designs are unchanged: that needs the role {Role.ENGINEER.value} in their organization."
            self.message_user(request, text, messages.WARNING)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Design | None = None) -> bool:
        if not super().has_delete_permission(request, obj):
            return False
        if obj is None:
            return True
        allowed = administered_designs_with_role(user_of(request), Role.ADMIN)
        return obj.status not in IN_WORK and allowed.filter(pk=obj.pk).exists()

    def delete_model(self, request: HttpRequest, obj: Design) -> None:
        delete_design(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Design]) -> None:
        # Deleting the query would leave the files in storage.
        for design in queryset:
            delete_design(design)


class _PartOfDesignAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Results of processing: visible if the design is, never edited."""

    # Not the design itself: its text contains a number that counts hidden versions.
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
