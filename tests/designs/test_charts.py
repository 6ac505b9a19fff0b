"""Charts: shapes tell what colours do, amounts keep their proportion, nothing can break out."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from designs.charts import STATES, columns, share, state_icon, strip

HOSTILE = '"><script>alert(1)</script>'


def heights(svg: str) -> list[float]:
    return [float(height) for height in re.findall(r"v-([\d.]+)h", svg)]


def test_each_state_has_a_shape_of_its_own() -> None:
    shapes = {re.sub(r'class="[^"]*"|(fill|stroke)="[^"]*"', "", state_icon(state)) for state in (*STATES, "other")}

    assert len(shapes) == 4


def test_a_strip_has_sixty_bars_and_the_worse_are_taller() -> None:
    svg = strip(["healthy"] * 57 + ["degraded", "unhealthy", ""])

    assert len(heights(svg)) == 60
    assert sorted(set(heights(svg))) == [2, 9, 16, 24]
    assert 'aria-label="Last hour: 1 min unknown, 1 min unhealthy, 1 min degraded, 57 min healthy"' in svg


@pytest.mark.parametrize("minutes", [[], ["healthy"] * 3, ["healthy"] * 500, [HOSTILE] * 60])
def test_a_strip_of_any_length_has_sixty_bars(minutes: list[str]) -> None:
    assert len(heights(strip(minutes))) == 60


def test_columns_are_scaled_to_the_largest_and_one_is_always_seen() -> None:
    assert heights(columns([0, 50, 100, 0.001], "label")) == [50, 100, 3]
    assert heights(columns([], "label")) == heights(columns([0, 0], "label")) == []


def test_a_share_is_divided_in_proportion() -> None:
    svg = share([("healthy", 30), ("degraded", 0), ("unhealthy", 10)], "label")

    assert re.findall(r'x="([\d.]+)" y="0" width="([\d.]+)"', svg) == [("0", "75"), ("75", "25")]
    assert "<rect" not in share([("healthy", 0)], "label")


@pytest.mark.parametrize(
    "svg", [strip([HOSTILE]), state_icon(HOSTILE), columns([1], HOSTILE, HOSTILE), share([(HOSTILE, 1)], HOSTILE)]
)
def test_no_text_breaks_out(svg: str) -> None:
    assert {element.tag for element in ElementTree.fromstring(svg).iter()} <= {"svg", "path", "rect", "circle"}
