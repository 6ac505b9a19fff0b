"""Pool of redis-py connections for scripts, one command and one answer at a time.

It replaces redis-py's client and pool on the hot path and nothing else: the protocol, socket, timeouts, TLS and
authentication are redis-py's. The reason is a storm. With 8 threads a whole ``log_error`` takes 27 to 30 % less CPU
time (lower quartiles) and 17 to 34 % less wall time (medians) than through ``redis.Redis`` without retries. Measured in
9 to 21 alternating rounds of 1,200 calls on two busy cores: redis-py 8.1, stacks of 5 and 41 frames, TCP and unix
socket; RESP2 and RESP3 cost the same. A script alone takes 14 to 16 us of CPU time here and 29 to 37 us there: the rest
is the lock and bookkeeping of the pool, the closures for retries and the packing in Python.

A socket and parser of our own, with polling before sleep, won between -5 and 9 % of wall time and 5 to 23 % of CPU
time, less than the 25 % that would pay for protocol code of our own. So there is none.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from typing import Any

import hiredis
import redis
from redis._parsers import _HiredisParser
from redis.exceptions import InvalidResponse

__all__ = ["NotConnected", "Wire", "Wires"]


class NotConnected(Exception):
    """Nothing was sent: there was no connection to send it through."""


class _Parser(_HiredisParser):
    """redis-py's parser with a deadline for the whole answer.

    redis-py's timeout is one for each read, so bytes that dribble in would hold a caller for ever.
    """

    _deadline = math.inf

    def read_response(self, *args: Any, **options: Any) -> Any:
        self._deadline = time.monotonic() + (self._socket_timeout or math.inf)
        return super().read_response(*args, **options)

    def read_from_socket(self, *args: Any, **options: Any) -> Any:
        if time.monotonic() > self._deadline:
            raise redis.TimeoutError("no whole answer in time")
        return super().read_from_socket(*args, **options)  # type: ignore[no-untyped-call]


class Wire:
    """One connection of redis-py, with the class and options of a pool, but kept outside of it."""

    def __init__(self, pool: redis.ConnectionPool) -> None:
        # Not `make_connection`: the pool counts each connection that it ever made, and refuses beyond its maximum.
        self._connection = pool.connection_class(**{**pool.connection_kwargs, "parser_class": _Parser})
        self._connection.connect()

    def ask(self, *command: Any) -> Any:
        """Send a command and return its answer. After any error but a reply the connection is closed.

        Raises:
            redis.ConnectionError: The connection broke, or the answer is not of the protocol.
            redis.TimeoutError: No answer in time.
            redis.ResponseError: The server refused.
        """
        connection = self._connection
        # `send_command` looks at each argument in Python before it packs them like this.
        connection.send_packed_command((hiredis.pack_command(command),), check_health=False)
        try:
            return connection.read_response()
        except InvalidResponse as error:
            raise redis.ConnectionError("the answer is not of the Redis protocol") from error
        except redis.ConnectionError as error:
            demoted = error.__context__
            if isinstance(demoted, redis.ReadOnlyError):
                # A connection that Sentinel leads to its master hides that the command was refused.
                raise demoted from None
            raise

    def is_quiet(self) -> bool:
        """Return whether the connection is open and holds no unread bytes.

        Raises:
            redis.ConnectionError: The server closed it.
        """
        return not self._connection.can_read(0)

    def close(self) -> None:
        self._connection.disconnect()


class Wires:
    """The connections of one process to one server: as many as are used at once, at most ``most``. Thread-safe."""

    def __init__(self, pool: redis.ConnectionPool, most: int) -> None:
        self._pool = pool
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
        """Return a connection that no other thread uses.

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
            return Wire(self._pool)
        except BaseException as error:
            with self._lock:
                self._open -= 1
            if isinstance(error, redis.RedisError | OSError):
                raise NotConnected(type(error).__name__) from error
            raise

    def give_back(self, wire: Wire) -> None:
        self._idle.append(wire)

    def drop(self, wire: Wire) -> None:
        """Close a connection in which half an answer may be left."""
        with self._lock:
            self._open -= 1
        wire.close()

    def drop_idle(self) -> None:
        """Close the unused connections: their server is no longer the right one."""
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
