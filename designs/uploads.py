"""Streaming uploads: the body is checked while it is written to disk, and refused as early as possible."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.http import parse_header_parameters
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from designs.access.permissions import organizations_with_role
from designs.cad import HEAD_BYTES, FileKind, sniff
from designs.exceptions import (
    CorruptedFile,
    ExternalServiceError,
    FileSizeExceeded,
    FileValidationError,
    StorageQuotaExceeded,
    raise_validation_error,
)
from designs.models import Role, User

__all__ = ["DesignUploadHandler", "ReceivedFile", "UploadLimits", "UploadParser", "expect_upload"]

FILE_PART = "file"
FORM_OVERHEAD_BYTES = 64 * 1024
"""Allowance for the rest of a body: boundaries, part headers, the other fields."""

_TAIL_BYTES = 1024


@dataclass(frozen=True)
class UploadLimits:
    """Size limits of a file: of the service, and of the user's organizations.

    Attributes:
        max_bytes: Largest file that the service accepts.
        free_bytes: Largest free storage quota among the organizations the user may upload to.
    """

    max_bytes: int
    free_bytes: int

    def check(self, size_bytes: int) -> None:
        """Check the size of a file, or of the part received so far.

        Raises:
            FileSizeExceeded: The size exceeds the limit of the service.
            StorageQuotaExceeded: The size exceeds the free quota of every organization of the user.
        """
        if size_bytes > self.max_bytes:
            raise FileSizeExceeded(
                f"Files may have at most {self.max_bytes} bytes.",
                field=FILE_PART,
                details={"stage": "sniff", "reason": "too_large", "limit": self.max_bytes, "bytes": size_bytes},
            )
        if size_bytes > self.free_bytes:
            raise StorageQuotaExceeded(details={"bytes": size_bytes, "free_bytes": self.free_bytes})


class ReceivedFile(TemporaryUploadedFile):
    """An uploaded file on disk, with the facts gathered while it was received.

    Attributes:
        client_name: Name that the client sent. Data only: no path contains it.
        size_bytes: Length of the content.
        sha256: Lower-case hexadecimal digest of the content.
        kind: Format detected from the content, or None with the reason in `failure`.
        failure: Why the content is refused. Stored instead of raised: permissions are checked first, and the
            field that determines the organization may come last in the form.
    """

    def __init__(self, client_name: str) -> None:
        # Django would give the temporary file the extension of the client's name.
        super().__init__("upload", "application/octet-stream", 0, None)
        self.client_name = client_name
        self.size_bytes = 0
        self.sha256 = ""
        self.kind: FileKind | None = None
        self.failure: FileValidationError | None = None

    def told_kind(self) -> FileKind:
        """Return the format of the content.

        Raises:
            InvalidFileFormat, CorruptedFile: It is neither STEP nor IGES, or it is empty.
        """
        if self.kind is None:
            raise self.failure or CorruptedFile
        return self.kind

    def require_digest(self, sha256: str | None) -> None:
        """Check the content against a digest that the client may have sent.

        Raises:
            FileValidationError: The content has another digest.
        """
        if sha256 is not None and sha256.lower() != self.sha256:
            raise_validation_error("The content that arrived has another SHA-256 digest.", field="sha256")


class DesignUploadHandler(FileUploadHandler):
    """Writes the one file of a form to disk, hashes it, detects its format and enforces the limits."""

    file: ReceivedFile

    def __init__(self, request: HttpRequest, limits: UploadLimits) -> None:
        super().__init__(request)
        self._limits = limits
        self._digest = hashlib.sha256()
        self._head = b""

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        """Start the file.

        Raises:
            FileValidationError: It is the second file, or not the part ``file``.
            ExternalServiceError: There is no room on disk.
        """
        super().new_file(field_name, file_name, *args, **kwargs)
        if field_name != FILE_PART or hasattr(self, "file"):
            raise FileValidationError(f"Send exactly one file, as the part '{FILE_PART}'.", field=FILE_PART)
        try:
            self.file = ReceivedFile(file_name)
        except OSError as exc:
            raise _no_room() from exc

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Process the next chunk.

        Raises:
            FileSizeExceeded: The file has become larger than the service accepts.
            StorageQuotaExceeded: The file has become larger than the free quota of every organization.
            ExternalServiceError: There is no room on disk.
        """
        self._limits.check(start + len(raw_data))
        self._digest.update(raw_data)
        if len(self._head) < HEAD_BYTES:
            self._head += raw_data[: HEAD_BYTES - len(self._head)]
            if len(self._head) == HEAD_BYTES:
                self._detect_kind()
        if self.file.failure is None:
            self._spool(raw_data)

    def file_complete(self, file_size: int) -> ReceivedFile:
        """Return the complete file, positioned at its start."""
        if self.file.kind is None and self.file.failure is None:
            self._detect_kind()
        self.file.size = self.file.size_bytes = file_size
        self.file.sha256 = self._digest.hexdigest()
        try:
            self.file.seek(0)
        except OSError as exc:
            raise _no_room() from exc
        return self.file

    def discard(self) -> None:
        """Remove the complete or partial file from disk."""
        if hasattr(self, "file"):
            self.file.close()

    def _detect_kind(self) -> None:
        try:
            self.file.kind = sniff(self._head)
        except FileValidationError as exc:
            self.file.failure = exc

    def _spool(self, raw_data: bytes) -> None:
        try:
            self.file.write(raw_data)
        except OSError as exc:
            raise _no_room() from exc


