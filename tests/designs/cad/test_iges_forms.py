"""Any form of an IGES file that the standard allows has the values of the plain one, in the scan and in the kernel."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designs.cad import HEAD_BYTES, FileKind, scan_iges, sniff
from designs.cad.iges_text import plain_iges
from designs.exceptions import CorruptedFile
from enginel.sample.corpus import GOOD
from enginel.sample.damage import ODD, OddFile
from enginel.sample.damage.edits import flipped
from tests.designs.cad.conftest import Stored
from tests.support.cad.iges_forms import CUBE, Form, random_form, written
from tests.support.cad.pipeline import accept_upload, process, stage_refused

ENOUGH_SECONDS = 20.0
TOLERANCE = 1e-3
AREA_MM2 = next(good.area_mm2 for good in GOOD if good.kind == FileKind.IGES)
INCH = 25.4
LINES = CUBE.splitlines(keepends=True)
MISSING_END = "The last line of the file (section T) is missing."
NO_UNIT = "The file states no unit of length; the inch is assumed, the default of IGES."
CONTRADICTION = "The flag and the name of the unit contradict each other; the flag holds."
NAMES = ["4Hcube", "9Hcube.iges", "3HCAD", "3H1.0"]
UP_TO_RECEIVER = [*NAMES, "32", "38", "6", "308", "15", "4Hcube"]


def area(content: bytes, stored: Stored) -> tuple[float, tuple[str, ...]]:
    """Take a file through upload, scan and kernel; return its area in square millimetres and its warnings."""
    assert accept_upload("cube.igs", content) is FileKind.IGES
    _, _, summary = process(stored(content), FileKind.IGES, ENOUGH_SECONDS)
    assert summary.faces == 7
    return summary.area_mm2, tuple(text for text in summary.warnings if "surfaces only" not in text)


@pytest.mark.parametrize("seed", range(24))
def test_the_kernel_finds_the_same_in_any_form(stored: Stored, seed: int) -> None:
    found, _ = area(written(random_form(seed)), stored)

    assert found == pytest.approx(AREA_MM2, rel=TOLERANCE)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_kernel_finds_the_same_in_many_more_forms(stored: Stored) -> None:
    for seed in range(1000, 1400):
        found, _ = area(written(random_form(seed)), stored)

        assert found == pytest.approx(AREA_MM2, rel=TOLERANCE), f"seed {seed}"


def test_a_form_is_rewritten_once(stored: Stored) -> None:
    """A second rewriting changes nothing, and what the kernel reads is left as it is."""
    rewritten = 0
    for seed in range(100, 160):
        content = written(random_form(seed))
        scan = scan_iges(stored(content))
        plain = plain_iges(content)

        assert (plain is not None) == scan.needs_rewrite, f"seed {seed}"
        if plain is not None:
            again = scan_iges(stored(plain))
            # A string that goes over the end of a line looks like a number that does.
            assert plain_iges(plain) in {None, plain}, f"seed {seed}"
            assert (again.damage, again.warnings) == ((), ()), f"seed {seed}"
            assert (again.unit, again.entity_count) == (scan.unit, scan.entity_count), f"seed {seed}"
            rewritten += 1
    assert 20 < rewritten < 60


def test_files_that_the_kernel_reads_are_handed_over_as_they_are() -> None:
    assert plain_iges(CUBE) is None
    assert plain_iges(written(Form())) is None
    assert plain_iges(written(Form(separator="#", end="$", last=None))) is None
    assert plain_iges(b"no IGES at all") is None


def short(fields: list[str], **others: object) -> Form:
    form = Form(fields=fields)
    for name, value in others.items():
        setattr(form, name, value)
    return form


@pytest.mark.parametrize(
    "form",
    [
        short([]),
        short([], states_delimiters=False),
        short([""]),
        short(NAMES),
        short(UP_TO_RECEIVER),
        short([*UP_TO_RECEIVER, "1."]),
        short([*UP_TO_RECEIVER, "", "", ""]),
        short([*UP_TO_RECEIVER, "", " ", "0H"]),
        short([*UP_TO_RECEIVER, "1.", "3"]),
        short([*UP_TO_RECEIVER, "1.", "", "2H  ", "1", "0.5"]),
        short(NAMES, separator="/", end="#"),
        short(NAMES, separator=",", end="/"),
    ],
    ids=lambda form: form.separator.join(form.fields) or "none",
)
def test_a_global_section_that_ends_early_means_inch(stored: Stored, form: Form) -> None:
    content = written(form)
    unit = scan_iges(stored(content)).unit
    found, warnings = area(content, stored)

    assert (unit.name, unit.assumed) == ("inch", True)
    assert found == pytest.approx(AREA_MM2 * INCH**2, rel=TOLERANCE)
    assert warnings == (NO_UNIT,)


@pytest.mark.parametrize("text", [";", ",;", "1H,;", "1H,,;", "1H,,1H;;", "1H,,;  ", "  ;", ",1H;;", " , ;", "1H/;"])
def test_a_global_section_may_end_after_its_delimiters(stored: Stored, text: str) -> None:
    others = [line for line in written(Form()).splitlines(keepends=True) if line[72:73] not in b"GT"]
    content = b"".join([others[0], text.ljust(72).encode() + b"G      1\n", *others[1:]])
    if "/" in text:
        content = b"".join(
            line[:64].replace(b",", b"/") + line[64:] if line[72:73] == b"P" else line
            for line in content.splitlines(keepends=True)
        )
    found, warnings = area(content, stored)

    assert found == pytest.approx(AREA_MM2 * INCH**2, rel=TOLERANCE)
    assert warnings == (MISSING_END, NO_UNIT)


@pytest.mark.parametrize("fields", [NAMES, [*UP_TO_RECEIVER, "1."]], ids=len)
def test_a_global_section_that_goes_on_after_an_early_end_is_damage(stored: Stored, fields: list[str]) -> None:
    """Otherwise one broken character would turn millimetres into inches."""
    with pytest.raises(CorruptedFile) as caught:
        scan_iges(stored(written(short(fields, more_global=["2,2HMM,1;"]))))

    assert (caught.value.details["reason"], caught.value.details["section"]) == ("global", "G")


@pytest.mark.parametrize(
    ("flag", "name", "millimetres", "warnings"),
    [
        ("3", "2HMM", 1.0, ()),
        ("3", "2Hmm", 1.0, ()),
        ("3", "5H  mM ", 1.0, ()),
        ("3", "4HINCH", INCH, ()),
        ("3", "6Hinches", INCH, ()),
        ("3", "11HMillimeters", 1.0, ()),
        ("", "2HCM", 10.0, ()),
        ("02", "2HMM", 1.0, ()),
        ("2.", "2HMM", 1.0, ()),
        ("2", "", 1.0, ()),
        ("2", "4HINCH", 1.0, (CONTRADICTION,)),
        ("1", "2HMM", INCH, (CONTRADICTION,)),
        ("1", "3Hxyz", INCH, (CONTRADICTION,)),
    ],
)
def test_the_unit_is_that_of_flag_and_name(
    stored: Stored, flag: str, name: str, millimetres: float, warnings: tuple[str, ...]
) -> None:
    content = written(short([*UP_TO_RECEIVER, "1.", flag, name, "1", "0.5"]))
    found, told = area(content, stored)

    assert scan_iges(stored(content)).unit.millimetres == millimetres
    assert found == pytest.approx(AREA_MM2 * millimetres**2, rel=TOLERANCE)
    assert told == warnings


def test_a_scale_is_warned_of(stored: Stored) -> None:
    _, warnings = area(written(short([*UP_TO_RECEIVER, "0.5", "2", "2HMM"])), stored)

    assert warnings == ("The file states a scale; the values are those of the model, not scaled.",)


def test_a_file_without_its_last_line_is_read_with_a_warning(stored: Stored) -> None:
    assert area(b"".join(LINES[:-1]), stored) == (pytest.approx(AREA_MM2, rel=TOLERANCE), (MISSING_END,))


def test_a_cut_is_only_accepted_where_directory_and_parameters_are_complete(stored: Stored) -> None:
    """Wherever in the last lines the file ends, and at places all over it."""
    complete = len(b"".join(LINES[:-1]))
    number = LINES[-2].rstrip()
    for size in itertools.chain(range(complete - 170, len(CUBE)), range(100, complete - 170, 1013)):
        content = CUBE[:size]
        # The number of the last line of parameters is the last that must be there.
        if size >= complete - (len(LINES[-2]) - len(number)):
            scan = scan_iges(stored(content))
            assert (scan.damage, scan.unit.name) == ((), "millimetre"), size
            continue
        with pytest.raises(CorruptedFile) as caught:
            scan_iges(stored(content))
        assert caught.value.details["stage"] == "scan", size


@pytest.mark.parametrize(
    "counts", ["S0000001G0000004D0000204P0000185", "S 1G 4D 204P 185", "S1      G4      D204    P185", ""]
)
def test_counts_of_the_last_line_are_numbers(stored: Stored, counts: str) -> None:
    content = b"".join([*LINES[:-1], counts.encode().ljust(72) + b"T      1\n"])

    assert scan_iges(stored(content)).damage == ()


@pytest.mark.parametrize(
    "counts", ["S0000001G0000004D0000204P0000184", "S 1G 4D 206P 185", "S1      G4      D204", "two hundred lines"]
)
def test_counts_that_differ_are_damage(stored: Stored, counts: str) -> None:
    with pytest.raises(CorruptedFile) as caught:
        scan_iges(stored(b"".join([*LINES[:-1], counts.encode().ljust(72) + b"T      1\n"])))

    assert caught.value.details["reason"] == "counts"


def test_text_after_the_last_line_is_not_read(stored: Stored) -> None:
    scan = scan_iges(stored(CUBE + b"written by a program\nthat says more than it should\n"))

    assert (scan.damage, scan.warnings) == ((), ("Text after the last line of the file is not read.",))


def test_numbers_that_go_over_the_end_of_a_line_are_joined_for_the_kernel(stored: Stored) -> None:
    """No standard allows it; writers that fold their text blindly do it, and most readers put it together."""
    text = "110,-25.000000000000000,25.000000000000000,10.,-25.,25.,-25.;"
    form = Form(width=30)
    content = written(form)
    lines = content.decode().splitlines()
    at = next(place for place, line in enumerate(lines) if line[72] == "P" and line.startswith("110,"))
    assert len(text) > 60
    count = next(place for place, line in enumerate(lines) if line[72] == "D")
    entry = int(lines[at][64:72])
    rows = int(lines[count + entry][24:32])
    assert rows == 2
    lines[at], lines[at + 1] = f"{' ' * 30}{text[:34]}{lines[at][64:]}", f"{text[34:]:<64}{lines[at + 1][64:]}"

    found, _ = area("\n".join(lines).encode(), stored)

    assert found == pytest.approx(AREA_MM2, rel=TOLERANCE)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(0, 2**32))
def test_damage_to_any_form_is_answered(
    tmp_path_factory: pytest.TempPathFactory, form: int, bits: int, seed: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged_form"
    content = flipped(written(random_form(form)), bits, seed=seed)
    path.write_bytes(content)

    assert stage_refused(lambda: scan_iges(path)) in {None, "scan", "units"}
    plain = plain_iges(content)
    assert plain is None or plain.endswith(b"T      1\n")


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd.name.endswith(".igs")], ids=lambda odd: odd.name)
def test_odd_files_are_told_by_their_first_bytes(stored: Stored, odd: OddFile) -> None:
    content = odd.build()

    assert sniff(content[:HEAD_BYTES]) is FileKind.IGES
    assert scan_iges(stored(content)).damage == ()
