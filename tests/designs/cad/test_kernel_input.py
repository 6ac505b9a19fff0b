"""Files that the standard allows and the kernel does not read as they stand: both readers find the same in them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designs.cad import FileKind, bill_of_materials, scan_step, sniff
from designs.cad.part21.plain import plain_text
from designs.exceptions import CorruptedFile, InvalidFileFormat
from enginel.sample.corpus import GOOD, sample_path
from tests.designs.cad.conftest import Stored
from tests.support.cad.pipeline import process
from tests.support.cad.step_box import BOX_DATA, BOX_MM, BOX_VOLUME_MM3
from tests.support.cad.step_text import step_file

BOX = step_file(BOX_DATA)
SOLID = b"MANIFOLD_SOLID_BREP('box',"
PLACE = b"\n#20="


def check_is_the_box(content: bytes, path: Path) -> None:
    """Go the whole way, scan to kernel."""
    path.write_bytes(content)

    _, bom, summary = process(path, sniff(content[:4096]), 20.0)

    assert summary.solids == 1
    assert summary.volume_mm3 == pytest.approx(BOX_VOLUME_MM3)
    assert summary.box_mm == pytest.approx(BOX_MM)
    assert bom is not None
    assert bom.top == ("box",)


def with_text(text: bytes) -> bytes:
    return BOX.replace(SOLID, b"MANIFOLD_SOLID_BREP(" + text + b",")


def between(filler: bytes) -> bytes:
    return BOX.replace(PLACE, filler + b"#20=")


WRITTEN: dict[str, bytes] = {
    "as usual": BOX,
    "form feed": between(b"\f"),
    "vertical tab": between(b"\v"),
    "print directives": between(b"\\N\\\n\\F\\"),
    "blank lines": between(b"\n\n \r\n\r\r"),
    "a comment of 100 kB": between(b"/*" + b"x" * 100_000 + b"*/"),
    "a comment before the equals sign": BOX.replace(b"#20=", b"#20/* #9=A(); 'it */="),
    "a line end before the equals sign": BOX.replace(b"#20=", b"#20\r\n ="),
    "a comment behind a text": with_text(b"'box'/* c */"),
    "a blank before the first semicolon": BOX.replace(b"ISO-10303-21;\nH", b"ISO-10303-21 ;\nH"),
    "a comment before the first semicolon": BOX.replace(b"ISO-10303-21;\nH", b"ISO-10303-21/**/;\nH"),
    "line ends before all semicolons": BOX.replace(b";", b"\n;"),
    "a form feed before the first word": b"\f" + BOX,
    "everything on one line": BOX.replace(b"\n", b""),
    "one word a line": re.sub(rb"([,;()=])", rb"\n\1\n", BOX),
    "carriage returns": BOX.replace(b"\n", b"\r"),
    "a text of 17 000 characters": with_text(b"'" + b"x" * 17_000 + b"'"),
    "a text of 32 766 characters in lines": with_text(b"'" + (b"x" * 126 + b"\n") * 258 + b"'"),
    "an apostrophe before a parenthesis": with_text(b"'a'')'"),
    "an apostrophe before a comma": with_text(b"'a'', (b'"),
    "only apostrophes": with_text(b"''''''"),
    "Ctrl-Z at the end": BOX + b"\x1a",
    "Ctrl-Z and a blank line at the end": BOX + b"\x1a\x1a\r\n",
    "blanks at the end": BOX + b"\n\n \t ",
    "lower-case exponents": BOX.replace(b"1.E-07", b"1.e-07"),
    "an exponent without a point": BOX.replace(b"30.000000", b"3E1"),
    "a number without digits before the point": BOX.replace(b"30.000000", b"+.3E+2"),
    "a number of 20 000 digits": BOX.replace(b"30.000000", b"30." + b"0" * 20_000),
    "keywords in lower case": BOX.replace(b"CARTESIAN_POINT", b"cartesian_point").replace(b"DATA;", b"data;"),
    "enumerations in lower case": BOX.replace(b".MILLI.", b".milli.").replace(b".T.", b".t."),
    "leading zeros": BOX.replace(b"#20=", b"#0020=").replace(b"(#20,", b"(#00020,"),
    "identifiers of more than 31 bits": re.sub(rb"#20\b", b"#2147483648", re.sub(rb"#21\b", b"#99999999999", BOX)),
    "user-defined entities": between(b"\n#900=!FOO('x',#20,!BAR(1));\n"),
    "a binary broken over lines": between(b'\n#900=GROUP("0F\nFF",$);\n'),
    "words broken over lines": BOX.replace(b"CARTESIAN_POINT", b"CARTES\nIAN_POINT")
    .replace(b"30.000000", b"30.0\n00000")
    .replace(b".MILLI.", b".MIL\nLI.")
    .replace(b"ENDSEC;\nEND", b"END\nSEC;\nEND"),
    "lines of 20 characters": b"\n".join(BOX.replace(b"\n", b"")[at : at + 20] for at in range(0, len(BOX), 20)),
    "parameters of the data section": BOX.replace(b"DATA;", b"DATA('main',('AUTOMOTIVE_DESIGN'));"),
    "two data sections": BOX.replace(PLACE, b"\nENDSEC;\nDATA('b',('AUTOMOTIVE_DESIGN'));\n#20="),
    "an empty data section": BOX.replace(b"DATA;", b"DATA;ENDSEC;DATA;"),
    "empty sections": BOX.replace(b"DATA;", b"ANCHOR;ENDSEC;REFERENCE;ENDSEC;DATA;"),
    "anchors with tags": BOX.replace(
        b"DATA;",
        b"ANCHOR;<top>=#3{name:'a;b'}{more:(1,(.T.,$))};<u>=<other.stp#x>;<c>=(1.5E3,\"0F\",#PI,@PI);ENDSEC;DATA;",
    ),
    "anchors in lines of 9 characters": BOX.replace(
        b"DATA;",
        re.sub(rb".{9}", rb"\g<0>\n", b"ANCHOR;<http://a/*b'c>=#3{name:'a'};<u>=<other.stp#x>;ENDSEC;") + b"DATA;",
    ),
    "references nothing uses": BOX.replace(
        b"DATA;", b"REFERENCE;#900=<other.stp#part>;/* c */ @7 = <http://example.com/a?b;c#d>\n;ENDSEC;DATA;"
    ),
    "a reference that no shape uses": BOX.replace(
        b"DATA;", b"REFERENCE;#99999999999=<other.stp#part>;ENDSEC;DATA;#901=GROUP('',#99999999999);"
    ),
    "a signature": BOX + b"SIGNATURE;\nMIIB+/a=\n=ENDSEC;\n",
    "two signatures": BOX + b"/* 1 */SIGNATURE;\nMIIB\nENDSEC;\\N\\ SIGNATURE MIIB ENDSEC ;\n",
    "a signature before the end": BOX.replace(b"END-ISO", b"SIGNATURE\nMIIB+/a=\nENDSEC;\nEND-ISO"),
    "more header records": BOX.replace(
        b"ENDSEC;\nDATA", b"SCHEMA_POPULATION((('x',$,$)));SECTION_LANGUAGE($,'en');!MY('x');ENDSEC;\nDATA"
    ),
}


@pytest.mark.parametrize("content", WRITTEN.values(), ids=WRITTEN)
def test_a_box_is_a_box_however_it_is_written(content: bytes, tmp_path: Path) -> None:
    check_is_the_box(content, tmp_path / "content")


BOX_WORDS = re.findall(rb"'[^']*'|[#.]?[\w.-]+|[^\s]", BOX)
FILLERS = st.sampled_from(
    [b"", b"", b"", b" ", b"\n", b"\r\n", b"\t", b"\f", b"\v", b"/**/", b"/* ' #1=A(); */", b"\\N\\", b"\\F\\", b" \r"]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(FILLERS, min_size=50, max_size=50), st.integers(1, 10_000))
def test_anything_may_stand_between_words(fillers: list[bytes], stride: int) -> None:
    content = b"".join(word + fillers[(at * stride) % 50] for at, word in enumerate(BOX_WORDS))

    with tempfile.TemporaryDirectory() as folder:
        check_is_the_box(content, Path(folder) / "content")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_lines_may_end_anywhere(lengths: list[int], line_end: bytes) -> None:
    text, lines, at = BOX.replace(b"\n", b""), [], 0
    while at < len(text):
        length = lengths[len(lines) % len(lengths)]
        lines.append(text[at : at + length])
        at += length

    with tempfile.TemporaryDirectory() as folder:
        check_is_the_box(line_end.join(lines), Path(folder) / "content")


def test_a_part_in_another_file_is_in_the_bill_of_materials(stored: Stored) -> None:
    content = BOX.replace(b"DATA;", b"REFERENCE;#900=<bolts.stp#m6>;ENDSEC;DATA;").replace(
        PLACE,
        b"#901=NEXT_ASSEMBLY_USAGE_OCCURRENCE('1','','',#6,#900,$);"
        b"#902=NEXT_ASSEMBLY_USAGE_OCCURRENCE('2','','',#6,#900,$);" + PLACE,
    )
    scan = scan_step(stored(content))
    bom = bill_of_materials(scan)

    assert (bom.top, [(line.part, line.quantity) for line in bom.lines]) == (("box",), [("bolts.stp#m6", 2)])
    assert scan.warnings == ("The file uses instances of other files (1), which are not read.",)


@pytest.mark.parametrize("name", [good.name for good in GOOD if good.kind == FileKind.STEP])
def test_good_files_are_not_rewritten(name: str) -> None:
    assert not scan_step(sample_path(name)).needs_rewrite


@pytest.mark.parametrize("name", ["as1-oc-214.stp", "dm1-id-214.stp"])
def test_a_rewritten_file_holds_the_same(name: str, stored: Stored) -> None:
    content = sample_path(name).read_bytes()
    before = scan_step(stored(content))
    plain = plain_text(content)
    after = scan_step(stored(plain))

    assert (after.entity_count, after.solid_count, after.needs_rewrite) == (
        before.entity_count,
        before.solid_count,
        False,
    )
    assert plain_text(plain) == plain


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (between(b"\n#900=GROUP('',#PI);\n"), "constant"),
        (between(b"\n#900=GROUP('',@PI);\n"), "constant"),
        (between(b"\n#900=GROUP('',@7);\n"), "external_value"),
        (between(b"\n#900=GROUP('',<other.stp#part>);\n"), "external_value"),
        (between(b"\n#900=&SCOPE #901=GROUP('','');ENDSCOPE GROUP('','');\n"), "scope"),
        (
            BOX.replace(b"DATA;", b"REFERENCE;#900=<o.stp#p>;ENDSEC;DATA;#901=VERTEX_POINT('',#900);"),
            "external_instance",
        ),
    ],
)
def test_what_is_not_read_is_named_and_not_called_damage(content: bytes, reason: str, stored: Stored) -> None:
    with pytest.raises(InvalidFileFormat) as caught:
        scan_step(stored(content))

    assert caught.value.details["reason"] == reason
    assert "not read" in str(caught.value.detail)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOX.replace(b"DATA;", b"ANCHOR;<top>=#3;"), "syntax"),
        (BOX.replace(b"DATA;", b"ANCHOR;top=#3;ENDSEC;DATA;"), "syntax"),
        (BOX.replace(b"DATA;", b"REFERENCE;#900=<a;ENDSEC;DATA;"), "syntax"),
        (BOX.replace(b"DATA;", b"REFERENCE;#900=(<a>;ENDSEC;DATA;"), "syntax"),
        (BOX.partition(b"DATA;")[0] + b"ANCHOR;<top>=#3;", "truncated"),
        (BOX + b"SIGNATURE;MIIB", "truncated"),
        (BOX + b"\x1a#1=A();", "after_end"),
        (BOX.replace(b"10.000000", b"10\x110000"), "syntax"),
        (BOX.replace(b"CARTESIAN_POINT", b"CARTESIAN_PO\tNT"), "syntax"),
        (BOX.replace(b"CARTESIAN_POINT", b"CARTESIAN_PO\rNT"), "syntax"),
    ],
)
def test_damage_beside_them_is_still_damage(content: bytes, reason: str, stored: Stored) -> None:
    with pytest.raises(CorruptedFile) as caught:
        scan_step(stored(content))

    assert caught.value.details["reason"] == reason
