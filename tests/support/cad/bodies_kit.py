"""Files of small bodies through scan and kernel."""

from __future__ import annotations

import pytest

from designs.cad import FileKind, GeometrySummary
from designs.exceptions import EnginelBaseException
from tests.designs.cad.conftest import Stored
from tests.support.cad.pipeline import process
from tests.support.cad.step_bodies import Part, StepText

__all__ = ["EXACT", "MESH", "PLAIN", "WAYS", "beside", "measured", "refused", "values"]

SECONDS = 20.0
MESH = "TESSELLATED_SHAPE_REPRESENTATION"
PLAIN = "SHAPE_REPRESENTATION"
EXACT = "ADVANCED_BREP_SHAPE_REPRESENTATION"


def measured(stored: Stored, content: bytes) -> tuple[dict[str, int], GeometrySummary]:
    _, bom, summary = process(stored(content), FileKind.STEP, SECONDS)
    assert bom is not None
    return {line.part: line.quantity for line in bom.lines}, summary


def refused(stored: Stored, content: bytes) -> EnginelBaseException:
    with pytest.raises(EnginelBaseException) as caught:
        process(stored(content), FileKind.STEP, SECONDS)
    return caught.value


def values(summary: GeometrySummary) -> tuple[object, ...]:
    box = summary.box_mm and tuple(round(side, 5) for side in summary.box_mm)
    return summary.solids, box, summary.volume_mm3 and round(summary.volume_mm3, 5), round(summary.area_mm2, 5)


def beside(text: StepText, shape: str) -> Part:
    part = text.assembly("part")
    text.add(f"SHAPE_REPRESENTATION_RELATIONSHIP('','',{part.shape},{shape})")
    return part


def beside_backwards(text: StepText, shape: str) -> Part:
    part = text.assembly("part")
    text.add(f"SHAPE_REPRESENTATION_RELATIONSHIP('','',{shape},{part.shape})")
    return part


def mapped(text: StepText, shape: str) -> Part:
    shown = text.add(f"REPRESENTATION_MAP({text.placement()},{shape})")
    return text.part("part", text.add(f"MAPPED_ITEM('',{shown},{text.placement()})"), kind=PLAIN)


WAYS = (beside, beside_backwards, mapped)
"""The ways in which a part has a shape that stands in another representation."""
