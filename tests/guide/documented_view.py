"""The guide's view with a URL, over the real workload."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path
from rest_framework.response import Response

from designs.cad import FileKind
from designs.design_files import local_path
from designs.models import Design
from enginel.urls import urlpatterns as enginel_urls
from tests.guide.blocks import run
from tests.support.cad.pipeline import process

__all__ = ["urlpatterns"]


def process_geometry(design_id: uuid.UUID) -> dict[str, Any]:
    design = Design.objects.get(pk=design_id)
    with local_path(design) as file:
        _, _, summary = process(file, FileKind(design.kind), 20.0)
    return {"solids": summary.solids}


_view = run("errors in views", process_geometry=process_geometry, Response=Response)["ProcessDesignView"]

urlpatterns = [path("api/designs/<uuid:design_id>/process/", _view.as_view()), *enginel_urls]
