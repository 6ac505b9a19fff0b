"""The 18 exceptions and 3 helpers: a contract of status, code and severity that survives every journey."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import pytest
from celery.backends.base import Backend
from django.conf import settings
from django.test import Client
from rest_framework.exceptions import APIException

from designs import exceptions
from designs.exceptions import (
    EnginelBaseException,
    FileValidationError,
    GeometryProcessingError,
    InsufficientPermissions,
    exception_class_for_code,
    raise_geometry_error,
    raise_permission_error,
    raise_validation_error,
)
from designs.monitoring import ErrorTracker
from enginel.celery import app
from tests.support import probe_views

CONTRACT = [
    ("EnginelBaseException", "APIException", 500, "enginel_error", "ERROR"),
    ("GeometryProcessingError", "EnginelBaseException", 422, "geometry_processing_error", "ERROR"),
    ("FileValidationError", "EnginelBaseException", 400, "file_validation_error", "WARNING"),
    ("InvalidFileFormat", "FileValidationError", 400, "invalid_file_format", "WARNING"),
    ("FileSizeExceeded", "FileValidationError", 400, "file_size_exceeded", "WARNING"),
    ("CorruptedFile", "FileValidationError", 400, "corrupted_file", "WARNING"),
    ("OrganizationLimitExceeded", "EnginelBaseException", 403, "organization_limit_exceeded", "WARNING"),
    ("InsufficientPermissions", "EnginelBaseException", 403, "insufficient_permissions", "WARNING"),
    ("ITARViolation", "EnginelBaseException", 403, "itar_violation", "CRITICAL"),
    ("ClearanceLevelInsufficient", "EnginelBaseException", 403, "clearance_level_insufficient", "WARNING"),
    ("UnitConversionError", "EnginelBaseException", 422, "unit_conversion_error", "ERROR"),
    ("BOMExtractionError", "EnginelBaseException", 422, "bom_extraction_error", "ERROR"),
    ("StorageQuotaExceeded", "EnginelBaseException", 413, "storage_quota_exceeded", "WARNING"),
    ("UserLimitExceeded", "EnginelBaseException", 403, "user_limit_exceeded", "WARNING"),
    ("DesignNotReady", "EnginelBaseException", 409, "design_not_ready", "WARNING"),
    ("DuplicatePartNumber", "EnginelBaseException", 409, "duplicate_part_number", "WARNING"),
    ("TaskTimeoutError", "EnginelBaseException", 504, "task_timeout", "ERROR"),
    ("ExternalServiceError", "EnginelBaseException", 503, "external_service_error", "ERROR"),
]
CLASSES = [getattr(exceptions, row[0]) for row in CONTRACT]

every_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)


def own_subclasses(kind: type) -> list[type]:
    """Subclasses the module defines, in the order of its source."""
    return [sub for sub in kind.__subclasses__() if sub.__module__ == exceptions.__name__]


@pytest.mark.parametrize(("name", "parent", "status", "code", "severity"), CONTRACT)
def test_each_class_keeps_its_contract(name: str, parent: str, status: int, code: str, severity: str) -> None:
    kind = getattr(exceptions, name)

    assert kind.__bases__[0].__name__ == parent
    assert (kind.status_code, kind.default_code, kind.severity) == (status, code, severity)
    assert str(kind()) == kind.default_detail
    assert kind().code == code


def test_there_are_eighteen_and_no_other() -> None:
    found = {
        name for name, kind in vars(exceptions).items() if isinstance(kind, type) and issubclass(kind, APIException)
    }

    assert found - {"APIException"} == {row[0] for row in CONTRACT}
    assert len(CONTRACT) == 18


def test_codes_are_unique() -> None:
    assert len({row[3] for row in CONTRACT}) == 18


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    def lines(kind: type, indent: str) -> list[str]:
        found: list[str] = []
        children = own_subclasses(kind)
        for child in children:
            last = child is children[-1]
            found.append(
                f"{indent}{'└── ' if last else '├── '}{child.__name__} {child.status_code} {child.default_code}"
            )
            found += lines(child, indent + ("    " if last else "│   "))
        return found

    drawn = (exceptions.__doc__ or "").split("::\n\n")[1].split("\n\n")[0].splitlines()
    drawn = [re.sub(r"(\w) +", r"\1 ", line.removeprefix("    ").rstrip()) for line in drawn]

    assert drawn == ["APIException", *lines(APIException, "")]


@every_class
def test_pickling_keeps_everything(kind: type[EnginelBaseException]) -> None:
    error = kind("told", "a_code", field="file", details={"stage": 1})
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is kind
        assert (str(copied), copied.code, copied.field) == ("told", "a_code", "file")
        assert (copied.details, copied.status_code) == ({"stage": 1}, kind.status_code)


@every_class
@pytest.mark.parametrize("given", [(), ("told",), ("told", "a_code")], ids=["default", "detail", "code"])
def test_celerys_json_backend_keeps_status_code_and_detail(
    kind: type[EnginelBaseException], given: tuple[str, ...]
) -> None:
    error = kind(*given)
    backend = Backend(app=app, serializer=settings.CELERY_RESULT_SERIALIZER)

    stored = backend.decode(backend.encode(backend.prepare_exception(error)))
    back = backend.exception_to_python(stored)

    assert type(back) is kind
    assert (back.status_code, back.code, str(back.detail)) == (error.status_code, error.code, str(error.detail))
    json.dumps(stored)


def test_a_structured_detail_survives_pickle() -> None:
    error = FileValidationError({"file": ["too odd"]})

    back = pickle.loads(pickle.dumps(error))

    assert back.detail == error.detail
    assert back.args == error.args


@every_class
def test_each_class_answers_and_records_through_a_view(
    kind: type[EnginelBaseException], client: Client, settings: Any
) -> None:
    settings.ROOT_URLCONF = "tests.urls"
    error = kind("told to the client", details={"stage": "for the record"})
    with probe_views.doing(probe_views.raising(error)):
        response = client.get("/api/probe/drf/")

    (record,) = ErrorTracker.get_recent_errors()
    assert response.status_code == kind.status_code
    assert response.json() == {
        "detail": "told to the client",
        "code": kind.default_code,
        "error_id": record["event_id"],
    }
    assert (record["severity"], record["source"]) == (kind.severity, "http")
    assert (record["error_module"], record["error_type"]) == ("designs.exceptions", kind.__name__)
    assert record["context"]["details"] == {"stage": "for the record"}


def test_a_known_field_is_in_the_body(client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls"
    with probe_views.doing(lambda request: raise_validation_error("too odd", field="file")):
        response = client.get("/api/probe/drf/")

    assert set(response.json()) == {"detail", "code", "error_id", "field"}
    assert response.json()["field"] == "file"


def test_a_geometry_error_is_chained_to_its_cause() -> None:
    cause = ValueError("kernel")
    with pytest.raises(GeometryProcessingError, match="no solid") as info:
        raise_geometry_error("no solid", cause)

    assert info.value.__cause__ is cause
    with pytest.raises(GeometryProcessingError) as info:
        raise_geometry_error("no solid")
    assert info.value.__cause__ is None


def test_a_validation_error_names_its_field() -> None:
    with pytest.raises(FileValidationError, match="too odd") as info:
        raise_validation_error("too odd", field="file")

    assert info.value.field == "file"
    with pytest.raises(FileValidationError) as info:
        raise_validation_error("too odd")
    assert info.value.field is None


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({}, "Your role does not allow this."),
        ({"required_role": "OWNER"}, "This needs the role OWNER."),
        ({"required_role": "OWNER", "current_role": "VIEWER"}, "This needs the role OWNER. You have the role VIEWER."),
        ({"current_role": "VIEWER"}, "Your role does not allow this. You have the role VIEWER."),
    ],
)
def test_a_permission_error_says_which_role_is_needed(roles: dict[str, str], message: str) -> None:
    with pytest.raises(InsufficientPermissions) as info:
        raise_permission_error(**roles)

    assert str(info.value) == message
    assert info.value.details == {"required_role": None, "current_role": None, **roles}


@every_class
def test_a_class_is_found_by_its_code(kind: type[EnginelBaseException]) -> None:
    assert exception_class_for_code(kind.default_code) is kind


def test_an_unknown_code_is_the_root() -> None:
    assert exception_class_for_code("no_such_code") is EnginelBaseException
