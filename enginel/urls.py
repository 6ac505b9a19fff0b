"""URLs of the service."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from designs.views.auth import admin_login, admin_password_change
from designs.views.dashboard import DashboardView, PerformanceView
from designs.views.dashboard_page import dashboard
from designs.views.health import ReadyView, StatusView, liveness
from designs.views.metrics import metrics
from designs.views.monitoring import ErrorListView, GroupListView, GroupView
from designs.views.start import favicon, start

handler400 = "designs.http.error_responses.bad_request"
handler403 = "designs.http.error_responses.permission_denied"
handler404 = "designs.http.error_responses.not_found"
handler500 = "designs.http.error_responses.server_error"

urlpatterns = [
    path("", start, name="start"),
    path("favicon.ico", favicon, name="favicon"),
    path("api/health/", liveness, name="health"),
    path("api/health/detailed/", StatusView.as_view(), name="health-detailed"),
    path("api/health/ready/", ReadyView.as_view(), name="health-ready"),
    path("api/monitoring/dashboard/", DashboardView.as_view(), name="monitoring-dashboard"),
    path("api/monitoring/performance/", PerformanceView.as_view(), name="monitoring-performance"),
    path("api/monitoring/errors/", ErrorListView.as_view(), name="monitoring-errors"),
    path("api/monitoring/groups/", GroupListView.as_view(), name="monitoring-groups"),
    path("api/monitoring/groups/<str:key>/", GroupView.as_view(), name="monitoring-group"),
    path("metrics", metrics, name="metrics"),
    path("api/", include("designs.urls")),
    path("admin/monitoring/", admin.site.admin_view(dashboard), name="admin-monitoring"),
    # Before the admin site's own views, which do not limit attempts.
    path("admin/login/", admin_login),
    path("admin/password_change/", admin.site.admin_view(admin_password_change)),
    path("admin/", admin.site.urls),
]

if "debug_toolbar" in settings.INSTALLED_APPS:
    urlpatterns.append(path("__debug__/", include("debug_toolbar.urls")))
