"""The sample run: sends real files and faults of several users to a running stack and checks the results."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import urllib3

from designs.exceptions import EnginelBaseException
from designs.monitoring import ErrorTracker
from enginel.celery import app
from enginel.local.stack import LocalStack
from enginel.sample import violations
from enginel.sample.client import SampleUser
from enginel.sample.corpus import GOOD, GoodFile, sample_path
from enginel.sample.damage import DAMAGED, DamagedFile
from enginel.sample.ledger import Ledger, Look
from enginel.sample.people import Cast, make_cast
from enginel.sample.report import report

__all__ = ["run_sample"]

_PROCESSED_SECONDS = 60.0
_POLL_SECONDS = 0.1
_CLIENTS = 3
# Maximum number of damaged files per exception class: all of them together would fill the ring.
_DAMAGED_PER_CLASS = 10
_TOLERANCE = 0.001
_BOX_TOLERANCE_MM = 0.02
_RECORDS_MAX = 100

Say = Callable[[str], None]


def run_sample(stack: LocalStack, admin_token: str, *, say: Say = print) -> bool:
    """Send everything, wait for the results, print the table; return whether each failure is recorded exactly once."""
    began = time.monotonic()
    pool = urllib3.PoolManager(maxsize=_CLIENTS * 2, retries=False)
    admin = SampleUser(pool, stack.url, admin_token)
    cast, ledger = make_cast(pool, stack.url), Ledger()
    before = _look(admin)
    series = violations.make_series(cast, ledger)
    damaged = choose_damaged()
    say(f"  Sample run: {len(GOOD)} good files, {len(damaged)} damaged, crashes, hangs, people without rights")

    def passed(what: str) -> None:
        say(f"    {what}, {time.monotonic() - began:.0f} s")

    _send_files(cast.engineer, series, damaged, ledger, passed)
    violations.commit_all(cast, series, ledger)
    passed("permissions, limits, quota, export control and storage tried")
    _killed_worker(cast, series, ledger)
    passed("worker process killed at work")

    recorded = _look(admin).since(before)
    verdict = ledger.judge(recorded)
    for line in ("", *report(ledger, recorded), ""):
        say(line)
    for line in verdict:
        say(f"  WRONG  {line}")
    say(
        f"  {ledger.good} good cases right, {len(ledger.expected)} failures sent, "
        f"{sum(recorded.counts.values())} recorded, {len(verdict)} deviations, {time.monotonic() - began:.0f} s"
    )
    return not verdict


def _look(admin: SampleUser) -> Look:
    records = admin.get(f"/api/monitoring/errors/?limit={_RECORDS_MAX}").body["errors"]
    return Look(ErrorTracker.get_groups(), records, full=len(records) >= _RECORDS_MAX)


def _send_files(user: SampleUser, series: str, damaged: list[DamagedFile], ledger: Ledger, passed: Say) -> None:
    with ThreadPoolExecutor(_CLIENTS) as clients:
        work = [clients.submit(_damaged, user, series, case, ledger) for case in damaged]
        work += [clients.submit(_good, user, series, file, ledger) for file in GOOD]
        for done, future in enumerate(as_completed(work), 1):
            future.result()
            if done % 10 == 0 or done == len(work):
                passed(f"{done} of {len(work)} files processed")


def choose_damaged() -> list[DamagedFile]:
    """Return the damaged files of the sample run, those on which the kernel never answers first."""
    chosen: dict[type[EnginelBaseException], list[DamagedFile]] = {}
    for case in sorted(DAMAGED, key=lambda case: not case.slow):
        chosen.setdefault(case.expected, []).append(case)
    some = [case for cases in chosen.values() for case in cases[:_DAMAGED_PER_CLASS]]
    return sorted(some, key=lambda case: not case.slow)


def _damaged(user: SampleUser, series: str, case: DamagedFile, ledger: Ledger) -> None:
    answer = user.upload_and_finalize(series, case.name, case.build())
    if case.stage == "upload":
        ledger.failure(case.description, answer, case.expected)
    elif answer.status != 202:
        ledger.deviation(f"{case.description}: not taken, {answer.status} {answer.code}")
    else:
        design = _processed(user, answer.body["id"])
        ledger.task_failure(case.description, design, case.expected.default_code, case.expected.__name__)


def _good(user: SampleUser, series: str, file: GoodFile, ledger: Ledger) -> None:
    answer = user.upload_and_finalize(series, file.name, sample_path(file.name).read_bytes())
    if answer.status != 202:
        ledger.deviation(f"{file.name}: not taken, {answer.status} {answer.code}")
        return
    design = _processed(user, answer.body["id"])
    geometry = user.get(f"/api/designs/{design['id']}/geometry/").body
    bom = user.get(f"/api/designs/{design['id']}/bom/").body
    ledger.success(file.name, fine=_is_as_measured(file, geometry, bom), found=(design["status"], geometry, bom))


def _is_as_measured(file: GoodFile, geometry: dict[str, Any], bom: dict[str, Any]) -> bool:
    if "solids" not in geometry or "items" not in bom:
        return False
    box = geometry["box"] and sorted(geometry["box"].values())
    parts = {item["part"]: item["quantity"] for item in bom["items"]}
    return (
        (geometry["solids"], geometry["faces"]) == (file.solids, file.faces)
        and _is_near(geometry["volume"], file.volume_mm3)
        and _is_near(geometry["area"] or 0.0, file.area_mm2)
        and (box is None) == (file.box_mm is None)
        and all(abs(a - b) <= _BOX_TOLERANCE_MM for a, b in zip(box or (), sorted(file.box_mm or ()), strict=True))
        and parts == (file.bom or {})
    )


def _is_near(found: float | None, due: float | None) -> bool:
    if found is None or due is None:
        return found is due
    return abs(found - due) <= _TOLERANCE * abs(due)


def _processed(user: SampleUser, design_id: str) -> dict[str, Any]:
    """Wait until the design is ready, or failed with its record's id."""

    def done(design: dict[str, Any]) -> bool:
        return design["status"] == "ready" or (design["status"] == "failed" and bool(design["error"]["id"]))

    return _wait_for(user, design_id, done)


def _wait_for(user: SampleUser, design_id: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + _PROCESSED_SECONDS
    while True:
        design = user.get(f"/api/designs/{design_id}/").body
        if done(design) or time.monotonic() > deadline:
            return design
        time.sleep(_POLL_SECONDS)


def _killed_worker(cast: Cast, series: str, ledger: Ledger) -> None:
    """Kill, with SIGKILL, the worker process that waits for the kernel on a file that makes it hang."""
    hang = next(case for case in DAMAGED if case.slow)
    answer = cast.engineer.upload_and_finalize(series, hang.name, hang.build())
    design_id = answer.body["id"]
    _wait_for(cast.engineer, design_id, lambda design: design["step"] == "geometry")
    pid = _pid_at_work_on(design_id)
    if pid is None:
        ledger.deviation("worker process killed: no process was found at work")
        return
    os.kill(pid, signal.SIGKILL)
    design = _processed(cast.engineer, design_id)
    ledger.task_failure("worker process killed", design, EnginelBaseException.default_code, "WorkerLostError")


def _pid_at_work_on(design_id: str) -> int | None:
    active = app.control.inspect(timeout=1).active() or {}
    for tasks in active.values():
        for task in tasks:
            if design_id in task["args"]:
                return int(task["worker_pid"])
    return None
