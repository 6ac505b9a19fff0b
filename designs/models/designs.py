"""Series of design versions under one part number, with the processing results of each version."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from designs import context
from designs.models.controlled import AskingManager, DesignQuerySet, PartQuerySet, SeriesQuerySet, Telling
from designs.models.organizations import Clearance, Organization
from designs.models.text import validate_one_line

__all__ = ["IN_WORK", "BOMItem", "Design", "Geometry", "Kind", "Series", "Status", "Step", "storage_name"]

_SUFFIXES = {"step": ".step", "iges": ".igs"}


class Kind(models.TextChoices):
    """Supported file formats."""

    STEP = "step", "STEP"
    IGES = "iges", "IGES"


class Status(models.TextChoices):
    """Processing state of a design: uploaded, queued, processing, then ready or failed."""

    UPLOADED = "uploaded", "Uploaded"
    QUEUED = "queued", "Queued"
    PROCESSING = "processing", "Processing"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


IN_WORK = (Status.QUEUED, Status.PROCESSING)
"""Statuses of designs that a worker processes or will process."""


class Step(models.TextChoices):
    """Last processing step that was started."""

    NONE = "", "None"
    SCAN = "scan", "Scan"
    BOM = "bom", "Bill of materials"
    GEOMETRY = "geometry", "Geometry"


class Series(Telling, models.Model):
    """All versions of one part."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # PROTECT: a cascade would delete the rows and leave the files in storage.
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="series")
    part_number = models.CharField(max_length=100, validators=[validate_one_line])
    name = models.CharField(max_length=200, validators=[validate_one_line])
    description = models.TextField(blank=True, default="", max_length=10_000)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AskingManager.from_queryset(SeriesQuerySet)()

    class Meta:
        ordering = ["part_number", "id"]
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(fields=["organization", "part_number"], name="series_part_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.part_number} {self.name}"


def storage_name(design: Design, client_name: str) -> str:
    """Return the name of a design's file in storage. It consists of ids; the client's file name is not used."""
    return str(PurePosixPath("designs", str(design.series.organization_id), f"{design.id}{_SUFFIXES[design.kind]}"))


class Design(models.Model):
    """Version of a part: an uploaded file, its processing state, and the failure that ended processing, if any.

    Attributes:
        version: Number in the order of uploads, unique in the series. Users see `shown_version`.
        visible_version: See `designs.access.permissions.with_visible_version`; None if the query did not compute it.
    """

    visible_version: int | None = None

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="designs")
    version = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.UPLOADED)
    step = models.CharField(max_length=16, choices=Step.choices, default=Step.NONE, blank=True)

    file = models.FileField(upload_to=storage_name, max_length=200)
    file_name = models.CharField("client's file name", max_length=255)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField("SHA-256", max_length=64)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    schema = models.CharField(max_length=255, blank=True, default="")
    unit = models.CharField(max_length=64, blank=True, default="")
    unit_millimetres = models.FloatField(null=True, blank=True, help_text="Length of the file's unit in mm.")
    defined_solids = models.PositiveIntegerField(
        null=True, blank=True, help_text="Solid bodies the file defines; the geometry must hold them all."
    )

    is_itar = models.BooleanField("export-controlled (ITAR)", default=False)
    classification = models.PositiveSmallIntegerField(choices=Clearance.choices, default=Clearance.UNCLASSIFIED)

    error_id = models.CharField(max_length=64, blank=True, default="")
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_detail = models.TextField(blank=True, default="")
    error_status = models.PositiveSmallIntegerField("HTTP status of the error", null=True, blank=True)
    # Defaults in the database: during an upgrade, processes of the previous release insert rows without these columns.
    error_reason = models.CharField(max_length=40, blank=True, default="", db_default="")
    error_stage = models.CharField(max_length=40, blank=True, default="", db_default="")
    error_place = models.JSONField("where in the file", null=True, blank=True)

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finalized_at = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    task_id = models.CharField("id of the first Celery task", max_length=64, blank=True, default="")

    objects = DesignQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="design_newest_first"),
            models.Index(fields=["status", "created_at"], name="design_by_status"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["series", "version"], name="design_version_once"),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="design_status_known"),
            models.CheckConstraint(
                condition=models.Q(classification__in=Clearance.values), name="design_classification_known"
            ),
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.note_marks()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]  # missing in the stubs
        self.note_marks()

    def __str__(self) -> str:
        return f"{self.series.part_number} version {self.shown_version}"

    @property
    def shown_version(self) -> int:
        """Number of this version among the versions that the user may see; the stored number if not computed."""
        return self.version if self.visible_version is None else self.visible_version

    def note_marks(self) -> None:
        """Mark the context as controlled if the design is, so that error reports omit its content."""
        held = vars(self)
        # A deferred field counts as controlled: its value is unknown without a query.
        if held.get("is_itar", True) or held.get("classification", True):
            context.set_controlled()

    @property
    def error_facts(self) -> dict[str, Any]:
        """Stage, reason and place of the failure, in the format of `designs.cad.reasons.shown_facts`."""
        return {**(self.error_place or {}), "stage": self.error_stage, "reason": self.error_reason}

    @property
    def stored_as(self) -> str:
        """Name of the file in storage; empty if no file is stored."""
        return self.file.name or ""


class Geometry(Telling, models.Model):
    """Measurements of the CAD kernel in mm, mm² and mm³. Null: the file has no such value."""

    design = models.OneToOneField(Design, on_delete=models.CASCADE, primary_key=True, related_name="geometry")
    solids = models.PositiveIntegerField()
    faces = models.PositiveIntegerField()
    box_x_mm = models.FloatField(null=True, blank=True)
    box_y_mm = models.FloatField(null=True, blank=True)
    box_z_mm = models.FloatField(null=True, blank=True)
    volume_mm3 = models.FloatField(null=True, blank=True)
    area_mm2 = models.FloatField(null=True, blank=True)
    kernel_version = models.CharField(max_length=64)
    duration_seconds = models.FloatField()
    peak_memory_bytes = models.PositiveBigIntegerField()
    warnings = models.JSONField(default=list, blank=True)

    objects = AskingManager.from_queryset(PartQuerySet)()

    class Meta:
        verbose_name_plural = "geometries"

    def __str__(self) -> str:
        return f"{self.solids} solids, {self.faces} faces"


class BOMItem(Telling, models.Model):
    """Line of a design's bill of materials: a part and its quantity."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    design = models.ForeignKey(Design, on_delete=models.CASCADE, related_name="bom_items")
    part = models.TextField()
    quantity = models.BigIntegerField(validators=[MinValueValidator(1)])
    position = models.PositiveIntegerField()

    objects = AskingManager.from_queryset(PartQuerySet)()

    class Meta:
        ordering = ["position"]
        verbose_name = "BOM item"
        constraints = [
            models.UniqueConstraint(fields=["design", "position"], name="bom_item_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.part}"
