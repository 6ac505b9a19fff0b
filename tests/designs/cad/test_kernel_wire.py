"""Messages between client and host."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from designs.cad.kernel_wire import MAX_MESSAGE_BYTES, Closed, receive, send, signal_name, unpack
from designs.exceptions import SIGNALS


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def test_messages_arrive_one_by_one(pipe: list[int]) -> None:
    reading, writing = pipe
    send(writing, {"name": "Gehäuse"})
    send(writing, {})

    assert receive(reading) == {"name": "Gehäuse"}
    assert receive(reading, deadline=time.monotonic() + 5) == {}


def test_every_signal_has_a_name() -> None:
    assert {signal_name(number) for number in range(1, 65)} <= SIGNALS
    assert (signal_name(11), signal_name(40)) == ("SIGSEGV", "SIG40")


def test_silence_ends_at_the_deadline(pipe: list[int]) -> None:
    with pytest.raises(TimeoutError):
        receive(pipe[0], deadline=time.monotonic() + 0.01)
    with pytest.raises(TimeoutError):
        receive(pipe[0], deadline=time.monotonic() - 1)


def test_half_a_message_ends_at_the_deadline(pipe: list[int]) -> None:
    os.write(pipe[1], b"\0\0\0\x05{")

    with pytest.raises(TimeoutError):
        receive(pipe[0], deadline=time.monotonic() + 0.01)


@pytest.mark.parametrize(
    "sent",
    [b"", b"\0\0", b"\0\0\0\x05{}", b"\0\0\0\x02[]", b"\0\0\0\x02x}", (MAX_MESSAGE_BYTES + 1).to_bytes(4)],
)
def test_what_is_no_message_counts_as_closed(pipe: list[int], sent: bytes) -> None:
    os.write(pipe[1], sent)
    os.close(pipe.pop())

    with pytest.raises(Closed):
        receive(pipe[0])


def test_writing_to_nobody_counts_as_closed(pipe: list[int]) -> None:
    os.close(pipe.pop(0))

    with pytest.raises(Closed):
        send(pipe[0], {})


def test_unpacking_leaves_half_a_message_out(pipe: list[int]) -> None:
    send(pipe[1], {"stage": "read"})
    whole = os.read(pipe[0], 100)

    assert unpack(whole + whole[:-1]) == [{"stage": "read"}]
    assert unpack(whole[:3]) == []


@pytest.mark.parametrize("body", [b"{x}", b"\xff\xff", b"[]", b"7", b"[" * 100_000])
def test_unpacking_stops_at_what_is_no_message(pipe: list[int], body: bytes) -> None:
    send(pipe[1], {"stage": "read"})
    whole = os.read(pipe[0], 100)

    assert unpack(whole + len(body).to_bytes(4) + body + whole) == [{"stage": "read"}]
