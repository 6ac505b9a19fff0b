from __future__ import annotations

import errno
import time
from typing import Any

import kombu.exceptions
import pytest
import redis.exceptions
from django.core.files.storage import FileSystemStorage
from django.test import Client
from django.utils import timezone

from designs import design_lifecycle
from designs.models import Design, Status, Step, User
from enginel.celery import app
from tests.designs.conftest import ClientOf, MakeDesign

pytestmark = pytest.mark.django_db


def finalize(client: Client, design: Design) -> Any:
    return client.post(f"/api/designs/{design.pk}/finalize/")


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was queued; nothing of it runs."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(design_lifecycle, "queue_processing", lambda *args: calls.append(args))
    return calls


def test_finalizing_queues_the_design(api: Client, make_design: MakeDesign, queued: list[Any]) -> None:
    design = make_design()

    answer = finalize(api, design)

    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    design.refresh_from_db()
    assert design.status == Status.QUEUED
    assert queued == [(design.pk, design.task_id)]
    assert design.finalized_at is not None
    assert (timezone.now() - design.finalized_at).total_seconds() < 60


@pytest.mark.parametrize("status", [Status.QUEUED, Status.PROCESSING, Status.READY, Status.FAILED])
def test_a_design_is_finalized_once(api: Client, make_design: MakeDesign, queued: list[Any], status: Status) -> None:
    design = make_design(status=status)

    answer = finalize(api, design)

    assert (answer.status_code, answer.json()["code"]) == (409, "design_not_ready")
    assert queued == []


@pytest.mark.parametrize("error_status", [500, 503, 504])
def test_a_design_whose_file_is_not_at_fault_is_finalized_again(
    api: Client, make_design: MakeDesign, queued: list[Any], error_status: int
) -> None:
    failure = {"error_code": "task_timeout", "error_detail": "Late.", "error_status": error_status, "error_id": "e"}
    failure |= {"error_reason": "deadline", "error_stage": "read", "error_place": {"line": 7}}
    design = make_design(status=Status.FAILED, step=Step.BOM, task_id="t1", processed_at=timezone.now(), **failure)

    answer = finalize(api, design)

    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (202, "queued", None)
    design.refresh_from_db()
    assert queued == [(design.pk, design.task_id)]
    assert (design.task_id != "t1", design.step, design.processed_at) == (True, Step.NONE, None)
    assert (design.error_reason, design.error_stage, design.error_place) == ("", "", None)


@pytest.mark.parametrize("error_status", [400, 403, 413, 422])
def test_a_design_whose_file_is_at_fault_is_not_finalized_again(
    api: Client, make_design: MakeDesign, queued: list[Any], error_status: int
) -> None:
    design = make_design(status=Status.FAILED, error_code="corrupted_file", error_status=error_status)

    assert finalize(api, design).status_code == 409
    assert queued == []


def test_a_failed_design_that_cannot_be_queued_is_uploaded(
    api: Client, make_design: MakeDesign, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_design(status=Status.FAILED, error_code="processing_lost", error_status=503, task_id="t1")

    def fail(*args: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(design_lifecycle, "queue_processing", fail)

    assert finalize(api, design).status_code == 503
    design.refresh_from_db()
    assert (design.status, design.error_code, design.task_id) == (Status.UPLOADED, "", "")


def test_of_two_who_finalize_at_once_one_wins(
    api: Client, make_design: MakeDesign, queued: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_design()

    def others_first(seen: Design) -> None:
        Design.objects.filter(pk=seen.pk).update(status=Status.QUEUED)

    monkeypatch.setattr(design_lifecycle, "require_stored", others_first)

    assert finalize(api, design).status_code == 409
    assert queued == []


def test_a_viewer_finalizes_nothing(
    client_of: ClientOf, viewer: User, make_design: MakeDesign, queued: list[Any]
) -> None:
    design = make_design()

    answer = finalize(client_of(viewer), design)

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert queued == []


def test_a_design_that_export_control_hides_is_not_finalized(
    api: Client, make_design: MakeDesign, queued: list[Any]
) -> None:
    assert finalize(api, make_design(is_itar=True)).json()["code"] == "itar_violation"
    assert queued == []


@pytest.mark.parametrize("change", ["gone", "shorter"])
def test_a_stored_file_that_is_gone_or_changed_is_a_failure_of_ours(
    api: Client, make_design: MakeDesign, stored_files: Any, queued: list[Any], change: str
) -> None:
    design = make_design(b"12345")
    (path,) = stored_files()
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(b"1")

    answer = finalize(api, design)

    assert (answer.status_code, answer.json()["code"]) == (500, "enginel_error")
    assert answer.json()["detail"] == "The stored file is missing or changed."
    assert answer.json()["error_id"]
    design.refresh_from_db()
    assert (design.status, queued) == (Status.UPLOADED, [])


def test_storage_away_is_503(
    api: Client, make_design: MakeDesign, queued: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_design()

    def fail(self: object, name: str) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", f"/srv/{name}")

    monkeypatch.setattr(FileSystemStorage, "size", fail)

    answer = finalize(api, design)

    assert (answer.status_code, answer.json()["code"]) == (503, "external_service_error")
    assert b"/srv" not in answer.content
    assert queued == []


@pytest.mark.parametrize(
    "failure",
    [
        kombu.exceptions.OperationalError("refused"),
        ConnectionRefusedError(111, "refused"),
        redis.exceptions.TimeoutError("slow"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_broker_away_is_503_and_the_design_can_be_finalized_later(
    api: Client, make_design: MakeDesign, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    design = make_design()

    def fail(*args: Any) -> None:
        raise failure

    monkeypatch.setattr(design_lifecycle, "queue_processing", fail)

    answer = finalize(api, design)

    assert (answer.status_code, answer.json()["code"]) == (503, "external_service_error")
    design.refresh_from_db()
    assert (design.status, design.finalized_at, design.task_id) == (Status.UPLOADED, None, "")
    monkeypatch.setattr(design_lifecycle, "queue_processing", lambda *args: None)
    assert finalize(api, design).status_code == 202


def test_a_failure_to_queue_that_nobody_knows_does_not_leave_the_design_queued(
    api: Client, make_design: MakeDesign, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_design()

    def fail(*args: Any) -> None:
        raise RuntimeError("Acquire on closed pool")

    monkeypatch.setattr(design_lifecycle, "queue_processing", fail)

    assert finalize(api, design).status_code == 500
    design.refresh_from_db()
    assert design.status == Status.UPLOADED


def test_a_broker_that_refuses_connections_is_noticed_within_three_seconds(
    api: Client, make_design: MakeDesign, free_port: int, unreachable_broker: None
) -> None:
    design = make_design()
    began = time.monotonic()

    answer = finalize(api, design)

    assert (answer.status_code, answer.json()["code"]) == (503, "external_service_error")
    assert time.monotonic() - began < 3
    assert str(free_port).encode() not in answer.content


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture
def unreachable_broker(free_port: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tasks are sent for real, to where nobody listens; results too."""
    url = f"redis://127.0.0.1:{free_port}/0"
    before = {name: app.conf[name] for name in ("task_always_eager", "broker_url", "result_backend")}
    app.conf.update(task_always_eager=False, broker_url=url, result_backend=url)
    forget_connections()
    yield
    app.conf.update(before)
    forget_connections()


def forget_connections() -> None:
    app._after_fork()
    app._local.__dict__.pop("backend", None)
    app._backend_cache = None
