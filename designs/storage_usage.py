"""Storage used and storage quota, over all organizations."""

from __future__ import annotations

from django.db.models import Sum

from designs.models import Design, Organization

__all__ = ["storage_in_gb"]

_GB = 1e9


def storage_in_gb() -> dict[str, float]:
    """Return ``storage_used_gb`` and ``storage_quota_gb``, in 10^9 bytes."""
    used = Design.objects.aggregate(bytes=Sum("size_bytes"))["bytes"]
    quota = Organization.objects.aggregate(bytes=Sum("storage_quota_bytes"))["bytes"]
    return {"storage_used_gb": (used or 0) / _GB, "storage_quota_gb": (quota or 0) / _GB}
