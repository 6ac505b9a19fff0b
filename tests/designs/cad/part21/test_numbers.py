"""Numbers of STEP and IGES files that would keep the kernel busy are refused before it; those that it reads are not."""

from __future__ import annotations

import re

import pytest

from designs.cad import scan_iges, scan_step
from designs.exceptions import GeometryProcessingError
from enginel.sample.corpus import GOOD, sample_path
from enginel.sample.damage.edits import replaced, sample
from tests.designs.cad.conftest import Stored
from tests.support.cad.step_text import step_file

USED = "#9=GROUP('',#1);"
INFINITE = ["1.E999", "-1.E999", "1e400", ".5E+999", "1.E00000000999", "9" * 400 + ".", "1" + "0" * 200 + ".E200"]
NOT_NUMBERS = ["NAN", "nan", "INF", "Infinity", "INFINITE", "/* NAN */ NAN", "NAN/**/", " \n NAN \n"]


def refused(stored: Stored, data: str) -> GeometryProcessingError:
    with pytest.raises(GeometryProcessingError) as caught:
        scan_step(stored(step_file(data)))
    return caught.value


@pytest.mark.parametrize(
    ("instance", "number"),
    [
        *(("CARTESIAN_POINT('',(0.,%s,0.))", number) for number in [*INFINITE, "1.E300", "-1.1E150"]),
        *(("VECTOR('',#2,%s)", number) for number in INFINITE),
        *(("CIRCLE('',#2,%s)", number) for number in ("1.E999", "1.E160")),
        ("ELLIPSE('',#2,1.,%s)", "1.E160"),
        ("( BOUNDED_CURVE() CIRCLE(#2,%s) )", "1.E160"),
        ("cartesian_point('',(%s))", "1.E999"),
    ],
)
def test_a_number_beyond_every_size_is_refused_with_its_place(stored: Stored, instance: str, number: str) -> None:
    failure = refused(stored, f"#2=A();\n#1={instance % number};\n{USED}")

    assert str(failure) == "Failed to parse STEP file: a coordinate or length is out of range."
    place = {"line": 5, "entity": "#1", "section": "DATA"}
    assert failure.details == {"stage": "scan", "reason": "number_range", **place}


@pytest.mark.parametrize("word", NOT_NUMBERS)
def test_a_word_that_is_not_a_number_is_refused(stored: Stored, word: str) -> None:
    assert refused(stored, f"#1=CARTESIAN_POINT('',(0.,{word},0.));{USED}").details["reason"] == "not_a_number"


def test_a_number_is_seen_wherever_it_stands(stored: Stored) -> None:
    filler = "".join(f"#{number}=A('{'x' * 1000}');" for number in range(100, 2200))

    assert refused(stored, f"{filler}#1=CARTESIAN_POINT('',(1.E999));{USED}{filler.replace('=', '0000=')}")


@pytest.mark.parametrize(
    "data",
    [
        # Numbers as large and as small as the kernel reads, and exponents as some compilers write them.
        *(f"#1=CARTESIAN_POINT('',({number}));{USED}" for number in (
            "1.E149", "9.99E99", "1.E+001", "1.000E-300", "1.E-999", "0." + "3" * 400, "0." + "0" * 400 + "1",
            "1.E000009",
        )),
        f"#1=VECTOR('',#9,1.E300);{USED}",
        # Of no concern to geometry, or used by nothing.
        f"#1=A(NAN,1.E999);{USED}",
        f"#1=COLOUR_RGB('',1.E999,0.,0.);{USED}",
        "#1=CARTESIAN_POINT('',(1.E999));",
        # Texts and comments.
        f"#1=CARTESIAN_POINT('(NAN,1.E999;',(1.));{USED}",
        f"#1=CARTESIAN_POINT('it''s',(1. /* ,1.E999,NAN, */));{USED}",
        f"#1=PRODUCT('a, information, 12E345');{USED}",
        f"#1=CARTESIAN_POINT('',(LENGTH_MEASURE(1.),.NAN.,NAN(1.)));{USED}",
    ],
)  # fmt: skip
def test_what_the_kernel_survives_is_left_to_it(stored: Stored, data: str) -> None:
    assert scan_step(stored(step_file(data))).entity_count


def test_sound_files_are_not_even_suspect() -> None:
    from designs.cad.part21 import numbers

    steps = [good.name for good in GOOD if good.kind == "step"]
    assert [name for name in steps if numbers._is_suspect(sample_path(name).read_bytes())] == []


LINE = rb"110,-25\.(,[^;]*;)  "


@pytest.mark.parametrize("number", [b"1.D400", b"1.E400", b"1.e400", b"1.D160"])
def test_geometry_of_iges_beyond_every_size_is_refused(stored: Stored, number: bytes) -> None:
    content = replaced(sample("single_rounded_cube.iges"), LINE, rb"110," + number + rb"\1")

    with pytest.raises(GeometryProcessingError) as caught:
        scan_iges(stored(content))

    assert caught.value.details == {"stage": "scan", "reason": "number_range", "entity": "D7", "section": "P"}


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        # A colour, and a text of which the number is a part.
        (rb"314,79\.2156862745098,", b"314,1.D400,          "),
        (rb"110,-25\.(,[^;]*;)  ", rb"110,1.D-400,6H1.D400;"),
        (rb"110,-25\.(,[^;]*;)  ", rb"110,1.D+01\1"),
    ],
)
def test_other_numbers_of_iges_are_left_to_the_kernel(stored: Stored, pattern: bytes, replacement: bytes) -> None:
    line = re.search(pattern, sample("single_rounded_cube.iges"))
    assert line is not None
    new = line.expand(replacement).ljust(len(line[0]))[: len(line[0])]

    assert scan_iges(stored(replaced(sample("single_rounded_cube.iges"), pattern, lambda _: new))).entity_count
