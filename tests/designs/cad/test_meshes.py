"""Bodies of triangles, through scan and kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.designs.cad.conftest import Stored
from tests.support.cad.bodies_kit import EXACT, MESH, PLAIN, WAYS, measured, refused, values
from tests.support.cad.step_bodies import Part, StepText

AP242 = "AP242_MANAGED_MODEL_BASED_3D_ENGINEERING_MIM_LF"
FORMS: dict[str, Callable[[StepText], list[str]]] = {
    "solid": lambda text: [text.mesh(1, 2, 3)],
    "solid of strips": lambda text: [text.mesh(1, 2, 3, faces="COMPLEX_TRIANGULATED_FACE")],
    "shell": lambda text: [text.mesh(1, 2, 3, kind="TESSELLATED_SHELL")],
    "faces": lambda text: text.mesh_faces(1, 2, 3),
    "strips": lambda text: text.mesh_faces(1, 2, 3, kind="COMPLEX_TRIANGULATED_FACE"),
    "sets": lambda text: text.mesh_faces(1, 2, 3, kind="TRIANGULATED_SURFACE_SET"),
    "sets of strips": lambda text: text.mesh_faces(1, 2, 3, kind="COMPLEX_TRIANGULATED_SURFACE_SET"),
}
APPROXIMATE = "Measured from triangles, which are not exact: 1 of the bodies."


@pytest.mark.parametrize("kind", [MESH, EXACT, PLAIN])
@pytest.mark.parametrize("form", FORMS)
def test_closed_triangles_are_measured_with_a_warning(stored: Stored, form: str, kind: str) -> None:
    text = StepText()
    text.part("mesh", *FORMS[form](text), kind=kind)

    _, summary = measured(stored, text.file(schema=AP242))

    assert values(summary) == (int("solid" in form), (1.0, 2.0, 3.0), 6.0, 22.0)
    assert summary.warnings == (APPROXIMATE,)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_triangles_beside_a_plain_shape_are_measured(stored: Stored, way: Callable[[StepText, str], Part]) -> None:
    text = StepText()
    way(text, text.add(f"{MESH}('',({text.mesh(1, 2, 3)}),#2)"))

    _, summary = measured(stored, text.file(schema=AP242))

    assert values(summary) == (1, (1.0, 2.0, 3.0), 6.0, 22.0)
    assert summary.warnings == (APPROXIMATE,)


@pytest.mark.parametrize("kind", ["TESSELLATED_SOLID", "TESSELLATED_SHELL"])
def test_triangles_that_do_not_close_have_no_volume(stored: Stored, kind: str) -> None:
    text = StepText()
    # Without its two sides across x the vectors of all areas still add up to nothing.
    faces = text.mesh_faces(1, 2, 3, sides=range(4))
    text.part("mesh", text.add(f"{kind}('',({','.join(faces)}),$)"), kind=MESH)

    _, summary = measured(stored, text.file(schema=AP242))

    assert values(summary) == (int(kind == "TESSELLATED_SOLID"), (1.0, 2.0, 3.0), None, 10.0)
    assert "Bodies of triangles that do not close have no volume." in summary.warnings


def test_parts_of_triangles_are_placed_and_measured_beside_exact_ones(stored: Stored) -> None:
    text = StepText()
    top, box, mesh = text.assembly("top"), text.part("box", text.box(1, 2, 3)), text.part("mesh", text.mesh(1, 1, 1))
    for part, x in ((box, 0), (mesh, 5), (mesh, 9)):
        text.use(top, part, x)

    parts, summary = measured(stored, text.file(schema=AP242))

    assert parts == {"box": 1, "mesh": 2}
    assert values(summary) == (3, (10.0, 2.0, 3.0), 8.0, 34.0)
    assert summary.warnings == (APPROXIMATE.replace("1", "2"),)


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("way", ["same representation", "beside"])
def test_triangles_that_are_a_picture_of_an_exact_body_are_not_measured(stored: Stored, way: str, linked: bool) -> None:
    text = StepText()
    box = text.box(1, 2, 3)
    faces = ",".join(text.mesh_faces(1, 2, 3))
    mesh = text.add(f"TESSELLATED_SOLID('',({faces}),{box if linked else '$'})")
    if way == "beside":
        part = text.part("part", box)
        shape = text.add(f"{MESH}('',({mesh}),#2)")
        text.add(f"SHAPE_REPRESENTATION_RELATIONSHIP('','',{part.shape},{shape})")
    else:
        text.part("part", box, mesh)

    _, summary = measured(stored, text.file(schema=AP242))

    assert values(summary) == (1, (1.0, 2.0, 3.0), 6.0, 22.0)


def test_faces_of_triangles_beside_a_solid_are_not_measured(stored: Stored) -> None:
    text = StepText()
    text.part("part", text.box(1, 2, 3), *text.mesh_faces(1, 2, 3))

    _, summary = measured(stored, text.file(schema=AP242))

    assert values(summary) == (1, (1.0, 2.0, 3.0), 6.0, 22.0)


def repositioned(text: StepText) -> str:
    faces = ",".join(text.mesh_faces(1, 2, 3))
    return text.add(
        f"(GEOMETRIC_REPRESENTATION_ITEM()REPOSITIONED_TESSELLATED_ITEM({text.placement(3)})REPRESENTATION_ITEM('')"
        f"TESSELLATED_ITEM()TESSELLATED_SOLID(({faces}),$)TESSELLATED_STRUCTURED_ITEM())"
    )


def geometric_set(text: StepText) -> str:
    return text.add(f"TESSELLATED_GEOMETRIC_SET('',({','.join(text.mesh_faces(1, 2, 3))}))")


@pytest.mark.parametrize("write", [repositioned, geometric_set], ids=lambda write: write.__name__)
def test_triangles_that_the_kernel_does_not_read_have_a_reason_of_their_own(
    stored: Stored, write: Callable[[StepText], str]
) -> None:
    text = StepText()
    text.part("mesh", write(text), kind=MESH)

    error = refused(stored, text.file(schema=AP242))

    assert (error.code, error.details["reason"]) == ("geometry_processing_error", "tessellated_only")


def test_a_part_of_triangles_that_the_kernel_does_not_read_beside_a_solid_is_a_warning(stored: Stored) -> None:
    text = StepText()
    top = text.assembly("top")
    text.use(top, text.part("box", text.box(1, 2, 3)))
    text.use(top, text.part("mesh", repositioned(text), kind=MESH))

    parts, summary = measured(stored, text.file(schema=AP242))

    assert (parts, values(summary)) == ({"box": 1, "mesh": 1}, (1, (1.0, 2.0, 3.0), 6.0, 22.0))
    assert summary.warnings == ("Bodies of triangles that the CAD kernel does not read are not measured.",)
