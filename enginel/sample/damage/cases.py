"""The damaged files, by kind of damage."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Final

from designs.exceptions import (
    BOMExtractionError,
    CorruptedFile,
    EnginelBaseException,
    GeometryProcessingError,
    InvalidFileFormat,
    TaskTimeoutError,
    UnitConversionError,
)
from enginel.sample.damage.assemblies import doubled, mapped_units, nauo_cycle, nauo_self_cycle, nauo_target
from enginel.sample.damage.edits import (
    cut,
    flipped,
    removed,
    replaced,
    sample,
    seeded,
    shuffled_parameters,
    with_nuls,
    with_statements,
)  # fmt: skip
from enginel.sample.damage.model import DamagedFile, Stage

__all__ = ["DAMAGED"]

_PART: Final = "io1-cm-214.stp"
_INCH_ASSEMBLY: Final = "dm1-id-214.stp"
_IGES: Final = "single_rounded_cube.iges"
_ARCS: Final = "nist_ctc_03_asme1_ap203.stp"
_ONE_CUBE: Final = "red_cube_blue_cylinder.step"
_LENGTH: Final = rb"LENGTH_UNIT\(\)\s*NAMED_UNIT\(\*\)\s*SI_UNIT\(\.MILLI\.,\.METRE\.\)"
_FACTOR: Final = rb"LENGTH_MEASURE\(2\.540+\)"


def _cases(
    expected: type[EnginelBaseException],
    stage: Stage,
    *rows: tuple[str, str, Callable[[], bytes]],
    slow: bool = False,
) -> tuple[DamagedFile, ...]:
    return tuple(DamagedFile(name, text, expected, stage, slow, build) for name, text, build in rows)


def _edited(name: str, pattern: bytes, replacement: bytes, *, count: int = 1) -> Callable[[], bytes]:
    return lambda: replaced(sample(name), pattern, replacement, count=count)


def _unit(replacement: bytes) -> Callable[[], bytes]:
    return _edited(_PART, _LENGTH, replacement, count=0)


def _factor(replacement: bytes) -> Callable[[], bytes]:
    return _edited(_INCH_ASSEMBLY, _FACTOR, replacement, count=0)


def _points(replacement: bytes, *, count: int = 40) -> Callable[[], bytes]:
    return _edited(_PART, rb"(CARTESIAN_POINT\('',)\([^)]*\)", rb"\1" + replacement, count=count)


def _far() -> bytes:
    """Move the points a trillion times as far from the origin; keep the radii of the arcs between them."""

    def moved(number: re.Match[bytes]) -> bytes:
        return b"%bE%d" % (number[1], int(number[2] or 0) + 12)

    def point(match: re.Match[bytes]) -> bytes:
        return match[1] + re.sub(rb"([-\d.]+)(?:E([-\d]+))?", moved, match[2])

    return replaced(sample(_ARCS), rb"(CARTESIAN_POINT\('[^']*',)(\([^)]*\))", point, count=0)


def _dangling(name: str, keyword: bytes, count: int) -> Callable[[], bytes]:
    return lambda: removed(sample(name), keyword, count=count)


def _nested(depth: int) -> Callable[[], bytes]:
    statement = b"#9000=DESCRIPTIVE_REPRESENTATION_ITEM('',%b);"
    return lambda: with_statements(sample(_ONE_CUBE), statement % (b"(" * depth + b")" * depth))


def _bits(count: int, *, seed: int) -> Callable[[], bytes]:
    return lambda: flipped(sample(_INCH_ASSEMBLY), count, seed=seed)


def _schema(name: bytes) -> Callable[[], bytes]:
    return _edited(_PART, rb"AUTOMOTIVE_DESIGN \{[^}]*\}", name)


def _lists(keyword: bytes, *, count: int) -> Callable[[], bytes]:
    """Empty the first list of instances with a keyword."""
    return _edited(_PART, rb"(" + keyword + rb"\('',)\([^)]*\)", rb"\1()", count=count)


def _encoded(encoding: str) -> bytes:
    return sample("material.stp").decode("ascii").encode(encoding)


def _zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("part.step"), sample("material.stp"))
    return stream.getvalue()


def _sprinkled_nuls() -> bytes:
    content = bytearray(sample(_PART))
    for position in seeded(4).sample(range(500, len(content)), 200):
        content[position] = 0
    return bytes(content)


def _random_data_section() -> bytes:
    head = sample(_PART).partition(b"DATA;")[0]
    return head + b"DATA;\n" + seeded(5).randbytes(20_000).replace(b"\0", b"x") + b"\nENDSEC;\nEND-ISO-10303-21;"


def _iges_without_end() -> bytes:
    """Remove the last line of parameters and the line with the counts."""
    return b"".join(sample(_IGES).splitlines(keepends=True)[:-2])


def _iges_without(section: bytes) -> bytes:
    return b"".join(line for line in sample(_IGES).splitlines(keepends=True) if line[72:73] != section)


def _long_name(length: int) -> Callable[[], bytes]:
    return _edited("material.stp", rb"PRODUCT\('Part 1'", b"PRODUCT('" + b"n" * length + b"'")


_UPLOAD: Final = (
    *_cases(
        CorruptedFile, "upload",
        ("empty.step", "no byte at all", bytes),
        ("blank_lines.step", "line breaks only", lambda: b"\r\n" * 500),
        ("one_byte.step", "a single letter", lambda: b"I"),
        ("nuls.step", "64 kB of NUL bytes", lambda: bytes(65536)),
    ),
    *_cases(
        InvalidFileFormat, "upload",
        ("image.step", "a PNG image", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64)),
        ("image.igs", "a PNG image named as IGES", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64)),
        ("archive.step", "a STEP file in a ZIP archive", _zipped),
        ("packed.step", "a STEP file packed by gzip", lambda: gzip.compress(sample("material.stp"), mtime=0)),
        ("page.step", "an HTML page", lambda: b"<!DOCTYPE html><html><body>Not found</body></html>"),
        ("program.step", "an ELF program", lambda: b"\x7fELF\x02\x01\x01" + bytes(64)),
        ("utf16.step", "UTF-16 with byte order mark", partial(_encoded, "utf-16")),
        ("utf16le.step", "UTF-16 without", partial(_encoded, "utf-16-le")),
        ("iges_inside.step", "an IGES file named as STEP", partial(sample, _IGES)),
        ("step_inside.igs", "a STEP file named as IGES", partial(sample, "material.stp")),
        ("noise.step", "random bytes", lambda: seeded(1).randbytes(5000)),
    ),
)  # fmt: skip

_STRUCTURE: Final = (
    *_cases(
        CorruptedFile, "task",
        *((f"cut_{n}.step", f"cut at {n} %", lambda n=n: cut(sample(_PART), n)) for n in (10, 50, 90, 99)),
        ("no_end.step", "END-ISO-10303-21 missing", _edited(_PART, rb"END-ISO-10303-21;", b"")),
        ("no_header.step", "header section missing", _edited(_PART, rb"(?s)HEADER;.*?ENDSEC;", b"")),
        ("open_comment.step", "comment never closed", _edited(_PART, rb"DATA;", b"DATA; /* never closed")),
        ("open_string.step", "one text never closed", _edited(_ONE_CUBE, rb"'blue_cylinder'", b"'blue")),
        ("bits_20.step", "20 bits flipped", _bits(20, seed=20)),
        ("bits_200.step", "200 bits flipped", _bits(200, seed=200)),
        ("bits_2000.step", "2000 bits flipped", _bits(2000, seed=2000)),
        ("nul_hole.step", "4 kB lost to NUL", lambda: with_nuls(sample(_PART), start=12_000, length=4096)),
        ("nul_tail.step", "second half NUL", lambda: with_nuls(sample(_PART), start=20_000, length=21_720)),
        ("nul_sprinkled.step", "NUL bytes here and there", _sprinkled_nuls),
        ("long_name.step", "a name of 50 kB", _long_name(50_000)),
        ("long_header.step", "a header text of 90 kB",
         _edited(_PART, rb"'io1\.stp'", b"'" + b"h" * 90_000 + b"'")),
        ("dangling_point.step", "one point missing", _dangling(_INCH_ASSEMBLY, b"CARTESIAN_POINT", 1)),
        ("dangling_shell.step", "one shell missing", _dangling(_INCH_ASSEMBLY, b"CLOSED_SHELL", 1)),
        ("dangling_10_edges.step", "ten edges missing", _dangling(_INCH_ASSEMBLY, b"EDGE_CURVE", 10)),
        ("dangling_edges.step", "all edges missing", _dangling(_INCH_ASSEMBLY, b"EDGE_CURVE", 0)),
        ("same_id.step", "an identifier defined twice", _edited(_PART, rb"#20=", b"#10=")),
        ("deep_60000.step", "parentheses 60 000 deep", _nested(60_000)),
        ("deep_3000000.step", "parentheses 3 000 000 deep", _nested(3_000_000)),
        ("bits_1_line_break.step", "one bit flipped, in a line break", _bits(1, seed=3)),
        ("garbage.step", "random bytes for data", _random_data_section),
    ),
    *_cases(
        InvalidFileFormat, "task",
        ("ifc4.step", "schema IFC4", _schema(b"IFC4")),
        ("no_such_schema.step", "a schema nobody knows", _schema(b"TEAPOT")),
    ),
)  # fmt: skip

_UNITS: Final = _cases(
    UnitConversionError, "task",
    ("no_unit.step", "no length unit",
     _edited(_PART, rb"(GLOBAL_UNIT_ASSIGNED_CONTEXT\(\()#\d+,", rb"\1", count=0)),
    ("lost_unit.step", "length unit removed", lambda: removed(sample(_PART), rb"(?=\(LENGTH_UNIT)", count=0)),
    ("mass_unit.step", "gram as length unit", _unit(b"MASS_UNIT() NAMED_UNIT(*) SI_UNIT(.MILLI.,.GRAM.)")),
    ("gram_length.step", "length in gram", _unit(b"LENGTH_UNIT() NAMED_UNIT(*) SI_UNIT(.MILLI.,.GRAM.)")),
    ("prefix.step", "unknown SI prefix", _unit(b"LENGTH_UNIT() NAMED_UNIT(*) SI_UNIT(.MILLY.,.METRE.)")),
    ("factor_0.step", "factor 0", _factor(b"LENGTH_MEASURE(0.)")),
    ("factor_negative.step", "factor -2.54", _factor(b"LENGTH_MEASURE(-2.54)")),
    ("factor_text.step", "factor is a text", _factor(b"LENGTH_MEASURE('2.54')")),
    ("factor_tiny.step", "factor 1.E-30", _factor(b"LENGTH_MEASURE(1.E-30)")),
    ("factor_infinite.step", "factor 1.E999", _factor(b"LENGTH_MEASURE(1.E999)")),
    ("factor_mass.step", "factor is a mass", _factor(b"MASS_MEASURE(2.54)")),
    ("factor_gone.step", "factor removed", _dangling(_INCH_ASSEMBLY, b"LENGTH_MEASURE_WITH_UNIT", 0)),
    ("inch_of_254.step", "inch of 254 mm", _factor(b"LENGTH_MEASURE(25.4)")),
    ("cubits.igs", "IGES unit nobody knows", _edited(_IGES, rb"1\.,2,2HMM", b"1.,3,2HQQ")),
)  # fmt: skip

_ASSEMBLIES: Final = (
    *_cases(
        BOMExtractionError, "task",
        ("cycle.step", "two assemblies contain each other", nauo_cycle),
        ("self_cycle.step", "an assembly contains itself", nauo_self_cycle),
        ("nauo_missing.step", "a usage of what is not there", partial(nauo_target, b"#999999")),
        ("nauo_wrong.step", "a usage of what is no product", partial(nauo_target, b"#53")),
        ("no_products.step", "products removed", _dangling(_INCH_ASSEMBLY, b"PRODUCT", 0)),
        ("doubled_60.step", "2^60 pieces", partial(doubled, 60)),
    ),
    *_cases(
        TaskTimeoutError, "task",
        ("doubled_16.step", "2^16 pieces", partial(doubled, 16)),
        ("doubled_17.step", "2^17 pieces", partial(doubled, 17)),
        ("doubled_20.step", "2^20 pieces", partial(doubled, 20)),
        ("doubled_26.step", "2^26 pieces", partial(doubled, 26)),
    ),
)  # fmt: skip

_GEOMETRY: Final = (
    *_cases(
        TaskTimeoutError, "task",
        ("points_far.step", "points a trillion times as far apart as the radii of their arcs", _far),
        slow=True,
    ),
    *_cases(
        GeometryProcessingError, "task",
        ("points_infinite.step", "coordinates 1.E999", _points(b"(1.E999,0.,0.)", count=0)),
        ("points_nan.step", "coordinates NAN", _points(b"(NAN,0.,0.)", count=0)),
        ("points_inf.step", "coordinates INF", _points(b"(INF,0.,0.)", count=0)),
        ("vectors_infinite.step", "vectors of length 1.E999",
         _edited(_PART, rb"(VECTOR\('',#\d+),[^)]*\)", rb"\1,1.E999)", count=0)),
        ("circles_huge.step", "circles of radius 1.E160",
         _edited(_PART, rb"(CIRCLE\('',#\d+),[^)]*\)", rb"\1,1.E160)", count=0)),
        ("lines_infinite.igs", "IGES lines to 1.D400",
         _edited(_IGES, rb"110,-25\.(,[^;]*;)  ", rb"110,1.D400\1")),
        ("points_huge.step", "coordinates 1.E300", _points(b"(1.E300,0.,0.)")),
        ("points_text.step", "coordinates are texts", _points(b"('a','b','c')")),
        ("points_absent.step", "coordinates absent", _points(b"$")),
        ("empty_loop.step", "edge loops without edges", _lists(b"EDGE_LOOP", count=0)),
        ("empty_shell.step", "shell without faces", _lists(b"CLOSED_SHELL", count=1)),
        ("open_shell.step", "shell lacking faces", _edited(_ONE_CUBE, rb"\( #46, #40, #52, ", b"( ")),
        ("placement_self.step", "a placement that refers to itself",
         _edited(_INCH_ASSEMBLY, rb"(#89=AXIS2_PLACEMENT_3D\('',)#90,#91,#92", rb"\1#89,#89,#89")),
        ("mapped_units.step", "a part in metres that maps into itself what is in inches", mapped_units),
        ("dangling_points.step", "all points missing", _dangling(_INCH_ASSEMBLY, b"CARTESIAN_POINT", 0)),
        ("huge_id.step", "identifier beyond 64 bits",
         _edited(_PART, rb"#80\b", b"#99999999999999999999", count=0)),
        ("shuffled.igs", "IGES parameters shuffled", lambda: shuffled_parameters(sample(_IGES), seed=0)),
        ("bits_1.step", "one bit flipped; three of seven solids get lost", _bits(1, seed=18)),
        ("bits_1_invalid.step", "one bit flipped; all solids there, one invalid", _bits(1, seed=45)),
    ),
)  # fmt: skip

_IGES_CASES: Final = _cases(
    CorruptedFile, "task",
    *((f"cut_{n}.igs", f"IGES cut at {n} %", lambda n=n: cut(sample(_IGES), n)) for n in (10, 50, 90)),
    ("no_last_lines.igs", "IGES without its last two lines", _iges_without_end),
    ("no_global.igs", "IGES without global section", partial(_iges_without, b"G")),
    ("shuffled_legible.igs", "IGES parameters shuffled; the kernel survives it",
     lambda: shuffled_parameters(sample(_IGES), seed=3)),
    ("foreign_parameters.igs", "IGES parameters that name another entity; the kernel minds not",
     _edited(_IGES, rb"       1P      1", b"      99P      1")),
    ("hollerith.igs", "IGES text longer than it states", _edited(_IGES, rb"2HMM", b"9HMM")),
    ("nul_hole.igs", "IGES with 2 kB lost to NUL", lambda: with_nuls(sample(_IGES), start=9000, length=2048)),
)  # fmt: skip

DAMAGED: Final[tuple[DamagedFile, ...]] = (
    *_UPLOAD,
    *_STRUCTURE,
    *_UNITS,
    *_ASSEMBLIES,
    *_GEOMETRY,
    *_IGES_CASES,
)
