"""Fixtures of the tests of the CAD workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from designs.cad import shutdown_kernel

Stored = Callable[[bytes], Path]


@pytest.fixture(scope="session", autouse=True)
def kernel_ends_with_the_tests() -> Iterator[None]:
    yield
    shutdown_kernel()


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Store content as the service does: under a name of our own."""

    def store(content: bytes) -> Path:
        path = tmp_path / "content"
        path.write_bytes(content)
        return path

    return store
