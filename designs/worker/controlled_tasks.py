"""Ids of tasks that were found to be controlled, known to all processes of a worker.

A worker's main process sends the events of a task that ended in a process of its pool, with its result or failure, and
records the tasks of processes that die. What a pool's process loads it does not see. They share memory: digests of
task ids, each in the place that it determines. A later one replaces an earlier one of its place; by then its task has
ended long ago.
"""

from __future__ import annotations

import hashlib
import mmap

from designs import context

__all__ = ["connect", "is_noted", "note"]

_PLACES = 8_192
_BYTES = 16

_memory: mmap.mmap | None = None


def connect() -> None:
    """Create the shared memory; processes that are forked later share the noted ids."""
    global _memory  # noqa: PLW0603 - one process, and those it forks
    if _memory is None:
        _memory = mmap.mmap(-1, _PLACES * _BYTES)
    context.on_controlled(_note_current)


def note(task_id: str) -> None:
    """Note that a task is controlled."""
    if _memory is not None and task_id:
        digest = _digest(task_id)
        place = _place(digest)
        _memory[place : place + _BYTES] = digest


def is_noted(task_id: str) -> bool:
    """Return whether a task was found to be controlled, here or in another process of the worker."""
    if _memory is None:
        return False
    digest = _digest(task_id)
    place = _place(digest)
    return _memory[place : place + _BYTES] == digest


def _note_current() -> None:
    note(context.current().task_id)


def _digest(task_id: str) -> bytes:
    return hashlib.blake2b(task_id.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()


def _place(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "big") % _PLACES * _BYTES
