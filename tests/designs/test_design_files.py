from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage

from designs.design_files import delete_file, local_path, require_stored, storage_reachable
from designs.exceptions import EnginelBaseException, ExternalServiceError
from tests.designs.conftest import MakeDesign

pytestmark = pytest.mark.django_db


class Bucket(Storage):
    """A storage that is no local directory."""

    content: dict[str, bytes] = {}

    def _save(self, name: str, content: Any) -> str:
        self.content[name] = b"".join(content.chunks())
        return name

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        return File(io.BytesIO(self.content[name]))

    def size(self, name: str) -> int:
        return len(self.content[name])

    def exists(self, name: str) -> bool:
        return name in self.content


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bucket, "content", {})
    backend = {"BACKEND": f"{__name__}.Bucket"}
    settings.STORAGES = {**settings.STORAGES, "default": backend}


def test_a_local_file_is_used_where_it_lies(make_design: MakeDesign, stored_files: Any) -> None:
    design = make_design(b"12345")

    with local_path(design) as path:
        assert path == stored_files()[0]

    assert path.exists()


def test_a_remote_file_is_copied_for_the_time_of_the_block(make_design: MakeDesign, bucket: None) -> None:
    content = b"x" * 200_000
    design = make_design(content)

    with local_path(design) as path:
        assert path.read_bytes() == content
        assert path.name == "design.step"

    assert not path.parent.exists()


def test_a_remote_copy_is_removed_after_a_failure(make_design: MakeDesign, bucket: None) -> None:
    design = make_design()
    seen: list[Path] = []

    def fail() -> None:
        with local_path(design) as path:
            seen.append(path)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not seen[0].parent.exists()


def test_a_failure_in_the_block_is_not_taken_for_one_of_the_storage(make_design: MakeDesign) -> None:
    design = make_design()

    def fail() -> None:
        with local_path(design):
            raise OSError("of the block")

    with pytest.raises(OSError, match="of the block"):
        fail()


@pytest.mark.parametrize("content", [None, b"1"])
def test_a_missing_or_changed_file_is_noticed(
    make_design: MakeDesign, stored_files: Any, content: bytes | None
) -> None:
    design = make_design(b"12345")
    if content is None:
        stored_files()[0].unlink()
    else:
        stored_files()[0].write_bytes(content)

    with pytest.raises(EnginelBaseException, match="missing or changed"):
        require_stored(design)


@pytest.mark.parametrize(
    "error",
    [
        OSError(5, "I/O error", "/srv/designs"),
        EndpointConnectionError(endpoint_url="http://bucket.internal"),
        ClientError({"Error": {"Code": "403", "Message": "arn:aws:secret"}}, "PutObject"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_storages_raise_becomes_one_error_that_names_no_place(error: Exception) -> None:
    with pytest.raises(ExternalServiceError) as caught, storage_reachable():
        raise error

    assert caught.value.__cause__ is error
    assert caught.value.detail == "The file storage is not available. Try again later."


def test_deleting_a_file_that_is_gone_is_fine(storage_dir: Path) -> None:
    delete_file("designs/none.step")


def test_a_storage_that_cannot_delete_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, name: str) -> None:
        raise PermissionError(13, "Permission denied", "/srv")

    monkeypatch.setattr(FileSystemStorage, "delete", fail)

    with pytest.raises(ExternalServiceError):
        delete_file("designs/any.step")
