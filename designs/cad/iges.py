"""IGES files (ANSI US PRO/IPO-100, version 5.3): structure check and length unit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from designs.cad.files import read_regular
from designs.cad.iges_directory import Directory, directory
from designs.cad.iges_global import GlobalSection, global_section
from designs.cad.iges_lines import Sections, corrupted, split_lines
from designs.cad.iges_numbers import check_iges_numbers
from designs.cad.units import LengthUnit

__all__ = ["IgesFile", "IgesScan", "read_iges", "scan_iges"]

_MAX_BYTES: Final = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class IgesFile:
    """The sections of an IGES file.

    Attributes:
        sections: Its lines.
        head: The values of the global section.
        directory: Its entities and their parameters.
    """

    sections: Sections
    head: GlobalSection
    directory: Directory

    @property
    def is_plain(self) -> bool:
        """The kernel reads the file unchanged."""
        return self.sections.is_plain and self.head.is_plain and self.directory.is_plain(self.head.marks)


@dataclass(frozen=True, slots=True)
class IgesScan:
    """An IGES file that can be read.

    Attributes:
        unit: Its length unit; assumed to be the inch, the default of the format, when it states none.
        entity_count: Entities in the directory.
        line_counts: Lines of the sections S, G, D and P.
        damage: The first contradiction between directory and parameters; empty without one. It does not end
            the scan: the kernel's reaction decides how the file fails.
        needs_rewrite: The file uses syntax that the standard allows and the kernel does not read.
        warnings: Oddities that do not fail the file, as texts shown with the design.
    """

    unit: LengthUnit
    entity_count: int
    line_counts: tuple[int, int, int, int]
    damage: tuple[str, ...] = ()
    needs_rewrite: bool = False
    warnings: tuple[str, ...] = ()


def scan_iges(path: Path) -> IgesScan:
    """Check the structure of an IGES file and read its unit.

    Raises:
        CorruptedFile: When columns, sections, sequence numbers and counts do not fit together.
        GeometryProcessingError: When its geometry has numbers that make the kernel hang.
        InvalidFileFormat: When it is no regular file or a binary or compressed IGES file.
        UnitConversionError: When it names a unit the format does not know.
        FileSizeExceeded: When it is larger than 512 MiB.
        OSError: When it is missing or cannot be read.
    """
    file = read_iges(read_regular(path, stage="scan", max_bytes=_MAX_BYTES))
    lines = file.sections.lines
    check_iges_numbers(lines["P"])
    return IgesScan(
        unit=file.head.unit,
        entity_count=len(lines["D"]) // 2,
        line_counts=(len(lines["S"]), len(lines["G"]), len(lines["D"]), len(lines["P"])),
        damage=file.directory.damage,
        # The kernel gets damaged content unchanged.
        needs_rewrite=not file.is_plain and not file.directory.damage,
        warnings=(*file.sections.warnings, *file.head.warnings),
    )


def read_iges(data: bytes) -> IgesFile:
    """Read the sections of an IGES file.

    Raises:
        CorruptedFile: When columns, sections, sequence numbers and counts do not fit together.
        InvalidFileFormat: When it is a binary or compressed IGES file.
        UnitConversionError: When it names a unit the format does not know.
    """
    sections = split_lines(data)
    head = global_section(sections.lines["G"])
    found = directory(sections.lines["D"], sections.lines["P"], head.marks)
    if not sections.is_ended and not found.is_complete(head.marks):
        raise corrupted("The file is cut: its last lines are missing.", "truncated")
    return IgesFile(sections, head, found)
