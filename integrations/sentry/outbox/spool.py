"""Spool: a file of this host that stores envelopes while Redis is away, until they are moved to the outbox.

Each line is JSON, appended with one write: an envelope, or the id of an envelope that was delivered meanwhile. A torn
or damaged line is skipped and counted; the lines before and after it are read.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from integrations.sentry.outbox.stream import Waiting

__all__ = ["Spool", "SpoolFull"]

MAX_BYTES = 32 * 1024 * 1024
MAX_LINE_BYTES = 4 * 1024 * 1024
_NAME = "outbox.spool"
# An attempt fails only if a reader renames the file within the same microseconds.
_TRIES = 100
_ENTRY = re.compile(rb'\{"id": "([^"\\]+)"')
_DONE = re.compile(rb'\{"done": "([^"\\]+)"')


class SpoolFull(Exception):
    """The spool has no room, or its folder cannot be written to."""


class Spool:
    """A folder with the file being written and the files being drained.

    Writers share a lock on the file. A reader renames it and takes an exclusive lock, so no line is added to a file
    that was read already. No lock blocks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / _NAME

    def append(self, waiting: Waiting, owner: str, lease_until: float) -> None:
        """Append an envelope.

        Raises:
            SpoolFull: There is no room.
        """
        body = base64.b64encode(zlib.compress(waiting.envelope, 1)).decode()
        self._write(
            {"id": waiting.event_id, "at": waiting.at_ms, "owner": owner, "until": lease_until, "envelope": body}
        )

    def delivered(self, event_id: str) -> None:
        """Record that an envelope was delivered.

        Raises:
            SpoolFull: There is no room.
        """
        self._write({"done": event_id})

    def depth(self) -> int:
        """Return the number of waiting envelopes; reads the files but unpacks no envelope."""
        waiting: set[bytes] = set()
        for path in self._files():
            with suppress(OSError), path.open("rb") as lines:
                for line in lines:
                    if found := _ENTRY.match(line):
                        waiting.add(found[1])
                    elif found := _DONE.match(line):
                        waiting.discard(found[1])
        return len(waiting)

    def is_empty(self) -> bool:
        """Return whether no envelope waits, at the cost of listing the folder."""
        return not self._files()

    def drain(
        self, hand_over: Callable[[Waiting, str, float], object], delivered: Callable[[str], object]
    ) -> tuple[int, int]:
        """Call back with each delivered id and each waiting envelope, oldest first, then delete the files.

        An exception of a callback ends it. The file stays, and the next call reads it again from its start.

        Args:
            hand_over: Receives an envelope, its owner and the remaining seconds of its lease.
            delivered: Receives the id of an event.

        Returns:
            Number of waiting envelopes, and number of damaged lines.
        """
        with suppress(FileNotFoundError):
            self.path.rename(self.folder / f"{_NAME}.{time.time_ns()}-{os.getpid()}")
        moved = damaged = 0
        for path in self._files():
            if path == self.path:
                continue
            with _exclusive_lock(path) as is_locked:
                if not is_locked:
                    continue
                content = _read(path)
                for event_id in content.delivered:
                    delivered(event_id)
                for waiting, owner, until in content.waiting:
                    hand_over(waiting, owner, max(0.0, until - time.time()))
                moved += len(content.waiting)
                damaged += content.damaged
                path.unlink()
        return moved, damaged

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if path.name.startswith(_NAME))
        except OSError:
            return []

    def _write(self, line: dict[str, Any]) -> None:
        data = b"\n" + json.dumps(line).encode() + b"\n"
        if len(data) > MAX_LINE_BYTES:
            raise SpoolFull("too large")
        try:
            for _ in range(_TRIES):
                if self._write_once(data):
                    return
        except OSError as error:
            raise SpoolFull(type(error).__name__) from error
        raise SpoolFull("busy")

    def _write_once(self, data: bytes) -> bool:
        """Append to the file; return False when a reader has renamed it meanwhile."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            facts = os.fstat(descriptor)
            if facts.st_ino != self.path.stat().st_ino:
                return False
            if facts.st_size + len(data) > MAX_BYTES:
                raise SpoolFull("full")
            if os.write(descriptor, data) != len(data):
                raise SpoolFull("disk full")
        except (BlockingIOError, FileNotFoundError):
            return False
        finally:
            os.close(descriptor)
        return True


@contextmanager
def _exclusive_lock(path: Path) -> Iterator[bool]:
    """Yield whether this process holds the exclusive lock on the file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_locked = path.exists()
    except BlockingIOError:
        is_locked = False
    try:
        yield is_locked
    finally:
        os.close(descriptor)


class _Content(NamedTuple):
    waiting: list[tuple[Waiting, str, float]]
    delivered: list[str]
    damaged: int


def _read(path: Path) -> _Content:
    """Return the content of a file; waiting envelopes with owner and end of lease, oldest first."""
    found: dict[str, tuple[Waiting, str, float]] = {}
    delivered: list[str] = []
    damaged = 0
    with path.open("rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
                if "done" in entry:
                    delivered.append(str(entry["done"]))
                    found.pop(delivered[-1], None)
                    continue
                envelope = zlib.decompress(base64.b64decode(entry["envelope"], validate=True))
                waiting = Waiting(str(entry["id"]), float(entry["at"]), envelope)
                found[waiting.event_id] = (waiting, str(entry["owner"]), float(entry["until"]))
            except (ValueError, TypeError, KeyError, zlib.error):
                damaged += 1
    return _Content(sorted(found.values(), key=lambda item: item[0].at_ms), delivered, damaged)
