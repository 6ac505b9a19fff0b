"""How often a usage counts that states its quantity."""

from __future__ import annotations

import pytest

from designs.cad import Bom, bill_of_materials, scan_step
from designs.exceptions import BOMExtractionError
from tests.designs.cad.conftest import Stored
from tests.support.cad.step_text import UNITS, product, step_file, usage

PARTS = product(10, "top") + product(20, "leaf") + product(30, "rope")
# What a quantity may refer to: #1 is the millimetre.
AROUND = (
    "#40=CONTEXT_DEPENDENT_UNIT(#41,'ea');#41=DIMENSIONAL_EXPONENTS(0.,0.,0.,0.,0.,0.,0.);"
    "#42=(CONTEXT_DEPENDENT_UNIT('kg')NAMED_UNIT(#41));#43=(NAMED_UNIT(*)RATIO_UNIT());"
    "#44=CARTESIAN_POINT('',(4.,4.,4.));"
)
SIMPLE = "#60=QUANTIFIED_ASSEMBLY_COMPONENT_USAGE('','','',#10,#20,$,#50);"
FORMS = {
    "simple": SIMPLE,
    "general": (
        "#60=(ASSEMBLY_COMPONENT_USAGE($)PRODUCT_DEFINITION_RELATIONSHIP('','','',#10,#20)PRODUCT_DEFINITION_USAGE()"
        "QUANTIFIED_ASSEMBLY_COMPONENT_USAGE(#50));"
    ),
    "occurrence": (
        "#60=(ASSEMBLY_COMPONENT_USAGE('ref')NEXT_ASSEMBLY_USAGE_OCCURRENCE()"
        "PRODUCT_DEFINITION_RELATIONSHIP('','','',#10,#20)PRODUCT_DEFINITION_USAGE()"
        "QUANTIFIED_ASSEMBLY_COMPONENT_USAGE(#50));"
    ),
    "records in another order": (
        "#60=(QUANTIFIED_ASSEMBLY_COMPONENT_USAGE(#50)PRODUCT_DEFINITION_USAGE()NEXT_ASSEMBLY_USAGE_OCCURRENCE()"
        "PRODUCT_DEFINITION_RELATIONSHIP('','','',#10,#20)ASSEMBLY_COMPONENT_USAGE($));"
    ),
    "promise": (
        "#60=(ASSEMBLY_COMPONENT_USAGE($)PRODUCT_DEFINITION_RELATIONSHIP('','','',#10,#20)PRODUCT_DEFINITION_USAGE()"
        "PROMISSORY_USAGE_OCCURRENCE()QUANTIFIED_ASSEMBLY_COMPONENT_USAGE(#50));"
    ),
}


def bom(stored: Stored, data: str) -> Bom:
    return bill_of_materials(scan_step(stored(step_file(UNITS + PARTS + AROUND + data))))


def quantities(bom: Bom) -> dict[str, int]:
    return {line.part: line.quantity for line in bom.lines}


@pytest.mark.parametrize("form", FORMS)
def test_a_stated_quantity_counts_as_often_as_it_says(stored: Stored, form: str) -> None:
    found = bom(stored, FORMS[form] + "#50=MEASURE_WITH_UNIT(COUNT_MEASURE(4.),#43);" + usage(61, 10, 30))

    assert (quantities(found), found.pieces, found.warnings) == ({"leaf": 4, "rope": 1}, 5, ())


@pytest.mark.parametrize(
    "measure",
    [
        "MEASURE_WITH_UNIT(COUNT_MEASURE(4.),#43)",
        "MEASURE_WITH_UNIT(COUNT_MEASURE(4),$)",
        "MEASURE_WITH_UNIT(4.,#43)",
        "MEASURE_WITH_UNIT(RATIO_MEASURE(4.),#43)",
        "MEASURE_WITH_UNIT(POSITIVE_RATIO_MEASURE(4.),#43)",
        "MEASURE_WITH_UNIT(NUMERIC_MEASURE(4.E0),#43)",
        "MEASURE_WITH_UNIT(CONTEXT_DEPENDENT_MEASURE(4.),#40)",
        "MEASURE_WITH_UNIT(COUNT_MEASURE(4.),#1)",
        "RATIO_MEASURE_WITH_UNIT(4.,#43)",
        "RATIO_MEASURE_WITH_UNIT(RATIO_MEASURE(4.),#43)",
        "(MEASURE_WITH_UNIT(RATIO_MEASURE(4.),#43)RATIO_MEASURE_WITH_UNIT())",
        "(RATIO_MEASURE_WITH_UNIT()MEASURE_WITH_UNIT(RATIO_MEASURE(4.),#43))",
        "MEASURE_REPRESENTATION_ITEM('quantity',COUNT_MEASURE(4.),#43)",
        "(MEASURE_REPRESENTATION_ITEM()MEASURE_WITH_UNIT(COUNT_MEASURE(4.),#43)REPRESENTATION_ITEM('quantity'))",
    ],
)
def test_a_number_of_pieces_is_read_from_every_form_of_a_measure(stored: Stored, measure: str) -> None:
    found = bom(stored, f"{SIMPLE}#50={measure};")

    assert (quantities(found), found.warnings) == ({"leaf": 4}, ())


