"""Pooled connections carry one command and its answer; a broken one affects no other."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from freezegun import freeze_time

from integrations.redis.connection import NotConnected, Wires
from integrations.redis.server import fail_fast_options
from tests.support.outage import REFUSED_URL, FrozenValkey, own_valkey

TIMEOUT_SECONDS = 0.2


def wires_to(url: str, most: int = 4) -> Wires:
    return Wires(redis.ConnectionPool.from_url(url, **fail_fast_options(TIMEOUT_SECONDS), max_connections=most), most)


@pytest.fixture
def wires() -> Iterator[Wires]:
    made = wires_to(settings.REDIS_URL)
    yield made
    while made._idle:
        made.drop(made._idle.pop())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


def test_an_answer_may_be_larger_than_one_read(wires: Wires) -> None:
    wire = wires.take()
    text = b"x" * 1_000_000
    try:
        assert wire.ask("ECHO", text) == text
        assert wire.ask("ECHO", "next") == b"next"
    finally:
        wires.give_back(wire)


def test_a_refusal_has_its_class_and_the_connection_stays_usable(wires: Wires) -> None:
    wire = wires.take()
    try:
        with pytest.raises(redis.exceptions.NoScriptError):
            wire.ask("EVALSHA", "0" * 40, 0)
        with pytest.raises(redis.ResponseError, match="unknown command"):
            wire.ask("NONSENSE")
        assert wire.ask("PING") == b"PONG"
    finally:
        wires.give_back(wire)


def test_a_returned_connection_is_used_again(wires: Wires) -> None:
    first = wires.take()
    wires.give_back(first)
    second = wires.take()
    wires.give_back(second)

    assert second is first


def test_a_wire_the_server_closed_is_not_used_again(wires: Wires) -> None:
    wire = wires.take()
    number = wire.ask("CLIENT", "ID")
    wires.give_back(wire)
    other = redis.Redis.from_url(settings.REDIS_URL)
    other.client_kill_filter(_id=str(number))
    other.close()
    following = wires.take()
    try:
        assert following is not wire
        assert following.ask("PING") == b"PONG"
    finally:
        wires.give_back(following)


def test_no_more_wires_than_allowed(wires: Wires) -> None:
    taken = [wires.take() for _ in range(4)]
    with pytest.raises(NotConnected):
        wires.take()
    for wire in taken:
        wires.give_back(wire)
    wires.give_back(wires.take())


def test_a_dropped_connection_takes_no_place(wires: Wires) -> None:
    for _ in range(9):
        wires.drop(wires.take())


def test_a_refused_connection_takes_no_place() -> None:
    wires = wires_to(REFUSED_URL, most=1)
    for _ in range(3):
        with pytest.raises(NotConnected):
            wires.take()


def test_a_silent_server_costs_the_timeout(server: FrozenValkey) -> None:
    wires = wires_to(server.url)
    wire = wires.take()
    with server.frozen():
        began = time.perf_counter()
        with pytest.raises(redis.TimeoutError):
            wire.ask("PING")
        assert 0.15 < time.perf_counter() - began < 2
    wires.drop(wire)


def test_a_silent_server_costs_the_timeout_while_a_test_has_stopped_the_clock(server: FrozenValkey) -> None:
    wires = wires_to(server.url)
    wire = wires.take()
    with server.frozen(), freeze_time("2026-01-31"), pytest.raises(redis.TimeoutError):
        wire.ask("PING")
    wires.drop(wire)


def test_bytes_that_dribble_in_do_not_hold_a_caller() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def dribble() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            while not stop.wait(0.02):
                try:
                    peer.sendall(b"$1000\r\n")
                except OSError:
                    return

    thread = threading.Thread(target=dribble, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    options = fail_fast_options(TIMEOUT_SECONDS)
    wires = Wires(redis.ConnectionPool(host="127.0.0.1", port=port, protocol=2, driver_info=None, **options), 1)
    wire = wires.take()
    began = time.perf_counter()
    with pytest.raises(redis.RedisError):
        wire.ask("PING")
    assert time.perf_counter() - began < 5
    wires.drop(wire)
    stop.set()
    thread.join()
    listener.close()


def test_a_forked_child_has_wires_of_its_own(wires: Wires, tmp_path: Path) -> None:
    wire = wires.take()
    parent_id = wire.ask("CLIENT", "ID")
    wires.give_back(wire)
    told = tmp_path / "id"
    pid = os.fork()
    if not pid:
        try:
            wires.reset()
            told.write_text(str(wires.take().ask("CLIENT", "ID")))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    again = wires.take()
    try:
        assert int(told.read_text()) != parent_id
        assert again.ask("CLIENT", "ID") == parent_id
    finally:
        wires.give_back(again)
