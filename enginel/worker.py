"""A threaded gunicorn worker whose threads are not blocked by slow clients.

The main loop receives the head of a request and a small body, then passes the complete request to a thread. An idle or
slow connection costs only a file descriptor. Threads receive large and chunked bodies and send responses, within the
limits of `enginel.slow_clients`.
"""

from __future__ import annotations

import errno
import json
import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from designs.http.request_bodies import BodyTooSlow
from enginel.slow_clients import PacedSocket, Waiters

__all__ = ["Worker", "is_complete"]

HEAD_MAX_BYTES = 64 * 1024
"""Limit of a request head; gunicorn refuses a longer one in a thread."""
BUFFERED_MAX_BYTES = 64 * 1024
"""Number of body bytes that the main loop receives before a thread gets the request."""
WAITING_MAX = 16
"""Number of threads per process that may wait for clients at once, in addition to the running ones."""
LINGER_SECONDS = 2.0
LINGERING_MAX = 256
_LINGER_MAX_BYTES = 1024 * 1024
_CHUNK_BYTES = 64 * 1024

_REQUEST_LINE = re.compile(rb"[!-~]+ [^\r\n]+ HTTP/\d")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
# A client that sends Expect waits for permission; the size of a chunked body is unknown.
_NOT_BUFFERED = re.compile(rb"\r\n(?:expect|transfer-encoding):", re.IGNORECASE)
_IGNORED_ERRORS = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE})

_TOO_SLOW_BODY = json.dumps({"detail": BodyTooSlow.detail, "code": BodyTooSlow.code, "error_id": None}).encode()
_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_TOO_SLOW_BODY), _TOO_SLOW_BODY)
)


def is_complete(received: bytes | bytearray) -> bool:
    """Return whether a request is ready for a thread: it is complete, or the buffer limit is reached.

    The parser checks the syntax; a request that can never be complete goes to the parser at once.
    """
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        line_end = received.find(b"\r\n")
        return len(received) > HEAD_MAX_BYTES or (line_end >= 0 and not _REQUEST_LINE.match(received))
    head = received[: head_end + 4]
    if _NOT_BUFFERED.search(head):
        return True
    length = _LENGTH.search(head)
    return length is None or len(received) - len(head) >= min(int(length[1]), BUFFERED_MAX_BYTES)


class _Connection(TConn):  # type: ignore[misc]
    """A connection and the part of its next request that the main loop has received."""

    def __init__(self, *args: Any, linger: Callable[[_Connection], None]) -> None:
        super().__init__(*args)
        self.received = bytearray()
        self.discarded = 0
        self._linger = linger

    def begin(self) -> None:
        """Start receiving a request."""
        self.received.clear()
        self.began = time.monotonic()

    def init(self) -> None:
        super().init()
        if self.received:
            self.parser.unreader.unread(bytes(self.received))
            self.received.clear()

    def close(self, graceful: bool = False) -> None:
        if not graceful:
            super().close()
            return
        # gunicorn would block the main loop here until the client has closed its side.
        try:
            self.sock.setblocking(False)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            super().close()
        else:
            self._linger(self)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn worker class; see the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Both in the order in which they started.
        self._arriving: dict[_Connection, None] = {}
        self._lingering: dict[_Connection, float] = {}

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=self.cfg.threads + WAITING_MAX)

    def run(self) -> None:
        # The application has been loaded, and with it the settings.
        from django.conf import settings  # noqa: PLC0415

        self._waiters = Waiters(
            self.cfg.threads,
            WAITING_MAX,
            settings.ENGINEL_CLIENT_GRACE_SECONDS,
            settings.ENGINEL_CLIENT_MIN_BYTES_PER_SECOND,
        )
        super().run()

    def accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except OSError as exc:
            if exc.errno not in _IGNORED_ERRORS:
                raise
            if exc.errno in {errno.EMFILE, errno.ENFILE}:
                self._close_an_idle_one()
            return
        client = PacedSocket(accepted.family, accepted.type, accepted.proto, accepted.detach())
        client.waiters = self._waiters
        connection = _Connection(self.cfg, client, address, listener.getsockname(), linger=self._linger)
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections:
            self._close_an_idle_one()
        self._expect(connection)

    def on_client_socket_readable(self, conn: _Connection, client: socket.socket) -> None:
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._expect(conn)

    def handle(self, conn: _Connection) -> Any:
        with self._waiters.permits:
            conn.sock.begin()
            return super().handle(conn)

    def handle_request(self, req: Any, conn: _Connection) -> Any:
        conn.sock.request = req
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        super().murder_pending()
        now = time.monotonic()
        for connection in [one for one in self._arriving if self._is_late(one, now)]:
            self._refuse(connection)
        for connection in [one for one, until in self._lingering.items() if until < now]:
            self._end_lingering(connection)

    def _expect(self, connection: _Connection) -> None:
        """Receive the next request of a connection in the main loop."""
        connection.begin()
        self._arriving[connection] = None
        if not self._receive(connection):
            self.poller.register(connection.sock, EVENT_READ, partial(self._on_arriving_readable, connection))

    def _on_arriving_readable(self, connection: _Connection, client: socket.socket) -> None:
        before = self.poller.unregister(client)
        if not self._receive(connection):
            self.poller.register(client, EVENT_READ, before.data)

    def _receive(self, connection: _Connection) -> bool:
        """Receive the available data; return True when a thread has the request or the client has gone."""
        try:
            data = connection.sock.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        connection.received += data
        if data and not is_complete(connection.received):
            return False
        del self._arriving[connection]
        if data:
            connection.data_ready = True
            self.enqueue_req(connection)
        else:
            self.nr_conns -= 1
            connection.close()
        return True

    def _is_late(self, connection: _Connection, now: float) -> bool:
        if not connection.received:
            return not self.alive or now - connection.began > self.cfg.keepalive
        granted = len(connection.received) / self._waiters.bytes_per_second
        return now - connection.began > self._waiters.grace_seconds + granted

    def _refuse(self, connection: _Connection) -> None:
        del self._arriving[connection]
        self.poller.unregister(connection.sock)
        self.nr_conns -= 1
        if connection.received:
            with suppress(OSError):
                connection.sock.send(_TOO_SLOW)
        connection.close(graceful=True)

    def _close_an_idle_one(self) -> None:
        """Close the connection that has been idle or slow for the longest time, to make room for new ones."""
        if self.keepalived_conns:
            connection = self.keepalived_conns.popleft()
        elif self._arriving:
            connection = next(iter(self._arriving))
            del self._arriving[connection]
        else:
            return
        self.poller.unregister(connection.sock)
        self.nr_conns -= 1
        connection.close()

    def _linger(self, connection: _Connection) -> None:
        """Wait in the main loop until the client has closed its side: unread data would reset the connection."""
        if len(self._lingering) >= LINGERING_MAX:
            self._end_lingering(next(iter(self._lingering)))
        self._lingering[connection] = time.monotonic() + LINGER_SECONDS
        self.poller.register(connection.sock, EVENT_READ, partial(self._on_lingering_readable, connection))

    def _on_lingering_readable(self, connection: _Connection, client: socket.socket) -> None:
        try:
            data = client.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.discarded += len(data)
        if not data or connection.discarded > _LINGER_MAX_BYTES:
            self._end_lingering(connection)

    def _end_lingering(self, connection: _Connection) -> None:
        del self._lingering[connection]
        self.poller.unregister(connection.sock)
        connection.close()
