"""Exceptions of Enginel. A leaf module: it imports Django REST framework only.

::

    APIException
    └── EnginelBaseException                 500  enginel_error
        ├── GeometryProcessingError          422  geometry_processing_error
        ├── FileValidationError              400  file_validation_error
        │   ├── InvalidFileFormat            400  invalid_file_format
        │   ├── FileSizeExceeded             400  file_size_exceeded
        │   └── CorruptedFile                400  corrupted_file
        ├── OrganizationLimitExceeded        403  organization_limit_exceeded
        ├── InsufficientPermissions          403  insufficient_permissions
        ├── ITARViolation                    403  itar_violation
        ├── ClearanceLevelInsufficient       403  clearance_level_insufficient
        ├── UnitConversionError              422  unit_conversion_error
        ├── BOMExtractionError               422  bom_extraction_error
        ├── StorageQuotaExceeded             413  storage_quota_exceeded
        ├── UserLimitExceeded                403  user_limit_exceeded
        ├── DesignNotReady                   409  design_not_ready
        ├── DuplicatePartNumber              409  duplicate_part_number
        ├── TaskTimeoutError                 504  task_timeout
        └── ExternalServiceError             503  external_service_error

Every class survives pickle and Celery's JSON result backend with its status, code and detail: the
constructor takes text first, and ``args`` holds the arguments of the call.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from rest_framework import status
from rest_framework.exceptions import APIException

__all__ = [
    "BOMExtractionError",
    "ClearanceLevelInsufficient",
    "CorruptedFile",
    "DesignNotReady",
    "DuplicatePartNumber",
    "EnginelBaseException",
    "ExternalServiceError",
    "FileSizeExceeded",
    "FileValidationError",
    "GeometryProcessingError",
    "ITARViolation",
    "InsufficientPermissions",
    "InvalidFileFormat",
    "OrganizationLimitExceeded",
    "StorageQuotaExceeded",
    "TaskTimeoutError",
    "UnitConversionError",
    "UserLimitExceeded",
    "exception_class_for_code",
    "raise_geometry_error",
    "raise_permission_error",
    "raise_validation_error",
    "stage_of",
]

# Not exported: each exported name with a capital is a class of the documented tree.
STAGES = frozenset(
    {"sniff", "scan", "units", "bom", "geometry", "host", "start", "read", "transfer", "props", "kernel"}
)
"""Stages at which a file can fail: the values of ``details["stage"]``. Those from ``start`` on belong to the CAD
kernel's process; ``kernel`` stands for all of them if that process crashes.
"""

SIGNALS = frozenset({one.name for one in signal.Signals} | {f"SIG{number}" for number in range(1, 65)})
"""Signals that can end the process of the CAD kernel: the values of ``details["signal"]``."""

_STAGES_OF_KERNEL = frozenset({"start", "read", "transfer", "props"})


class EnginelBaseException(APIException):
    """Root of every failure that Enginel raises on purpose.

    Args:
        detail: Text for the client; the class's ``default_detail`` when omitted.
        code: Machine-readable code; the class's ``default_code`` when omitted.
        field: Name of the request field at fault, shown in the error body.
        details: JSON-ready facts for the error record (stage, signal, counts). Clients see a closed subset of them:
            `designs.cad.reasons.shown_facts`.
        is_fixed: Whether the detail consists of the program's own words only, although it is no literal: it contains
            nothing from a file, a name or a request. Records of controlled designs keep such a detail.

    Attributes:
        status_code: HTTP status of the response.
        severity: Level of the error record unless the call sets another.
    """

    status_code: int = status.HTTP_500_INTERNAL_SERVER_ERROR
    default_detail = "The service failed to handle this."
    default_code = "enginel_error"
    severity: ClassVar[str] = "ERROR"

    def __init__(
        self,
        detail: Any = None,
        code: str | None = None,
        *,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
        is_fixed: bool = False,
    ) -> None:
        super().__init__(detail, code)
        self.code: str = code or self.default_code
        self.field = field
        self.details: dict[str, Any] = dict(details or {})
        self.is_fixed = is_fixed
        # Celery's JSON backend stores only type and args, and calls the type with the args to restore the exception.
        self.args = (str(self.detail), self.code) if isinstance(self.detail, str) else (self.detail, self.code)

    def error_fingerprint(self) -> list[str] | None:
        """Return the grouping of a failure caused by a file: class, stage and the signal of a crash; None for others.

        Two damaged files are one problem, even if different lines of the scanner detect them. The group counts the
        reasons. Other failures are grouped by their stack: those without a stage, those of a request's field and
        classes of an application.
        """
        if type(self) not in _OF_FILES or self.field is not None:
            return None
        stage, ended_by = stage_of(self.details)
        if not stage:
            return None
        entries = [f"type {type(self).__module__}.{type(self).__qualname__}", f"stage {stage}"]
        return [*entries, f"signal {ended_by}"] if ended_by else entries

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(kind: type[EnginelBaseException], args: tuple[Any, ...], state: dict[str, Any]) -> EnginelBaseException:
    exc = kind(*args)
    exc.__dict__.update(state)
    return exc


class GeometryProcessingError(EnginelBaseException):
    """The CAD kernel crashed on a design, or could not build valid geometry from it."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "The geometry of this design cannot be processed."
    default_code = "geometry_processing_error"


