"""Health check of the file storage: files can be written, read and deleted, and space is left."""

from __future__ import annotations

import dataclasses
import logging
import shutil
import uuid
from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import Storage as DjangoStorage
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from integrations.health.plugin import Plugin

__all__ = ["Storage"]

logger = logging.getLogger("enginel.health")

_FOLDER = "health-check"
_CONTENT = b"enginel"


@dataclasses.dataclass
class Storage(Plugin):
    """Checks that a small file can be written, read and deleted.

    Args:
        storage: Django's storage.
        min_free_bytes: Less free space is a warning; a bucket has no such limit.
    """

    storage: DjangoStorage = dataclasses.field(repr=False)
    min_free_bytes: int = dataclasses.field(default=0, repr=False)

    message: str = dataclasses.field(default="Storage accessible", init=False, repr=False)

    def run(self) -> None:
        """Raise `ServiceUnavailable` when one of these fails, `ServiceWarning` when space runs out."""
        name = _try("cannot be written", lambda: self.storage.save(f"{_FOLDER}/{uuid.uuid4().hex}", _file()))
        try:
            content = _try("cannot be read", lambda: self._read(name))
        finally:
            _try("cannot be deleted from", lambda: self.storage.delete(name))
        if content != _CONTENT:
            raise ServiceUnavailable("gives back something else than was stored")
        if self._free_bytes() < self.min_free_bytes:
            raise ServiceWarning("almost full")

    def _read(self, name: str) -> bytes:
        with self.storage.open(name) as file:
            return bytes(file.read())

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self.storage.path("")).free
        except (NotImplementedError, OSError):
            return self.min_free_bytes


def _file() -> ContentFile[bytes]:
    return ContentFile(_CONTENT)


def _try(failure: str, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:  # client libraries of buckets raise exceptions of their own
        raise ServiceUnavailable(failure) from error
