"""Looking at processes from outside, by events and not by sleeping."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from enginel.sample.damage import DAMAGED

LINGER_MS = 5000


def made(name: str) -> bytes:
    """Return a damaged file."""
    return next(case for case in DAMAGED if case.name == name).build()


def children(pid: int) -> list[int]:
    """Return the children of a process, zombies included."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def watched(pid: int) -> Iterator[select.poll]:
    """Yield what becomes readable when the process ends."""
    descriptor = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        yield poll
    finally:
        os.close(descriptor)


def first_child(pid: int, within_seconds: float = 10.0) -> int:
    """Return the first child of a process as soon as it has one."""
    deadline = time.monotonic() + within_seconds
    with watched(pid) as ends:
        while time.monotonic() < deadline:
            if found := children(pid):
                return found[0]
            if ends.poll(5):
                pytest.fail(f"process {pid} ended")
    return pytest.fail(f"process {pid} started no child")
