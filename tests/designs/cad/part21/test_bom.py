"""Bills of materials from the product structure."""

from __future__ import annotations

import re
import tracemalloc

import pytest

from designs.cad import bill_of_materials, scan_step
from designs.exceptions import BOMExtractionError
from enginel.sample.corpus import GOOD, GoodFile, sample_path
from enginel.sample.damage.assemblies import doubled
from tests.designs.cad.conftest import Stored
from tests.support.cad.step_text import product, step_file, usage


@pytest.mark.parametrize("good", [good for good in GOOD if good.bom], ids=lambda good: good.name)
def test_assemblies_give_their_bill(good: GoodFile) -> None:
    bom = bill_of_materials(scan_step(sample_path(good.name)))

    assert {line.part: line.quantity for line in bom.lines} == good.bom
    assert bom.pieces == sum((good.bom or {}).values())


@pytest.mark.parametrize(
    ("name", "top"),
    [("as1-oc-214.stp", "as1"), ("dm1-id-214.stp", "dm1"), ("s1-c5-214_extref.stp", "*MASTER")],
)
def test_the_top_is_what_no_assembly_uses(name: str, top: str) -> None:
    assert bill_of_materials(scan_step(sample_path(name))).top == (top,)


@pytest.mark.parametrize("good", [g for g in GOOD if g.kind == "step" and not g.bom], ids=lambda good: good.name)
def test_what_is_no_assembly_has_an_empty_bill(good: GoodFile) -> None:
    bom = bill_of_materials(scan_step(sample_path(good.name)))

    assert (bom.lines, bom.pieces) == ((), 0)


def test_quantities_multiply_down_the_tree(stored: Stored) -> None:
    data = product(10, "car") + product(20, "axle") + product(30, "wheel") + product(40, "nut")
    links = [(10, 20), (10, 20), (20, 30), (20, 30), *[(30, 40)] * 5, (10, 40)]
    data += "".join(usage(100 + n, parent, child) for n, (parent, child) in enumerate(links))

    bom = bill_of_materials(scan_step(stored(step_file(data))))

    assert [(line.part, line.quantity) for line in bom.lines] == [("nut", 21)]
    assert bom.top == ("car",)


def test_parts_of_the_same_name_are_one_line(stored: Stored) -> None:
    data = product(10, "top") + product(20, "bolt") + product(30, "bolt") + usage(1, 10, 20) + usage(2, 10, 30)

    bom = bill_of_materials(scan_step(stored(step_file(data))))

    assert [(line.part, line.quantity) for line in bom.lines] == [("bolt", 2)]


def test_a_usage_may_be_a_complex_instance(stored: Stored) -> None:
    link = (
        "#1=(ASSEMBLY_COMPONENT_USAGE($)NEXT_ASSEMBLY_USAGE_OCCURRENCE()"
        "PRODUCT_DEFINITION_RELATIONSHIP('','','',#10,#20)PRODUCT_DEFINITION_USAGE());"
    )

    bom = bill_of_materials(scan_step(stored(step_file(product(10, "top") + product(20, "leaf") + link))))

    assert [(line.part, line.quantity) for line in bom.lines] == [("leaf", 1)]


@pytest.mark.parametrize("levels", [1, 16, 26, 49])
def test_doubled_assemblies_are_multiplied_and_not_walked(stored: Stored, levels: int) -> None:
    bom = bill_of_materials(scan_step(stored(doubled(levels))))

    assert [(line.part, line.quantity) for line in bom.lines] == [("Part 1", 2**levels)]


@pytest.mark.parametrize("levels", [50, 600])
def test_more_pieces_than_can_be_built_are_refused(stored: Stored, levels: int) -> None:
    with pytest.raises(BOMExtractionError) as caught:
        bill_of_materials(scan_step(stored(doubled(levels))))

    assert caught.value.details == {"stage": "bom", "reason": "pieces"}


TWO = product(10, "a") + product(20, "b")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (TWO + usage(1, 10, 10), "cycle"),
        (TWO + usage(1, 10, 20) + usage(2, 20, 10), "cycle"),
        (TWO + product(30, "c") + usage(1, 30, 10) + usage(2, 10, 20) + usage(3, 20, 10), "cycle"),
        (TWO + usage(1, 10, 99), "missing"),
        (TWO + usage(1, 99, 10), "missing"),
        (TWO + usage(1, 10, 22), "wrong_target"),
        (TWO + "#7=CARTESIAN_POINT('',(0.,0.,0.));" + usage(1, 10, 7), "wrong_target"),
        (TWO + "#1=NEXT_ASSEMBLY_USAGE_OCCURRENCE('','','',#10);", "wrong_target"),
        (TWO.replace("#12=PRODUCT('a','','',());", ""), "missing"),
        (TWO.replace("PRODUCT('a','','',())", "PRODUCT_DEFINITION_SHAPE('','',#20)"), "no_product"),
        ("#1=MANIFOLD_SOLID_BREP('',#2);#2=CLOSED_SHELL('',());#3=GROUP(#1);", "no_products"),
    ],
)
def test_structures_that_cannot_be_are_refused(stored: Stored, data: str, reason: str) -> None:
    scan = scan_step(stored(step_file(data)))

    with pytest.raises(BOMExtractionError) as caught:
        bill_of_materials(scan)

    assert (caught.value.details["stage"], caught.value.details["reason"]) == ("bom", reason)


