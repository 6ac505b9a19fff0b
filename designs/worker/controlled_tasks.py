"""Shared memory with the ids of controlled tasks, for all processes of a worker.

A worker's main process sends the events of tasks that ran in its pool, with their results or failures, and records the
tasks of pool processes that die. It does not see which designs a pool process loads. The processes therefore share a
table of task id digests. Each digest determines its slot. A later digest replaces an earlier one in the same slot; by
then the earlier task has ended long ago.
"""

from __future__ import annotations

import hashlib
import mmap

from designs import context

__all__ = ["connect", "is_noted", "note"]

_SLOTS = 8_192
_BYTES = 16

_memory: mmap.mmap | None = None


def connect() -> None:
    """Create the shared memory; processes that are forked later share the recorded ids."""
    global _memory  # noqa: PLW0603 - shared with forked processes
    if _memory is None:
        _memory = mmap.mmap(-1, _SLOTS * _BYTES)
    context.on_controlled(_record_current)


def note(task_id: str) -> None:
    """Record that a task is controlled."""
    if _memory is not None and task_id:
        digest = _digest(task_id)
        offset = _offset(digest)
        _memory[offset : offset + _BYTES] = digest


def is_noted(task_id: str) -> bool:
    """Return whether this or another process of the worker has recorded the task as controlled."""
    if _memory is None:
        return False
    digest = _digest(task_id)
    offset = _offset(digest)
    return _memory[offset : offset + _BYTES] == digest


def _record_current() -> None:
    note(context.current().task_id)


def _digest(task_id: str) -> bytes:
    return hashlib.blake2b(task_id.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()


def _offset(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "big") % _SLOTS * _BYTES
