"""The stored files of designs, behind Django's storage API: a local directory or a bucket."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.storage import default_storage

from designs.exceptions import EnginelBaseException, ExternalServiceError
from designs.models import Design

try:
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # has none
except ImportError:  # an installation without the S3 option
    STORAGE_ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    STORAGE_ERRORS = (OSError, BotoCoreError, ClientError)

__all__ = ["STORAGE_ERRORS", "delete_file", "local_path", "require_stored", "storage_reachable"]

_MISSING = "The stored file is missing or changed."


@contextmanager
def storage_reachable() -> Iterator[None]:
    """Turn exceptions of the storage into an Enginel error that names no path and no bucket.

    Raises:
        ExternalServiceError: The storage failed.
    """
    try:
        yield
    except STORAGE_ERRORS as exc:
        raise ExternalServiceError("The file storage is not available. Try again later.") from exc


def require_stored(design: Design) -> None:
    """Check that the design's file is in storage with the size it had when it was uploaded.

    Raises:
        EnginelBaseException: It is missing, or of another size.
        ExternalServiceError: The storage failed.
    """
    with storage_reachable():
        try:
            size_bytes = default_storage.size(design.stored_as)
        except FileNotFoundError as exc:
            raise EnginelBaseException(_MISSING) from exc
    if size_bytes != design.size_bytes:
        raise EnginelBaseException(_MISSING, details={"stored_bytes": size_bytes, "uploaded_bytes": design.size_bytes})


def delete_file(name: str) -> None:
    """Remove a stored file; a missing file is no error.

    Raises:
        ExternalServiceError: The storage failed.
    """
    with storage_reachable():
        default_storage.delete(name)


@contextmanager
def local_path(design: Design) -> Iterator[Path]:
    """Yield the path of the design's file; a file of a remote storage is copied for the duration of the block.

    Raises:
        EnginelBaseException: The file is missing, or its size differs from the upload.
        ExternalServiceError: The storage failed.
    """
    require_stored(design)
    try:
        path = Path(default_storage.path(design.stored_as))
    except NotImplementedError:
        with tempfile.TemporaryDirectory(prefix="enginel-") as directory:
            path = Path(directory, f"design.{design.kind}")
            _download(design, path)
            yield path
    else:
        yield path


def _download(design: Design, path: Path) -> None:
    with storage_reachable(), default_storage.open(design.stored_as) as source, path.open("wb") as target:
        for chunk in source.chunks():
            target.write(chunk)
