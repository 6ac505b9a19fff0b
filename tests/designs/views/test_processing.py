"""From the upload to the answer, with the real kernel: what sound files give, and which exception ends the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from designs import exceptions
from designs.cad.reasons import REASONS
from designs.design_lifecycle import put_back
from designs.exceptions import STAGES, EnginelBaseException
from designs.models import Design, Step
from enginel.sample.corpus import GOOD, GoodFile
from enginel.sample.damage import DAMAGED, ODD, DamagedFile, OddFile
from tests.support.cad.step_bodies import StepText
from tests.support.cad.step_text import UNITS, product, step_file, usage

pytestmark = pytest.mark.django_db

Process = Callable[[bytes, str], str]
OPERATIONS = {Step.SCAN: "scan", Step.BOM: "bom_extraction", Step.GEOMETRY: "geometry_extraction"}


@pytest.fixture
def process(api: Client, upload: Any) -> Process:
    """Upload and finalize; return the design's URL once its tasks have run."""

    def run(content: bytes, name: str) -> str:
        answer = upload(api, content, name)
        assert answer.status_code == 201, answer.content
        url = f"/api/designs/{answer.json()['id']}/"
        assert api.post(f"{url}finalize/").status_code == 202
        return url

    return run


def damaged(name: str) -> DamagedFile:
    return next(case for case in DAMAGED if case.name == name)


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_a_sound_file_becomes_ready_with_its_geometry_and_parts(
    api: Client, process: Process, sample: Any, good: GoodFile
) -> None:
    url = process(sample(good.name), good.name)

    design, geometry, bom = (api.get(f"{url}{path}").json() for path in ("", "geometry/", "bom/"))
    assert (design["status"], design["step"], design["error"]) == ("ready", "geometry", None)
    assert (design["kind"], design["unit"]) == (good.kind, good.unit)
    assert design["processed_at"] >= design["finalized_at"] >= design["created_at"]
    assert (geometry["solids"], geometry["faces"]) == (good.solids, good.faces)
    assert geometry["area"] == pytest.approx(good.area_mm2, rel=1e-4)
    assert geometry["volume"] == (good.volume_mm3 and pytest.approx(good.volume_mm3, rel=1e-4))
    sides = geometry["box"] and tuple(geometry["box"].values())
    assert sides == (good.box_mm and pytest.approx(good.box_mm, abs=0.01))
    assert {item["part"]: item["quantity"] for item in bom["items"]} == (good.bom or {})
    assert bom["pieces"] == sum((good.bom or {}).values())


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_an_odd_file_becomes_ready(api: Client, process: Process, odd: OddFile) -> None:
    url = process(odd.build(), odd.name)

    assert api.get(url).json()["status"] == "ready"


def test_names_in_another_encoding_are_shown_with_a_warning(api: Client, process: Process) -> None:
    names = {"螺栓": 2, "底板": 1}
    data = UNITS + product(10, "top") + product(20, "PART1") + product(30, "PART2")
    data += usage(40, 10, 20) + usage(41, 10, 20) + usage(42, 10, 30)
    content = step_file(data)
    for number, name in enumerate(names, 1):
        content = content.replace(b"PART%d" % number, name.encode("gb18030"))

    url = process(content, "assembly.step")

    geometry, bom = (api.get(f"{url}{path}").json() for path in ("geometry/", "bom/"))
    assert {item["part"]: item["quantity"] for item in bom["items"]} == names
    assert "Texts of the file have no encoding that STEP knows; they are read as GB 18030." in geometry["warnings"]


def assembly(text: StepText) -> None:
    """Write a box, a sheet, four screws by quantity, and a part in another file."""
    top, box, screw = text.assembly("top"), text.part("box", text.box(1, 2, 3)), text.part("screw", text.box(1, 1, 1))
    text.use(top, box)
    text.use(top, text.part("sheet", text.sheet(4, 5), kind="MANIFOLD_SURFACE_SHAPE_REPRESENTATION"))
    text.use(top, text.bare("<b>elsewhere</b>"))
    count = text.add("MEASURE_WITH_UNIT(COUNT_MEASURE(4.),$)")
    link = f"QUANTIFIED_ASSEMBLY_COMPONENT_USAGE('','','',{top.definition},{screw.definition},$,{count})"
    text.use(top, screw, usage=link)


