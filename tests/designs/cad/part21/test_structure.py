"""Is a STEP file sound?"""

from __future__ import annotations

import gc
import os
import tracemalloc
from pathlib import Path

import pytest

from designs.cad import ScanLimits, scan_step
from designs.exceptions import CorruptedFile, FileSizeExceeded, InvalidFileFormat
from enginel.sample.corpus import sample_path
from tests.designs.cad.conftest import Stored
from tests.support.cad.step_text import UNITS, step_file

POINT = "#10=CARTESIAN_POINT('',(0.,1.E-3,-2.));"


def reason_of(path: Path, limits: ScanLimits | None = None) -> str:
    with pytest.raises(CorruptedFile) as caught:
        scan_step(path, limits=limits or ScanLimits())
    assert caught.value.details["stage"] == "scan"
    return str(caught.value.details["reason"])


def test_a_sound_file_is_counted(stored: Stored) -> None:
    scan = scan_step(stored(step_file(UNITS + POINT)))

    assert (scan.schema, scan.entity_count, scan.solid_count) == ("AUTOMOTIVE_DESIGN", 3, 0)


@pytest.mark.parametrize(
    ("name", "entities", "solids"),
    [("as1-oc-214.stp", 6425, 5), ("dm1-id-214.stp", 1189, 3), ("s1-c5-214_extref.stp", 198, 0)],
)
def test_samples_hold_as_many_entities_and_bodies_as_their_text_says(name: str, entities: int, solids: int) -> None:
    scan = scan_step(sample_path(name))

    assert (scan.entity_count, scan.solid_count) == (entities, solids)


def test_bodies_nothing_refers_to_do_not_count(stored: Stored) -> None:
    data = "#1=MANIFOLD_SOLID_BREP('',#2);#2=CLOSED_SHELL('',());#3=BREP_WITH_VOIDS('',#2,());#4=GROUP('',#3);"

    assert scan_step(stored(step_file(data))).solid_count == 1


@pytest.mark.parametrize(
    "data",
    [
        "#1=A(());",
        "#1 = A ( 'it''s', \"0F\", .T., $, *, 1, -1., +1.5E+10, .5, B(1), (1,(2,())) ) ;",
        "#1=(A(1)B()C('x'));",
        "#1=A('a;b',#2);#2=B('#99','/*');",
        "/* note; #7 */ #1=A(/* in */1/**/);",
        "#1=A(#002);#2=B();",
        "#1=!OWN_KIND(1);",
        "#1=A(NAN);",
    ],
)
def test_what_the_standard_or_the_kernel_allows_is_sound(stored: Stored, data: str) -> None:
    assert scan_step(stored(step_file(data))).entity_count >= 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("#1=A(1;", "unbalanced"),
        ("#1=A(1));", "unbalanced"),
        ("#1=A(,1);", "syntax"),
        ("#1=A(1,);", "syntax"),
        ("#1=A(1 2);", "syntax"),
        ("#1=A(#1=B());", "syntax"),
        ("#1=A(?);", "syntax"),
        ("#1=A(.T);", "syntax"),
        ("#1=A(),B();", "syntax"),
        ("#1=;", "syntax"),
        ("#1=A;", "no_record"),
        ("#1=#2;", "no_record"),
        ("#1=A('open);", "unterminated_string"),
        ("#1=A(); /* open", "unterminated_comment"),
        ("#1=A();#1=B();", "duplicate_identifier"),
        ("#1=A();#01=B();", "duplicate_identifier"),
        ("#1=A(#" + "9" * 5000 + ");", "identifier_length"),
        ("#" + "9" * 5000 + "=A();", "identifier_length"),
        ("A(1);", "outside_section"),
        ("DATA;", "section_order"),
        ("ENDSEC;#1=A();", "outside_section"),
    ],
)
def test_damage_is_named(stored: Stored, data: str, reason: str) -> None:
    assert reason_of(stored(step_file(data))) == reason


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (step_file("#1=A(1);\n/* c */\n#22 = B(1,\n\n1 2);"), (8, "#22", "DATA")),
        (step_file("#1=A();\n#2=A(1;"), (5, "#2", "DATA")),
        (step_file("#1=A();\n#2=A();\n#1=B();"), (6, "#1", "DATA")),
        (step_file("#1=A();\n#2=A('open);").replace(b"\n", b"\r\n"), (5, "#2", "DATA")),
        (step_file("#1=A();\n#2=A(?);").replace(b"\n", b"\r"), (5, "#2", "DATA")),
        (step_file("#1=A(#PI,#2);"), (4, "#1", "DATA")),
        (step_file("").replace(b"HEADER;", b"HEADER;\n#1=A();"), (3, "#1", "HEADER")),
        (step_file("").replace(b"DATA;", b"ANCHOR;\n<a>=#1;\ntop;\nENDSEC;DATA;"), (5, None, "ANCHOR")),
        (step_file("").replace(b"DATA;", b"DATI;"), (3, None, None)),
    ],
)
def test_a_failure_says_where_it_is(stored: Stored, content: bytes, place: tuple[int, str | None, str | None]) -> None:
    with pytest.raises((CorruptedFile, InvalidFileFormat)) as caught:
        scan_step(stored(content))

    assert tuple(caught.value.details.get(name) for name in ("line", "entity", "section")) == place


@pytest.mark.parametrize(("data", "lost"), [("#1=A(#2);", 1), ("#1=A(#2,#3,#02);#4=B(#3);", 2)])
def test_references_to_nowhere_are_kept_for_the_kernel(stored: Stored, data: str, lost: int) -> None:
    scan = scan_step(stored(step_file(data)))

    assert scan.damage == (f"{lost} references lead to what the file does not define",)
    assert (scan.missing_units, scan.missing_products) == (frozenset(), frozenset())


