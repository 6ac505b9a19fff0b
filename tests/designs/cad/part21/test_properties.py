"""What holds for any input: the scanner answers with our exceptions, and reads every byte once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designs.cad import bill_of_materials, length_unit, scan_step
from designs.cad.part21.tokens import END, TOKEN
from designs.exceptions import CorruptedFile
from enginel.sample.corpus import sample_path
from enginel.sample.damage.edits import flipped
from tests.designs.cad.conftest import Stored
from tests.support.cad.pipeline import stage_refused
from tests.support.cad.step_text import UNITS, product, step_file, usage

ASSEMBLY = step_file(UNITS + product(10, "top") + product(20, "leaf") + usage(30, 10, 20))
WORDS = st.sampled_from(
    [
        b"'",
        b"''",
        b"/*",
        b"*/",
        b"(",
        b")",
        b",",
        b";",
        b"=",
        b"#1",
        b"#10",
        b".T.",
        b"$",
        b"1.E9",
        b"A",
        b" ",
        b'"',
        b"\\",
    ]
)


def everything(path: Path) -> None:
    scan = scan_step(path)
    length_unit(scan)
    bill_of_materials(scan)


def answers(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        stage = stage_refused(lambda: everything(Path(file.name)))

    assert stage in {None, "scan", "units", "bom"}


@given(st.binary(max_size=2000))
def test_random_bytes_are_answered(content: bytes) -> None:
    answers(content)


@given(st.lists(WORDS, max_size=200))
def test_random_words_as_data_are_answered(words: list[bytes]) -> None:
    answers(step_file("").replace(b"DATA;\n", b"DATA;\n" + b"".join(words)))


@given(st.integers(0, len(ASSEMBLY)), st.integers(0, 40), st.binary(max_size=20))
def test_files_with_a_stretch_replaced_are_answered(start: int, length: int, patch: bytes) -> None:
    answers(ASSEMBLY[:start] + patch + ASSEMBLY[start + length :])


@settings(max_examples=50)
@given(st.integers(1, 300), st.integers(0, 2**32))
def test_samples_with_flipped_bits_are_answered(bits: int, seed: int) -> None:
    answers(flipped(sample_path("s1-c5-214_extref.stp").read_bytes(), bits, seed=seed))


@given(st.one_of(st.binary(max_size=2000), st.lists(WORDS, max_size=300).map(b"".join)))
def test_words_tile_the_file_so_no_byte_is_read_twice(content: bytes) -> None:
    position = 0
    for match in TOKEN.finditer(content):
        assert match.start() == position
        position = match.end()
        assert match.lastindex == END or position > match.start()

    assert position == len(content)


@pytest.mark.parametrize("count", [10, 1000])
def test_the_number_of_words_grows_with_the_file_and_no_faster(stored: Stored, count: int) -> None:
    empty = scan_step(stored(step_file(""))).token_count
    data = "\n".join(f"#{n}=CARTESIAN_POINT('',(0.,0.,{n}.));" for n in range(1, count + 1))

    assert scan_step(stored(step_file(data))).token_count - empty == 15 * count


@pytest.mark.parametrize(
    "hostile",
    [
        b"'" + b"x" * 2_000_000,
        b"/*" + b"*" * 2_000_000,
        b" " * 2_000_000,
        b"'" * 2_000_001,
        b"<" * 2_000_000,
        b"#1=A(" + b"-" * 2_000_000,
        b"#1=A(" + b"1" * 2_000_000 + b"x",
        b'#1=A("' + b"0" * 2_000_000,
        b"(" * 3_000_000,
        b".A" * 1_000_000,
    ],
    ids=[
        "string",
        "comment",
        "blanks",
        "quotes",
        "resources",
        "signs",
        "digits",
        "binary",
        "parens",
        "enums",
    ],
)
@pytest.mark.timeout(5)
def test_megabytes_of_one_kind_are_answered_at_once(stored: Stored, hostile: bytes) -> None:
    content = step_file("").replace(b"DATA;\n", b"DATA;\n" + hostile)

    with pytest.raises(CorruptedFile):
        scan_step(stored(content[: content.index(hostile) + len(hostile)]))
