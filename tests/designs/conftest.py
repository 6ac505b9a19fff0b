"""Fixtures of the workload: an organization, its members, clients of theirs, sample files."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from knox.models import get_token_model

from designs.models import Design, Membership, Organization, Role, Series, User
from designs.monitoring import ErrorTracker
from enginel.sample.corpus import sample_path

MakeMember = Callable[..., User]
MakeDesign = Callable[..., Design]
ClientOf = Callable[[User], Client]

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def storage_dir(settings: Any, tmp_path: Path) -> Path:
    """Every test stores files in a directory of its own."""
    location = tmp_path / "storage"
    backend = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(location)},
    }
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    return location


@pytest.fixture
def stored_files(storage_dir: Path) -> Callable[[], list[Path]]:
    """What lies in storage."""
    return lambda: sorted(path for path in storage_dir.rglob("*") if path.is_file())


@pytest.fixture
def nothing_left(stored_files: Any, tmp_path: Path) -> Any:
    """Check that a refusal left no row, no stored file and no temporary file behind."""

    def check() -> None:
        assert not Design.objects.exists()
        assert stored_files() == []
        assert [path for path in tmp_path.iterdir() if path.name != "storage"] == []

    return check


@pytest.fixture
def acme(db: None) -> Organization:
    return Organization.objects.create(name="Acme", slug="acme")


@pytest.fixture
def rival(db: None) -> Organization:
    return Organization.objects.create(name="Rival", slug="rival")


@pytest.fixture
def make_member(acme: Organization) -> MakeMember:
    """Make a user with a place in an organization, Acme if none is named."""

    def make(role: Role = Role.ENGINEER, organization: Organization = acme, **facts: Any) -> User:
        user = User.objects.create_user(f"user{next(_numbers)}", password="correct horse battery")
        Membership.objects.create(user=user, organization=organization, role=role, **facts)
        return user

    return make


@pytest.fixture
def engineer(make_member: MakeMember) -> User:
    return make_member(Role.ENGINEER)


@pytest.fixture
def org_admin(make_member: MakeMember) -> User:
    return make_member(Role.ADMIN)


@pytest.fixture
def viewer(make_member: MakeMember) -> User:
    return make_member(Role.VIEWER)


@pytest.fixture
def stranger(make_member: MakeMember, rival: Organization) -> User:
    """An owner, of another organization."""
    return make_member(Role.OWNER, rival)


@pytest.fixture
def client_of(db: None) -> ClientOf:
    """Make a client that sends a user's token; a crash of the service comes back as its 500."""

    def make(user: User) -> Client:
        _, token = get_token_model().objects.create(user=user)
        return Client(raise_request_exception=False, headers={"authorization": f"Bearer {token}"})

    return make


@pytest.fixture
def api(client_of: ClientOf, engineer: User) -> Client:
    """The engineer's client."""
    return client_of(engineer)


@pytest.fixture
def series(acme: Organization) -> Series:
    return Series.objects.create(organization=acme, part_number="AS1", name="Assembly one")


@pytest.fixture
def make_design(series: Series) -> MakeDesign:
    """Make a design whose file is in storage."""

    def make(content: bytes = b"ISO-10303-21;", **facts: Any) -> Design:
        its_series = facts.pop("series", series)
        version = its_series.designs.count() + 1
        made = {"file_name": "part.step", "sha256": "0" * 64, "kind": "step", "version": version, **facts}
        design = Design(series=its_series, size_bytes=len(content), **made)
        design.file.save("", ContentFile(content), save=False)
        design.save(force_insert=True)
        return design

    return make


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """Read a sound sample file."""
    return lambda name: sample_path(name).read_bytes()


@pytest.fixture
def upload(series: Series) -> Callable[..., Any]:
    """Upload content through a client, to the series unless another is named."""

    def send(client: Client, content: bytes, name: str = "part.step", **fields: Any) -> Any:
        form = {"series": str(series.pk), "file": SimpleUploadedFile(name, content), **fields}
        return client.post("/api/designs/upload/", form)

    return send


@pytest.fixture
def recorded() -> Callable[[], list[dict[str, Any]]]:
    """The failures recorded so far, newest first."""
    return lambda: ErrorTracker.get_recent_errors(100)
