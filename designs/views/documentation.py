"""OpenAPI schema of the API, and its Swagger UI page."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from django.conf import settings
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

__all__ = ["DocumentationView", "SchemaView"]


class _CachedGenerator(SchemaGenerator):
    """Generates the schema once per process, under a lock: drf-spectacular's registries are not thread-safe.

    Parameters such as ``?version=9`` and ``?lang=de`` have no effect: the API has one version and one language.
    """

    _schemas: ClassVar[dict[bool, Any]] = {}
    _lock = threading.Lock()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "api_version": None})  # type: ignore[no-untyped-call]

    def get_schema(self, request: Request | None = None, public: bool = False) -> Any:
        with self._lock, translation.override(settings.LANGUAGE_CODE):
            if public not in self._schemas:
                self._schemas[public] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
            return self._schemas[public]


class SchemaView(SpectacularAPIView):
    """OpenAPI 3 schema of the API."""

    generator_class = _CachedGenerator


class DocumentationView(SpectacularSwaggerSplitView):
    """The schema as a page. ``?script`` serves its script, since the content security policy forbids inline scripts."""

    template_name = "designs/docs.html"
