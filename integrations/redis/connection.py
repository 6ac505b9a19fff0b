"""Connections that carry one command and its answer at a time, for callers who count microseconds.

redis-py makes the connection (TLS, AUTH, HELLO, SELECT) and hiredis reads the answers. What is left out is what costs
as much as the command: the pool's bookkeeping, the packing in Python, the two polls that a socket with a Python
timeout makes for every command (the kernel keeps the timeout instead), and falling asleep for an answer that comes at
once: to be woken takes as long as a script in the server, and longer on a virtual machine.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import threading
import time
import weakref
from collections import deque
from typing import Any

import hiredis
import redis
from redis.exceptions import NoScriptError

__all__ = ["NotConnected", "Wire", "Wires"]

_READ_BYTES = 65_536
_LOOKS = 100
"""How often a caller looks for its answer before it sleeps: for a quarter of a millisecond, twice what a script beside
us takes. A number, not a time: a test may have stopped the clock.
"""
_GLANCE_SECONDS = 0.00005
"""How long a single look may take, twenty times what it does: beyond it others want the processor, or the GIL."""
_MOST_SLEEPS = 32
"""Answers slept for at once where looking was in vain: 1 after the first time, twice as many after each that follows.
A server far away, or a processor with better things to do, is looked at once in so many answers.
"""
# What a caller tells from other refusals; the text stays whole.
_ERRORS: dict[str, type[redis.RedisError]] = {
    "NOSCRIPT": NoScriptError,
    "READONLY": redis.ReadOnlyError,
    "OOM": redis.OutOfMemoryError,
    "LOADING": redis.BusyLoadingError,
}


class NotConnected(Exception):
    """Nothing was sent: there was no connection to send it through."""


class Wire:
    """One connection, made by a connection pool of redis-py and kept out of it."""

    def __init__(self, pool: Any, timeout_seconds: float) -> None:
        # Not `make_connection`: the pool counts each connection that it ever made, and refuses beyond its maximum.
        self._connection = pool.connection_class(**pool.connection_kwargs)
        self._connection.connect()
        self._socket: socket.socket = self._connection._sock  # noqa: SLF001 - redis-py offers no other way to it
        self._timeout_seconds = timeout_seconds
        # Before the socket is: a collector may take them in any order, and a socket complains when nobody closed it.
        self._finalizer = weakref.finalize(self, self._connection.disconnect)
        self._finalizer.atexit = False
        self._is_plain = not isinstance(self._socket, ssl.SSLSocket)
        self._sleeps_left = self._sleeps = 0
        self._events = select.poll()
        self._events.register(self._socket, select.POLLIN)
        if self._is_plain:
            self._let_the_kernel_time_it()
        self._reader: Any = hiredis.Reader(replyError=_error_of, notEnoughData=...)
        self._buffer = bytearray(_READ_BYTES)

    def _let_the_kernel_time_it(self) -> None:
        seconds, rest = divmod(self._timeout_seconds, 1)
        timeval = struct.pack("ll", int(seconds), int(rest * 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        self._socket.settimeout(None)

    def ask(self, *command: Any) -> Any:
        """Send a command and return its answer; after any error but a reply the wire is of no use any more.

        Raises:
            redis.ConnectionError: The connection broke.
            redis.TimeoutError: No answer in time.
            redis.ResponseError: The server refused.
        """
        try:
            self._socket.sendall(hiredis.pack_command(command))
            answer = self._read()
        except (BlockingIOError, TimeoutError) as error:
            raise redis.TimeoutError("no answer in time") from error
        except OSError as error:
            raise redis.ConnectionError(type(error).__name__) from error
        except hiredis.ProtocolError as error:
            raise redis.ConnectionError("no answer that Redis would give") from error
        if isinstance(answer, redis.RedisError):
            raise answer
        return answer

    def _read(self) -> Any:
        reader, buffer = self._reader, self._buffer
        deadline = time.monotonic() + self._timeout_seconds
        size = self._look() if self._is_plain else None
        while True:
            if size is None:
                size = self._socket.recv_into(buffer)
            if not size:
                raise redis.ConnectionError("closed by the server")
            reader.feed(buffer, 0, size)
            answer = reader.gets()
            if answer is not ...:
                return answer
            # Bytes that dribble in, each within the timeout, must not make a caller wait for ever.
            if time.monotonic() > deadline:
                raise redis.TimeoutError("no whole answer in time")
            size = None

    def _look(self) -> int | None:
        """Read what comes while looking for it; None when nothing did, or when it is time to sleep at once."""
        if self._sleeps_left:
            self._sleeps_left -= 1
            return None
        receive, buffer = self._socket.recv_into, self._buffer
        looked_at = time.monotonic()
        for _ in range(_LOOKS):
            try:
                size = receive(buffer, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                os.sched_yield()
                now = time.monotonic()
                if now - looked_at > _GLANCE_SECONDS:
                    break
                looked_at = now
            else:
                self._sleeps = 0
                return size
        self._sleeps_left = self._sleeps = min(2 * self._sleeps or 1, _MOST_SLEEPS)
        return None

    def is_quiet(self) -> bool:
        """Tell whether it is open and nothing unasked for has come."""
        # Of TLS something may have been read and not been given out.
        return not self._events.poll(0) and (self._is_plain or not self._connection.can_read(0))

    def close(self) -> None:
        self._finalizer()


class Wires:
    """The wires of one process to one server: as many as are used at once, at most ``most``. Thread-safe."""

    def __init__(self, pool: Any, timeout_seconds: float, most: int) -> None:
        self._pool = pool
        self._timeout_seconds = timeout_seconds
        self._most = most
        self._pid = 0
        self.reset()

    def reset(self) -> None:
        """Replace the lock; in a forked child also forget the connections, which are the parent's."""
        self._lock = threading.RLock()
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._idle: deque[Wire] = deque()
            self._open = 0

    def take(self) -> Wire:
        """Return a wire nobody else holds.

        Raises:
            NotConnected: The server cannot be reached, or ``most`` are in use.
        """
        while self._idle:
            try:
                wire = self._idle.pop()
            except IndexError:
                break
            if _is_usable(wire):
                return wire
            self.drop(wire)
        with self._lock:
            if self._open >= self._most:
                raise NotConnected("too many connections in use")
            self._open += 1
        try:
            return Wire(self._pool, self._timeout_seconds)
        except BaseException as error:
            with self._lock:
                self._open -= 1
            if isinstance(error, redis.RedisError | OSError):
                raise NotConnected(type(error).__name__) from error
            raise

    def give_back(self, wire: Wire) -> None:
        self._idle.append(wire)

    def drop(self, wire: Wire) -> None:
        """Close a wire in which half an answer may be left."""
        with self._lock:
            self._open -= 1
        wire.close()

    def drop_idle(self) -> None:
        """Close the wires nobody holds: their server is no longer the one to ask."""
        while self._idle:
            try:
                wire = self._idle.pop()
            except IndexError:
                break
            self.drop(wire)


def _is_usable(wire: Wire) -> bool:
    try:
        return wire.is_quiet()
    except (redis.RedisError, OSError):
        return False


def _error_of(text: str) -> redis.RedisError:
    return _ERRORS.get(text.partition(" ")[0], redis.ResponseError)(text)
