"""Names in the encodings of the systems they were written on: all texts of a file decide, and a warning says so."""

# ruff: noqa: RUF001 - names are what they are

from __future__ import annotations

import pytest

from designs.cad import bill_of_materials, scan_step
from designs.cad.part21.encodings import text_encoding
from enginel.sample.corpus import GOOD, GoodFile, sample_path
from tests.designs.cad.conftest import Stored
from tests.support.cad.step_text import UNITS, product, step_file

NAMES = {
    "gb18030": ("GB 18030", ["零件1", "装配体", "螺栓 M6", "轴承座", "防尘盖-上", "Φ20孔"]),
    "cp932": ("Shift JIS", ["部品", "ブラケット", "能力表", "軸受", "ソケット（上）"]),
    "cp950": ("Big5", ["零件", "組合件", "螺絲", "功能", "上蓋"]),
    "cp949": ("EUC-KR", ["부품", "조립", "볼트", "브라켓", "베어링 커버"]),
    "euc_jp": ("EUC-JP", ["部品", "ブラケット", "組立図"]),
    "cp1251": ("Windows-1251", ["Втулка", "ВАЛ", "Корпус 1", "Болт М6", "Гайка №5"]),
    "koi8_r": ("KOI8-R", ["Втулка", "Корпус 1", "подшипник"]),
    "cp1252": ("Windows-1252", ["Gehäuse", "pièce", "Ø20", "90°", "Fußplatte – links"]),
    "cp1250": ("Windows-1250", ["płyta", "śruba", "łożysko", "wałek"]),
    "cp1253": ("Windows-1253", ["βίδα", "πλάκα", "άξονας κίνησης"]),
}


def written(names: list[str], codec: str) -> bytes:
    data = UNITS + "".join(product(10 * number, f"NAME{number}") for number in range(1, len(names) + 1))
    content = step_file(data)
    for number, name in enumerate(names, 1):
        content = content.replace(b"NAME%d" % number, name.encode(codec))
    return content


@pytest.mark.parametrize("codec", NAMES)
def test_names_are_read_in_their_encoding(codec: str, stored: Stored) -> None:
    title, names = NAMES[codec]

    scan = scan_step(stored(written(names, codec)))

    assert bill_of_materials(scan).top == tuple(sorted(names))
    assert scan.warnings == (f"Texts of the file have no encoding that STEP knows; they are read as {title}.",)


@pytest.mark.parametrize("codec", ["gb18030", "cp932", "cp949", "cp1251", "cp1252"])
def test_one_name_is_enough(codec: str, stored: Stored) -> None:
    for name in NAMES[codec][1]:
        assert bill_of_materials(scan_step(stored(written([name], codec)))).top == (name,)


def test_a_name_that_happens_to_be_utf8_is_read_like_the_others(stored: Stored) -> None:
    name = "脙"
    assert name.encode("gb18030").decode("utf-8")

    scan = scan_step(stored(written([name, *NAMES["gb18030"][1]], "gb18030")))

    assert name in bill_of_materials(scan).top


def test_utf8_is_what_the_standard_knows(stored: Stored) -> None:
    names = ["零件", "Gehäuse", "Втулка"]
    scan = scan_step(stored(written(names, "utf-8")))

    assert (bill_of_materials(scan).top, scan.warnings) == (tuple(sorted(names)), ())


def test_a_few_foreign_names_among_utf8_leave_the_others_alone(stored: Stored) -> None:
    names = ["零件", "Втулка", "Größe", "pièce"]
    content = written([*names, "FOREIGN"], "utf-8").replace(b"FOREIGN", "Gehäuse".encode("cp1252"))

    assert bill_of_materials(scan_step(stored(content))).top == tuple(sorted([*names, "Gehäuse"]))


def test_a_name_cut_within_a_character_is_no_failure(stored: Stored) -> None:
    content = written([*NAMES["gb18030"][1], "CUT"], "gb18030").replace(
        b"'CUT'", b"'" + "零件".encode("gb18030")[:3] + b"'"
    )

    assert "零\ufffd" in bill_of_materials(scan_step(stored(content))).top


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_good_files_need_no_guess(good: GoodFile) -> None:
    assert text_encoding(sample_path(good.name).read_bytes()).title == "UTF-8"


@pytest.mark.parametrize("content", [b"\xff" * 3_000_000, b"\xff'" * 500_000, b"'" + b"\xe4a" * 1_500_000, b"\xc2" * 9])
@pytest.mark.timeout(10)
def test_any_bytes_have_an_encoding_at_once(content: bytes) -> None:
    text_encoding(content).decoded(content[:100])
