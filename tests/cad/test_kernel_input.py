"""Files that the standard allows and the kernel does not read as they stand: both readers find the same in them."""

from __future__ import annotations

from designs.cad import FileKind
from enginel.sample.corpus import sample_path
from tests.cad.conftest import Stored
from tests.cad.pipeline import process

PART = sample_path("material.stp").read_bytes()


def volume(content: bytes, stored: Stored) -> float:
    _, _, summary = process(stored(content), FileKind.STEP, 20.0)
    assert summary.solids == 1
    assert summary.volume_mm3 is not None
    return summary.volume_mm3


def test_sections_of_the_third_edition_are_left_out_for_the_kernel(stored: Stored) -> None:
    plain = volume(PART, stored)

    content = PART.replace(b"DATA;", b"ANCHOR;<top>=$;ENDSEC;REFERENCE;ENDSEC;DATA;", 1)

    assert volume(content, stored) == plain