def test_a_lost_product_is_told_even_beside_a_lost_point(stored: Stored) -> None:
    data = TWO.replace("#12=PRODUCT('a','','',());", "") + "#7=VERTEX_POINT('',#8);"
    scan = scan_step(stored(step_file(data)))

    assert len(scan.damage) == 1
    with pytest.raises(BOMExtractionError):
        bill_of_materials(scan)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("it''s", "it's"),
        (r"back\\slash", r"back\slash"),
        (r"Geh\X\E4use", "Gehäuse"),
        (r"\X2\7B5200FC\X0\x", "筒üx"),
        (r"\X4\0001F527\X0\x", "🔧x"),
        (r"\S\d", "ä"),
        (r"\PE\\S\P", "\N{CYRILLIC SMALL LETTER A}"),
        (r"\X2\ZZ\X0\x", r"\X2\ZZ\X0\x"),
        (r"\X2\D800\X0\x", "\ufffdx"),
        (r"\X2\D83DDD27\X0\x", "🔧x"),
        (r"\X2\D83D\X0\\X2\DD27\X0\x", "🔧x"),
        (r"\X4\0000D83D0000DD27\X0\x", "🔧x"),
        (r"\X4\00110000\X0\x", "\ufffdx"),
        (r"\X2\7b5200fC\X0\x", "筒üx"),
        (r"\X2\7B52", "筒"),
        (r"a\X4\0001F527 b", "a🔧 b"),
        (r"a\X2\\X0\b", "ab"),
        ("Geh\\X\\E\n4use", "Gehäuse"),
        ("\\X2\\7B\r\n5200FC\\X\r\n0\\x", "筒üx"),
        ("it'\n's", "it's"),
        ("\\S\n\\d", "ä"),
        ("\\P\nE\\\\S\\P", "\N{CYRILLIC SMALL LETTER A}"),
        (r"\S\''x", "§x"),
        (r"a\N\b\F\c", "abc"),
        ("Geh\xe4use", "Gehäuse"),
        ("esc\x1b[31m bel\x07", "esc[31m bel"),
        ("  padded  ", "padded"),
        ("n" * 500, "n" * 200),
        ("", "unnamed"),
    ],
)
def test_names_are_decoded_and_made_safe(stored: Stored, written: str, shown: str) -> None:
    assert bill_of_materials(scan_step(stored(step_file(product(10, written))))).top == (shown,)


def test_a_part_without_number_goes_by_its_name(stored: Stored) -> None:
    data = product(10, "").replace("PRODUCT('',''", "PRODUCT('','bracket'")

    assert bill_of_materials(scan_step(stored(step_file(data)))).top == ("bracket",)


def test_a_quantity_is_refused_before_it_grows_beyond_the_limit(stored: Stored) -> None:
    levels = 30_000
    data = "".join(product(10 * level, f"level {level}") for level in range(1, levels + 2))
    links = (usage(10 * level + n, 10 * level, 10 * (level + 1)) for level in range(1, levels + 1) for n in (5, 6))
    scan = scan_step(stored(step_file(data + "".join(links))))
    assert len(scan.with_keyword("NEXT_ASSEMBLY_USAGE_OCCURRENCE")) == 2 * levels

    tracemalloc.start()
    try:
        with pytest.raises(BOMExtractionError) as caught:
            bill_of_materials(scan)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert caught.value.details["reason"] == "pieces"
    # The quantities alone would take 60 MB: each level adds a bit to all that follow.
    assert peak_bytes < 40_000_000


# Sound but for the instance that is taken out; what else refers to it, refers to nowhere then.
WHOLE = (
    product(10, "top")
    + product(20, "leaf")
    + usage(30, 10, 20)
    + "#31=PRODUCT_DEFINITION_SHAPE('','',#30);#32=PRODUCT_DEFINITION_SHAPE('','',#10);"
    "#33=PRODUCT_RELATED_PRODUCT_CATEGORY('part',$,(#12));#34=PRODUCT_DEFINITION_SHAPE('','',#20);"
    "#35=NEXT_ASSEMBLY_USAGE_OCCURRENCE('','','',#10,#20,$);"
    "#36=SPECIFIED_HIGHER_USAGE_OCCURRENCE('','','',#10,#20,$,#35,#30);"
)


@pytest.mark.parametrize("lost", [10, 11, 12, 20, 21, 22, 30, 35])
def test_a_product_definition_formation_or_usage_that_is_gone_is_a_failure_of_the_bill(
    stored: Stored, lost: int
) -> None:
    data = re.sub(rf"#{lost}=[^;]*;", "", WHOLE)
    scan = scan_step(stored(step_file(data)))

    assert scan.damage == ()
    with pytest.raises(BOMExtractionError) as caught:
        bill_of_materials(scan)

    assert caught.value.details["reason"] == "missing"


@pytest.mark.parametrize("keyword", ["PRODUCT", "PRODUCT_DEFINITION_FORMATION", "PRODUCT_DEFINITION"])
def test_a_part_alone_that_lost_its_product_is_a_failure_of_the_bill(stored: Stored, keyword: str) -> None:
    data = (
        product(10, "part")
        + "#31=PRODUCT_DEFINITION_SHAPE('','',#10);#33=PRODUCT_RELATED_PRODUCT_CATEGORY('',$,(#12));"
    )
    scan = scan_step(stored(step_file(re.sub(rf"#\d+={keyword}\([^;]*;", "", data))))

    assert scan.damage == ()
    with pytest.raises(BOMExtractionError):
        bill_of_materials(scan)
