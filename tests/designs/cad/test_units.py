"""From millimetres to the unit a client asks for."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.cad import convert_area, convert_length, convert_volume
from designs.exceptions import UnitConversionError
from tests.support.cad.pipeline import stage_refused

CONVERSIONS = [convert_length, convert_area, convert_volume]


@pytest.mark.parametrize(
    ("unit", "millimetres"),
    [
        ("mm", 1),
        ("inch", 25.4),
        ("in", 25.4),
        ("m", 1000),
        ("cm", 10),
        ("ft", 304.8),
        ("micrometer", 0.001),
        ("metre", 1000),
    ],
)
def test_lengths_areas_and_volumes_follow_the_unit_by_its_power(unit: str, millimetres: float) -> None:
    assert convert_length(12.0, unit) == pytest.approx(12 / millimetres)
    assert convert_area(12.0, unit) == pytest.approx(12 / millimetres**2)
    assert convert_volume(12.0, unit) == pytest.approx(12 / millimetres**3)


@pytest.mark.parametrize("convert", CONVERSIONS)
@pytest.mark.parametrize(
    "unit",
    [
        "", "kg", "second", "degree", "degC", "parsnip", "2**99999999", "m**2", "m m", "1e3 m", "mm" * 5000,
        "_", "__", "lambda", "import", "None", "not", "dimensionless", "pi", "delta_degC", "dB", "µm", "m\n",
    ],
)  # fmt: skip
def test_what_is_no_length_unit_is_refused(convert: Callable[[float, str], float], unit: str) -> None:
    with pytest.raises(UnitConversionError) as caught:
        convert(1.0, unit)

    assert caught.value.field == "unit"
    assert len(str(caught.value.detail)) < 200


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(UnitConversionError):
        convert_length(value, "mm")


def test_results_beyond_floats_are_refused() -> None:
    with pytest.raises(UnitConversionError):
        convert_volume(1e300, "yoctometer")


@given(st.text(max_size=40))
def test_any_text_converts_or_is_refused(unit: str) -> None:
    stage = stage_refused(lambda: convert_length(1.0, unit))

    assert stage == "units" or math.isfinite(convert_length(1.0, unit))
