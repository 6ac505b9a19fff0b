"""Forbidden requests and exceeded limits of the sample run: each exception class that a request can raise."""

from __future__ import annotations

import hashlib
from pathlib import Path

from designs.exceptions import (
    ClearanceLevelInsufficient,
    DesignNotReady,
    DuplicatePartNumber,
    EnginelBaseException,
    ExternalServiceError,
    FileSizeExceeded,
    FileValidationError,
    InsufficientPermissions,
    ITARViolation,
    OrganizationLimitExceeded,
    StorageQuotaExceeded,
    UnitConversionError,
    UserLimitExceeded,
)
from designs.models import Clearance, Design
from enginel.sample.client import SampleUser
from enginel.sample.corpus import sample_path
from enginel.sample.ledger import Ledger
from enginel.sample.people import Cast

__all__ = ["commit_all", "make_series"]

_SMALL_FILE = "material.stp"
_BIG_FILE = "as1-oc-214.stp"
_OVERSIZE_BYTES = 9 * 1024 * 1024


def make_series(cast: Cast, ledger: Ledger) -> str:
    """Create the series for the uploads of the sample run, and try to use its part number twice."""
    body = {"part_number": "AX-100", "name": "Bracket"}
    series = cast.engineer.post("/api/series/", body).body["id"]
    ledger.failure("part number twice", cast.engineer.post("/api/series/", body), DuplicatePartNumber)
    return str(series)


def commit_all(cast: Cast, series: str, ledger: Ledger) -> None:
    """Commit each violation once and record its expected result."""
    content = sample_path(_SMALL_FILE).read_bytes()
    _access(cast, series, content, ledger)
    _files(cast.engineer, series, content, ledger)
    _states(cast.engineer, series, content, ledger)
    _limits(cast, content, ledger)
    _storage(cast, series, content, ledger)


def _access(cast: Cast, series: str, content: bytes, ledger: Ledger) -> None:
    ledger.failure("viewer uploads", cast.viewer.upload(series, _SMALL_FILE, content), InsufficientPermissions)
    itar = cast.engineer.upload(series, _SMALL_FILE, content, is_itar="true").body["id"]
    ledger.failure("no US person reads ITAR data", cast.foreigner.get(f"/api/designs/{itar}/"), ITARViolation)
    secret = cast.engineer.upload(series, _SMALL_FILE, content, classification=str(Clearance.SECRET.value)).body["id"]
    answer = cast.foreigner.get(f"/api/designs/{secret}/")
    ledger.failure("secret design without clearance", answer, ClearanceLevelInsufficient)


def _files(user: SampleUser, series: str, content: bytes, ledger: Ledger) -> None:
    other_digest = hashlib.sha256(b"something else").hexdigest()
    answer = user.upload(series, _SMALL_FILE, content, sha256=other_digest)
    ledger.failure("content is not what its digest says", answer, FileValidationError)
    oversize = content + b" " * (_OVERSIZE_BYTES - len(content))
    ledger.failure("file above the size limit", user.upload(series, _SMALL_FILE, oversize), FileSizeExceeded)


def _states(user: SampleUser, series: str, content: bytes, ledger: Ledger) -> None:
    design_id = user.upload(series, _SMALL_FILE, content).body["id"]
    answer = user.get(f"/api/designs/{design_id}/geometry/")
    ledger.failure("geometry before processing", answer, DesignNotReady)
    ready = user.get("/api/designs/?status=ready&page_size=1").body["results"][0]["id"]
    answer = user.get(f"/api/designs/{ready}/geometry/?unit=parrot")
    ledger.failure("geometry in a unit that is none", answer, UnitConversionError)


def _limits(cast: Cast, content: bytes, ledger: Ledger) -> None:
    user = cast.small_engineer
    series = user.post("/api/series/", {"part_number": "BM-1", "name": "Hull"}).body["id"]
    big = sample_path(_BIG_FILE).read_bytes()
    ledger.failure("file above the quota", user.upload(series, _BIG_FILE, big), StorageQuotaExceeded)
    ledger.success("first design within the limit", fine=user.upload(series, _SMALL_FILE, content).status == 201)
    answer = user.upload(series, _SMALL_FILE, content)
    ledger.failure("second design where one is allowed", answer, OrganizationLimitExceeded)
    member = {"username": cast.guest_name, "role": "VIEWER"}
    answer = cast.small_admin.post(f"/api/organizations/{cast.small.id}/members/", member)
    ledger.failure("third user where two are allowed", answer, UserLimitExceeded)


def _storage(cast: Cast, series: str, content: bytes, ledger: Ledger) -> None:
    """Delete a stored file without the service; then put a plain file in place of a folder of the storage."""
    uploaded = cast.engineer.upload(series, _SMALL_FILE, content).body["id"]
    design = Design.objects.get(pk=uploaded)
    design.file.delete(save=False)
    answer = cast.engineer.post(f"/api/designs/{uploaded}/finalize/")
    ledger.failure("stored file has gone", answer, EnginelBaseException)

    folder = Path(design.file.storage.path(f"designs/{cast.organization.id}"))
    aside = folder.with_suffix(".aside")
    folder.rename(aside)
    folder.touch()
    try:
        answer = cast.engineer.upload(series, _SMALL_FILE, content)
    finally:
        folder.unlink()
        aside.rename(folder)
    ledger.failure("storage does not take files", answer, ExternalServiceError)
