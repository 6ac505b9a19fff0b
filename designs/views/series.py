"""Endpoints of series: part numbers with their versions."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from designs.access.permissions import get_series, require_user, visible_series
from designs.exceptions import DuplicatePartNumber, InsufficientPermissions
from designs.models import Series
from designs.part_numbers import create_series
from designs.schema import error_responses
from designs.serializers import NewSeriesSerializer, SeriesSerializer
from designs.views.api import WorkloadView

__all__ = ["SeriesListView", "SeriesView"]


@extend_schema_view(
    get=extend_schema(
        summary="Series", responses={200: SeriesSerializer(many=True), **error_responses(ParseError, NotFound)}
    ),
    post=extend_schema(
        summary="Create a series",
        request=NewSeriesSerializer,
        responses={
            201: SeriesSerializer,
            **error_responses(ParseError, NotFound, InsufficientPermissions, DuplicatePartNumber),
        },
    ),
)
class SeriesListView(WorkloadView, generics.ListAPIView[Series]):
    """Series of your organizations; engineers, admins and owners create new ones."""

    queryset = Series.objects.all()
    serializer_class = SeriesSerializer

    def get_queryset(self) -> QuerySet[Series]:
        return visible_series(require_user(self.request.user))

    def post(self, request: Request) -> Response:
        form = NewSeriesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        series = create_series(require_user(request.user), **form.validated_data)
        return Response(SeriesSerializer(series).data, status=status.HTTP_201_CREATED)


class SeriesView(WorkloadView):
    """A series of one of your organizations."""

    @extend_schema(summary="One series", responses={200: SeriesSerializer, **error_responses(NotFound)})
    def get(self, request: Request, series_id: uuid.UUID) -> Response:
        series, _ = get_series(require_user(request.user), series_id)
        return Response(SeriesSerializer(series).data)
