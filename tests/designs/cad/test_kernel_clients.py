"""Processes that use the kernel: told to stop, killed, forked or leaving, none leaves a kernel process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from designs.cad import kernel
from enginel.sample.corpus import sample_path
from enginel.sample.damage.assemblies import doubled
from tests.support.cad.processes import LINGER_MS, children, first_child, made, watched

ROOT = Path(kernel.__file__).resolve().parents[2]
PART = sample_path("material.stp")


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
    # Both processes have this pipe: a line in one write, which print does not promise.
    os.write(1, f"{{summary.solids}} {{kernel._own.host.process.pid}}\\n".encode())
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


@pytest.mark.slow
def test_a_file_at_work_gets_finished_though_all_are_told_to_stop(client: subprocess.Popen[str]) -> None:
    host = int(told(client))
    tell(client, "be told to stop")
    child = first_child(host)
    for process in (client.pid, host, child):
        os.kill(process, signal.SIGTERM)

    assert [told(client), told(client)] == ["told", "65536"]
    assert client.wait(LINGER_MS / 1000) == 0


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_process_forked_while_a_thread_waits_for_the_kernel_is_not_blocked(client: subprocess.Popen[str]) -> None:
    told(client)
    tell(client, "fork at work")

    assert told(client) == "1"


@pytest.mark.slow
def test_a_child_ends_with_its_host_though_nobody_looks(client: subprocess.Popen[str]) -> None:
    host = int(told(client))
    tell(client, "work")
    with watched(first_child(host)) as child_ends:
        client.send_signal(signal.SIGSTOP)
        os.kill(host, signal.SIGKILL)

        assert child_ends.poll(LINGER_MS)
