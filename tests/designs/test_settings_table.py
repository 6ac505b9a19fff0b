"""Each setting is one row: a value at a bound passes, a value beyond it or of another type is an error with a hint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from django.test import override_settings
from django.utils.functional import cached_property

from designs import checks, settings_reference
from designs.conf import Conf, conf, setting_names
from designs.settings_model import Kind, Setting
from designs.settings_table import SETTINGS
from enginel.env import Env

CHECKED = [row for row in SETTINGS.values() if row.kind not in (Kind.OTHER, Kind.PACKAGES)]
NUMBERS = (Kind.INTEGER, Kind.NUMBER)
GOOD: dict[Kind, list[Any]] = {
    Kind.FLAG: [True, False],
    Kind.TEXT: ["x"],
    Kind.WORDS: [[], ("a", "b"), {"a"}, frozenset({""})],
    Kind.FOLDERS: [(), ["/srv/app", Path("/srv")]],
    Kind.NETWORKS: [(), ["10.0.0.7", "10.1.0.0/16", "::1"]],
    Kind.OPTIONS: [{}, {"a": None}],
    Kind.CALLABLE: [None, len, "json.dumps"],
    Kind.URL: ["", "http://h", "https://h/x"],
    Kind.SECRET: ["", "s" * 16],
    Kind.PATH: [Path("var")],
}
BAD: dict[Kind, list[Any]] = {
    Kind.FLAG: [0, 1, "yes", "", None],
    Kind.INTEGER: ["many", "5", "", None, True, 5.0, math.nan, math.inf, -1, [5]],
    Kind.NUMBER: ["many", "5", "", None, True, math.nan, math.inf, -math.inf, -1, [5]],
    Kind.TEXT: [None, 5, b"x"],
    Kind.CHOICE: ["", "other", None, 5, ["enginel"]],
    Kind.WORDS: ["a", "", None, 5, [5], [None], {"a": 1}],
    Kind.FOLDERS: ["/srv/app", "", None, 5, [5]],
    Kind.NETWORKS: ["10.0.0.7", None, 5, [5], ["prometheus"], ["10.0.0.300"], [""]],
    Kind.NUMBERS: ["many", None, 5, [1], {"a": "5"}, {"a": -1}, {"a": math.nan}, {"a": True}, {5: 5}],
    Kind.OPTIONS: ["many", None, 5, [("a", 1)], {5: 5}],
    Kind.CALLABLE: ["", "no.such.module", "json.no_such_name", "json", "math.pi", 5, ["json.dumps"]],
    Kind.URL: ["host:80", "ftp://h", None, 5],
    Kind.SECRET: ["s" * 15, None, 5],
    Kind.PATH: ["", "var", None, 5],
}


def good_values(row: Setting) -> Iterator[Any]:
    if row.kind in NUMBERS:
        number = int if row.kind is Kind.INTEGER else float
        yield from (number(row.minimum), number(row.maximum))
    elif row.kind is Kind.NUMBERS:
        yield from ({}, {"": row.minimum, "a": row.maximum, "b": 1})
    else:
        yield from row.choices or GOOD[row.kind]


def bad_values(row: Setting) -> Iterator[Any]:
    yield from BAD[row.kind]
    if row.kind in NUMBERS:
        yield from (row.minimum - 1, row.maximum + 1)


@pytest.mark.parametrize("row", CHECKED, ids=lambda row: row.name)
def test_a_value_within_its_range_passes(row: Setting) -> None:
    for value in good_values(row):
        with override_settings(**{row.name: value}):
            assert checks.check_values(None) == [], value


@pytest.mark.parametrize("row", CHECKED, ids=lambda row: row.name)
def test_any_other_value_is_an_error_that_names_range_unit_and_default(row: Setting) -> None:
    for value in bad_values(row):
        with override_settings(**{row.name: value}):
            (found,) = checks.check_values(None)

        assert (found.id, found.is_serious(), found.obj) == ("enginel.E009", True, row.name), value
        assert row.name in found.msg
        assert f"The default is {row.default_text}." in (found.hint or "")
        assert row.kind is Kind.FLAG or row.range in (found.hint or "")
        assert row.unit == "none" or f"({row.unit})" in (found.hint or "")


def test_no_error_repeats_a_value() -> None:
    with override_settings(ENGINEL_METRICS_TOKEN="hunter2", ENGINEL_SENTRY_OPTIONS="hunter2"):
        assert "hunter2" not in str(checks.check_values(None))


@pytest.mark.parametrize("row", CHECKED, ids=lambda row: row.name)
def test_a_default_that_is_stated_passes(row: Setting) -> None:
    assert row.default is None or row.fits(row.default)


@pytest.mark.parametrize("row", [row for row in CHECKED if row.kind in NUMBERS], ids=lambda row: row.name)
def test_a_number_of_the_environment_has_the_bounds_of_its_row(row: Setting) -> None:
    for value in good_values(row):
        env = Env({row.name: str(value)})
        assert (env.setting(row.name), env.problems) == (value, [])
    for text in ("many", "nan", "inf", "-1", "5 6", "True", str(row.maximum + 1)):
        env = Env({row.name: text})
        assert env.setting(row.name) == row.default
        (problem,) = env.problems
        assert (problem.name, problem.hint) == (row.name, row.hint)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ENGINEL_SLOW_SECONDS", '{"upload": 90, "": 1.5}', {"upload": 90, "": 1.5}),
        ("ENGINEL_SENTRY_OPTIONS", '{"http_proxy": "http://proxy:3128"}', {"http_proxy": "http://proxy:3128"}),
        ("ENGINEL_IN_APP_ROOTS", "/srv/app, /srv/lib", ["/srv/app", "/srv/lib"]),
        ("ENGINEL_READY_COMPONENTS", "database,redis", ["database", "redis"]),
        ("ENGINEL_FINGERPRINT_HOOK", "shop.grouping.hook", "shop.grouping.hook"),
        ("ENGINEL_HEALTH_DATABASE_WRITE", "0", False),
        ("ENGINEL_SERVICE", "enginel-eu", "enginel-eu"),
    ],
)
def test_a_variable_is_parsed_by_its_row(name: str, text: str, value: object) -> None:
    env = Env({name: text})

    assert env.remaining() == {name: value}
    assert env.problems == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ENGINEL_SLOW_SECONDS", "upload=90"),
        ("ENGINEL_SLOW_SECONDS", '{"upload": "90"}'),
        ("ENGINEL_SLOW_SECONDS", '{"upload": NaN}'),
        ("ENGINEL_SLOW_SECONDS", "[" * 100_000),
        ("ENGINEL_SENTRY_OPTIONS", "[1]"),
        ("ENGINEL_IN_APP_ROOTS", ","),
        ("ENGINEL_METRICS_TOKEN", "too short"),
        ("ENGINEL_HEALTH_DATABASE_WRITE", "maybe"),
    ],
)
def test_an_unusable_variable_is_a_problem_and_no_setting(name: str, text: str) -> None:
    env = Env({name: text})

    assert env.remaining() == {}
    (problem,) = env.problems
    assert problem.name == name
    assert text not in problem.message + problem.hint


def test_an_empty_variable_is_an_unset_one() -> None:
    env = Env(dict.fromkeys(SETTINGS, " "))

    assert env.remaining() == {}
    assert env.problems == []


def test_each_attribute_of_conf_is_a_row_of_its_type() -> None:
    types = {Kind.FLAG: bool, Kind.INTEGER: int, Kind.NUMBER: float, Kind.WORDS: tuple[str, ...]}
    computed = {name for name, value in vars(Conf).items() if isinstance(value, cached_property)}
    hints = get_type_hints(Conf)

    assert setting_names() <= SETTINGS.keys()
    for name in hints.keys() - computed:
        kind = SETTINGS[f"ENGINEL_{name.upper()}"].kind
        assert kind not in types or hints[name] == types[kind], name


def test_a_list_or_mapping_of_a_wrong_type_is_its_default_until_the_checks_run() -> None:
    wrong = dict.fromkeys(("ENGINEL_SENTRY_OPTIONS", "ENGINEL_READY_COMPONENTS", "ENGINEL_SLOW_SECONDS"), 5)
    with override_settings(**wrong, ENGINEL_IN_APP_ROOTS=5):
        assert (conf.sentry_options, conf.ready_components, conf.slow_seconds[""]) == ({}, ("database",), 30.0)
        assert conf.in_app_roots != (5,)


def test_a_setting_that_is_read_is_a_plain_attribute_until_settings_change() -> None:
    assert conf.ring_size == 100
    assert vars(conf)["ring_size"] == 100
    with override_settings(ENGINEL_RING_SIZE=7):
        assert "ring_size" not in vars(conf)


@pytest.mark.parametrize("row", SETTINGS.values(), ids=lambda row: row.name)
def test_each_row_has_a_reason_a_unit_and_a_range(row: Setting) -> None:
    assert row.reason
    assert row.unit
    assert row.default_text
    assert (row.kind is Kind.OTHER) == bool(row.form)
    if row.kind in (*NUMBERS, Kind.NUMBERS):
        assert row.unit != "none"
        assert 0 <= row.minimum < row.maximum < math.inf
    assert "|" not in row.reason + row.range + row.default_text


def test_the_kinds_have_different_names() -> None:
    # Two of one text would be one member.
    assert len(Kind) == 16


def test_the_reference_is_the_table() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference.md").read_text()

    assert settings_reference.with_table(page) == page


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks"):
        settings_reference.with_table("# Page")
