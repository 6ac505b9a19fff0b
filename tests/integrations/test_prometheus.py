"""The page for Prometheus, judged by prometheus_client's parsers and promtool."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from integrations.prometheus import Histograms, Metric, Page, metric_name, wants_openmetrics
from tests.support.debian_programs import needs

BOUNDS = (0.005, 0.1, 1, 2.5)


@dataclass
class Series:
    buckets: list[int]
    total_seconds: float = 0.0
    exemplars: dict[int, tuple[str, float, float]] = field(default_factory=dict)


def page(*metrics: Metric | Histograms) -> Page:
    made = Page()
    for metric in metrics:
        assert made.add(metric)
    return made


def durations(series: Series, labels: tuple[str, ...] = (), values: tuple[str, ...] = ()) -> Histograms:
    return Histograms("took_seconds", "How long it took.", BOUNDS, {values: series}, labels)


def samples(families: Iterable[Any]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def read_both(made: Page) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return what both parsers read, which must be the same."""
    text = samples(parse_text(made.text().decode()))
    assert samples(parse_openmetrics(made.openmetrics().decode())) == text
    return text


def test_a_page_of_each_kind_reads_back_in_both_formats() -> None:
    made = page(
        Metric("seen_total", "counter", "Seen.", {(): 3}),
        Metric("http_status_500", "untyped", "Answers.", {(): 0}),
        Metric("level", "gauge", "Level.", {("a",): 0.25, ("b",): -1.0}, ("tank",)),
        durations(Series([1, 0, 4, 0, 2], 12.5)),
    )

    assert read_both(made) == {
        ("seen_total", ()): 3,
        ("http_status_500", ()): 0,
        ("level", (("tank", "a"),)): 0.25,
        ("level", (("tank", "b"),)): -1,
        ("took_seconds_bucket", (("le", "0.005"),)): 1,
        ("took_seconds_bucket", (("le", "0.1"),)): 1,
        ("took_seconds_bucket", (("le", "1.0"),)): 5,
        ("took_seconds_bucket", (("le", "2.5"),)): 5,
        ("took_seconds_bucket", (("le", "+Inf"),)): 7,
        ("took_seconds_count", ()): 7,
        ("took_seconds_sum", ()): 12.5,
    }


def test_types_are_those_of_the_format() -> None:
    made = page(Metric("seen_total", "counter", "Seen.", {(): 3}), Metric("odd", "untyped", "Odd.", {(): 1}))

    assert b"# TYPE seen_total counter\n" in made.text()
    assert b"# TYPE odd untyped\n" in made.text()
    assert b"# TYPE seen counter\n" in made.openmetrics()
    assert b"# TYPE odd unknown\n" in made.openmetrics()
    assert made.openmetrics().endswith(b"\n# EOF\n")


@given(st.text(), st.text())
def test_any_text_is_a_label_and_a_help(value: str, words: str) -> None:
    metric = Metric("seen_total", "counter", words.strip() or "x", {(value,): 1}, ("who",))
    read = parse_openmetrics(page(metric).openmetrics().decode())
    sent = value.encode("utf-8", "replace").decode()

    assert samples(read) == {("seen_total", (("who", sent),)): 1}
    assert page(metric).text().count(b"\n") == 3


@given(st.text())
def test_any_text_labels_a_histogram(value: str) -> None:
    sent = value.encode("utf-8", "replace").decode()
    read = samples(parse_openmetrics(page(durations(Series([0] * 5), ("who",), (value,))).openmetrics().decode()))

    assert read["took_seconds_count", (("who", sent),)] == 0


@pytest.mark.parametrize("value", [0, 1, 2**53 + 1, 0.1, 1e300, 5e-324, math.inf, -math.inf])
def test_any_number_is_a_gauge(value: float) -> None:
    assert read_both(page(Metric("level", "gauge", "Level.", {(): value}))) == {("level", ()): float(value)}


def test_no_number_is_a_gauge_too() -> None:
    assert b"level NaN\n" in page(Metric("level", "gauge", "Level.", {(): math.nan})).text()


