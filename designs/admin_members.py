"""Memberships on the admin site: staff see and grant no more than their own membership allows."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from designs.access.memberships import WORKS_ELSEWHERE, forget_unmatched, log_grant, works_elsewhere
from designs.access.permissions import (
    administered_organizations,
    administered_users,
    covers,
    require_may_grant,
    require_user,
)
from designs.exceptions import InsufficientPermissions
from designs.models import Clearance, Membership, Organization, Role, UnmatchedMember, User

__all__ = ["MembershipAdmin", "MembershipInline", "UnmatchedMemberAdmin", "user_id_of", "user_of"]

_SECRECY = ("clearance", "is_us_person")
_LEAST = {"clearance": Clearance.UNCLASSIFIED, "is_us_person": False}
_HIDDEN = "hidden"


def user_of(request: HttpRequest) -> User:
    """Return the signed-in user of the admin site, which admits staff only."""
    return require_user(request.user)


def user_id_of(request: HttpRequest) -> int:
    return int(user_of(request).pk)


class _MembershipForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Refuses rights that the signed-in user does not have. Superusers may grant all: they create the first owner."""

    granting_user: User

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        organization = cleaned.get("organization") or getattr(self.instance, "organization", None)
        if self.granting_user.is_superuser or organization is None or self.errors:
            return cleaned
        by = self._granting_membership(organization)
        # The stored rights count, too: staff cannot change a membership with rights above their own.
        current = self._stored_rights()
        self._check(by, {**_LEAST, **current, **cleaned})
        if current:
            # In its stored organization: the form may move it to another one.
            self._check(self._granting_membership(current.pop("organization")), current)
        self._check_primary(cleaned, organization)
        return cleaned

    def _check_primary(self, cleaned: dict[str, Any], organization: Organization) -> None:
        user = cleaned.get("user") or getattr(self.instance, "user", None)
        if "is_primary" in self.changed_data and user is not None and works_elsewhere(user, organization):
            raise ValidationError({"is_primary": WORKS_ELSEWHERE})

    def _granting_membership(self, organization: Organization | uuid.UUID) -> Membership:
        # By id: the page that adds an organization has no row for it yet.
        found = Membership.objects.filter(
            user=self.granting_user, organization_id=getattr(organization, "pk", organization)
        )
        if (by := found.first()) is None:
            raise ValidationError("You are no member of this organization.")
        return by

    def _stored_rights(self) -> dict[str, Any]:
        stored = Membership.objects.filter(pk=self.instance.pk)
        return dict(stored.values("organization", "role", "clearance", "is_us_person").first() or {})

    def _check(self, by: Membership, rights: dict[str, Any]) -> None:
        try:
            require_may_grant(
                by, role=Role(rights["role"]), clearance=rights["clearance"], is_us_person=rights["is_us_person"]
            )
        except InsufficientPermissions as exc:
            raise ValidationError(str(exc.detail)) from exc


def _form_of(request: HttpRequest) -> type[_MembershipForm]:
    return type("MembershipForm", (_MembershipForm,), {"granting_user": request.user})


def _open(memberships: QuerySet[Membership], user: User) -> QuerySet[Membership]:
    """Return the memberships whose clearance and US person status the user may see, see `may_grant_secrecy`."""
    if user.is_superuser:
        return memberships
    own = Membership.objects.filter(
        user=user,
        organization=OuterRef("organization"),
        role__in=[role for role in Role if role.at_least(Role.ADMIN)],
        clearance__gte=OuterRef("clearance"),
    )
    return memberships.filter(Q(Exists(own.filter(is_us_person=True))) | (Q(is_us_person=False) & Q(Exists(own))))


def _may_delete(user: User, member: Membership) -> bool:
    """Return whether a user may delete a membership: users who may grant all its rights may remove them."""
    return user.is_superuser or covers(user.memberships.filter(organization=member.organization_id).first(), member)


class _MembershipFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # generic in the stubs only
    """Checks deleted memberships, too: Django does not validate their forms."""

    granting_user: User

    def clean(self) -> None:
        super().clean()
        stored = Membership.objects.filter(pk__in=[form.instance.pk for form in self.deleted_forms])
        if not all(_may_delete(self.granting_user, member) for member in stored):
            raise ValidationError("You cannot delete a membership with rights above your own.")


class _UsersOfStaff:
    """Offers, in a form, only the users that the admin site shows to the signed-in user."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            kwargs["queryset"] = administered_users(user_of(request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class MembershipInline(_UsersOfStaff, admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]
    readonly_fields = ["created_at"]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = type("MembershipFormSet", (_MembershipFormSet,), {"granting_user": request.user})
        return super().get_formset(request, obj, **{**kwargs, "form": _form_of(request), "formset": formset})

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # A column is shown for all rows or for none.
        rows = Membership.objects.filter(organization=obj)
        is_shown = obj is None or _open(rows, user_of(request)).count() == rows.count()
        return [] if is_shown else list(_SECRECY)


@admin.register(Membership)
class MembershipAdmin(_UsersOfStaff, admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    list_display = ["user", "organization", "role", "shown_clearance", "shown_us_person", "is_primary", "created_at"]
    list_filter = ["role", "clearance", "is_us_person", "is_primary"]
    list_select_related = ["user", "organization"]
    search_fields = ["user__username", "organization__name"]
    autocomplete_fields = ["user", "organization"]
    readonly_fields = ["id", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        shown: QuerySet[Membership] = super().get_queryset(request)
        user = user_of(request)
        is_open = Exists(_open(Membership.objects.filter(pk=OuterRef("pk")), user))
        return shown.filter(organization__in=administered_organizations(user)).annotate(is_open=is_open)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [name for name in self.list_filter if user_of(request).is_superuser or name not in _SECRECY]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        is_secret = lookup.startswith(_SECRECY) and not user_of(request).is_superuser
        return not is_secret and super().lookup_allowed(lookup, value, request)

    @admin.display(description="clearance")
    def shown_clearance(self, member: Any) -> str:
        return Clearance(member.clearance).label if member.is_open else _HIDDEN

    @admin.display(description="US person")
    def shown_us_person(self, member: Any) -> str:
        return ("yes" if member.is_us_person else "no") if member.is_open else _HIDDEN

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None or getattr(obj, "is_open", False) else list(_SECRECY)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **{**kwargs, "form": _form_of(request)})

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_delete = obj is None or _may_delete(user_of(request), obj)
        return may_delete and bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        forget_unmatched(obj)
        log_grant(obj, by=user_id_of(request))


@admin.register(UnmatchedMember)
class UnmatchedMemberAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Names without an account in lists of members. For superusers: others must not learn which names these are."""

    list_display = ["name", "organization", "role", "created_at"]
    list_select_related = ["organization"]
    search_fields = ["name", "organization__name"]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @staticmethod
    def _is_superuser(request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))
