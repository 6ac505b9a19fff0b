"""The kernel in its own processes: what hangs is killed, what crashes hurts nobody, nothing lingers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
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
from enginel.sample.damage import DAMAGED
from enginel.sample.damage.assemblies import doubled
from tests.cad.conftest import Stored
from tests.cad.pipeline import MEMORY_LIMIT_BYTES
from tests.cad.processes import children, first_child, watched

ROOT = Path(kernel.__file__).resolve().parents[2]
PART = sample_path("material.stp")
GRACE_SECONDS = 0.3
LINGER_MS = 5000
QUICK_SECONDS = 0.5


def made(name: str) -> bytes:
    return next(case for case in DAMAGED if case.name == name).build()


def extract(path: Path, *, timeout_seconds: float = 20.0, memory_bytes: int = MEMORY_LIMIT_BYTES) -> GeometrySummary:
    return extract_geometry(path, FileKind.STEP, timeout_seconds=timeout_seconds, memory_limit_bytes=memory_bytes)


def host_pid() -> int:
    process = kernel._own.running().process
    assert process is not None
    return process.pid


@pytest.fixture
def client(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that starts a host, tells its identifier, takes an order, then works on a file that hangs."""
    hanging = tmp_path / "hanging"
    hanging.write_bytes(made("points_nan.step"))
    lengthy = tmp_path / "lengthy"
    lengthy.write_bytes(doubled(16))
    code = f"""
import os, pathlib, signal, sys, threading
from designs.cad import FileKind, extract_geometry, kernel, shutdown_kernel, start_kernel
start_kernel()
print(kernel._own.host.process.pid, flush=True)
order = sys.stdin.readline().strip()
if order == "fork":
    if not os.fork():
        sys.stdin.readline()
        os._exit(0)
    print("forked", flush=True)
if order == "fork and ask":
    child = os.fork()
    part = pathlib.Path({str(PART)!r})
    summary = extract_geometry(part, FileKind.STEP, timeout_seconds=20, memory_limit_bytes=2**32)
    print(summary.solids, kernel._own.host.process.pid, flush=True)
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    sys.exit(0)
if order == "be told to stop":
    signal.signal(signal.SIGTERM, lambda number, frame: print("told", flush=True))
    path = pathlib.Path({str(lengthy)!r})
    print(extract_geometry(path, FileKind.STEP, timeout_seconds=60, memory_limit_bytes=2**32).solids, flush=True)
    sys.exit(0)
path = pathlib.Path({str(hanging)!r})
if order == "leave":
    arguments = dict(timeout_seconds=60, memory_limit_bytes=2**32)
    threading.Thread(target=extract_geometry, args=(path, FileKind.STEP), kwargs=arguments, daemon=True).start()
    sys.stdin.readline()
    sys.exit(0)
if order == "fork at work":
    arguments = dict(timeout_seconds=60, memory_limit_bytes=2**32)
    threading.Thread(target=extract_geometry, args=(path, FileKind.STEP), kwargs=arguments, daemon=True).start()
    while not kernel._own.lock.locked():
        pass
    if not os.fork():
        summary = extract_geometry(pathlib.Path({str(PART)!r}), FileKind.STEP, **arguments)
        print(summary.solids, flush=True)
        shutdown_kernel()
        os._exit(0)
    os.wait()
    sys.exit(0)
extract_geometry(path, FileKind.STEP, timeout_seconds=60, memory_limit_bytes=2**32)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        bufsize=1,
    )
    with process:
        yield process
        process.kill()


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], order: str) -> None:
    assert process.stdin is not None
    process.stdin.write(order + "\n")
    process.stdin.flush()


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


def test_a_file_at_work_gets_finished_though_all_are_told_to_stop(client: subprocess.Popen[str]) -> None:
    host = int(told(client))
    tell(client, "be told to stop")
    child = first_child(host)
    for process in (client.pid, host, child):
        os.kill(process, signal.SIGTERM)

    assert [told(client), told(client)] == ["told", "65536"]
    assert client.wait(LINGER_MS / 1000) == 0


def test_a_process_that_ends_does_not_wait_for_the_file_at_work(client: subprocess.Popen[str]) -> None:
    host = int(told(client))
    tell(client, "leave")
    with watched(host) as host_ends, watched(first_child(host)) as child_ends:
        tell(client, "now")

        assert client.wait(LINGER_MS / 1000) == 0
        assert host_ends.poll(LINGER_MS)
        assert child_ends.poll(LINGER_MS)


def test_a_killed_client_leaves_no_process(client: subprocess.Popen[str]) -> None:
    host = int(told(client))
    tell(client, "work")
    child = first_child(host)

    with watched(host) as host_ends, watched(child) as child_ends:
        client.kill()

        assert child_ends.poll(LINGER_MS)
        assert host_ends.poll(LINGER_MS)


def test_a_host_ends_with_its_client_though_forked_siblings_live_on(client: subprocess.Popen[str]) -> None:
    host = int(told(client))
    tell(client, "fork")
    assert told(client) == "forked"
    sibling = next(child for child in children(client.pid) if child != host)

    with watched(host) as host_ends, watched(sibling) as sibling_ends:
        client.kill()

        assert host_ends.poll(LINGER_MS)
        assert not sibling_ends.poll(0)
        os.kill(sibling, signal.SIGKILL)


def test_a_forked_process_uses_a_host_of_its_own(client: subprocess.Popen[str]) -> None:
    parents_host = told(client)
    tell(client, "fork and ask")
    answers = sorted((told(client), told(client)), key=lambda answer: answer.split()[1] != parents_host)

    assert [answer.split()[0] for answer in answers] == ["1", "1"]
    assert answers[0].split()[1] == parents_host
    assert answers[1].split()[1] != parents_host


def test_a_process_forked_while_a_thread_waits_for_the_kernel_is_not_blocked(client: subprocess.Popen[str]) -> None:
    told(client)
    tell(client, "fork at work")

    assert told(client) == "1"


def test_a_child_ends_with_its_host_though_nobody_looks(client: subprocess.Popen[str]) -> None:
    host = int(told(client))
    tell(client, "work")
    with watched(first_child(host)) as child_ends:
        client.send_signal(signal.SIGSTOP)
        os.kill(host, signal.SIGKILL)

        assert child_ends.poll(LINGER_MS)


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
