"""Is an IGES file sound, and which unit does it state?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designs.cad import FileKind, scan_iges
from designs.cad.reasons import Damage, shown_facts
from designs.exceptions import CorruptedFile, InvalidFileFormat, UnitConversionError
from enginel.sample.corpus import sample_path
from enginel.sample.damage import ODD
from enginel.sample.damage.edits import flipped, replaced
from tests.designs.cad.conftest import Stored
from tests.support.cad.pipeline import process, stage_refused

CUBE = sample_path("single_rounded_cube.iges").read_bytes()
LINES = CUBE.splitlines(keepends=True)
Edit = Callable[[list[bytes]], list[bytes]]


def with_unit(flag: bytes, name: bytes) -> bytes:
    """Restate the unit and fold the global section anew."""
    text = b"".join(line[:72] for line in LINES if line[72:73] == b"G").rstrip()
    stated = flag + b"," + (b"%dH%b" % (len(name), name) if name else b"")
    text = replaced(text, rb"2,2HMM", lambda _: stated)
    rows = [text[start : start + 72].ljust(72) + b"G%7d\n" % (start // 72 + 1) for start in range(0, len(text), 72)]
    others = [line for line in LINES if line[72:73] != b"G"]
    content = b"".join([others[0], *rows, *others[1:]])
    return replaced(content, rb"S      1G      4D", b"S      1G%7dD" % len(rows))


def section(letter: bytes) -> list[int]:
    return [index for index, line in enumerate(LINES) if line[72:73] == letter]


def test_the_sample_is_sound() -> None:
    scan = scan_iges(sample_path("single_rounded_cube.iges"))

    assert (scan.unit.name, scan.unit.millimetres, scan.unit.assumed) == ("millimetre", 1.0, False)
    assert (scan.entity_count, scan.line_counts, scan.damage) == (102, (1, 4, 204, 185), ())


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"   \n"])
def test_line_ends_and_blanks_after_column_80_do_not_matter(stored: Stored, end: bytes) -> None:
    content = end.join(line.rstrip(b"\r\n") for line in LINES) + b"\n\n\x1a"

    assert scan_iges(stored(content)).entity_count == 102


def without(letter: bytes, position: int) -> Edit:
    return lambda lines: [line for index, line in enumerate(lines) if index != section(letter)[position]]


def put(letter: bytes, position: int, column: int, text: bytes) -> Edit:
    def edit(lines: list[bytes]) -> list[bytes]:
        index = section(letter)[position]
        line = lines[index]
        return [*lines[:index], line[:column] + text + line[column + len(text) :], *lines[index + 1 :]]

    return edit


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda lines: lines[:-2], "truncated"),
        (lambda lines: lines[:50], "truncated"),
        (lambda lines: [*lines, lines[-1]], "sequence"),
        (lambda lines: [*lines[1:], lines[0]], "columns"),
        (without(b"S", 0), "no_section"),
        (without(b"G", 1), "sequence"),
        (without(b"D", 203), "counts"),
        (without(b"P", 100), "sequence"),
        (without(b"P", 184), "counts"),
        (put(b"T", 0, 8, b"G      5"), "counts"),
        (put(b"P", 0, 72, b"X"), "columns"),
        (put(b"G", 0, 0, b"9H"), "global"),
        (put(b"G", 3, 0, b"Y" * 72), "global"),
    ],
)
def test_what_cannot_be_read_is_named(stored: Stored, edit: Edit, reason: str) -> None:
    with pytest.raises(CorruptedFile) as caught:
        scan_iges(stored(b"".join(edit(LINES))))

    assert (caught.value.details["stage"], caught.value.details["reason"]) == ("scan", reason)


@pytest.mark.parametrize(
    ("edit", "damage"),
    [
        (put(b"D", 0, 8, b"     999"), "a directory entry contradicts itself"),
        (put(b"D", 0, 8, b"       0"), "a directory entry contradicts itself"),
        (put(b"D", 0, 8, b"     x  "), "a directory entry contradicts itself"),
        (put(b"D", 1, 24, b"       0"), "a directory entry contradicts itself"),
        (put(b"D", 1, 0, b"     999"), "a directory entry contradicts itself"),
        (put(b"P", 3, 64, b"     999"), "parameters belong to another entity"),
        (put(b"P", 3, 64, b"      x "), "parameters belong to another entity"),
        (put(b"D", 1, 24, b"       9"), "parameters belong to another entity"),
        (put(b"P", 0, 0, b"999"), "parameters are those of another kind of entity"),
        (put(b"P", 0, 0, b"no,"), "parameters are those of another kind of entity"),
        (put(b"P", 5, 4, b"NAN"), "parameters of geometry are no numbers"),
        (put(b"P", 5, 4, b"2.5"), "parameters of geometry are no numbers"),
        (put(b"P", 5, 4, b"2 5"), "parameters of geometry are no numbers"),
        (put(b"P", 5, 30, b","), "parameters of geometry are no numbers"),
    ],
)
def test_contradictions_of_directory_and_parameters_are_kept_for_the_kernel(
    stored: Stored, edit: Edit, damage: str
) -> None:
    scan = scan_iges(stored(b"".join(edit(LINES))))

    assert scan.damage == (damage,)
    assert scan.unit.name == "millimetre"


def test_damage_says_at_which_entity(stored: Stored) -> None:
    [damage] = scan_iges(stored(b"".join(put(b"P", 3, 64, b"     999")(LINES)))).damage

    assert isinstance(damage, Damage)
    assert (damage.reason, damage.place) == ("directory", {"entity": "D5", "section": "P"})


def test_parameters_no_entity_claims_are_damage(stored: Stored) -> None:
    lines = [line for index, line in enumerate(LINES) if index not in section(b"D")[-2:]]
    content = b"".join(lines).replace(b"D    204P    185", b"D    202P    185")

    assert scan_iges(stored(content)).damage == ("parameters belong to no entity",)


@pytest.mark.parametrize("number", [b"NAN", b"INF", b"abc", b"1.#", b"1..", b"-1.#IND"])
def test_a_coordinate_that_is_no_number_is_damage_although_the_kernel_passes_over_it(
    stored: Stored, number: bytes
) -> None:
    row = b"110,-25.,25.,10.,-25.,25.,-25.;"
    content = CUBE.replace(row.ljust(64), row.replace(b"-25.", number, 1).ljust(64), 1)
    assert content != CUBE

    with pytest.raises(CorruptedFile) as caught:
        process(stored(content), FileKind.IGES, 20.0)

    facts = shown_facts(caught.value.details)
    assert (facts["reason"], facts["entity"], facts["section"]) == ("not_a_number", "D7", "parameter")


@pytest.mark.parametrize(
    ("flag", "name", "unit", "millimetres"),
    [
        (b"1", b"", "inch", 25.4),
        (b"1", b"IN", "inch", 25.4),
        (b"2", b"MM", "millimetre", 1.0),
        (b"3", b"INCH", "inch", 25.4),
        (b"3", b"cm", "centimetre", 10.0),
        (b"6", b"M", "metre", 1000.0),
        (b"8", b"", "mil", 0.0254),
        (b"10", b"", "centimetre", 10.0),
        (b"", b"FT", "foot", 304.8),
    ],
)
def test_units_follow_flag_and_name(stored: Stored, flag: bytes, name: bytes, unit: str, millimetres: float) -> None:
    stated = scan_iges(stored(with_unit(flag, name))).unit

    assert (stated.name, stated.millimetres, stated.assumed) == (unit, millimetres, False)


@pytest.mark.parametrize(
    ("flag", "name"), [(b"3", b"QQ"), (b"12", b""), (b"0", b""), (b"-2", b"MM"), (b"x", b""), (b"", b"QQ")]
)
def test_unknown_units_are_refused(stored: Stored, flag: bytes, name: bytes) -> None:
    with pytest.raises(UnitConversionError) as caught:
        scan_iges(stored(with_unit(flag, name)))

    assert caught.value.details["stage"] == "units"


def test_a_file_without_unit_is_in_inches_by_the_standard(stored: Stored) -> None:
    odd = next(odd for odd in ODD if odd.name == "no_unit.igs")
    unit = scan_iges(stored(odd.build())).unit

    assert (unit.name, unit.millimetres, unit.assumed) == ("inch", 25.4, True)


def test_binary_iges_is_refused(stored: Stored) -> None:
    with pytest.raises(InvalidFileFormat):
        scan_iges(stored(CUBE.replace(b"S      1", b"B      1", 1)))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(0, 2**32))
def test_flipped_bits_are_answered(tmp_path_factory: pytest.TempPathFactory, bits: int, seed: int) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped"
    Path(path).write_bytes(flipped(CUBE, bits, seed=seed))
    stage = stage_refused(lambda: scan_iges(path))

    assert stage in {None, "scan", "units"}
