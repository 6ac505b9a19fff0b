"""Celery tasks that process designs: scan, bill of materials, geometry. Each queues the next when it succeeds.

Arguments are ids only. The first failure ends the processing; it propagates, so that Celery's signals receive it.
"""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from celery import current_task, shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.utils import timezone

from designs.cad import (
    HEAD_BYTES,
    FileKind,
    GeometrySummary,
    bill_of_materials,
    defined_solids,
    extract_geometry,
    findings_of,
    length_unit,
    scan_iges,
    scan_step,
    sniff,
)
from designs.cad.reasons import PLACES, shown_facts
from designs.design_files import local_path
from designs.exceptions import (
    EnginelBaseException,
    ExternalServiceError,
    InvalidFileFormat,
    TaskTimeoutError,
)
from designs.models import IN_WORK, BOMItem, Design, Geometry, Kind, Status, Step
from designs.monitoring import PerformanceMonitor, is_withheld, own_words

__all__ = [
    "STEPS",
    "extract_bom",
    "extract_design_geometry",
    "failure_context",
    "mark_failed",
    "mark_interrupted",
    "processing_cancelled",
    "processing_expired",
    "processing_lost",
    "processing_timed_out",
    "queue_processing",
    "root_of",
    "scan_design",
]

logger = logging.getLogger(__name__)

_DETAIL_MAX_CHARS = 2_000
_INSERT_BATCH = 500
# Names of the timed operations, by the name of their task.
_OPERATIONS = {
    "designs.scan_design": "scan",
    "designs.extract_bom": "bom_extraction",
    "designs.extract_geometry": "geometry_extraction",
}
_STEPS = {
    "designs.scan_design": str(Step.SCAN),
    "designs.extract_bom": str(Step.BOM),
    "designs.extract_geometry": str(Step.GEOMETRY),
}


@shared_task(name="designs.scan_design", throws=(EnginelBaseException,), acks_late=False, ignore_result=True)
def scan_design(design_id: str) -> None:
    """Check the content of the file again, and store its schema and unit.

    Raises:
        InvalidFileFormat, CorruptedFile, UnitConversionError, GeometryProcessingError: The file cannot be used.
        TaskTimeoutError: The soft time limit passed.
        ExternalServiceError: The storage failed.
    """
    _run_step(design_id, Step.SCAN, _scan)


@shared_task(name="designs.extract_bom", throws=(EnginelBaseException,), acks_late=False, ignore_result=True)
def extract_bom(design_id: str) -> None:
    """Store the bill of materials; IGES files and single parts have an empty one.

    Raises:
        BOMExtractionError: The assembly structure is inconsistent.
        TaskTimeoutError: The soft time limit passed.
        ExternalServiceError: The storage failed.
    """
    _run_step(design_id, Step.BOM, _bom)


@shared_task(name="designs.extract_geometry", throws=(EnginelBaseException,), acks_late=False, ignore_result=True)
def extract_design_geometry(design_id: str) -> None:
    """Store the measurements of the kernel, and make the design ready.

    Raises:
        GeometryProcessingError, CorruptedFile: The kernel crashed or cannot use the file.
        TaskTimeoutError: The kernel's deadline or the soft time limit passed.
        ExternalServiceError: The storage failed.
    """
    _run_step(design_id, Step.GEOMETRY, _geometry)


STEPS = (scan_design.name, extract_bom.name, extract_design_geometry.name)
"""Names of the tasks that process designs."""


def queue_processing(design_id: uuid.UUID, task_id: str) -> None:
    """Queue the three steps; ``task_id`` is the id of the first.

    Raises:
        OSError, kombu.exceptions.OperationalError, redis.exceptions.RedisError: The broker does not respond.
    """
    # Links, not a chain: an eager chain raises the failure of a task in the code that queues it.
    bom = extract_bom.si(str(design_id))
    bom.link(extract_design_geometry.si(str(design_id)))
    scan_design.apply_async((str(design_id),), task_id=task_id, link=bom)


def failure_context(task: str, args: Sequence[object] | None) -> dict[str, str]:
    """Return the design and the step for the record of a failed task; empty for other tasks.

    Both come from the message alone: a killed worker process leaves nothing else.
    """
    operation = _OPERATIONS.get(task)
    return {"design_id": str(args[0]), "step": operation} if operation and args else {}