class FileValidationError(EnginelBaseException):
    """An uploaded file is not acceptable."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "This file is not acceptable."
    default_code = "file_validation_error"
    severity = "WARNING"


class InvalidFileFormat(FileValidationError):
    """The content is neither STEP nor IGES, or of a variant that the service does not read."""

    default_detail = "Only STEP and IGES files are accepted."
    default_code = "invalid_file_format"


class FileSizeExceeded(FileValidationError):
    """A file is larger than the service accepts."""

    default_detail = "This file is too large."
    default_code = "file_size_exceeded"


class CorruptedFile(FileValidationError):
    """A STEP or IGES file that is cut, damaged or inconsistent in itself."""

    default_detail = "This file is damaged."
    default_code = "corrupted_file"


class OrganizationLimitExceeded(EnginelBaseException):
    """An organization has reached its limit of designs."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "Your organization has reached its limit of designs."
    default_code = "organization_limit_exceeded"
    severity = "WARNING"


class InsufficientPermissions(EnginelBaseException):
    """The user's role does not allow this."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "Your role does not allow this."
    default_code = "insufficient_permissions"
    severity = "WARNING"


class ITARViolation(EnginelBaseException):
    """A user who is not a US person requested export-controlled data (ITAR, 22 CFR 120-130)."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "This design is export-controlled (ITAR)."
    default_code = "itar_violation"
    severity = "CRITICAL"


class ClearanceLevelInsufficient(EnginelBaseException):
    """The user's clearance is below the classification of the design."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "Your clearance does not cover this design."
    default_code = "clearance_level_insufficient"
    severity = "WARNING"


class UnitConversionError(EnginelBaseException):
    """A unit is missing, unknown, or not a unit of the requested quantity."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "The unit cannot be converted."
    default_code = "unit_conversion_error"


class BOMExtractionError(EnginelBaseException):
    """The assembly structure of a design cannot be turned into a bill of materials."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "The bill of materials cannot be extracted."
    default_code = "bom_extraction_error"


class StorageQuotaExceeded(EnginelBaseException):
    """An organization's storage is used up."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "Your organization's storage quota is used up."
    default_code = "storage_quota_exceeded"
    severity = "WARNING"


class UserLimitExceeded(EnginelBaseException):
    """An organization has reached its limit of members."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "Your organization has reached its limit of users."
    default_code = "user_limit_exceeded"
    severity = "WARNING"


class DesignNotReady(EnginelBaseException):
    """A design is not in the state this request needs."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This design is not ready."
    default_code = "design_not_ready"
    severity = "WARNING"


class DuplicatePartNumber(EnginelBaseException):
    """The part number already exists in this organization."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This part number exists already."
    default_code = "duplicate_part_number"
    severity = "WARNING"


class TaskTimeoutError(EnginelBaseException):
    """Processing did not finish within its deadline."""

    status_code = status.HTTP_504_GATEWAY_TIMEOUT
    default_detail = "Processing took too long and was stopped."
    default_code = "task_timeout"


class ExternalServiceError(EnginelBaseException):
    """A service that Enginel depends on (storage, broker) does not respond."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "A service needed for this is not available. Try again later."
    default_code = "external_service_error"


_OF_FILES = frozenset(
    {
        FileValidationError, InvalidFileFormat, FileSizeExceeded, CorruptedFile,
        GeometryProcessingError, UnitConversionError, BOMExtractionError, TaskTimeoutError,
    }
)  # fmt: skip


def stage_of(details: object) -> tuple[str, str]:
    """Return the stage at which a file failed, and the signal that ended the CAD kernel's process; empty if unknown.

    Both come from closed sets: no other text may become part of a group key or be shown.
    """
    stage, ended_by = _one_of(STAGES, details, "stage"), _one_of(SIGNALS, details, "signal")
    if not stage:
        return "", ""
    return ("kernel" if ended_by and stage in _STAGES_OF_KERNEL else stage), ended_by


def _one_of(known: frozenset[str], details: object, name: str) -> str:
    value = dict.get(details, name) if type(details) is dict else None
    return value if type(value) is str and value in known else ""


def raise_geometry_error(message: str, original_exception: BaseException | None = None) -> NoReturn:
    """Raise `GeometryProcessingError`, chained to the exception that caused it."""
    __traceback_hide__ = True
    raise GeometryProcessingError(message) from original_exception


def raise_validation_error(message: str, field: str | None = None) -> NoReturn:
    """Raise `FileValidationError` with the name of the request field at fault."""
    __traceback_hide__ = True
    raise FileValidationError(message, field=field)


def raise_permission_error(required_role: str | None = None, current_role: str | None = None) -> NoReturn:
    """Raise `InsufficientPermissions` with the required role and the user's role."""
    __traceback_hide__ = True
    message = str(InsufficientPermissions.default_detail)
    if required_role is not None:
        message = f"This needs the role {required_role}."
    if current_role is not None:
        message = f"{message} You have the role {current_role}."
    raise InsufficientPermissions(message, details={"required_role": required_role, "current_role": current_role})


def exception_class_for_code(code: str) -> type[EnginelBaseException]:
    """Return the class with this ``default_code``; `EnginelBaseException` for an unknown code."""
    pending: list[type[EnginelBaseException]] = [EnginelBaseException]
    while pending:
        kind = pending.pop()
        if kind.default_code == code:
            return kind
        pending.extend(kind.__subclasses__())
    return EnginelBaseException
