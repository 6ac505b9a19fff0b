"""Rows for generated requests: an organization, an engineer and designs. Prints the engineer's token."""

from __future__ import annotations

import hashlib

import django

django.setup()

from django.core.files.base import ContentFile  # noqa: E402 - after the set-up
from knox.models import get_token_model  # noqa: E402

from designs.models import BOMItem, Design, Geometry, Membership, Organization, Role, Series, User  # noqa: E402

CONTENT = b"ISO-10303-21;"


def main() -> None:
    organization = Organization.objects.create(name="Acme", slug="acme")
    user = User.objects.create_user("engineer")
    Membership.objects.create(user=user, organization=organization, role=Role.ENGINEER)
    series = Series.objects.create(organization=organization, part_number="AS1", name="Assembly one")
    for version, status in enumerate(("ready", "uploaded", "failed"), 1):
        facts = (
            {"error_code": "corrupted_file", "error_id": "a" * 32, "error_status": 400} if status == "failed" else {}
        )
        design = Design(
            series=series,
            version=version,
            status=status,
            kind="step",
            file_name="a.step",
            size_bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            **facts,
        )
        design.file.save("", ContentFile(CONTENT), save=False)
        design.save(force_insert=True)
    ready = series.designs.get(status="ready")
    BOMItem.objects.create(design=ready, part="bolt", quantity=2, position=1)
    Geometry.objects.create(
        design=ready, solids=1, faces=6, kernel_version="7", duration_seconds=1, peak_memory_bytes=1
    )
    print(get_token_model().objects.create(user=user)[1])


if __name__ == "__main__":
    main()