class UploadParser(parsers.MultiPartParser):
    """Multipart parser that refuses a truncated form instead of accepting its beginning."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the fields and the file.

        Raises:
            ParseError: The body is not a complete multipart form, or a field is sent twice.
        """
        body = _Body(stream, settings.ENGINEL_MAX_UPLOAD_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        context = dict(parser_context or {})
        try:
            parsed = super().parse(cast("IO[bytes]", body), media_type, context)
            if not body.is_whole(media_type or ""):
                raise ParseError("Multipart form parse error - the body was cut off")
            # The choice between two values would decide about export control.
            if any(len(values) > 1 for _, values in parsed.data.lists()):
                raise ParseError("Multipart form parse error - a field is sent twice")
        except BaseException:
            # Django closes complete files only, not a file in the middle of which the parsing ended.
            for handler in context["request"].upload_handlers:
                handler.discard()
            raise
        return parsed


class _Body:
    """Request body that limits the number of bytes read and keeps the last ones."""

    def __init__(self, stream: IO[bytes], max_bytes: int) -> None:
        self._stream = stream
        self._remaining_bytes = max_bytes
        self._tail = b""

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._remaining_bytes -= len(chunk)
        if self._remaining_bytes < 0:
            raise FileSizeExceeded("This form is too large.", field=FILE_PART)
        self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
        return chunk

    def is_whole(self, media_type: str) -> bool:
        boundary = parse_header_parameters(media_type)[1].get("boundary", "")
        return f"--{boundary}--".encode("ascii", "replace") in self._tail


def expect_upload(request: HttpRequest, user: User) -> None:
    """Prepare a request for an upload by this user, before its body is read.

    Raises:
        InsufficientPermissions: The user may upload to no organization.
        FileSizeExceeded: The announced body is larger than the service accepts.
        StorageQuotaExceeded: The announced body is larger than the free quota of every organization.
    """
    limits = UploadLimits(settings.ENGINEL_MAX_UPLOAD_BYTES, _largest_free_quota_bytes(user))
    limits.check(_announced_bytes(request) - FORM_OVERHEAD_BYTES)
    _accept_chunked_body(request)
    request.upload_handlers = [DesignUploadHandler(request, limits)]


def _announced_bytes(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _largest_free_quota_bytes(user: User) -> int:
    own = organizations_with_role(user, Role.ENGINEER)
    used = own.annotate(used_bytes=Coalesce(Sum("series__designs__size_bytes"), 0))
    free = (quota - used_bytes for quota, used_bytes in used.values_list("storage_quota_bytes", "used_bytes"))
    return max(free, default=0)


def _accept_chunked_body(request: HttpRequest) -> None:
    """Make Django read a chunked body: without Content-Length it would treat the body as empty."""
    meta = request.META
    chunked = "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower()
    if meta.get("CONTENT_LENGTH") or not chunked:
        return
    if "wsgi.input" in meta:
        if not meta.get("wsgi.input_terminated"):
            return  # this server does not decode chunks, so the end of the body is unknown
        request._stream = meta["wsgi.input"]  # noqa: SLF001  # there is no public name
    # Its readers only check that it is not zero; the size is limited while the body is read.
    meta["CONTENT_LENGTH"] = str(settings.ENGINEL_MAX_UPLOAD_BYTES)


def _no_room() -> ExternalServiceError:
    return ExternalServiceError("The upload cannot be taken now. Try again later.")
