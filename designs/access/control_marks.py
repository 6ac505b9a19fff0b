"""Changes of the marks of stored designs: export control and classification, with a line in the audit log.

A save notes in the context whether it concerns a controlled design, see `designs.context`.
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
    """Secrecy of a design."""

    is_itar: bool
    classification: int


def connect() -> None:
    """Connect to the saves of designs, geometries and BOM items, those of fixtures among them."""
    pre_save.connect(_note_design, sender=Design, dispatch_uid="enginel.note_design")
    for part in (Geometry, BOMItem):
        pre_save.connect(_note_part, sender=part, dispatch_uid=f"enginel.note_{part.__name__}")


def _note_design(instance: Design, **kwargs: Any) -> None:
    # Marks may be set after the object was made.
    instance.note_marks()


def _note_part(instance: Any, **kwargs: Any) -> None:
    note_parts([instance])


def judge_marks(user: User, design: Design, wanted: Marks) -> Marks:
    """Judge whether a user may give a design these marks, and return the stored ones.

    The row stays locked until the transaction ends, so that no other change comes in between.

    Raises:
        InsufficientPermissions: A mark is lowered and the user may not do so; ``field`` names it.
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
    """Write one line of the audit log: who gave which marks to which design. Ids only."""
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
