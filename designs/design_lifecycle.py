"""Lifecycle of a design outside the workers: upload, finalization, stored failure, deletion."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from rest_framework.exceptions import NotFound

from designs import context
from designs.access.permissions import get_series, require_access, require_role
from designs.cad import check_declared_kind, clean_file_name
from designs.design_files import delete_file, require_stored, storage_reachable
from designs.exceptions import (
    DesignNotReady,
    EnginelBaseException,
    ExternalServiceError,
    OrganizationLimitExceeded,
    StorageQuotaExceeded,
    exception_class_for_code,
)
from designs.models import IN_WORK, Clearance, Design, Organization, Role, Status, Step, User
from designs.monitoring import MetricsCollector, PerformanceMonitor
from designs.tasks import queue_processing
from designs.uploads import ReceivedFile

__all__ = [
    "accept_upload",
    "delete_design",
    "finalize_design",
    "put_back",
    "require_bom",
    "require_processed",
    "stored_failure",
]

logger = logging.getLogger(__name__)

_BROKER_ERRORS = (OperationalError, OSError, RedisError)
_SERVER_FAULT = 500
_AS_UPLOADED: Mapping[str, Any] = {
    "status": Status.UPLOADED,
    "step": Step.NONE,
    "task_id": "",
    "finalized_at": None,
    "processed_at": None,
    "error_id": "",
    "error_code": "",
    "error_detail": "",
    "error_status": None,
    "error_reason": "",
    "error_stage": "",
    "error_place": None,
}


@PerformanceMonitor.track_duration("upload")
def accept_upload(user: User, form: Mapping[str, Any]) -> Design:
    """Make an uploaded file the next version of a series; a refused file leaves nothing behind.

    Args:
        user: The uploading user.
        form: The fields of `designs.serializers.UploadSerializer`, validated.

    Raises:
        NotFound: There is no such series, or it belongs to a foreign organization.
        InsufficientPermissions: The user is not an engineer there.
        ITARViolation, ClearanceLevelInsufficient: The user may not see designs with the marks of the file.
        InvalidFileFormat, CorruptedFile: It is neither STEP nor IGES, or its name has another format's extension.
        FileValidationError: Its digest differs from the digest in the form.
        OrganizationLimitExceeded: The organization has reached its limit of designs.
        StorageQuotaExceeded: The file does not fit into the organization's quota.
        ExternalServiceError: The storage failed.
    """
    received: ReceivedFile = form["file"]
    if form["is_itar"] or form["classification"] > Clearance.UNCLASSIFIED:
        context.set_controlled()
    series, membership = get_series(user, form["series"])
    require_role(membership, Role.ENGINEER)
    require_access(membership, is_itar=form["is_itar"], classification=form["classification"])
    kind = received.told_kind()
    received.require_digest(form.get("sha256"))
    file_name = clean_file_name(received.client_name)
    check_declared_kind(file_name, kind)
    design = Design(
        series=series,
        file_name=file_name,
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        kind=kind.value,
        is_itar=form["is_itar"],
        classification=form["classification"],
        created_by=user,
    )
    _store(design, received)
    MetricsCollector.track_file_upload(design.size_bytes, design.kind)
    return design


def _store(design: Design, received: ReceivedFile) -> None:
    # Checked before the slow transfer to storage, and again under the lock, which must be short.
    _require_room(design.series.organization, design.size_bytes)
    with storage_reachable():
        design.file.save("", received, save=False)
    try:
        _insert(design)
    except BaseException:
        _discard(design.stored_as)
        raise


def _discard(name: str) -> None:
    try:
        delete_file(name)
    except ExternalServiceError:
        # This error must not replace the refusal being raised.
        logger.exception("A stored file of a refused upload could not be removed", extra={"file": name})


def _insert(design: Design) -> None:
    with transaction.atomic():
        organization = Organization.objects.select_for_update().get(pk=design.series.organization_id)
        _require_room(organization, design.size_bytes)
        last = Design.objects.filter(series=design.series).aggregate(last=Max("version"))["last"]
        design.version = (last or 0) + 1
        design.save(force_insert=True)


def _require_room(organization: Organization, size_bytes: int) -> None:
    count = organization.design_count()
    if count >= organization.max_designs:
        raise OrganizationLimitExceeded(details={"designs": count, "max_designs": organization.max_designs})
    free_bytes = organization.storage_quota_bytes - organization.storage_used_bytes()
    if size_bytes > free_bytes:
        raise StorageQuotaExceeded(details={"bytes": size_bytes, "free_bytes": free_bytes})


def finalize_design(design: Design) -> Design:
    """Queue an uploaded design for processing, once; or again, if processing failed and the file was not at fault.

    Raises:
        DesignNotReady: It was finalized already, or its file is at fault.
        EnginelBaseException: The stored file is missing or of another size.
        ExternalServiceError: Storage or broker do not respond; the design stays unchanged, or becomes uploaded.
    """
    if not _may_begin(design):
        raise _not_in_status(design, "finalized", Status.UPLOADED)
    require_stored(design)
    task_id = str(uuid.uuid4())
    # Durable: a message sent before the commit could find the design still uploaded.
    with transaction.atomic(durable=True):
        unchanged = Design.objects.filter(pk=design.pk, status=design.status, task_id=design.task_id)
        queued = {**_AS_UPLOADED, "status": Status.QUEUED, "finalized_at": timezone.now(), "task_id": task_id}
        claimed = unchanged.update(**queued)
    if not claimed:
        design.refresh_from_db()
        raise _not_in_status(design, "finalized", Status.UPLOADED)
    try:
        queue_processing(design.pk, task_id)
    except BaseException as exc:
        put_back(Design.objects.filter(pk=design.pk, status=Status.QUEUED, task_id=task_id))
        if isinstance(exc, _BROKER_ERRORS):
            raise ExternalServiceError("The task queue is not available. Try again later.") from exc
        raise
    design.refresh_from_db()
    return design


def delete_design(design: Design) -> None:
    """Delete a design and its file.

    Raises:
        DesignNotReady: It is queued or being processed.
        ExternalServiceError: The storage failed; the design stays.
    """
    with transaction.atomic():
        locked = Design.objects.select_for_update().filter(pk=design.pk).first()
        if locked is None:
            raise NotFound
        if locked.status in IN_WORK:
            raise DesignNotReady(f"A design that is {locked.status} cannot be deleted.")
        name = locked.stored_as
        locked.delete()
        # Last, so that a failure of the storage rolls everything back.
        delete_file(name)


def put_back(designs: QuerySet[Design]) -> int:
    """Reset designs to uploaded: failed ones, and those whose worker or message was lost. Return how many.

    A lost worker that continues after all does no harm: its next step finds the design not in work.
    """
    return designs.filter(status__in=[*IN_WORK, Status.FAILED]).update(**_AS_UPLOADED)


def _may_begin(design: Design) -> bool:
    """Return whether a design may be processed now.

    A status below 500 means that the file is at fault, and it would fail again. From 500 on, the cause was a time
    limit, the storage, a lost worker, a cancelled task or an error of ours.
    """
    is_retry = design.status == Status.FAILED and (design.error_status or 0) >= _SERVER_FAULT
    return design.status == Status.UPLOADED or is_retry


def require_processed(design: Design) -> None:
    """Check that processing has ended with a result.

    Raises:
        DesignNotReady: Processing has not ended.
        EnginelBaseException: The failure in which processing ended, see `stored_failure`.
    """
    if design.status == Status.FAILED:
        raise stored_failure(design)
    if design.status != Status.READY:
        raise _not_in_status(design, "read", Status.READY)


def require_bom(design: Design) -> None:
    """Check that the bill of materials is available: it survives a failure of the geometry.

    Raises:
        DesignNotReady: Processing has not ended.
        EnginelBaseException: The failure in which processing ended before the bill of materials was stored.
    """
    if not (design.status == Status.FAILED and design.step == Step.GEOMETRY):
        require_processed(design)


def stored_failure(design: Design) -> EnginelBaseException:
    """Return the failure that ended a design, as the same occurrence, not a new one."""
    failure = exception_class_for_code(design.error_code)(
        design.error_detail, design.error_code, details=design.error_facts
    )
    if design.error_status is not None:
        # Some codes are more specific than their class, and have another status.
        failure.status_code = design.error_status
    failure.__dict__.update(error_id=design.error_id, already_recorded=True)
    return failure


def _not_in_status(design: Design, what: str, needed: Status) -> DesignNotReady:
    return DesignNotReady(f"This design is {design.status}; to be {what} it must be {needed.value}.")
