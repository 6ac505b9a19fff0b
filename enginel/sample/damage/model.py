"""What a damaged and what an odd file is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from designs.exceptions import EnginelBaseException

__all__ = ["DamagedFile", "OddFile", "Stage"]

Stage = Literal["upload", "finalize", "task"]


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file the service must refuse, and how.

    Attributes:
        name: File name as a client sends it.
        expected: The exception that must end its processing.
        stage: Where: ``upload`` when the first bytes give it away, ``task`` when a worker has to look.
        slow: True when the CAD kernel does not answer, so that only its deadline ends it.
        build: Makes the content, the same each time.
    """

    name: str
    description: str
    expected: type[EnginelBaseException]
    stage: Stage
    slow: bool
    build: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class OddFile:
    """A file that looks wrong and has to be accepted."""

    name: str
    description: str
    build: Callable[[], bytes]
