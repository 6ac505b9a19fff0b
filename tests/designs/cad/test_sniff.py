"""Telling formats by content, and names as data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.cad import HEAD_BYTES, FileKind, check_declared_kind, clean_file_name, sniff
from designs.exceptions import CorruptedFile, InvalidFileFormat
from enginel.sample.corpus import GOOD, GoodFile, sample_path
from tests.support.cad.pipeline import stage_refused

IGES_LINE = b"a start line".ljust(72) + b"S      1"


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_every_sample_is_told_by_its_content(good: GoodFile) -> None:
    head = sample_path(good.name).read_bytes()[:HEAD_BYTES]

    assert sniff(head) == good.kind


@pytest.mark.parametrize(
    "head",
    [
        b"ISO-10303-21;",
        b"\xef\xbb\xbfISO-10303-21;\nHEADER;",
        b" \r\n\t/* a ** comment */ ISO-10303-21 ;",
        b"/**//***/ISO-10303-21;",
        b"\\N\\ISO-10303-21/* c */\v\\F\\;",
        b"ISO-103\r\n03-21;",
    ],
)
def test_blanks_comments_and_a_byte_order_mark_may_precede_step(head: bytes) -> None:
    assert sniff(head) is FileKind.STEP


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b""])
def test_iges_is_told_by_column_73_whatever_ends_the_line(end: bytes) -> None:
    assert sniff(IGES_LINE + end + b"1H,,1H;".ljust(72) + b"G      1") is FileKind.IGES


@pytest.mark.parametrize("letter", [b"B", b"C"])
def test_binary_and_compressed_iges_are_refused(letter: bytes) -> None:
    with pytest.raises(InvalidFileFormat) as caught:
        sniff(b" " * 10 + b"x" * 62 + letter + b"      1\n")

    assert caught.value.details == {"stage": "sniff", "reason": "iges_variant"}


@pytest.mark.parametrize(
    "head",
    [
        b"\x89PNG\r\n\x1a\n",
        b"PK\x03\x04rest",
        b"\x1f\x8b\x08",
        b"<html>",
        b"\x7fELF",
        b"\xff\xfeI\0S\0",
        b"I\0S\0O\0-\0",
    ],
)
def test_other_content_is_an_invalid_format(head: bytes) -> None:
    with pytest.raises(InvalidFileFormat) as caught:
        sniff(head)

    assert caught.value.details["stage"] == "sniff"


@pytest.mark.parametrize("head", [b"", b"\n\r\n  \t", b"I", b"\0" * 65536, b" \0 \n"])
def test_no_content_is_a_corrupted_file(head: bytes) -> None:
    with pytest.raises(CorruptedFile):
        sniff(head)


def test_a_comment_that_never_ends_is_no_step_file() -> None:
    with pytest.raises(InvalidFileFormat):
        sniff(b"/* " + b"*" * HEAD_BYTES + b" ISO-10303-21;")


@given(st.binary(max_size=HEAD_BYTES))
def test_any_bytes_are_told_or_refused(head: bytes) -> None:
    stage = stage_refused(lambda: sniff(head))

    assert stage == "sniff" or sniff(head) in FileKind


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("part.STEP", "part.STEP"),
        ("-rf.step", "-rf.step"),
        ("$(id).step", "$(id).step"),
        ("with spaces.stp", "with spaces.stp"),
        ("零件.p21", "零件.p21"),
        ("../../etc/x.step", "x.step"),
        ("C:\\temp\\x.igs", "x.igs"),
        ("a\nb\x07.iges", "a_b_.iges"),
        ("a\u202egpj.step", "agpj.step"),
        ("a\u2028b.step", "a_b.step"),
    ],
)
def test_names_become_harmless_text(name: str, cleaned: str) -> None:
    assert clean_file_name(name) == cleaned


@pytest.mark.parametrize("stem", ["n" * 240, "n" * 4000, "件" * 300])
def test_long_names_keep_their_extension(stem: str) -> None:
    cleaned = clean_file_name(f"{stem}.step")

    assert cleaned == f"{stem[:250]}.step"


@pytest.mark.parametrize(
    "name", ["x.step\0.png", "x\0.step", "x.png", "step", ".step", "", "/", "x.step/", "x.step.exe"]
)
def test_names_without_a_known_extension_or_with_nul_are_refused(name: str) -> None:
    with pytest.raises(InvalidFileFormat):
        clean_file_name(name)


@given(st.text(max_size=400))
def test_cleaned_names_hold_no_path_and_no_control_character(stem: str) -> None:
    if "\0" in stem:
        return
    try:
        cleaned = clean_file_name(stem + "x.step")
    except InvalidFileFormat:
        return

    assert len(cleaned) <= 255
    assert not set(cleaned) & set("/\\\n\r\0\x1b\u202e")


@pytest.mark.parametrize(
    ("name", "kind"), [("x.step", FileKind.IGES), ("x.IGS", FileKind.STEP), ("x.png", FileKind.STEP)]
)
def test_name_and_content_have_to_agree(name: str, kind: FileKind) -> None:
    with pytest.raises(InvalidFileFormat):
        check_declared_kind(name, kind)


@pytest.mark.parametrize(("name", "kind"), [("x.P21", FileKind.STEP), ("x.iges", FileKind.IGES)])
def test_agreeing_name_and_content_pass(name: str, kind: FileKind) -> None:
    check_declared_kind(name, kind)
