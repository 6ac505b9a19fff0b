"""The two organizations of the sample run and the people in them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import urllib3
from knox.models import AuthToken

from designs.models import Clearance, Membership, Organization, Role, User
from enginel.sample.client import SampleUser

__all__ = ["Cast", "make_cast"]

_MEBIBYTE = 1024 * 1024
# Some files of the sample run make the kernel hang; a short deadline for their organization keeps the run short.
_KERNEL_SECONDS = 4


@dataclass(frozen=True)
class Cast:
    """The users of the sample run.

    Attributes:
        engineer, admin: Of the large organization, cleared for everything.
        viewer: May read but not upload.
        foreigner: An engineer who is no US person and has no clearance.
        guest: Has an account but no organization; user name in ``guest_name``.
        small_engineer, small_admin: Of an organization with a tiny quota, one design and two users.
    """

    organization: Organization
    small: Organization
    engineer: SampleUser
    admin: SampleUser
    viewer: SampleUser
    foreigner: SampleUser
    small_engineer: SampleUser
    small_admin: SampleUser
    guest_name: str


def make_cast(pool: urllib3.PoolManager, url: str) -> Cast:
    """Create the organizations and accounts of one sample run; each run has its own."""
    run = uuid.uuid4().hex[:8]
    large = Organization.objects.create(
        name=f"Aurora Aerospace {run}", slug=f"aurora-{run}", kernel_seconds_max=_KERNEL_SECONDS
    )
    small = Organization.objects.create(
        name=f"Borealis Marine {run}",
        slug=f"borealis-{run}",
        max_users=2,
        max_designs=1,
        storage_quota_bytes=_MEBIBYTE // 4,
    )

    def person(name: str, organization: Organization, role: Role, clearance: Clearance, *, us: bool) -> SampleUser:
        user = User.objects.create_user(f"{name}-{run}")
        Membership.objects.create(user=user, organization=organization, role=role, clearance=clearance, is_us_person=us)
        _, token = AuthToken.objects.create(user=user)
        return SampleUser(pool, url, token)

    guest = User.objects.create_user(f"guest-{run}")
    return Cast(
        organization=large,
        small=small,
        engineer=person("engineer", large, Role.ENGINEER, Clearance.TOP_SECRET, us=True),
        admin=person("admin", large, Role.ADMIN, Clearance.TOP_SECRET, us=True),
        viewer=person("viewer", large, Role.VIEWER, Clearance.UNCLASSIFIED, us=True),
        foreigner=person("foreigner", large, Role.ENGINEER, Clearance.UNCLASSIFIED, us=False),
        small_engineer=person("small-engineer", small, Role.ENGINEER, Clearance.UNCLASSIFIED, us=False),
        small_admin=person("small-admin", small, Role.ADMIN, Clearance.UNCLASSIFIED, us=False),
        guest_name=guest.get_username(),
    )
