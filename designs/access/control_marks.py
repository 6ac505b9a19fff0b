"""Changes of export control and classification of stored designs, with a line in the audit log.

Each save of a controlled design marks the current context as controlled, see `designs.context`.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any, NamedTuple

from django.db.models.signals import pre_save

from designs.access.permissions import require_may_mark
from designs.models import BOMItem, Clearance, Design, Geometry, User
from designs.models.controlled import note_parts

__all__ = ["Marks", "connect", "judge_marks", "log_marks"]

audit_logger = logging.getLogger("enginel.audit")


class Marks(NamedTuple):
    """Export control and classification of a design."""

    is_itar: bool
    classification: int


def connect() -> None:
    """Connect the receivers to saves of designs, geometries and BOM items, including those of fixtures."""
    pre_save.connect(_mark_context_for_design, sender=Design, dispatch_uid="enginel.note_design")
    for part in (Geometry, BOMItem):
        pre_save.connect(_mark_context_for_part, sender=part, dispatch_uid=f"enginel.note_{part.__name__}")


def _mark_context_for_design(instance: Design, **kwargs: Any) -> None:
    # Code may set the marks after it created the object.
    instance.note_marks()


def _mark_context_for_part(instance: Any, **kwargs: Any) -> None:
    note_parts([instance])


def judge_marks(user: User, design: Design, wanted: Marks) -> Marks:
    """Check that a user may set these marks on a design, and return the stored marks.

    The row stays locked until the transaction ends, which excludes concurrent changes.

    Raises:
        InsufficientPermissions: The user may not lower a mark; ``field`` names the mark.
    """
    stored = Marks(*Design.objects.select_for_update().values_list("is_itar", "classification").get(pk=design.pk))
    require_may_mark(
        user.memberships.filter(organization=design.series.organization_id).first(),
        was_itar=stored.is_itar,
        was_classification=stored.classification,
        is_itar=wanted.is_itar,
        classification=wanted.classification,
    )
    return stored


def log_marks(design_id: uuid.UUID, organization_id: uuid.UUID, before: Marks, after: Marks, *, by: int) -> None:
    """Log the change of a design's marks to the audit log. The line contains ids only, no names."""
    audit_logger.info(
        "Design marked",
        extra={
            "marked_by": by,
            "design_id": str(design_id),
            "organization_id": str(organization_id),
            "is_itar": after.is_itar,
            "was_itar": before.is_itar,
            "classification": Clearance(after.classification).name,
            "was_classification": Clearance(before.classification).name,
        },
    )
