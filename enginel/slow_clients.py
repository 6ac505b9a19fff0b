"""Limits on the time that threads wait for clients while receiving a body or sending a response.

A waiting thread releases its permit to run, so that another thread can serve. The number of waiting threads is
limited, too; beyond it, the client that is furthest behind is disconnected.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from contextlib import suppress
from typing import Any

__all__ = ["PacedSocket", "SlowClient", "Waiters"]

_SENDFILE_BYTES = 1024 * 1024
_EVICTED_AFTER_SECONDS = 1.0


class SlowClient(TimeoutError):
    """The client is too slow. gunicorn closes the connection, as after a reset by the client."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client is too slow")


class Waiters:
    """Counts the threads of one process that wait for clients, and holds the permits of running ones.

    Args:
        running: Threads that may run at once.
        waiting: Threads that may wait at once.
        grace_seconds: How long a client may keep a thread waiting during one request.
        bytes_per_second: Bytes that the client must send or receive to extend this time by a second.
    """

    def __init__(self, running: int, waiting: int, grace_seconds: float, bytes_per_second: int) -> None:
        self.permits = threading.Semaphore(running)
        self.grace_seconds = grace_seconds
        self.bytes_per_second = bytes_per_second
        self._max = waiting
        self._since: dict[PacedSocket, float] = {}
        self._lock = threading.Lock()

    def enter(self, waiter: PacedSocket) -> bool:
        """Begin a wait; return False if too many threads wait already and no client is far behind."""
        with self._lock:
            now = time.monotonic()
            if len(self._since) >= self._max:
                slowest = max(self._since, key=lambda one: one.behind(now - self._since[one]))
                if slowest.behind(now - self._since[slowest]) < _EVICTED_AFTER_SECONDS:
                    return False
                del self._since[slowest]
                slowest.disconnect()
            self._since[waiter] = now
        self.permits.release()
        return True

    def leave(self, waiter: PacedSocket) -> bool:
        """End a wait; return False if the client was disconnected meanwhile."""
        self.permits.acquire()
        with self._lock:
            return self._since.pop(waiter, None) is not None


class PacedSocket(socket.socket):
    """A connection with a minimum rate for its client while a thread waits for it.

    In non-blocking mode it is an ordinary socket.
    """

    waiters: Waiters
    request: Any = None
    _moved = 0
    _waited = 0.0
    _event = 0
    _timeout: float | None = None

    def begin(self) -> None:
        """Begin a request: reset the client's time allowance."""
        self.request, self._moved, self._waited = None, 0, 0.0

    def behind(self, seconds: float = 0.0) -> float:
        """Return by how many seconds the client is slower than the minimum rate."""
        return self._waited + seconds - self._moved / self.waiters.bytes_per_second

    def close_after_answer(self) -> None:
        """Announce with the answer that the connection is closed: the rest of the body is not read."""
        if self.request is not None:
            self.request.force_close()

    def disconnect(self) -> None:
        """End the wait of the thread that has this connection."""
        with suppress(OSError):
            # A client that is sending can still receive a response with the reason.
            self.shutdown(socket.SHUT_RD if self._event == select.POLLIN else socket.SHUT_RDWR)

    def settimeout(self, value: float | None, /) -> None:
        # Otherwise Python itself would wait: with the permit held, and for a client of any rate.
        self._timeout = value
        super().setblocking(value != 0)

    def gettimeout(self) -> float | None:
        return self._timeout

    def setblocking(self, flag: bool, /) -> None:
        self.settimeout(None if flag else 0.0)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive, and wait as long as the client keeps the minimum rate.

        Raises:
            SlowClient: The client is too slow, or too many threads wait.
        """
        while True:
            try:
                data = super().recv(size, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait(select.POLLIN)
            else:
                self._moved += len(data)
                return data

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send, and wait as long as the client keeps the minimum rate.

        Raises:
            SlowClient: The client is too slow, or too many threads wait.
        """
        left = memoryview(data)
        while left:
            try:
                sent = super().send(left, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait(select.POLLOUT)
            else:
                self._moved += sent
                left = left[sent:]

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file with ``sendfile``, and wait as long as the client keeps the minimum rate.

        Raises:
            SlowClient: The client is too slow, or too many threads wait.
        """
        begin, end = offset, None if count is None else offset + count
        os.set_blocking(self.fileno(), False)
        try:
            while end is None or offset < end:
                size = _SENDFILE_BYTES if end is None else min(_SENDFILE_BYTES, end - offset)
                try:
                    sent = os.sendfile(self.fileno(), file.fileno(), offset, size)
                except BlockingIOError:
                    self._wait(select.POLLOUT)
                    continue
                if sent == 0:
                    break
                offset += sent
                self._moved += sent
            return offset - begin
        finally:
            if self.fileno() >= 0:
                os.set_blocking(self.fileno(), self._timeout != 0)

    def _wait(self, event: int) -> None:
        timeout = self.gettimeout()
        if timeout == 0:
            raise BlockingIOError(errno.EAGAIN, "the socket would block")
        self._event = event
        left = self.waiters.grace_seconds - self.behind()
        if left <= 0 or not self.waiters.enter(self):
            raise self._too_slow()
        began = time.monotonic()
        try:
            poll = select.poll()
            poll.register(self.fileno(), event)
            is_ready = poll.poll(1000 * (left if timeout is None else min(left, timeout)))
        finally:
            self._waited += time.monotonic() - began
            is_ours = self.waiters.leave(self)
        if not (is_ready and is_ours):
            raise self._too_slow()

    def _too_slow(self) -> SlowClient:
        self.close_after_answer()
        return SlowClient()
