"""The guide's task. The worker of the flow tests loads it; `do_processing` fails for the design ``bad``."""

from __future__ import annotations

from designs.exceptions import GeometryProcessingError
from tests.guide.blocks import run

__all__ = ["custom_processing_task"]


def do_processing(design_id: str) -> str:
    if design_id == "bad":
        raise GeometryProcessingError("Failed to parse STEP file")
    return f"{design_id} done"


custom_processing_task = run("celery task", __name__=__name__, do_processing=do_processing)["custom_processing_task"]
