"""Protocol between client and kernel host: JSON objects, each prefixed with its length in four bytes."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import time
from typing import Any, Final

__all__ = ["MAX_MESSAGE_BYTES", "Closed", "receive", "send", "signal_name", "unpack"]

MAX_MESSAGE_BYTES: Final = 256 * 1024
"""Longest message; a summary of a file is under 1 kB."""

_LENGTH: Final = struct.Struct("!I")


class Closed(Exception):
    """The peer closed the pipe or violated the protocol."""


def send(descriptor: int, message: dict[str, Any]) -> None:
    """Write one message.

    Raises:
        Closed: When the peer has closed the pipe.
    """
    body = json.dumps(message).encode()
    view = memoryview(_LENGTH.pack(len(body)) + body)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as e:
        raise Closed("The other side does not read.") from e


def receive(descriptor: int, *, deadline: float | None = None) -> dict[str, Any]:
    """Read one message; ``deadline`` is a reading of `time.monotonic`.

    Raises:
        Closed: When the peer closed the pipe or violated the protocol.
        TimeoutError: When the deadline passes first.
    """
    (length,) = _LENGTH.unpack(_exactly(descriptor, _LENGTH.size, deadline))
    if length > MAX_MESSAGE_BYTES:
        raise Closed("The message is too long.")
    message = _object(_exactly(descriptor, length, deadline))
    if message is None:
        raise Closed("The message is no object in JSON.")
    return message


def unpack(data: bytes) -> list[dict[str, Any]]:
    """Return the valid messages at the start of the data read from a pipe.

    A dying writer may leave half a message; a writer with corrupted memory may leave anything.
    """
    found: list[dict[str, Any]] = []
    position = 0
    while position + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, position)
        body = data[position + _LENGTH.size : position + _LENGTH.size + length]
        message = _object(body) if len(body) == length else None
        if message is None:
            break
        found.append(message)
        position += _LENGTH.size + length
    return found


def signal_name(number: int) -> str:
    """Return the name of a signal; real-time signals between the first and the last have no name of their own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
    # RecursionError: a corrupted writer may nest without end.
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _exactly(descriptor: int, size: int, deadline: float | None) -> bytes:
    data = b""
    while len(data) < size:
        if deadline is not None:
            _wait(descriptor, deadline)
        chunk = os.read(descriptor, size - len(data))
        if not chunk:
            raise Closed("The other side closed.")
        data += chunk
    return data


def _wait(descriptor: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    remaining_ms = (deadline - time.monotonic()) * 1000
    if remaining_ms <= 0 or not poll.poll(remaining_ms):
        raise TimeoutError("No answer within the deadline.")
