"""Garbage in the environment is never guessed at: it is a problem with name and hint, and never repeats a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enginel.env import Env

SECRET = "hunter2hunter2"


def only_problem(env: Env) -> tuple[str, str, str]:
    (problem,) = env.problems
    assert problem.message
    assert problem.hint
    return problem.name, problem.message, problem.hint


@pytest.mark.parametrize(("environ", "expected"), [({}, "default"), ({"A": "  x "}, "x"), ({"A": "  "}, "default")])
def test_text_is_trimmed_and_empty_is_unset(environ: dict[str, str], expected: str) -> None:
    assert Env(environ).text("A", "default") == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1", True),
        ("TRUE", True),
        ("yes", True),
        ("On", True),
        ("0", False),
        ("false", False),
        ("no", False),
        ("", False),
    ],
)
def test_a_flag_is_yes_or_no(raw: str, expected: bool) -> None:
    env = Env({"A": raw})

    assert env.flag("A", default=not expected) is expected
    assert env.problems == []


@pytest.mark.parametrize("default", [True, False])
def test_a_flag_nobody_set_is_its_default(default: bool) -> None:
    assert Env({}).flag("A", default) is default


@pytest.mark.parametrize("raw", ["maybe", "2", "truee", "-1", "none"])
@pytest.mark.parametrize("default", [True, False])
def test_any_other_flag_is_a_problem(raw: str, default: bool) -> None:
    env = Env({"A": raw})

    assert env.flag("A", default) is default
    assert only_problem(env)[0] == "A"


@pytest.mark.parametrize(("raw", "expected"), [("5", 5), (" 7 ", 7), ("1", 1), ("10", 10)])
def test_an_integer_within_its_bounds_is_used(raw: str, expected: int) -> None:
    env = Env({"A": raw})

    assert env.integer("A", 3, minimum=1, maximum=10) == expected
    assert env.problems == []


@pytest.mark.parametrize("raw", ["0", "11", "-5", "1.5", "many", "1e1", "0x5", "9" * 5000, "5 6"])
def test_any_other_integer_is_a_problem(raw: str) -> None:
    env = Env({"A": raw})

    assert env.integer("A", 3, minimum=1, maximum=10) == 3
    name, _, hint = only_problem(env)
    assert name == "A"
    assert "1 to 10" in hint


@pytest.mark.parametrize(("raw", "expected"), [("0.5", 0.5), ("10", 10.0), ("1e0", 1.0)])
def test_seconds_within_their_bounds_are_used(raw: str, expected: float) -> None:
    assert Env({"A": raw}).seconds("A", 3, minimum=0.5, maximum=10) == expected


@pytest.mark.parametrize("raw", ["0.4", "10.1", "nan", "inf", "-inf", "soon", "1s", "1,5"])
def test_any_other_duration_is_a_problem(raw: str) -> None:
    env = Env({"A": raw})

    assert env.seconds("A", 3, minimum=0.5, maximum=10) == 3
    assert "0.5 to 10" in only_problem(env)[2]


def test_a_choice_is_one_of_its_words() -> None:
    assert Env({"A": "b"}).choice("A", "a", ("a", "b")) == "b"
    env = Env({"A": "B"})
    assert env.choice("A", "a", ("b", "a")) == "a"
    assert only_problem(env)[2] == "Use one of: a, b."


def test_text_of_a_form_matches_as_a_whole() -> None:
    assert Env({"A": "12"}).matching("A", "1", r"\d+", "hint") == "12"
    env = Env({"A": "12x"})
    assert env.matching("A", "1", r"\d+", "the hint") == "1"
    assert only_problem(env)[2] == "the hint"


@pytest.mark.parametrize(
    ("raw", "expected"), [(None, ["d"]), ("", ["d"]), ("a", ["a"]), (" a , b ,, ", ["a", "b"]), (",", ["d"])]
)
def test_words_are_separated_by_commas(raw: str | None, expected: list[str]) -> None:
    assert Env({} if raw is None else {"A": raw}).words("A", ("d",)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://:pw@host:6379/0",
        "redis://[::1]:6379/1",
        "rediss://h/0",
        "unix:///run/valkey.sock",
        "redis://h?db=1",
    ],
)
def test_a_url_of_a_known_scheme_is_used(url: str) -> None:
    env = Env({"A": url})

    assert env.url("A", ("redis", "rediss", "unix")) == url
    assert env.problems == []


@pytest.mark.parametrize(
    "url",
    [
        "host:6379",
        "http://host",
        "redis://",
        "redis:///",
        "redis://h:port",
        "redis://h:0",
        "redis://h:99999",
        "redis",
        "redis://[::1",
        "//host",
        "unix://relative.sock",
        "unix://",
        "REDIS//h",
        f"mysql://u:{SECRET}@h/db",
        f"redis://u:{SECRET}@h:port",
    ],
)
def test_any_other_url_is_a_problem_that_does_not_repeat_it(url: str) -> None:
    env = Env({"A": url})

    assert env.url("A", ("redis", "rediss", "unix")) == ""
    name, message, hint = only_problem(env)
    assert name == "A"
    assert "redis://" in hint
    assert SECRET not in message + hint


def test_a_url_nobody_set_is_empty_and_no_problem() -> None:
    env = Env({})

    assert env.url("A", ("redis",)) == ""
    assert env.problems == []


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"  {SECRET}\n")

    assert Env({"A_FILE": str(file)}).secret("A") == SECRET
    file.write_text(f"redis://:{SECRET}@h\n")
    assert Env({"A_FILE": str(file)}).url("A", ("redis",)) == f"redis://:{SECRET}@h"


def test_a_secret_nobody_set_is_its_default(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()

    assert Env({}).secret("A", "default") == "default"
    assert Env({"A": " "}).secret("A", "default") == "default"
    assert Env({"A_FILE": str(empty)}).secret("A", "default") == "default"


def test_a_secret_set_twice_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("other")
    env = Env({"A": SECRET, "A_FILE": str(file)})

    assert env.secret("A") == SECRET
    assert SECRET not in str(only_problem(env))


@pytest.mark.parametrize("kind", ["missing", "folder", "binary", "too big"])
def test_a_secret_file_that_cannot_be_used_is_a_problem(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    contents = {"binary": b"\xff\xfe" + SECRET.encode(), "too big": SECRET.encode() * 6000}
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(contents[kind])
    env = Env({"A_FILE": str(path)})

    assert env.secret("A", "default") == "default"
    assert only_problem(env)[0] == "A"
    assert SECRET not in str(env.problems)


def unknown(**environ: str) -> dict[str, str]:
    env = Env(environ)
    for name in ("ENGINEL_ALLOWED_HOSTS", "ENGINEL_DEBUG", "ENGINEL_LOG_LEVEL", "ENGINEL_METRICS_TOKEN"):
        env.text(name)
    env.secret("ENGINEL_SECRET_KEY")
    return {problem.name: problem.hint for problem in env.unknown("ENGINEL_", also=("ENGINEL_PORT",))}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("ENGINEL_ALOWED_HOSTS", "ENGINEL_ALLOWED_HOSTS"),
        ("ENGINEL_ALLOWED_HOST", "ENGINEL_ALLOWED_HOSTS"),
        ("ENGINEL_DEBUGG", "ENGINEL_DEBUG"),
        ("ENGINEL_LOGLEVEL", "ENGINEL_LOG_LEVEL"),
        ("ENGINEL_SECRETKEY_FILE", "ENGINEL_SECRET_KEY_FILE"),
        ("ENGINEL_ALLOWED_HOSTS_FILE", "ENGINEL_ALLOWED_HOSTS"),
        ("enginel_debug", "ENGINEL_DEBUG"),
        ("ENGINL_ALLOWED_HOSTS", "ENGINEL_ALLOWED_HOSTS"),
        ("ENGINELDEBUG", "ENGINEL_DEBUG"),
        ("ENGINEL_PROT", "ENGINEL_PORT"),
        ("ENGINE_PORT", "ENGINEL_PORT"),
        ("ENGINEL__PORT", "ENGINEL_PORT"),
        ("ENGNEL_DEBUG", "ENGINEL_DEBUG"),
        ("ENIGNEL_LOG_LEVEL", "ENGINEL_LOG_LEVEL"),
        ("NGINEL_ALLOWED_HOSTS", "ENGINEL_ALLOWED_HOSTS"),
    ],
)
def test_a_misspelt_name_is_unknown_and_the_nearest_is_named(name: str, nearest: str) -> None:
    assert unknown(**{name: "secret"}) == {name: f"Did you mean {nearest}?"}


def test_a_name_like_no_other_is_unknown() -> None:
    assert unknown(ENGINEL_XYZZY_QQ="1") == {"ENGINEL_XYZZY_QQ": "See docs/reference.md for the names."}


@pytest.mark.parametrize(
    "name",
    [
        "ENGINEL_DEBUG",
        "ENGINEL_PORT",
        "ENGINEL_SECRET_KEY_FILE",
        "ENGINEERING_TEAM",
        "DEBUG",
        "PORT",
        "ENGINE",
        "OTHER",
        # What Kubernetes and Docker set for a service named enginel, or enginel-web.
        "ENGINEL_SERVICE_HOST",
        "ENGINEL_SERVICE_PORT_HTTP",
        "ENGINEL_PORT_8000_TCP_ADDR",
        "ENGINEL_WEB_SERVICE_PORT",
        "ENGINEL_WEB_PORT_80_TCP_PROTO",
    ],
)
def test_other_names_are_none_of_ours(name: str) -> None:
    assert unknown(**{name: "1"}) == {}


@pytest.mark.parametrize("name", ["ENGINEL_WEB_PORT", "ENGINEL_PORT_8000_TCP"])
def test_the_address_of_a_service_named_like_ours_is_no_setting(name: str) -> None:
    assert unknown(**{name: "tcp://10.0.0.1:80"}) == {}


def test_problems_are_kept_in_order() -> None:
    env = Env({"A": "x", "B": "y"})
    env.flag("B")
    env.flag("A")

    assert [problem.name for problem in env.problems] == ["B", "A"]


@pytest.mark.parametrize(
    "read",
    [
        lambda env: env.flag("A"),
        lambda env: env.integer("A", 1, minimum=0, maximum=2),
        lambda env: env.seconds("A", 1, minimum=0, maximum=2),
        lambda env: env.choice("A", "a", ("a",)),
        lambda env: env.matching("A", "1", r"\d", "hint"),
        lambda env: env.url("A", ("redis",)),
    ],
)
def test_no_problem_repeats_the_value(read: Any) -> None:
    env = Env({"A": SECRET})
    read(env)

    assert SECRET not in str(only_problem(env))
