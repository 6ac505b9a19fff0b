"""The socket of the embedded Valkey fits into what the system allows."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from enginel.statedir import socket_path


def test_it_lies_in_the_state_directory() -> None:
    assert socket_path(Path("/srv/enginel/var")) == Path("/srv/enginel/var/valkey.sock")


@pytest.mark.parametrize("length", [92, 93, 200, 4000])
def test_a_path_too_long_moves_to_a_short_one(length: int) -> None:
    path = socket_path(Path("/" + "x" * (length - 1)))

    assert len(os.fsencode(path)) <= 103 or not str(path).startswith(tempfile.gettempdir())
    assert (path.parent == Path("/" + "x" * (length - 1))) is (length + len("/valkey.sock") <= 103)


def test_a_path_is_measured_in_bytes() -> None:
    path = socket_path(Path("/" + "漢" * 40))

    assert str(path).startswith(tempfile.gettempdir())


def test_one_directory_always_has_one_socket_and_two_have_two() -> None:
    first, second = Path("/" + "x" * 200), Path("/" + "y" * 200)

    assert socket_path(first) == socket_path(first)
    assert socket_path(first) != socket_path(second)
    assert str(os.getuid()) in str(socket_path(first))
