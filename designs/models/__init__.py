"""Database models: organizations, members, users, designs and their processing results."""

from __future__ import annotations

from designs.models.designs import IN_WORK, BOMItem, Design, Geometry, Kind, Series, Status, Step
from designs.models.organizations import Clearance, Membership, Organization, Role, UnmatchedMember
from designs.models.users import User

__all__ = [
    "IN_WORK",
    "BOMItem",
    "Clearance",
    "Design",
    "Geometry",
    "Kind",
    "Membership",
    "Organization",
    "Role",
    "Series",
    "Status",
    "Step",
    "UnmatchedMember",
    "User",
]
