"""Requests that race each other. Threads see committed rows only, so these tests run without a transaction around."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client

from designs.exceptions import FileSizeExceeded, StorageQuotaExceeded
from designs.models import Design, Membership, Organization, Role, Series, Status, User
from designs.uploads import ReceivedFile, UploadLimits
from tests.designs.conftest import ClientOf

STEP = b"ISO-10303-21;\n"
AT_ONCE = 6


@pytest.fixture
def at_once(transactional_db: None) -> Callable[[Callable[[int], Any]], list[Any]]:
    """Call a function in several threads that start together."""

    def run(call: Callable[[int], Any]) -> list[Any]:
        barrier = threading.Barrier(AT_ONCE)

        def start(number: int) -> Any:
            try:
                barrier.wait(timeout=30)
                return call(number)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(start, range(AT_ONCE)))

    return run


@pytest.fixture
def clients(transactional_db: None, engineer: User, client_of: ClientOf) -> list[Client]:
    return [client_of(engineer) for _ in range(AT_ONCE)]


def send(client: Client, series: Series) -> Any:
    form = {"series": str(series.pk), "file": SimpleUploadedFile("a.step", STEP)}
    return client.post("/api/designs/upload/", form)


@pytest.mark.django_db(transaction=True)
def test_uploads_at_once_get_versions_without_a_gap(at_once: Any, clients: list[Client], series: Series) -> None:
    answers = at_once(lambda number: send(clients[number], series))

    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, AT_ONCE + 1))


@pytest.mark.django_db(transaction=True)
def test_uploads_at_once_do_not_pass_the_quota(
    at_once: Any, clients: list[Client], series: Series, acme: Organization, stored_files: Any
) -> None:
    Organization.objects.update(storage_quota_bytes=2 * len(STEP) + 1)

    answers = at_once(lambda number: send(clients[number], series))

    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [413] * (AT_ONCE - 2)
    assert acme.storage_used_bytes() == 2 * len(STEP)
    assert len(stored_files()) == 2


@pytest.mark.django_db(transaction=True)
def test_uploads_at_once_do_not_pass_the_limit_of_designs(
    at_once: Any, clients: list[Client], series: Series, acme: Organization, stored_files: Any
) -> None:
    Organization.objects.update(max_designs=3)
    other = Series.objects.create(organization=acme, part_number="AS2", name="two")

    answers = at_once(lambda number: send(clients[number], (series, other)[number % 2]))

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * (AT_ONCE - 3)
    assert (acme.design_count(), len(stored_files())) == (3, 3)


@pytest.mark.django_db(transaction=True)
def test_a_part_number_begun_by_several_at_once_is_there_once(at_once: Any, clients: list[Client]) -> None:
    body = {"part_number": "X1", "name": "x"}

    answers = at_once(lambda number: clients[number].post("/api/series/", body, content_type="application/json"))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (AT_ONCE - 1)
    assert Series.objects.filter(part_number="X1").count() == 1


@pytest.mark.django_db(transaction=True)
def test_members_added_at_once_do_not_pass_the_limit_of_users(
    at_once: Any, client_of: ClientOf, org_admin: User, acme: Organization
) -> None:
    Organization.objects.update(max_users=3)
    for number in range(AT_ONCE):
        User.objects.create_user(f"new{number}")
    clients = [client_of(org_admin) for _ in range(AT_ONCE)]

    answers = at_once(
        lambda number: clients[number].post(
            f"/api/organizations/{acme.pk}/members/",
            {"username": f"new{number}", "role": Role.VIEWER},
            content_type="application/json",
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * (AT_ONCE - 2)
    assert Membership.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_design_finalized_by_several_at_once_is_queued_once(
    at_once: Any, clients: list[Client], make_design: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[Any] = []
    monkeypatch.setattr("designs.design_lifecycle.queue_processing", lambda *args: queued.append(args))
    design = make_design()

    answers = at_once(lambda number: clients[number].post(f"/api/designs/{design.pk}/finalize/"))

    assert sorted(answer.status_code for answer in answers) == [202] + [409] * (AT_ONCE - 1)
    assert len(queued) == 1
    assert Design.objects.get().status == Status.QUEUED


@pytest.mark.django_db(transaction=True)
def test_a_design_deleted_by_several_at_once_is_gone_and_nobody_gets_a_failure(
    at_once: Any, client_of: ClientOf, org_admin: User, make_design: Any
) -> None:
    design = make_design()
    clients = [client_of(org_admin) for _ in range(AT_ONCE)]

    answers = at_once(lambda number: clients[number].delete(f"/api/designs/{design.pk}/"))

    assert sorted(answer.status_code for answer in answers) == [204] + [404] * (AT_ONCE - 1)


# --- what is received --------------------------------------------------------------------------------
def test_limits_judge_the_service_before_the_quota() -> None:
    limits = UploadLimits(max_bytes=10, free_bytes=5)

    limits.check(5)
    with pytest.raises(StorageQuotaExceeded):
        limits.check(6)
    with pytest.raises(FileSizeExceeded):
        limits.check(11)


def test_a_received_file_lies_under_a_name_of_our_own(settings: Any, tmp_path: Path) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)

    with ReceivedFile("x" * 200 + "/../a." + "y" * 300) as received:
        (path,) = tmp_path.glob("*.upload")
        assert Path(received.temporary_file_path()) == path
        assert received.name == "upload"
