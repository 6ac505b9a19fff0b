"""Detection of controlled data: loading or writing content of a controlled design marks the context as controlled.

Designs have the marks as fields, see `designs.models.Design`. Series, geometries and BOM items have not: their managers
read the marks in the same query, except for related rows of a design that is loaded.

A design is controlled if it is export-controlled (ITAR) or classified.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Q

from designs import context
from designs.models.organizations import Clearance

__all__ = ["AskingManager", "DesignQuerySet", "PartQuerySet", "SeriesQuerySet", "Telling", "controlled", "note_parts"]

_FLAG = "is_of_controlled"
_MARKS = ("is_itar", "classification")


def controlled(prefix: str = "") -> Q:
    """Return the query condition for controlled designs.

    Args:
        prefix: Lookup path from the queried model to the design, such as ``design__``.
    """
    return Q(**{f"{prefix}is_itar": True}) | Q(**{f"{prefix}classification__gt": Clearance.UNCLASSIFIED})


class _MarkingQuerySet(models.QuerySet[Any]):
    """Query set whose failed updates mark the context as controlled: the error may quote the written values.

    Attributes:
        prefix: Lookup path to the design.
        content: Fields with text of a client or a file.
    """

    prefix = ""
    content: frozenset[str] = frozenset()

    def update(self, **kwargs: Any) -> int:
        try:
            return super().update(**kwargs)
        except Exception:
            if self.content.intersection(kwargs) and not context.is_controlled():
                self._mark_context_after_failure()
            raise

    def _mark_context_after_failure(self) -> None:
        try:
            is_ordinary = not self.filter(controlled(self.prefix)).exists()
        except Exception:  # noqa: BLE001 - a broken transaction refuses queries, so assume controlled rows
            is_ordinary = False
        if not is_ordinary:
            context.set_controlled()


class DesignQuerySet(_MarkingQuerySet):
    """Query set of designs. Writes without loading mark the context as controlled, too."""

    content = frozenset({"file", "file_name", "sha256", "schema", "unit", "error_detail"})

    def update(self, **kwargs: Any) -> int:
        if any(kwargs.get(name) for name in _MARKS):
            context.set_controlled()
        return super().update(**kwargs)

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        return super().bulk_create(_marked(objs), *args, **kwargs)

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        return super().bulk_update(_marked(objs), *args, **kwargs)


class SeriesQuerySet(_MarkingQuerySet):
    """Query set of series. A part number is content of all designs of the series."""

    prefix = "designs__"
    content = frozenset({"part_number", "name", "description"})

    def asking(self) -> Any:
        """Return the series, annotated with whether one of their designs is controlled."""
        return self.annotate(**{_FLAG: _IsOfControlled("pk", column="series_id")})


class PartQuerySet(_MarkingQuerySet):
    """Query set of rows that belong to one design: geometries and BOM items."""

    prefix = "design__"
    content = frozenset({"part", "warnings"})

    def asking(self) -> Any:
        """Return the rows, annotated with whether their design is controlled."""
        return self.annotate(**{_FLAG: _IsOfControlled("design_id", column="id")})

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        rows = list(objs)
        note_parts(rows)
        return super().bulk_create(rows, *args, **kwargs)

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        rows = list(objs)
        note_parts(rows)
        return super().bulk_update(rows, *args, **kwargs)


class _IsOfControlled(models.Func):
    """SQL condition: a controlled design has this value in a column. ``Exists`` takes ten times as long to build."""

    template = (
        "EXISTS(SELECT 1 FROM designs_design WHERE %(column)s = %(expressions)s AND (is_itar OR classification > 0))"
    )
    output_field = models.BooleanField()


class AskingManager(models.Manager[Any]):
    """Manager that annotates rows with whether they contain content of a controlled design."""

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        # A related manager has the parent object; a loaded design has marked the context already.
        return rows if isinstance(getattr(self, "instance", None), _designs().model) else rows.asking()


class Telling:
    """Model mixin that marks the context if the annotation of `AskingManager` says that a row is controlled."""

    def _mark_context(self, is_of_controlled: bool) -> None:
        if is_of_controlled:
            context.set_controlled()

    is_of_controlled = property(fset=_mark_context)


def note_parts(rows: Iterable[Any]) -> None:
    """Mark the context as controlled if rows belong to a controlled design that is not loaded."""
    if context.is_controlled():
        return
    unknown = {row.design_id for row in rows if not type(row).design.is_cached(row)}
    if unknown and _designs().filter(controlled(), pk__in=unknown).exists():
        context.set_controlled()


def _designs() -> Any:
    # Django loads the models after this module.
    return apps.get_model("designs", "Design").objects


def _marked(designs: Iterable[Any]) -> list[Any]:
    rows = list(designs)
    for design in rows:
        design.note_marks()
    return rows