class TestNames:
    @pytest.mark.parametrize(
        ("raw", "name"),
        [
            ("endpoint_/api/designs/", "endpoint__api_designs_"),
            ("celery_task_designs.tasks.extract", "celery_task_designs_tasks_extract"),
            ("2xx", "_2xx"),
            ("a:b", "a_b"),
            ("größe\n", "gr__e_"),
            ("", "_"),
            ("x" * 500, "x" * 200),
        ],
    )
    def test_any_name_becomes_one_that_prometheus_takes(self, raw: str, name: str) -> None:
        assert metric_name(raw) == name

    @given(st.text())
    def test_any_name_can_be_read(self, raw: str) -> None:
        read_both(page(Metric(metric_name(raw), "untyped", "Any.", {(): 1})))

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (Metric("a", "untyped", "A.", {}), Metric("a", "gauge", "A.", {})),
            (Metric("a_total", "counter", "A.", {}), Metric("a", "untyped", "A.", {})),
            (durations(Series([0] * 5)), Metric("took_seconds_count", "untyped", "A.", {})),
            (Metric("took_seconds_sum", "gauge", "A.", {}), durations(Series([0] * 5))),
        ],
    )
    def test_a_name_is_taken_once(self, first: Metric | Histograms, second: Metric | Histograms) -> None:
        made = page(first)

        assert not made.add(second)
        assert made.metrics == [first]


class TestExemplars:
    EVENT = "0123456789abcdef0123456789abcdef"

    def exemplars(self, *given: tuple[int, tuple[str, float, float]]) -> list[Any]:
        made = page(durations(Series([1, 1, 1, 1, 1], 9.0, dict(given)), ("route",), ("100%",)))
        assert b" # {" not in made.text()
        read = parse_openmetrics(made.openmetrics().decode())
        return [(s.labels["le"], s.exemplar) for f in read for s in f.samples if s.exemplar]

    def test_each_bucket_may_have_one(self) -> None:
        ((le, exemplar), (other, _)) = self.exemplars(
            (1, (self.EVENT, 0.05, 1764000000.25)), (4, (self.EVENT, 7.0, 1764000000.0))
        )

        assert (le, other) == ("0.1", "+Inf")
        assert (exemplar.labels, exemplar.value) == ({"trace_id": self.EVENT}, 0.05)
        assert float(exemplar.timestamp) == 1764000000.25

    @pytest.mark.parametrize(
        "given",
        [
            (1, ('"} 1', 0.05, 1.0)),
            (1, ("", 0.05, 1.0)),
            (1, ("x" * 65, 0.05, 1.0)),
            (1, (EVENT, 0.5, 1.0)),
            (9, (EVENT, 9.0, 1.0)),
            (-1, (EVENT, 9.0, 1.0)),
            (1, (EVENT, math.nan, 1.0)),
        ],
    )
    def test_one_that_does_not_fit_is_left_out(self, given: tuple[int, tuple[str, float, float]]) -> None:
        assert self.exemplars(given) == []


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        # Prometheus 2.42, and 3 with its escaping
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            True,
        ),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5", True),
        ("Application/OpenMetrics-Text", True),
        ("text/plain;version=0.0.4,application/openmetrics-text;q=0.5", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nan,text/plain;q=0", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("*/*", False),
        ("", False),
        (";;;,,q=", False),
    ],
)
def test_the_format_is_the_one_preferred(accept: str, openmetrics: bool) -> None:
    assert wants_openmetrics(accept) is openmetrics


def test_promtool_finds_nothing_to_say() -> None:
    made = page(
        Metric("seen_total", "counter", "Seen.", {('a\\"\n',): 3}, ("who",)),
        Metric("http_status_500", "untyped", "Answers.", {(): 0}),
        durations(Series([1, 0, 4, 0, 2], 12.5), ("route",), ("100%",)),
    )
    promtool = needs("promtool", "prometheus")
    done = subprocess.run([promtool, "check", "metrics"], input=made.text(), capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
