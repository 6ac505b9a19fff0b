"""Changes of the marks of stored designs: export control and classification, with a line in the audit log."""

from __future__ import annotations

import logging
import uuid
from typing import NamedTuple

from designs.models import Clearance, Design, User
from designs.permissions import require_may_mark

__all__ = ["Marks", "judge_marks", "log_marks"]

audit_logger = logging.getLogger("enginel.audit")


class Marks(NamedTuple):
    """Secrecy of a design."""

    is_itar: bool
    classification: int


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
