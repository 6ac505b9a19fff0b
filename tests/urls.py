"""The service's URLs and, beside them, the views of `tests.support.probe_views`."""

from __future__ import annotations

from django.urls import path

from enginel.urls import handler400, handler403, handler404, handler500
from enginel.urls import urlpatterns as service_urlpatterns
from tests.support import probe_views as views

__all__ = ["handler400", "handler403", "handler404", "handler500"]

urlpatterns = [
    path("api/probe/drf/", views.DRFView.as_view()),
    path("api/probe/closed/", views.ClosedView.as_view()),
    path("api/probe/throttled/", views.ThrottledView.as_view()),
    path("api/probe/form/", views.FormView.as_view()),
    path("api/probe/plain/", views.plain),
    path("api/probe/async/", views.plain_async),
    path("probe/plain/", views.plain),
    path("api/probe/nothing/", views.nothing),
    path("api/probe/template/", views.template),
    path("api/probe/long/<str:rest>", views.long),
    path("probe/stream/", views.stream),
    path("probe/stream-async/", views.stream_async),
    *service_urlpatterns,
]
