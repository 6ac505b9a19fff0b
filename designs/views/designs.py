"""Endpoints of designs: upload, finalize, geometry, bill of materials, delete."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import MethodNotAllowed, NotFound, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from designs.access.permissions import (
    get_design,
    require_role,
    require_user,
    visible_designs,
    with_visible_version,
)
from designs.cad import convert_area, convert_length, convert_volume
from designs.design_lifecycle import (
    accept_upload,
    delete_design,
    finalize_design,
    require_bom,
    require_processed,
)
from designs.exceptions import (
    BOMExtractionError,
    ClearanceLevelInsufficient,
    CorruptedFile,
    DesignNotReady,
    EnginelBaseException,
    ExternalServiceError,
    FileSizeExceeded,
    FileValidationError,
    GeometryProcessingError,
    InsufficientPermissions,
    InvalidFileFormat,
    ITARViolation,
    OrganizationLimitExceeded,
    StorageQuotaExceeded,
    TaskTimeoutError,
    UnitConversionError,
)
from designs.http.list_filters import DesignFilter
from designs.models import Design, Geometry, Role
from designs.schema import error_responses
from designs.serializers import BOMSerializer, DesignSerializer, GeometrySerializer, UploadSerializer
from designs.uploads import UploadParser, expect_upload
from designs.views.api import WorkloadView

__all__ = ["BOMView", "DesignListView", "DesignView", "FinalizeView", "GeometryView", "UploadView"]

_NOT_SHOWN = (NotFound, ITARViolation, ClearanceLevelInsufficient)
_STORED_FAILURES = (
    EnginelBaseException,
    InvalidFileFormat,
    CorruptedFile,
    UnitConversionError,
    BOMExtractionError,
    TaskTimeoutError,
    ExternalServiceError,
)


class UploadView(WorkloadView):
    """One STEP or IGES file; a refused upload is not stored."""

    parser_classes = [UploadParser]

    @extend_schema(
        summary="Upload a file as the next version of a series",
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: DesignSerializer,
            **error_responses(
                ParseError,
                FileValidationError,
                InvalidFileFormat,
                FileSizeExceeded,
                CorruptedFile,
                *_NOT_SHOWN,
                InsufficientPermissions,
                OrganizationLimitExceeded,
                StorageQuotaExceeded,
                ExternalServiceError,
            ),
        },
    )
    def post(self, request: Request) -> Response:
        user = require_user(request.user)
        expect_upload(request._request, user)  # noqa: SLF001  # DRF offers no public name
        form = UploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        # Read again for the visible version number: the stored one counts versions that the user may not see.
        design, _ = get_design(user, accept_upload(user, form.validated_data).pk, to_show=True)
        return Response(DesignSerializer(design).data, status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(
        summary="Designs that you may see",
        responses={200: DesignSerializer(many=True), **error_responses(ParseError, NotFound)},
    )
)
class DesignListView(WorkloadView, generics.ListAPIView[Design]):
    """The list omits designs that export control or clearance hides from you."""

    queryset = Design.objects.all()
    serializer_class = DesignSerializer
    filterset_class = DesignFilter

    def get_queryset(self) -> QuerySet[Design]:
        visible = visible_designs(require_user(self.request.user))
        return with_visible_version(visible, visible).select_related("series")


class DesignView(WorkloadView):
    """A design with the state of its processing and the failure that ended it, if any."""

    # The schema documents 405 here, since /api/designs/upload/ matches the path of a design.

    @extend_schema(
        summary="One design", responses={200: DesignSerializer, **error_responses(*_NOT_SHOWN, MethodNotAllowed)}
    )
    def get(self, request: Request, design_id: uuid.UUID) -> Response:
        design, _ = get_design(require_user(request.user), design_id, to_show=True)
        return Response(DesignSerializer(design).data)

    @extend_schema(
        summary="Delete a design and its file",
        responses={
            204: None,
            **error_responses(
                *_NOT_SHOWN, InsufficientPermissions, DesignNotReady, ExternalServiceError, MethodNotAllowed
            ),
        },
    )
    def delete(self, request: Request, design_id: uuid.UUID) -> Response:
        design, membership = get_design(require_user(request.user), design_id)
        require_role(membership, Role.ADMIN)
        delete_design(design)
        return Response(status=status.HTTP_204_NO_CONTENT)


class FinalizeView(WorkloadView):
    """Queues the design for processing; repeat it after a failure that the file did not cause."""

    @extend_schema(
        summary="Queue a design for processing",
        request=None,
        responses={
            202: DesignSerializer,
            **error_responses(
                *_NOT_SHOWN,
                InsufficientPermissions,
                DesignNotReady,
                EnginelBaseException,
                ExternalServiceError,
            ),
        },
    )
    def post(self, request: Request, design_id: uuid.UUID) -> Response:
        design, membership = get_design(require_user(request.user), design_id, to_show=True)
        require_role(membership, Role.ENGINEER)
        return Response(DesignSerializer(finalize_design(design)).data, status=status.HTTP_202_ACCEPTED)


class GeometryView(WorkloadView):
    """Solids, faces, box, volume and area; or the failure that ended processing, with its error id."""

    @extend_schema(
        summary="Measurements of the CAD kernel, in a unit of your choice",
        parameters=[OpenApiParameter("unit", str, default="mm", description="A unit of length: mm, inch, m, ...")],
        responses={
            200: GeometrySerializer,
            **error_responses(*_NOT_SHOWN, DesignNotReady, GeometryProcessingError, *_STORED_FAILURES),
        },
    )
    def get(self, request: Request, design_id: uuid.UUID) -> Response:
        design, _ = get_design(require_user(request.user), design_id)
        require_processed(design)
        body = _geometry_body(design.geometry, request.query_params.get("unit", "mm"))
        return Response(GeometrySerializer(body).data)


class BOMView(WorkloadView):
    """Parts and quantities; empty for IGES files and single parts."""

    @extend_schema(
        summary="Bill of materials",
        responses={200: BOMSerializer, **error_responses(*_NOT_SHOWN, DesignNotReady, *_STORED_FAILURES)},
    )
    def get(self, request: Request, design_id: uuid.UUID) -> Response:
        design, _ = get_design(require_user(request.user), design_id)
        require_bom(design)
        items = list(design.bom_items.all())
        body = {"design": design.pk, "pieces": sum(item.quantity for item in items), "items": items}
        return Response(BOMSerializer(body).data)


def _geometry_body(geometry: Geometry, unit: str) -> dict[str, Any]:
    sides = {"x": geometry.box_x_mm, "y": geometry.box_y_mm, "z": geometry.box_z_mm}
    box = {axis: convert_length(side, unit) for axis, side in sides.items() if side is not None}
    # Missing values are converted too, so that an unknown unit is always refused.
    volume = convert_volume(geometry.volume_mm3 or 0.0, unit)
    area = convert_area(geometry.area_mm2 or 0.0, unit)
    return {
        "design": geometry.design_id,
        "unit": unit,
        "solids": geometry.solids,
        "faces": geometry.faces,
        "box": box or None,
        "volume": None if geometry.volume_mm3 is None else volume,
        "area": None if geometry.area_mm2 is None else area,
        "kernel_version": geometry.kernel_version,
        "warnings": geometry.warnings,
    }
