"""Files that look wrong and are not: each of them has to be accepted."""

from __future__ import annotations

from functools import partial
from typing import Final

from enginel.sample.damage.assemblies import doubled
from enginel.sample.damage.edits import replaced, sample, with_statements
from enginel.sample.damage.model import OddFile

__all__ = ["ODD"]

_PART: Final = "material.stp"
_INCH: Final = "nist_ctc_03_asme1_ap203.stp"


def _named(name: bytes) -> bytes:
    return replaced(sample(_PART), rb"PRODUCT\('Part 1','Part 1'", lambda _: b"PRODUCT('" + name + b"','" + name + b"'")


def _furlong() -> bytes:
    renamed = replaced(sample(_INCH), rb"CONVERSION_BASED_UNIT\('INCH'", b"CONVERSION_BASED_UNIT('FURLONG'")
    return replaced(renamed, rb"LENGTH_MEASURE\(25\.4\)", b"LENGTH_MEASURE(201168.)")


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
    return replaced(
        sample("single_rounded_cube.iges"), rb"ngle_rounded_cube,1\.,2,2HMM,", b"ngle_rounded_cube,1.,,,     "
    )


def _iges_dated() -> bytes:
    return replaced(sample("single_rounded_cube.iges"), rb"13H250408", b"13H259908", count=2)


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
    OddFile("relabelled.step", "a millimetre file that says metre: 200 m long, only a warning", _relabelled),
    OddFile("trailing.step", "a megabyte of blanks after the end", lambda: sample(_PART) + b" " * 1_000_000),
    OddFile("doubled_15.step", "an assembly of 32 768 pieces in 33 kB", partial(doubled, 15)),
    OddFile("no_unit.igs", "IGES that states no unit, so inch", _iges_without_unit),
    OddFile("bad_date.igs", "IGES with a date that does not exist", _iges_dated),
)
