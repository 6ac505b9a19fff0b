"""Odd but valid files: each must be accepted."""

from __future__ import annotations

from functools import partial
from typing import Final

from enginel.sample.damage.assemblies import doubled
from enginel.sample.damage.edits import replaced, sample, with_statements
from enginel.sample.damage.model import OddFile

__all__ = ["ODD"]

_PART: Final = "material.stp"
_INCH: Final = "nist_ctc_03_asme1_ap203.stp"
_IGES: Final = "single_rounded_cube.iges"


def _named(name: bytes) -> bytes:
    return replaced(sample(_PART), rb"PRODUCT\('Part 1','Part 1'", lambda _: b"PRODUCT('" + name + b"','" + name + b"'")


def _furlong() -> bytes:
    renamed = replaced(sample(_INCH), rb"CONVERSION_BASED_UNIT\('INCH'", b"CONVERSION_BASED_UNIT('FURLONG'")
    return replaced(renamed, rb"LENGTH_MEASURE\(25\.4\)", b"LENGTH_MEASURE(201168.)")


def _inch(measure: bytes) -> bytes:
    """Return a file in inches whose conversion has this form."""
    return replaced(sample(_INCH), rb"LENGTH_MEASURE_WITH_UNIT\( *LENGTH_MEASURE\( *25\.4 *\), *(#[0-9]+) *\)", measure)


def _conversion_last() -> bytes:
    return replaced(
        sample(_INCH),
        rb"(CONVERSION_BASED_UNIT\('INCH',#[0-9]+\))(\s*LENGTH_UNIT\(\)\s*NAMED_UNIT\(#[0-9]+\))",
        rb"\2\1",
    )


def _dotted_schema() -> bytes:
    return replaced(sample(_PART), rb"_MIM_LF \{", b"_mim_lf. {")


def _nested() -> bytes:
    return with_statements(
        sample(_PART), b"#9000=DESCRIPTIVE_REPRESENTATION_ITEM('',%b);" % (b"(" * 1000 + b")" * 1000)
    )


def _narrow() -> bytes:
    text = b"".join(sample(_PART).splitlines())
    return b"\n".join(text[at : at + 30] for at in range(0, len(text), 30))


def _third_edition() -> bytes:
    apart = b"ANCHOR;\n<top>=#10{rank:1};\nENDSEC;\nREFERENCE;\n#9000=<other.stp#part>;\nENDSEC;\n"
    first = b"DATA('main',('AUTOMOTIVE_DESIGN'));\n"
    begun = replaced(sample(_PART), rb"DATA;\s*", lambda _: apart + first)
    split = replaced(begun, rb"\n#12=", b"\nENDSEC;\nDATA('more',('AUTOMOTIVE_DESIGN'));\n#12=")
    return split + b"SIGNATURE;\nTUlJQg==\nENDSEC;\n"


def _relabelled() -> bytes:
    return replaced(sample("as1-oc-214.stp"), rb"SI_UNIT\(\.MILLI\.,\.METRE\.\)", b"SI_UNIT($,.METRE.)", count=0)


def _iges_without_unit() -> bytes:
    # One column shorter per character, so blanks at the end of the line keep the columns in place.
    return replaced(sample(_IGES), rb"ngle_rounded_cube,1\.,2,2HMM,", b"ngle_rounded_cube,1.,,,     ")


def _iges_dated() -> bytes:
    return replaced(sample(_IGES), rb"13H250408", b"13H259908", count=2)


def _iges_without_last_line() -> bytes:
    return b"".join(sample(_IGES).splitlines(keepends=True)[:-1])


def _iges_with_short_global_section() -> bytes:
    """End the section after the name of the receiver; it takes two lines of four."""
    lines = sample(_IGES).splitlines(keepends=True)
    short = b"1H,,1H;,4Hcube,9Hcube.iges,3HCAD,3H1.0,32,38,6,308,15,4Hcube;".ljust(72) + lines[1][72:]
    return replaced(b"".join([lines[0], short, *lines[5:]]), rb"S      1G      4", b"S      1G      1")


def _iges_with_padded_counts() -> bytes:
    return replaced(sample(_IGES), rb"S      1G      4D    204P    185", b"S0000001G0000004D0000204P0000185")


