"""Definitions of damaged and odd sample files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from designs.exceptions import EnginelBaseException

__all__ = ["DamagedFile", "OddFile", "Stage"]

Stage = Literal["upload", "finalize", "task"]


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file that the service must refuse, and the expected refusal.

    Attributes:
        name: File name as a client sends it.
        expected: The exception that must end its processing.
        stage: Stage of the refusal: ``upload`` if the first bytes reveal the damage, ``task`` if a worker finds it.
        slow: True when the CAD kernel does not answer, so that only its deadline ends it.
        build: Creates the content, identical each time.
    """

    name: str
    description: str
    expected: type[EnginelBaseException]
    stage: Stage
    slow: bool
    build: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class OddFile:
    """A file that looks wrong but must be accepted."""

    name: str
    description: str
    build: Callable[[], bytes]
