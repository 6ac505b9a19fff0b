"""Endpoints of organizations and their members."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from designs.access.memberships import add_member, listed_members
from designs.access.permissions import (
    get_membership,
    require_role,
    require_user,
    visible_designs,
    visible_organizations,
)
from designs.exceptions import InsufficientPermissions, UserLimitExceeded
from designs.models import Membership, Organization, Role
from designs.schema import error_responses
from designs.serializers import (
    MemberSerializer,
    NewMemberSerializer,
    OrganizationDetailSerializer,
    OrganizationSerializer,
)
from designs.views.api import WorkloadView

__all__ = ["MemberListView", "OrganizationListView", "OrganizationView"]


@extend_schema_view(
    get=extend_schema(
        summary="Your organizations",
        responses={200: OrganizationSerializer(many=True), **error_responses(ParseError, NotFound)},
    )
)
class OrganizationListView(WorkloadView, generics.ListAPIView[Organization]):
    """The organizations you are a member of."""

    queryset = Organization.objects.all()
    serializer_class = OrganizationSerializer

    def get_queryset(self) -> QuerySet[Organization]:
        return visible_organizations(require_user(self.request.user))


class OrganizationView(WorkloadView):
    """An organization you are a member of."""

    @extend_schema(
        summary="Limits and usage of an organization",
        responses={200: OrganizationDetailSerializer, **error_responses(NotFound)},
    )
    def get(self, request: Request, organization_id: uuid.UUID) -> Response:
        user = require_user(request.user)
        membership = get_membership(user, organization_id)
        return Response(
            OrganizationDetailSerializer(membership.organization, context={"visible": visible_designs(user)}).data
        )


@extend_schema_view(
    get=extend_schema(
        summary="Members", responses={200: MemberSerializer(many=True), **error_responses(ParseError, NotFound)}
    ),
    post=extend_schema(
        summary="Add a member",
        request=NewMemberSerializer,
        responses={
            201: MemberSerializer,
            **error_responses(ParseError, NotFound, InsufficientPermissions, UserLimitExceeded),
        },
    ),
)
class MemberListView(WorkloadView, generics.ListAPIView[Any]):
    """Members see each other; admins and owners add members, with at most their own rights.

    The response does not show whether an account has this name; a name without an account gets an entry without access.
    """

    queryset = Membership.objects.all()
    serializer_class = MemberSerializer

    def get_queryset(self) -> QuerySet[Any]:
        return listed_members(self._by.organization)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "by": self._by}

    @cached_property
    def _by(self) -> Membership:
        return get_membership(require_user(self.request.user), self.kwargs["organization_id"])

    def post(self, request: Request, organization_id: uuid.UUID) -> Response:
        by = self._by
        # Checked before the body is read: members without the right get 403, not errors about the body.
        require_role(by, Role.ADMIN)
        form = NewMemberSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        added = add_member(by, **form.validated_data)
        entry = {**form.validated_data, "id": added.pk, "created_at": added.created_at}
        return Response(MemberSerializer(entry, context={"by": by}).data, status=status.HTTP_201_CREATED)
