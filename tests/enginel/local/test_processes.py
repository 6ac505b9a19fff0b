"""No child of a local run outlives its parent."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from enginel.local.processes import stop

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
WITH_CHILD = (
    "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"
    "print(child.pid, flush=True); signal.pause()"
)


def child(code: str, *, leads_session: bool = False) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=leads_session)


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def ended(pid: int, seconds: float = 10) -> bool:
    """Wait for the end of a process that is nobody's child of ours."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def test_a_child_is_asked_to_end() -> None:
    with child("import signal; print(flush=True); signal.pause()") as process:
        first_line(process)
        stop(process)

        assert process.returncode == -signal.SIGTERM


def test_a_stubborn_child_is_killed() -> None:
    with child(STUBBORN) as process:
        first_line(process)
        stop(process, seconds=0.05)

        assert process.returncode == -signal.SIGKILL


def test_a_stubborn_leader_is_killed_with_its_session() -> None:
    with child(WITH_CHILD, leads_session=True) as process:
        grandchild = int(first_line(process))
        stop(process, seconds=0.05)

        assert process.returncode == -signal.SIGKILL
        assert ended(grandchild)


def test_a_child_that_has_ended_is_let_be() -> None:
    with child("") as process:
        process.wait()
        stop(process)

        assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent_code = (
        "import signal, subprocess, sys; from enginel.local.processes import die_with_parent;"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], preexec_fn=die_with_parent);"
        "print(child.pid, flush=True); signal.pause()"
    )
    with child(parent_code) as parent:
        grandchild = int(first_line(parent))
        parent.kill()
        parent.wait()

        assert ended(grandchild)