def test_an_assembly_with_parts_without_a_body_is_ready_and_names_them(api: Client, process: Process) -> None:
    text = StepText()
    assembly(text)

    url = process(text.file(), "assembly.step")

    design, geometry, bom = (api.get(f"{url}{path}").json() for path in ("", "geometry/", "bom/"))
    assert (design["status"], design["error"], geometry["solids"]) == ("ready", None, 2)
    assert geometry["volume"] == pytest.approx(7)
    assert {item["part"]: item["quantity"] for item in bom["items"]} == {
        "box": 1, "sheet": 1, "screw": 4, "<b>elsewhere</b>": 1,
    }  # fmt: skip
    assert geometry["warnings"] == [
        "Parts without a solid body in this file: <b>elsewhere</b>, sheet.",
        "Parts measured once, and where they are modelled instead of where they are used: screw.",
    ]


def test_triangles_are_measured_and_said_to_be(api: Client, process: Process) -> None:
    text = StepText()
    text.part("mesh", text.mesh(1, 2, 3), kind="TESSELLATED_SHAPE_REPRESENTATION")

    url = process(text.file(schema="AP242_MANAGED_MODEL_BASED_3D_ENGINEERING_MIM_LF"), "mesh.step")

    geometry = api.get(f"{url}geometry/").json()
    assert (geometry["solids"], geometry["volume"], geometry["area"]) == (1, pytest.approx(6), pytest.approx(22))
    assert geometry["warnings"] == ["Measured from triangles, which are not exact: 1 of the bodies."]


def triangles_the_kernel_does_not_read(text: StepText) -> str:
    items = text.add(f"TESSELLATED_GEOMETRIC_SET('',({','.join(text.mesh_faces(1, 2, 3))}))")
    text.part("mesh", items, kind="TESSELLATED_SHAPE_REPRESENTATION")
    return "tessellated_only"


def no_shape(text: StepText) -> str:
    text.bare("part")
    return "no_shape"


def lost_usage(text: StepText) -> str:
    text.use(text.assembly("top"), text.part("box", text.box(1, 2, 3)))
    text.add("PRODUCT_DEFINITION_SHAPE('','',#9999)")
    return "missing"


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (triangles_the_kernel_does_not_read, exceptions.GeometryProcessingError),
        (no_shape, exceptions.GeometryProcessingError),
        (lost_usage, exceptions.BOMExtractionError),
    ],
)
def test_a_file_without_bodies_or_products_fails_with_its_own_reason(
    api: Client,
    process: Process,
    recorded: Any,
    write: Callable[[StepText], str],
    expected: type[EnginelBaseException],
) -> None:
    text = StepText()
    reason = write(text)

    url = process(text.file(), "part.step")

    assert api.get(url).json()["error"]["code"] == expected.default_code
    [record] = recorded()
    assert record["context"]["details"]["reason"] == reason


@pytest.mark.parametrize("case", [case for case in DAMAGED if case.stage == "upload"], ids=lambda case: case.name)
def test_a_file_whose_first_bytes_give_it_away_is_refused_at_upload(
    api: Client, upload: Any, stored_files: Any, case: DamagedFile
) -> None:
    answer = upload(api, case.build(), case.name)

    body = answer.json()
    assert (answer.status_code, body["code"], body["stage"]) == (400, case.expected.default_code, "sniff")
    assert (body["reason"] in REASONS, body["hint"][-1]) == (True, ".")
    assert not Design.objects.exists()
    assert stored_files() == []


# One of each kind of failure that only a worker finds; the step it ends.
FAILING = [
    ("cut_50.step", Step.SCAN),
    ("cut_50.igs", Step.SCAN),
    ("ifc4.step", Step.SCAN),
    ("no_unit.step", Step.SCAN),
    ("cubits.igs", Step.SCAN),
    ("cycle.step", Step.BOM),
    ("doubled_60.step", Step.BOM),
    ("doubled_17.step", Step.GEOMETRY),
    ("points_nan.step", Step.SCAN),
    ("points_far.step", Step.GEOMETRY),
    ("placement_self.step", Step.GEOMETRY),
    ("open_shell.step", Step.GEOMETRY),
]