def test_what_units_and_products_lack_is_theirs_to_tell(stored: Stored) -> None:
    scan = scan_step(stored(step_file("#1=PRODUCT('','','',(#7));#2=CONVERSION_BASED_UNIT('',#8);#3=A(#8);")))

    assert (scan.missing_products, scan.missing_units, scan.damage) == ({7}, {8}, ())


@pytest.mark.parametrize("digits", [19, 20, 100, 1000])
def test_identifiers_beyond_64_bits_are_identifiers(stored: Stored, digits: int) -> None:
    name = "9" * digits

    assert scan_step(stored(step_file(f"#{name}=A();#1=B(#{name});"))).damage == ()
    assert scan_step(stored(step_file(f"#1=B(#{name});"))).damage


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"HEADER;", "section_order"),
        (b"'", "unterminated_string"),
        (b"ISO-10303-21;", "truncated"),
        (b"ISO-10303-21;DATA;", "section_order"),
        (b"ISO-10303-21;HEADER;ENDSEC;", "no_schema"),
        (step_file("") + b"#1=A();", "after_end"),
        (step_file("#1=A();").replace(b"#1", b"#\x001"), "nul"),
        (step_file("").replace(b"HEADER;", b"HEADER;#1=A();"), "outside_section"),
    ],
)
def test_a_damaged_frame_is_named(stored: Stored, content: bytes, reason: str) -> None:
    assert reason_of(stored(content)) == reason


def test_sections_of_the_third_edition_are_read(stored: Stored) -> None:
    content = step_file("#1=A(#2,#3);#3=B();").replace(
        b"DATA;", b"ANCHOR;<top>=#1;ENDSEC;REFERENCE;#2=<other.stp#part>;ENDSEC;DATA;"
    )

    assert scan_step(stored(content + b"SIGNATURE;aGVsbG8=ENDSEC;")).entity_count == 3


def test_a_file_without_data_is_sound_and_empty(stored: Stored) -> None:
    scan = scan_step(stored(step_file("").replace(b"DATA;\n\nENDSEC;", b"")))

    assert (scan.entity_count, scan.schema) == (0, "AUTOMOTIVE_DESIGN")


def test_limits_are_exact(stored: Stored) -> None:
    deep = stored(step_file("#1=A" + "(" * 50 + ")" * 50 + ";"))
    assert scan_step(deep, limits=ScanLimits(max_depth=50)).entity_count == 1
    assert reason_of(deep, ScanLimits(max_depth=49)) == "depth"

    long = stored(step_file("#1=A('" + "x" * 98 + "');"))
    assert scan_step(long, limits=ScanLimits(max_string_bytes=100)).entity_count == 1
    assert reason_of(long, ScanLimits(max_string_bytes=99)) == "string_length"


def test_a_file_over_the_size_limit_is_refused(stored: Stored) -> None:
    with pytest.raises(FileSizeExceeded):
        scan_step(stored(step_file(UNITS)), limits=ScanLimits(max_bytes=100))


def test_a_text_of_50_mb_is_refused(stored: Stored) -> None:
    assert reason_of(stored(step_file("#1=A('" + "x" * 50_000_000 + "');"))) == "string_length"


def test_only_regular_files_are_read(tmp_path: Path, stored: Stored) -> None:
    link, nowhere, loop, fifo = (tmp_path / name for name in ("link", "nowhere", "loop", "fifo"))
    link.symlink_to(stored(step_file(UNITS)))
    nowhere.symlink_to(tmp_path / "absent")
    loop.symlink_to(loop)
    os.mkfifo(fifo)

    for path in (link, nowhere, loop, fifo, tmp_path, Path("/dev/zero")):
        with pytest.raises(InvalidFileFormat) as caught:
            scan_step(path)
        assert caught.value.details["reason"] == "not_regular"


def test_a_missing_file_is_no_fault_of_its_content(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan_step(tmp_path / "absent")


def test_details_never_quote_the_file(stored: Stored) -> None:
    with pytest.raises(CorruptedFile) as caught:
        scan_step(stored(step_file("#1=A(SECRET SECRET);")))

    assert "SECRET" not in f"{caught.value.detail}{caught.value.details}"


@pytest.mark.timeout(30)
def test_an_instance_of_many_units_that_refer_to_nowhere_is_read_in_linear_time(stored: Stored) -> None:
    count = 60_000
    records = "".join(f"A{number}_UNIT(#{number + 2})" for number in range(count))

    scan = scan_step(stored(step_file(f"#1=({records});")))

    assert len(scan.missing_units) == count


def test_a_name_no_entity_can_have_is_not_kept_after_the_scan(stored: Stored) -> None:
    name = "X" * 100_000

    scan_step(stored(step_file(f"#1={name}();")))
    tracemalloc.start()
    try:
        for number in range(20):
            scan_step(stored(step_file(f"#1={name}{number}();")))
        gc.collect()
        kept_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert kept_bytes < 1_000_000


def test_a_schema_that_is_not_read_is_in_its_line_of_the_header(stored: Stored) -> None:
    text = step_file(UNITS + POINT, schema="IFC4")

    with pytest.raises(InvalidFileFormat) as caught:
        scan_step(stored(text))

    assert caught.value.details["section"] == "HEADER"
    assert caught.value.details["line"] == text[: text.index(b"IFC4")].count(b"\n") + 1


def test_a_reference_to_nowhere_names_the_entity_that_is_missing(stored: Stored) -> None:
    [damage] = scan_step(stored(step_file(UNITS + "#10=GROUP('',#77);#11=GROUP('',#55);"))).damage

    assert (damage.reason, damage.place) == ("unresolved_reference", {"entity": "#55"})