def _iges_with_numbers_to_the_left() -> bytes:
    """Move the pointers of the parameters to the left of their columns, where the kernel does not read them."""
    return replaced(
        sample(_IGES), rb"(?m)^(.{64}) *([0-9]+)(P *[0-9]+)", lambda row: row[1] + row[2].ljust(8) + row[3], count=0
    )


def _iges_with_comment() -> bytes:
    """Append a comment line to the last parameter record; the kernel misreads it as parameters."""
    lines = sample(_IGES).splitlines(keepends=True)
    comment = b"made by hand; 1,2,3".ljust(64) + lines[-2][64:72] + b"P    186" + lines[-2][80:]
    entry = lines[-187]
    claimed = entry[:24] + b"       2" + entry[32:]
    content = b"".join([*lines[:-187], claimed, *lines[-186:-1], comment, lines[-1]])
    return replaced(content, rb"P    185( +T)", rb"P    186\1")


ODD: Final[tuple[OddFile, ...]] = (
    OddFile("latin1.step", "a name in Latin-1, which the standard does not allow", lambda: _named(b"Geh\xe4use")),
    OddFile("gb18030.step", "a name in GB 18030", lambda: _named("装配体零件".encode("gb18030"))),
    OddFile("x2.step", "a name with an \\X2\\ escape", lambda: _named(rb"\X2\7B52\X0\ \X2\00FC\X0\ ")),
    OddFile("control.step", "ESC and BEL in a name", lambda: _named(b"Part\x1b[31m\x07")),
    OddFile("cr_only.step", "lines that end in CR only", lambda: sample(_PART).replace(b"\n", b"\r")),
    OddFile("bom.step", "a UTF-8 byte order mark", lambda: b"\xef\xbb\xbf" + sample(_PART)),
    OddFile("one_line.step", "no line break at all", lambda: b"".join(sample(_PART).splitlines())),
    OddFile("comment.step", "a comment before the first line", lambda: b"/* made by hand **/\n" + sample(_PART)),
    OddFile("form_feed.step", "a form feed between instances", lambda: sample(_PART).replace(b"\n#12=", b"\f#12=")),
    OddFile("narrow.step", "words broken over lines of 30 characters", _narrow),
    OddFile("third_edition.step", "anchors, references, two data sections and a signature", _third_edition),
    OddFile("nested.step", "parentheses 1000 deep", _nested),
    OddFile("furlong.step", "a unit with a name nobody uses and a sound factor", _furlong),
    OddFile(
        "inch_supertype.step",
        "an inch by a measure of the supertype",
        lambda: _inch(rb"MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),\1)"),
    ),
    OddFile(
        "inch_untyped.step",
        "an inch by a number without a type",
        lambda: _inch(rb"LENGTH_MEASURE_WITH_UNIT(25.4,\1)"),
    ),
    OddFile(
        "inch_complex.step",
        "an inch by a complex instance, which the kernel takes for a millimetre",
        lambda: _inch(rb"(LENGTH_MEASURE_WITH_UNIT()MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),\1))"),
    ),
    OddFile(
        "inch_order.step", "an inch whose records stand in another order, which crashes the kernel", _conversion_last
    ),
    OddFile("schema_dot.step", "a schema name with a dot and in small letters", _dotted_schema),
    OddFile("relabelled.step", "a millimetre file that says metre: 200 m long, only a warning", _relabelled),
    OddFile("trailing.step", "a megabyte of blanks after the end", lambda: sample(_PART) + b" " * 1_000_000),
    OddFile("doubled_15.step", "an assembly of 32 768 pieces in 33 kB", partial(doubled, 15)),
    OddFile("no_unit.igs", "IGES that states no unit, so inch", _iges_without_unit),
    OddFile("bad_date.igs", "IGES with a date that does not exist", _iges_dated),
    OddFile("no_last_line.igs", "IGES without its last line, the rest complete", _iges_without_last_line),
    OddFile("short_global.igs", "IGES whose global section ends early: inch", _iges_with_short_global_section),
    OddFile("padded_counts.igs", "IGES with counts padded with zeros", _iges_with_padded_counts),
    OddFile("to_the_left.igs", "IGES with pointers to the left of their columns", _iges_with_numbers_to_the_left),
    OddFile("comment.igs", "IGES with a comment in its parameters", _iges_with_comment),
)
