from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from celery.result import EagerResult
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError, connection

from designs import tasks
from designs.design_lifecycle import put_back
from designs.exceptions import (
    BOMExtractionError,
    CorruptedFile,
    EnginelBaseException,
    ExternalServiceError,
    InvalidFileFormat,
    TaskTimeoutError,
)
from designs.models import BOMItem, Design, Geometry, Organization, Status, Step
from enginel.celery import app
from tests.designs.conftest import MakeDesign

pytestmark = pytest.mark.django_db

STEPS = [tasks.scan_design, tasks.extract_bom, tasks.extract_design_geometry]


def run(task: Any, design: Design) -> EagerResult[None]:
    result: EagerResult[None] = task.apply((str(design.pk),))
    design.refresh_from_db()
    return result


def fail_with(error: BaseException) -> Any:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    return fail


@pytest.fixture
def assembly(make_design: MakeDesign, sample: Any) -> Design:
    return make_design(sample("as1-oc-214.stp"), status=Status.QUEUED)


def facts(**changes: Any) -> dict[str, Any]:
    return {"code": "corrupted_file", "detail": "Cut.", "status": 400, "error_id": "e1", **changes}


# --- what is registered ------------------------------------------------------------------------------
def test_the_three_tasks_go_by_their_documented_names() -> None:
    assert [task.name for task in STEPS] == [
        "designs.scan_design",
        "designs.extract_bom",
        "designs.extract_geometry",
    ]
    for task in STEPS:
        registered = app.tasks[task.name]
        assert (registered.acks_late, registered.ignore_result, registered.max_retries) == (False, True, 3)


# --- steps -------------------------------------------------------------------------------------------
def test_scan_notes_schema_unit_and_bodies(assembly: Design) -> None:
    run(tasks.scan_design, assembly)

    assert (assembly.status, assembly.step) == (Status.PROCESSING, Step.SCAN)
    assert assembly.schema.startswith("AUTOMOTIVE_DESIGN")
    assert (assembly.unit, assembly.unit_millimetres) == ("millimetre", 1.0)
    assert assembly.defined_solids == 5


def test_scan_of_iges_notes_its_unit(make_design: MakeDesign, sample: Any) -> None:
    design = make_design(sample("single_rounded_cube.iges"), kind="iges", status=Status.QUEUED)

    run(tasks.scan_design, design)

    assert (design.unit, design.schema, design.defined_solids) == ("millimetre", "", None)


def test_bom_is_stored_in_order(assembly: Design) -> None:
    run(tasks.extract_bom, assembly)

    assert list(assembly.bom_items.values_list("part", "quantity", "position")) == [
        ("bolt", 6, 1),
        ("l-bracket", 2, 2),
        ("nut", 8, 3),
        ("plate", 1, 4),
        ("rod", 1, 5),
    ]


def test_a_step_done_twice_has_one_outcome(assembly: Design) -> None:
    for task in STEPS[:2] * 2:
        run(task, assembly)
    run(tasks.extract_design_geometry, assembly)
    Design.objects.update(status=Status.PROCESSING)

    run(tasks.extract_design_geometry, assembly)

    assert (assembly.bom_items.count(), Geometry.objects.count()) == (5, 1)
    assert assembly.status == Status.READY


def test_geometry_is_held_against_what_the_scan_found(assembly: Design) -> None:
    Design.objects.update(defined_solids=500)

    result = run(tasks.extract_design_geometry, assembly)

    assert "lost bodies" in str(result.result)
    assert assembly.status == Status.FAILED