def mark_failed(
    design_id: str,
    *,
    code: str,
    detail: str,
    status: int,
    error_id: str,
    task_id: str = "",
    details: object = None,
) -> None:
    """Store the failure that ended a design; may be called again, also from a process that ran no task.

    The first call sets code, detail and status; a later one adds the ``error_id`` if the first had none.
    A design that is ready, or was not being processed, stays unchanged.

    Args:
        design_id: Id of the design; any text is accepted.
        code: Code of the failure, as in error bodies.
        detail: Text for the client.
        status: HTTP status of the failure.
        error_id: Id of the record of the failure; empty if it has none yet.
        task_id: Id of the first task of the failed processing. A design that was finalized again since then is
            processed by another task and stays unchanged. Empty for any processing.
        details: Details of the failure; only those that clients may see are stored.
    """
    try:
        pk = uuid.UUID(design_id)
    except ValueError:
        return
    _reconnect()
    designs = Design.objects.filter(pk=pk, **_processed_by(task_id))
    failed = designs.filter(status__in=IN_WORK).update(**_failure(code, detail, status, error_id, details))
    if not failed and error_id:
        designs.filter(status=Status.FAILED, error_id="").update(error_id=error_id)


def mark_interrupted(task_id: str, failure: EnginelBaseException, *, error_id: str = "") -> int:
    """Store that processing ended without a failure of its own; return the number of designs that it ended (0 or 1).

    Args:
        task_id: Id of the first task of the processing.
        failure: Failure to show to clients.
        error_id: Id of the error record, if there is one.
    """
    if not task_id:
        return 0
    _reconnect()
    in_work = Design.objects.filter(task_id=task_id, status__in=IN_WORK)
    noted = _failure(failure.code, str(failure.detail), failure.status_code, error_id, failure.details)
    return in_work.update(**noted)


def processing_cancelled() -> EnginelBaseException:
    return ExternalServiceError("Processing was cancelled. Finalize the design again.", "processing_cancelled")


def processing_expired() -> EnginelBaseException:
    return ExternalServiceError("Processing did not begin in time. Finalize the design again.", "processing_expired")


def processing_lost() -> EnginelBaseException:
    return ExternalServiceError("The task of this design was lost. Finalize the design again.", "processing_lost")


def processing_timed_out(task: str) -> EnginelBaseException:
    """Return the failure of a design whose task hit the hard time limit."""
    return TaskTimeoutError(details={"stage": _STEPS.get(task, ""), "reason": "time_limit"})


def root_of(request: Any) -> str:
    """Return the id of the first task of the processing that a step's request belongs to; empty outside of a worker."""
    if getattr(request, "is_eager", False):
        # Eager steps do not carry the id of the first task.
        return ""
    return str(request.root_id or request.id or "")


def _reconnect() -> None:
    # The worker's main process uses its connection rarely: the server may have dropped it since.
    if not connection.in_atomic_block:
        close_old_connections()


def _processed_by(task_id: str) -> dict[str, Any]:
    return {"task_id__in": ("", task_id)} if task_id else {}


def _failure(code: str, detail: str, status: int, error_id: str, details: object) -> dict[str, Any]:
    facts = shown_facts(details)
    return {
        "status": Status.FAILED,
        "error_code": code,
        "error_detail": detail.replace("\0", "")[:_DETAIL_MAX_CHARS],
        "error_status": status,
        "error_id": error_id,
        "error_reason": facts.get("reason", ""),
        "error_stage": facts.get("stage", ""),
        "error_place": {name: facts[name] for name in PLACES if name in facts} or None,
        "processed_at": timezone.now(),
    }


def _run_step(design_id: str, step: Step, work: Callable[[Design], None]) -> None:
    """Run one processing step; skip designs that were deleted, are not in work, or are processed by another task."""
    task_id = root_of(current_task.request) if current_task else ""
    in_work = Design.objects.filter(pk=design_id, status__in=IN_WORK, **_processed_by(task_id))
    if not in_work.update(status=Status.PROCESSING, step=step):
        return
    try:
        _within_time(work, Design.objects.select_related("series__organization").get(pk=design_id))
    except EnginelBaseException as exc:
        _store_failure(design_id, exc, task_id)
        raise
    except Exception:
        # The error record has the cause; the client learns only that processing failed.
        _store_failure(design_id, EnginelBaseException(), task_id)
        raise