@pytest.mark.parametrize(("name", "step"), FAILING)
def test_a_failure_in_a_worker_is_told_again_as_the_one_occurrence_it_is(
    api: Client, process: Process, settings: Any, recorded: Any, name: str, step: Step
) -> None:
    settings.ENGINEL_KERNEL_TIMEOUT_SECONDS = 2.0
    case = damaged(name)
    url = process(case.build(), case.name)

    design = api.get(url).json()
    answers = [api.get(f"{url}geometry/") for _ in range(2)]

    assert (design["status"], design["step"]) == ("failed", step.value)
    assert design["error"]["code"] == case.expected.default_code
    for answer in answers:
        assert answer.status_code == case.expected.status_code
        told = {name: value for name, value in design["error"].items() if name not in {"id", "status"}}
        assert answer.json() == {**told, "error_id": design["error"]["id"]}
        assert (told["reason"] in REASONS, told["stage"] in STAGES, told["hint"][-1]) == (True, True, ".")
    records = recorded()
    assert [(record["event_id"], record["source"]) for record in records] == [(design["error"]["id"], "celery")]
    assert records[0]["context"]["design_id"] == design["id"]
    assert records[0]["context"]["step"] == OPERATIONS[step]
    assert api.get(f"{url}bom/").status_code == (200 if step == Step.GEOMETRY else case.expected.status_code)


@pytest.mark.parametrize(("name", "step"), FAILING)
def test_what_a_failure_tells_names_no_path_of_the_server(
    api: Client, process: Process, settings: Any, storage_dir: Any, tmp_path: Any, name: str, step: Step
) -> None:
    settings.ENGINEL_KERNEL_TIMEOUT_SECONDS = 2.0
    url = process(damaged(name).build(), name)

    told = api.get(url).content + api.get(f"{url}geometry/").content

    for place in (str(tmp_path), "designs/" + str(Design.objects.get().series.organization_id), str(settings.BASE_DIR)):
        assert place.encode() not in told


def test_every_exception_class_has_a_request_that_raises_it() -> None:
    """The table of who raises what; the tests beside each code are in this directory."""
    raised_in_tests = {
        "EnginelBaseException": "test_finalize: stored file gone",
        "GeometryProcessingError": "test_processing: placement_self.step",
        "FileValidationError": "test_upload: another digest",
        "InvalidFileFormat": "test_upload: PNG",
        "FileSizeExceeded": "test_upload: one byte more",
        "CorruptedFile": "test_upload: empty; test_processing: cut_50.step",
        "OrganizationLimitExceeded": "test_upload: max_designs",
        "InsufficientPermissions": "test_upload: viewer",
        "ITARViolation": "test_designs, test_upload",
        "ClearanceLevelInsufficient": "test_designs, test_upload",
        "UnitConversionError": "test_designs: furlongsx; test_processing: no_unit.step",
        "BOMExtractionError": "test_processing: cycle.step",
        "StorageQuotaExceeded": "test_upload: quota",
        "UserLimitExceeded": "test_organizations: max_users",
        "DesignNotReady": "test_designs, test_finalize",
        "DuplicatePartNumber": "test_series: part number in use",
        "TaskTimeoutError": "test_processing: points_far.step",
        "ExternalServiceError": "test_finalize: broker away; test_upload: storage away",
    }
    classes = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and issubclass(value, EnginelBaseException)
    }

    assert classes == set(raised_in_tests)


def test_a_design_put_back_can_be_processed_again(
    api: Client, process: Process, sample: Any, stored_files: Any
) -> None:
    good = sample("material.stp")
    url = process(good.replace(b"ENDSEC", b"endsec", 1).replace(b"END-ISO", b"XXX-ISO"), "part.step")
    assert api.get(url).json()["status"] == "failed"
    stored_files()[0].write_bytes(good)

    assert put_back(Design.objects.all()) == 1
    answer = api.post(f"{url}finalize/")

    assert answer.status_code == 202
    body = api.get(url).json()
    assert (body["status"], body["error"]) == ("ready", None)