def test_geometry_runs_within_the_limits_of_the_settings(
    assembly: Design, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENGINEL_KERNEL_TIMEOUT_SECONDS = 7.0
    settings.ENGINEL_KERNEL_MEMORY_BYTES = 123 * 1024**2
    given: dict[str, Any] = {}

    def note(path: Path, kind: object, **limits: Any) -> None:
        given.update(limits)
        raise TaskTimeoutError

    monkeypatch.setattr(tasks, "extract_geometry", note)
    BOMItem.objects.create(design=assembly, part="bolt", quantity=3, position=1)

    run(tasks.extract_design_geometry, assembly)

    assert (given["timeout_seconds"], given["memory_limit_bytes"]) == (7.0, 123 * 1024**2)
    assert given["expected"].pieces == 3


@pytest.mark.parametrize(("own", "due"), [(None, 7.0), (3, 3.0), (90, 7.0)])
def test_an_organization_can_have_a_shorter_deadline_of_the_kernel_and_no_longer_one(
    assembly: Design, settings: Any, monkeypatch: pytest.MonkeyPatch, own: int | None, due: float
) -> None:
    settings.ENGINEL_KERNEL_TIMEOUT_SECONDS = 7.0
    Organization.objects.update(kernel_seconds_max=own)
    given: dict[str, Any] = {}

    def note(path: Path, kind: object, **limits: Any) -> None:
        given.update(limits)
        raise TaskTimeoutError

    monkeypatch.setattr(tasks, "extract_geometry", note)

    run(tasks.extract_design_geometry, assembly)

    assert given["timeout_seconds"] == due


def test_queue_processing_runs_all_three_in_order_under_the_task_id_given(
    assembly: Design, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    original = tasks._run_step

    def note(design_id: str, step: Step, work: Any) -> None:
        steps.append(step)
        original(design_id, step, work)

    monkeypatch.setattr(tasks, "_run_step", note)
    ids: list[str] = []
    monkeypatch.setattr(tasks, "_scan", lambda design: ids.append(tasks.scan_design.request.id))

    tasks.queue_processing(assembly.pk, "7" * 32)

    assert steps == [Step.SCAN, Step.BOM, Step.GEOMETRY]
    assert ids == ["7" * 32]
    assembly.refresh_from_db()
    assert assembly.status == Status.READY


def test_after_a_failure_no_further_step_runs(assembly: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_bom", fail_with(BOMExtractionError()))
    monkeypatch.setattr(tasks, "_geometry", fail_with(AssertionError("must not run")))

    tasks.queue_processing(assembly.pk, "7" * 32)

    assembly.refresh_from_db()
    assert (assembly.status, assembly.step) == (Status.FAILED, Step.BOM)
    assert assembly.error_code == "bom_extraction_error"


@pytest.mark.parametrize("task", STEPS, ids=lambda task: task.name)
@pytest.mark.parametrize("status", [Status.UPLOADED, Status.READY, Status.FAILED])
def test_a_step_of_a_design_not_in_work_ends_quietly(assembly: Design, task: Any, status: Status) -> None:
    Design.objects.update(status=status, step=Step.NONE)

    result = run(task, assembly)

    assert result.state == "SUCCESS"
    assert (assembly.status, assembly.step) == (status, Step.NONE)


@pytest.mark.parametrize("task", STEPS, ids=lambda task: task.name)
def test_a_step_of_a_design_that_is_gone_ends_quietly(task: Any, db: None) -> None:
    assert task.apply((str(uuid.uuid4()),)).state == "SUCCESS"


@pytest.mark.parametrize(
    ("task", "part"), [(tasks.extract_bom, "bill_of_materials"), (tasks.extract_design_geometry, "extract_geometry")]
)
@pytest.mark.parametrize("change", ["deleted", "put back"])
def test_a_design_taken_away_in_the_middle_of_a_step_gets_nothing_of_it(
    assembly: Design, monkeypatch: pytest.MonkeyPatch, task: Any, part: str, change: str
) -> None:
    original = getattr(tasks, part)

    def take_away_first(*args: Any, **kwargs: Any) -> Any:
        designs = Design.objects.all()
        designs.delete() if change == "deleted" else put_back(designs)
        return original(*args, **kwargs)

    monkeypatch.setattr(tasks, part, take_away_first)

    result = task.apply((str(assembly.pk),))

    assert result.state == "SUCCESS"
    assert not BOMItem.objects.exists()
    assert not Geometry.objects.exists()
    assert not Design.objects.exclude(status=Status.UPLOADED).exists()


# --- failures ----------------------------------------------------------------------------------------
def test_a_failure_propagates_and_is_noted_with_its_record(assembly: Design, recorded: Any) -> None:
    assembly.file.storage.delete(assembly.stored_as)
    assembly.file.storage.save(assembly.stored_as, ContentFile(b"\0" * assembly.size_bytes))

    result = run(tasks.scan_design, assembly)

    assert isinstance(result.result, CorruptedFile)
    assert assembly.status == Status.FAILED
    assert (assembly.error_code, assembly.error_status) == ("corrupted_file", 400)
    assert assembly.error_detail == str(result.result.detail)
    assert [assembly.error_id] == [record["event_id"] for record in recorded()]
    assert assembly.processed_at is not None


def test_a_failure_ends_the_design_even_when_nobody_listens(assembly: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery import signals

    monkeypatch.setattr(signals.task_failure, "receivers", [])
    monkeypatch.setattr(tasks, "_scan", fail_with(CorruptedFile("Cut.")))

    run(tasks.scan_design, assembly)

    assert (assembly.status, assembly.error_detail, assembly.error_id) == (Status.FAILED, "Cut.", "")


def test_the_soft_time_limit_ends_as_a_timeout(assembly: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_scan", fail_with(SoftTimeLimitExceeded()))

    result = run(tasks.scan_design, assembly)

    assert isinstance(result.result, TaskTimeoutError)
    assert isinstance(result.result.__cause__, SoftTimeLimitExceeded)
    assert (assembly.status, assembly.error_status) == (Status.FAILED, 504)


def test_an_unknown_failure_tells_a_client_nothing_of_its_insides(
    assembly: Design, monkeypatch: pytest.MonkeyPatch, recorded: Any
) -> None:
    monkeypatch.setattr(tasks, "_scan", fail_with(KeyError("/srv/secret")))

    result = run(tasks.scan_design, assembly)

    assert isinstance(result.result, KeyError)
    assert (assembly.error_code, assembly.error_status) == ("enginel_error", 500)
    assert "secret" not in assembly.error_detail
    assert recorded()[0]["error_type"] == "KeyError"


def test_a_stored_file_that_is_gone_is_a_failure_of_ours(assembly: Design) -> None:
    assembly.file.storage.delete(assembly.stored_as)

    result = run(tasks.scan_design, assembly)

    assert type(result.result) is EnginelBaseException
    assert assembly.error_detail == "The stored file is missing or changed."


def test_storage_away_is_a_failure_of_an_outside_service(assembly: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileSystemStorage, "size", fail_with(OSError(5, "I/O error", "/srv/x")))

    result = run(tasks.scan_design, assembly)

    assert isinstance(result.result, ExternalServiceError)
    assert "/srv" not in assembly.error_detail


def test_a_stored_file_of_another_format_than_the_upload_is_refused(make_design: MakeDesign, sample: Any) -> None:
    design = make_design(sample("material.stp"), kind="iges", status=Status.QUEUED)

    result = run(tasks.scan_design, design)

    assert isinstance(result.result, InvalidFileFormat)


def test_a_database_away_does_not_replace_the_failure_on_its_way_out(
    assembly: Design, monkeypatch: pytest.MonkeyPatch, allow_swallowed: None
) -> None:
    monkeypatch.setattr(tasks, "_scan", fail_with(CorruptedFile("Cut.")))
    monkeypatch.setattr(tasks, "mark_failed", fail_with(DatabaseError("gone away")))

    result = run(tasks.scan_design, assembly)

    assert isinstance(result.result, CorruptedFile)


# --- mark_failed -------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [Status.QUEUED, Status.PROCESSING])
def test_mark_failed_ends_a_design_in_work(assembly: Design, status: Status) -> None:
    Design.objects.update(status=status)

    tasks.mark_failed(str(assembly.pk), **facts())

    assembly.refresh_from_db()
    assert (assembly.status, assembly.error_code, assembly.error_detail) == (
        Status.FAILED,
        "corrupted_file",
        "Cut.",
    )
    assert (assembly.error_status, assembly.error_id) == (400, "e1")


def test_mark_failed_keeps_why_and_where_and_nothing_of_the_file(assembly: Design) -> None:
    details = {
        "stage": "scan", "reason": "syntax", "line": 120, "entity": "#12", "section": "G", "limit": "soft",
        "position": 7, "part": "secret bracket",
    }  # fmt: skip

    tasks.mark_failed(str(assembly.pk), **facts(details=details))

    assembly.refresh_from_db()
    assert (assembly.error_stage, assembly.error_reason) == ("scan", "syntax")
    assert assembly.error_place == {"line": 120, "entity": "#12", "section": "global"}


@pytest.mark.parametrize("details", [None, {}, "text", {"stage": "scan", "reason": "secret bracket"}, {"line": 7}])
def test_mark_failed_keeps_no_reason_that_is_none(assembly: Design, details: object) -> None:
    tasks.mark_failed(str(assembly.pk), **facts(details=details))

    assembly.refresh_from_db()
    assert (assembly.error_stage, assembly.error_reason, assembly.error_place) == ("", "", None)


@pytest.mark.parametrize("status", [Status.UPLOADED, Status.READY])
def test_mark_failed_leaves_a_design_that_is_ready_or_not_begun(assembly: Design, status: Status) -> None:
    Design.objects.update(status=status)

    tasks.mark_failed(str(assembly.pk), **facts())

    assembly.refresh_from_db()
    assert (assembly.status, assembly.error_code, assembly.error_id) == (status, "", "")


def test_the_first_call_decides_and_a_later_one_only_adds_the_record(assembly: Design) -> None:
    tasks.mark_failed(str(assembly.pk), **facts(error_id=""))
    assembly.refresh_from_db()
    ended = assembly.processed_at

    tasks.mark_failed(str(assembly.pk), **facts(code="other", detail="Other.", status=500, error_id="e1"))
    tasks.mark_failed(str(assembly.pk), **facts(error_id="e2"))
    tasks.mark_failed(str(assembly.pk), **facts(error_id=""))

    assembly.refresh_from_db()
    assert (assembly.error_code, assembly.error_detail, assembly.error_status) == ("corrupted_file", "Cut.", 400)
    assert (assembly.error_id, assembly.processed_at) == ("e1", ended)


@pytest.mark.parametrize("design_id", ["", "x", "7" * 32, "0b8a2f1e-9c6d-4f7a-8e21-5d3c4b6a7f90", "\x00"])
def test_mark_failed_takes_any_id(design_id: str, db: None) -> None:
    tasks.mark_failed(design_id, **facts())


def test_mark_failed_keeps_what_the_database_can_hold(assembly: Design) -> None:
    tasks.mark_failed(str(assembly.pk), **facts(detail="a\x00b" + "x" * 10_000))

    assembly.refresh_from_db()
    assert assembly.error_detail == "ab" + "x" * 1998


@pytest.mark.django_db(transaction=True)
def test_mark_failed_survives_a_connection_the_server_dropped(assembly: Design) -> None:
    # The worker's main process holds a connection for hours and uses it for the first time here.
    connection.ensure_connection()
    connection.connection.close()

    tasks.mark_failed(str(assembly.pk), **facts())

    assembly.refresh_from_db()
    assert assembly.status == Status.FAILED
