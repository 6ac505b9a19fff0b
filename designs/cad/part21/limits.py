"""Size limits of Part 21 files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DEFAULT_LIMITS", "ScanLimits"]


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """Size limits of a file.

    Attributes:
        max_bytes: Size of the file.
        max_depth: Parentheses open at the same time; the kernel's parser crashes on tens of thousands.
        max_string_bytes: Length of one literal; the kernel's reader fails on longer ones.
        max_identifier_digits: Length of one instance name; names beyond 64 bits are left to the kernel.
    """

    max_bytes: int = 512 * 1024 * 1024
    max_depth: int = 2_000
    max_string_bytes: int = 32_768
    max_identifier_digits: int = 1_000


DEFAULT_LIMITS: Final = ScanLimits()
