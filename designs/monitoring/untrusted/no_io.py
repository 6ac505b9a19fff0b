"""Execution of foreign code without I/O: queries, connections and files are refused.

There are two layers, for the current thread only. A profile function sees each call before it runs and refuses cursors
of Django's connections, sockets, files and drivers. If another profiler is already active, it stays; then only queries
are refused, by Django's ``execute_wrapper``.
"""

from __future__ import annotations

import io
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from inspect import unwrap
from types import CodeType, FrameType, ModuleType
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db import connections

__all__ = ["REFUSED", "RefusedIO", "RefusedQuery", "allowing_io", "is_refusing", "refusing_io"]


class RefusedQuery(Exception):
    """A query was refused. Foreign code may catch this and continue."""


class RefusedIO(BaseException):
    """A connection or file was refused. Foreign code must not catch this: its next call would not be refused."""


REFUSED = (RefusedQuery, RefusedIO, SynchronousOnlyOperation)
"""Exceptions that show that foreign code needs I/O. Django raises the last one for queries inside an event loop."""

# Refused C functions by module, with the harmless names that are allowed.
_MODULES = {
    "_io": frozenset({"text_encoding"}),
    "io": frozenset({"text_encoding"}),
    "posix": frozenset(
        {"close", "cpu_count", "fspath", "get_blocking", "getcwd", "getpid", "getppid", "isatty", "strerror", "urandom"}
    ),
    "_posixsubprocess": frozenset(),
    "_socket": frozenset({"close", "htonl", "htons", "inet_aton", "inet_ntoa", "inet_ntop", "inet_pton", "ntohl"}),
    "_sqlite3": frozenset({"adapt"}),
    "_ssl": frozenset(),
    "select": frozenset(),
}
# Refused methods, by type of their object. Writing to an open file, as logging does, is allowed.
_FILES = (io.FileIO, io.BufferedReader, io.BufferedRandom, io.TextIOWrapper)
_READ = frozenset({"peek", "read", "read1", "readall", "readinto", "readinto1", "readline", "readlines", "truncate"})
_CHANNELS = (socket.SocketType, sqlite3.Connection, sqlite3.Cursor)
_HARMLESS = frozenset({"close", "detach", "fileno", "getpeername", "getsockname", "gettimeout", "shutdown"})
_TLS = "_ssl"
_IMPORTING = "<frozen importlib"
_MAX_FRAMES = 200
_known: set[type] = set()
_cursors: set[CodeType] = set()
"""Code objects of the methods that open a cursor, for each connection class seen so far."""


@contextmanager
def refusing_io() -> Iterator[None]:
    """Refuse queries, connections and files to all code that the body runs.

    Raises:
        RefusedQuery: The body ran a query.
        RefusedIO: The body used a connection or a file.
    """
    with ExitStack() as stack:
        # Settings may not be configured yet, or may define no database.
        with suppress(ImproperlyConfigured):
            for connection in connections.all():
                _register_cursors(type(connection))
                if _refuse_query not in connection.execute_wrappers:
                    stack.enter_context(connection.execute_wrapper(_refuse_query))
        before = sys.getprofile()
        if before is None or before is _watch:
            stack.callback(sys.setprofile, before)
            sys.setprofile(_watch)
        yield


def is_refusing() -> bool:
    """Return whether I/O is refused to the code of this thread."""
    return sys.getprofile() is _watch


@contextmanager
def allowing_io() -> Iterator[None]:
    """Allow I/O within `refusing_io` for the monitoring itself: errors that foreign code reports must reach Redis."""
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.setprofile(_watch)


def _register_cursors(kind: type) -> None:
    if kind not in _known:
        _known.add(kind)
        _cursors.update(unwrap(getattr(kind, name)).__code__ for name in ("cursor", "chunked_cursor"))


def _refuse_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> NoReturn:
    raise RefusedQuery("a query is refused while an object is described")


def _watch(frame: FrameType, event: str, function: Any) -> None:
    if event == "call" and frame.f_code in _cursors:
        raise RefusedIO("cursor")
    if event != "c_call":
        return
    owner = getattr(function, "__self__", None)
    name = function.__name__
    if type(owner) is ModuleType:
        allowed = _MODULES.get(owner.__name__)
        if allowed is None or name in allowed:
            return
    elif not _is_refused(type(owner), name):
        return
    if not _is_interruption(frame):
        raise RefusedIO(name)


def _is_refused(kind: type, name: str) -> bool:
    if issubclass(kind, _FILES):
        return name in _READ
    return (issubclass(kind, _CHANNELS) or kind.__module__ == _TLS) and name not in _HARMLESS


def _is_interruption(frame: FrameType | None) -> bool:
    """Return whether the call belongs to an import, a finalizer or a signal handler that interrupts the code."""
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        code = frame.f_code
        if code.co_name == "__del__" or code.co_filename.startswith(_IMPORTING) or code in handlers:
            return True
        if code.co_filename.endswith("/weakref.py"):
            return True
        frame = frame.f_back
    return False
