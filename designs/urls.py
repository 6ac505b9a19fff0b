"""URLs below /api/, except health and monitoring."""

from __future__ import annotations

from django.urls import path

from designs.views.auth import LoginView, LogoutView
from designs.views.designs import (
    BOMView,
    DesignListView,
    DesignView,
    FinalizeView,
    GeometryView,
    UploadView,
)
from designs.views.documentation import DocumentationView, SchemaView
from designs.views.organizations import MemberListView, OrganizationListView, OrganizationView
from designs.views.series import SeriesListView, SeriesView

urlpatterns = [
    path("auth/login/", LoginView.as_view(), name="login"),
    path("auth/logout/", LogoutView.as_view(), name="logout"),
    path("organizations/", OrganizationListView.as_view(), name="organization-list"),
    path("organizations/<uuid:organization_id>/", OrganizationView.as_view(), name="organization"),
    path("organizations/<uuid:organization_id>/members/", MemberListView.as_view(), name="member-list"),
    path("series/", SeriesListView.as_view(), name="series-list"),
    path("series/<uuid:series_id>/", SeriesView.as_view(), name="series"),
    path("designs/", DesignListView.as_view(), name="design-list"),
    path("designs/upload/", UploadView.as_view(), name="design-upload"),
    path("designs/<uuid:design_id>/", DesignView.as_view(), name="design"),
    path("designs/<uuid:design_id>/finalize/", FinalizeView.as_view(), name="design-finalize"),
    path("designs/<uuid:design_id>/geometry/", GeometryView.as_view(), name="design-geometry"),
    path("designs/<uuid:design_id>/bom/", BOMView.as_view(), name="design-bom"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocumentationView.as_view(url_name="schema"), name="docs"),
]