def _within_time(work: Callable[[Design], None], design: Design) -> None:
    try:
        work(design)
    except SoftTimeLimitExceeded as exc:
        raise TaskTimeoutError(
            details={"stage": str(design.step), "reason": "time_limit", "limit": "soft", "step": design.step}
        ) from exc


def _store_failure(design_id: str, exc: EnginelBaseException, task_id: str) -> None:
    detail = own_words(exc) if is_withheld(exc) else str(exc.detail)
    facts: dict[str, Any] = {"code": exc.code, "detail": detail, "status": exc.status_code, "details": exc.details}
    try:
        mark_failed(design_id, **facts, error_id="", task_id=task_id)
    except DatabaseError:
        # This error must not replace the failure being raised; the signal's receiver tries again.
        logger.exception("The failure of a design could not be stored", extra={"design_id": design_id})


@PerformanceMonitor.track_duration("scan")
def _scan(design: Design) -> None:
    with local_path(design) as path:
        with path.open("rb") as file:
            kind = sniff(file.read(HEAD_BYTES))
        if kind != design.kind:
            raise InvalidFileFormat("The stored file is of another format than the upload.")
        if kind is FileKind.STEP:
            scan = scan_step(path)
            schema, solids, unit = scan.schema, defined_solids(scan), length_unit(scan)
        else:
            schema, solids, unit = "", None, scan_iges(path).unit
    millimetres = unit.millimetres if math.isfinite(unit.millimetres) else None
    Design.objects.filter(pk=design.pk, status=Status.PROCESSING, task_id=design.task_id).update(
        schema=schema[:255], defined_solids=solids, unit=unit.name[:64], unit_millimetres=millimetres
    )


@PerformanceMonitor.track_duration("bom_extraction")
def _bom(design: Design) -> None:
    lines = []
    if design.kind == Kind.STEP:
        with local_path(design) as path:
            lines = list(bill_of_materials(scan_step(path)).lines)
    items = [
        BOMItem(design=design, part=line.part, quantity=line.quantity, position=position)
        for position, line in enumerate(lines, 1)
    ]
    with transaction.atomic():
        if not _is_still_ours(design):
            return
        design.bom_items.all().delete()
        BOMItem.objects.bulk_create(items, batch_size=_INSERT_BATCH)


@PerformanceMonitor.track_duration("geometry_extraction")
def _geometry(design: Design) -> None:
    pieces = sum(design.bom_items.values_list("quantity", flat=True))
    kind = FileKind(design.kind)
    with local_path(design) as path:
        findings = findings_of(path, kind)
        summary = extract_geometry(
            path,
            kind,
            timeout_seconds=design.series.organization.kernel_timeout_seconds(),
            memory_limit_bytes=settings.ENGINEL_KERNEL_MEMORY_BYTES,
            expected=replace(findings.expected, pieces=pieces, solids=design.defined_solids or 0),
            damage=findings.damage,
            needs_rewrite=findings.needs_rewrite,
            warnings=findings.warnings,
            units=findings.units,
        )
    with transaction.atomic():
        if not _is_still_ours(design):
            return
        Geometry.objects.update_or_create(design=design, defaults=_measured(summary))
        Design.objects.filter(pk=design.pk).update(status=Status.READY, processed_at=timezone.now())


def _is_still_ours(design: Design) -> bool:
    """Lock the design; return False if it was deleted, failed or finalized again during the work."""
    in_work = Design.objects.filter(pk=design.pk, status=Status.PROCESSING, task_id=design.task_id)
    locked = in_work.select_for_update()
    return locked.first() is not None


def _measured(summary: GeometrySummary) -> dict[str, object]:
    x, y, z = summary.box_mm or (None, None, None)
    return {
        "solids": summary.solids,
        "faces": summary.faces,
        "box_x_mm": x,
        "box_y_mm": y,
        "box_z_mm": z,
        "volume_mm3": summary.volume_mm3,
        "area_mm2": summary.area_mm2,
        "kernel_version": summary.kernel_version,
        "duration_seconds": summary.duration_seconds,
        "peak_memory_bytes": summary.peak_memory_bytes,
        "warnings": list(summary.warnings),
    }
