"""Query filters and ordering of the design list."""

from __future__ import annotations

import datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import fields
from rest_framework import serializers

from designs.models import Design, Kind, Status

__all__ = ["DesignFilter"]


class _MomentField(fields.IsoDateTimeField):  # type: ignore[misc]  # django-filter has no types
    """Time converted to UTC. Refuses a time out of range in UTC, which would overflow in the database."""

    def to_python(self, value: Any) -> datetime.datetime | None:
        moment: datetime.datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(datetime.UTC)
        except OverflowError as exc:
            raise ValidationError("This moment is out of range.", code="invalid") from exc


class _MomentFilter(django_filters.IsoDateTimeFilter):  # type: ignore[misc]  # django-filter has no types
    field_class = _MomentField


class _BooleanField(forms.NullBooleanField):
    """Boolean that refuses other values; the field of django-filter would ignore the filter."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:  # type: ignore[override]  # NullBooleanField returns None too
        known = {None: None, "": None, "true": True, "1": True, "false": False, "0": False}
        text = value.lower() if isinstance(value, str) else value
        if text not in known:
            raise ValidationError("Use true or false.", code="invalid")
        return known[text]


class _BooleanFilter(django_filters.BooleanFilter):  # type: ignore[misc]  # django-filter has no types
    field_class = _BooleanField


class _StableOrdering(django_filters.OrderingFilter):  # type: ignore[misc]  # django-filter has no types
    """Ordering with the id as last criterion. Without it, equal rows could appear on two pages or on none."""

    def filter(self, queryset: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        if not value:
            return queryset
        # django-filter accepts empty names in the list.
        if not all(value):
            raise serializers.ValidationError({"ordering": ["Empty names are not allowed."]})
        names = [self.get_ordering_value(name) for name in value]
        if "visible_version" not in queryset.query.annotations:
            names = [name.replace("visible_version", "version") for name in names]
        return queryset.order_by(*names, "pk")


class DesignFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Filters of ``GET /api/designs/``."""

    status = django_filters.ChoiceFilter(choices=Status.choices)
    kind = django_filters.ChoiceFilter(choices=Kind.choices)
    series = django_filters.UUIDFilter(field_name="series_id")
    organization = django_filters.UUIDFilter(field_name="series__organization_id")
    part_number = django_filters.CharFilter(field_name="series__part_number", max_length=100)
    is_itar = _BooleanFilter()
    created_after = _MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = _MomentFilter(field_name="created_at", lookup_expr="lt")
    ordering = _StableOrdering(
        fields={
            "created_at": "created_at",
            "processed_at": "processed_at",
            "series__part_number": "part_number",
            "size_bytes": "size_bytes",
            "status": "status",
            "visible_version": "version",
        }
    )

    class Meta:
        model = Design
        fields: list[str] = []