def test_stated_quantities_multiply_down_the_tree(stored: Stored) -> None:
    below = FORMS["occurrence"].replace("#60", "#62").replace("#10,#20", "#20,#30").replace("#50", "#51")
    found = bom(
        stored,
        SIMPLE + below + "#50=MEASURE_WITH_UNIT(COUNT_MEASURE(4.),#43);#51=MEASURE_WITH_UNIT(COUNT_MEASURE(3.),#43);",
    )

    assert quantities(found) == {"rope": 12}


@pytest.mark.parametrize(
    "measure",
    [
        "MEASURE_WITH_UNIT(COUNT_MEASURE(2.5),#43)",
        "MEASURE_WITH_UNIT(LENGTH_MEASURE(3000.),#1)",
        "LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(3000.),#1)",
        "LENGTH_MEASURE_WITH_UNIT(3000.,#1)",
        "MEASURE_WITH_UNIT(3000.,#1)",
        "MASS_MEASURE_WITH_UNIT(MASS_MEASURE(2.),#43)",
        "MEASURE_WITH_UNIT(CONTEXT_DEPENDENT_MEASURE(2.),#42)",
    ],
)
def test_an_amount_counts_once_with_a_warning(stored: Stored, measure: str) -> None:
    found = bom(stored, f"{SIMPLE}#50={measure};")

    assert quantities(found) == {"leaf": 1}
    assert found.warnings == ("The bill counts once what is used by amount and not by number: leaf.",)


def test_a_quantity_that_is_left_out_counts_once_with_a_warning(stored: Stored) -> None:
    found = bom(stored, SIMPLE.replace("#50", "$"))

    assert (quantities(found), len(found.warnings)) == ({"leaf": 1}, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("#50=MEASURE_WITH_UNIT(COUNT_MEASURE(0.),#43);", "quantity"),
        ("#50=MEASURE_WITH_UNIT(COUNT_MEASURE(-4.),#43);", "quantity"),
        ("#50=MEASURE_WITH_UNIT(COUNT_MEASURE(1.E999),#43);", "quantity"),
        ("#50=MEASURE_WITH_UNIT(COUNT_MEASURE('four'),#43);", "quantity"),
        ("#50=MEASURE_WITH_UNIT(COUNT_MEASURE(),#43);", "quantity"),
        ("#50=MEASURE_WITH_UNIT();", "quantity"),
        ("#50=PRODUCT('','','',());", "quantity"),
        ("#50=CARTESIAN_POINT('',(4.,4.,4.));", "quantity"),
        ("#50=MEASURE_WITH_UNIT(COUNT_MEASURE(1.E300),#43);", "pieces"),
        ("", "missing"),
    ],
)
def test_a_quantity_that_cannot_be_is_a_failure_of_the_bill(stored: Stored, data: str, reason: str) -> None:
    with pytest.raises(BOMExtractionError) as caught:
        bom(stored, SIMPLE + data)

    assert caught.value.details["reason"] == reason


# Relations between products that stand for no further piece.
OTHERS = {
    "higher": "#70=SPECIFIED_HIGHER_USAGE_OCCURRENCE('','','',#10,#20,$,#62,#61);",
    "higher, complex": (
        "#70=(ASSEMBLY_COMPONENT_USAGE($)PRODUCT_DEFINITION_RELATIONSHIP('','','',#10,#20)PRODUCT_DEFINITION_USAGE()"
        "SPECIFIED_HIGHER_USAGE_OCCURRENCE(#62,#61));"
    ),
    "made from": "#70=MAKE_FROM_USAGE_OPTION('','','',#30,#20,1,'',#50);#50=MEASURE_WITH_UNIT(COUNT_MEASURE(2.),#43);",
    "promise of a used part": "#70=PROMISSORY_USAGE_OCCURRENCE('','','',#10,#20,$);",
    "substitute": "#70=ASSEMBLY_COMPONENT_USAGE_SUBSTITUTE('','',#61,#62);",
    "relation": "#70=PRODUCT_DEFINITION_RELATIONSHIP('','','',#10,#20);",
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_relations_of_products_count_no_piece(stored: Stored, other: str) -> None:
    found = bom(stored, usage(61, 10, 30) + usage(62, 30, 20) + OTHERS[other])

    assert quantities(found) == {"leaf": 1}


def test_a_promise_counts_where_the_file_gives_no_structure(stored: Stored) -> None:
    found = bom(stored, usage(61, 10, 30) + "#70=PROMISSORY_USAGE_OCCURRENCE('','','',#10,#20,$);")

    assert quantities(found) == {"leaf": 1, "rope": 1}


def test_names_in_a_warning_are_cleaned_and_bounded(stored: Stored) -> None:
    parts = product(10, "top") + "".join(product(100 + 3 * n, f"\x1b[31m{n:02}{'x' * 500}") for n in range(30))
    usages = "".join(
        f"#{300 + n}=QUANTIFIED_ASSEMBLY_COMPONENT_USAGE('','','',#10,#{100 + 3 * n},$,$);" for n in range(30)
    )

    [warning] = bill_of_materials(scan_step(stored(step_file(parts + usages)))).warnings

    assert "\x1b" not in warning
    assert warning.endswith(" and 22 more.")
    assert len(warning) < 1000
