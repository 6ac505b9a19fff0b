"""The kernel in its own processes: what hangs is killed, what crashes hurts nobody, nothing lingers."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType

import pytest

from designs.cad import (
    FileKind,
    GeometrySummary,
    extract_geometry,
    kernel,
    shutdown_kernel,
    start_kernel,
)
from designs.exceptions import EnginelBaseException, GeometryProcessingError, InvalidFileFormat, TaskTimeoutError
from enginel.sample.corpus import sample_path
from enginel.sample.damage.assemblies import doubled
from tests.designs.cad.conftest import Stored
from tests.support.cad.pipeline import MEMORY_LIMIT_BYTES
from tests.support.cad.processes import LINGER_MS, children, first_child, made, watched

PART = sample_path("material.stp")
GRACE_SECONDS = 0.3
QUICK_SECONDS = 0.5


def extract(path: Path, *, timeout_seconds: float = 20.0, memory_bytes: int = MEMORY_LIMIT_BYTES) -> GeometrySummary:
    return extract_geometry(path, FileKind.STEP, timeout_seconds=timeout_seconds, memory_limit_bytes=memory_bytes)


def host_pid() -> int:
    process = kernel._own.running().process
    assert process is not None
    return process.pid


def test_a_hanging_file_is_killed_at_its_deadline_and_reaped(stored: Stored) -> None:
    host = host_pid()
    path = stored(made("points_nan.step"))
    started = time.monotonic()

    with pytest.raises(TaskTimeoutError) as caught:
        extract(path, timeout_seconds=1.0)

    assert 1.0 <= time.monotonic() - started <= 1.0 + GRACE_SECONDS
    assert caught.value.details["stage"] == "transfer"
    assert children(host) == []
    assert host_pid() == host


def test_a_crash_leaves_the_host_usable(stored: Stored) -> None:
    host = host_pid()

    with pytest.raises(GeometryProcessingError) as caught:
        extract(stored(made("placement_self.step")))

    assert (caught.value.details["stage"], caught.value.details["signal"]) == ("transfer", "SIGSEGV")
    assert extract(PART).solids == 1
    assert (host_pid(), children(host)) == (host, [])


def test_the_child_is_held_to_its_memory_limit(stored: Stored) -> None:
    path = stored(doubled(16))

    for limit_bytes in (100 * 1024**2, 600 * 1024**2):
        with pytest.raises(GeometryProcessingError) as caught:
            extract(path, memory_bytes=limit_bytes)
        assert caught.value.details["reason"] == "memory_limit"
    assert extract(path).solids == 65_536


@pytest.mark.slow
def test_a_lack_of_memory_is_no_crash_wherever_it_shows(stored: Stored) -> None:
    path = stored(doubled(16))
    reasons = set()
    for megabytes in range(560, 660, 4):
        try:
            extract(path, memory_bytes=megabytes * 1024**2)
        except GeometryProcessingError as error:
            reasons.add(error.details["reason"])

    assert reasons == {"memory_limit"}


def test_a_host_that_was_killed_is_replaced() -> None:
    host = host_pid()
    with watched(host) as ends:
        os.kill(host, signal.SIGKILL)
        assert ends.poll(LINGER_MS)

    assert extract(PART).solids == 1
    assert host_pid() != host
    assert host not in children(os.getpid())


def test_the_host_being_killed_at_work_is_a_failure_and_takes_its_child_along(stored: Stored) -> None:
    host = host_pid()
    path = stored(made("points_nan.step"))
    child_ended = []

    def kill_host_at_work() -> None:
        with watched(first_child(host)) as ends:
            os.kill(host, signal.SIGKILL)
            child_ended.append(bool(ends.poll(LINGER_MS)))

    killer = threading.Thread(target=kill_host_at_work)
    killer.start()
    with pytest.raises(GeometryProcessingError) as caught:
        extract(path)
    killer.join()

    assert caught.value.details == {"stage": "host", "reason": "host_gone", "signal": "SIGKILL"}
    assert child_ended == [True]


def test_a_host_that_does_not_answer_is_killed_too(stored: Stored) -> None:
    host = host_pid()
    with watched(host) as ends:
        os.kill(host, signal.SIGSTOP)
        with pytest.raises(TaskTimeoutError):
            extract(PART, timeout_seconds=0.2)

        assert ends.poll(LINGER_MS)
    assert extract(PART).solids == 1


def test_shutting_down_ends_the_host_and_a_new_one_can_start() -> None:
    host = host_pid()
    with watched(host) as ends:
        shutdown_kernel()
        shutdown_kernel()

        assert ends.poll(LINGER_MS)
    assert host not in children(os.getpid())
    assert extract(PART).solids == 1


def test_shutting_down_does_not_wait_for_the_file_at_work(stored: Stored) -> None:
    host = host_pid()
    path = stored(made("points_nan.step"))
    failures: list[EnginelBaseException] = []

    def work() -> None:
        try:
            extract(path)
        except EnginelBaseException as failure:
            failures.append(failure)

    worker = threading.Thread(target=work)
    worker.start()
    with watched(first_child(host)) as child_ends:
        started = time.monotonic()
        shutdown_kernel()
        worker.join()

        assert time.monotonic() - started < QUICK_SECONDS
        assert child_ends.poll(LINGER_MS)
    assert [failure.details["reason"] for failure in failures] == ["host_gone"]


def test_starting_ahead_does_not_wait_for_the_kernel() -> None:
    shutdown_kernel()
    others = len(children(os.getpid()))
    started = time.monotonic()

    start_kernel()
    start_kernel()

    assert time.monotonic() - started < QUICK_SECONDS
    assert kernel._own.host is not None
    assert (kernel._own.host.version, len(children(os.getpid()))) == ("", others + 1)
    assert extract(PART).solids == 1


def test_starting_does_not_wait_for_a_file_at_work() -> None:
    host = host_pid()
    with kernel._own.lock:
        start_kernel()

    assert host_pid() == host


class TimeLimit(Exception):
    """Stands for a task's soft time limit, raised by a signal handler."""


def test_an_interrupted_call_does_not_leave_its_answer_to_the_next(stored: Stored) -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise TimeLimit

    start_kernel()
    path = stored(made("points_nan.step"))
    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeLimit):
            extract(path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)

    assert extract(PART).faces == 6


def test_threads_take_turns() -> None:
    faces: list[int] = []
    threads = [threading.Thread(target=lambda: faces.append(extract(PART).faces)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faces == [6, 6, 6, 6]


def test_the_time_of_a_file_begins_with_its_turn(stored: Stored) -> None:
    host = host_pid()
    path = stored(made("points_nan.step"))
    outcomes: list[object] = []

    def hang() -> None:
        try:
            extract(path, timeout_seconds=1.5)
        except TaskTimeoutError as timeout:
            outcomes.append(timeout.details["stage"])

    first = threading.Thread(target=hang)
    first.start()
    first_child(host)
    outcomes.append(extract(PART, timeout_seconds=1.0).solids)
    first.join()

    assert outcomes == ["transfer", 1]


def test_the_host_is_given_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    shutdown_kernel()
    monkeypatch.setenv("SENTRY_DSN", "https://key@example.com/1")

    environment = Path(f"/proc/{host_pid()}/environ").read_bytes()

    assert b"PYTHONPATH" in environment
    assert b"SENTRY_DSN" not in environment


@pytest.mark.parametrize("target", ["/dev/zero", str(PART), "/nowhere"])
def test_the_kernel_reads_only_regular_files(tmp_path: Path, target: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(target)

    with pytest.raises(InvalidFileFormat):
        extract(link)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        extract(tmp_path / "absent")
