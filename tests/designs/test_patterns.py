"""Patterns with possessive repetitions of groups match the same on every Python that we support."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from designs.patterns import compile_pattern, with_atomic_groups
from enginel.sample.corpus import sample_path

MODULES = (
    "designs.cad.part21.garbage",
    "designs.cad.part21.names",
    "designs.cad.part21.odd",
    "designs.cad.part21.places",
    "designs.cad.part21.plain",
    "designs.cad.part21.sections",
    "designs.cad.part21.tokens",
    "designs.cad.sniff",
    "designs.monitoring.fingerprint.failure_codes",
    "designs.monitoring.fingerprint.log_entries",
    "designs.monitoring.fingerprint.message_patterns",
    "designs.monitoring.fingerprint.message_tokens",
    "designs.monitoring.fingerprint.messages",
    "designs.monitoring.secret_text.redact",
    "designs.monitoring.secret_text.command_lines",
    "designs.monitoring.secret_text.markup",
    "designs.monitoring.secret_text.pairs",
    "designs.monitoring.secret_text.secret_values",
)
PATTERNS = {
    f"{name}.{attribute}": value
    for name in MODULES
    for attribute, value in sorted(vars(import_module(name)).items())
    if isinstance(value, re.Pattern)
}
TEXT = "\n".join(
    (
        sample_path("material.stp").read_text()[:3_000],
        "password=hunter2 at 2026-01-31T12:00:00.123Z from 10.0.0.1:5432, 12.5 MB, user_17_a, x-3-y4",
        'postgres://enginel:hunter2@db:5432/x and https://a:b@c@d/e; Cookie: sid="a\\"b"; theme=dark',
        "insert into users (name, password) values (%s, %s); 'it''s' \"a\\\"b\" '''x'y''' [1, 2] {\"a\": 'b'}",
        "mysql -u root -p'a b' --host=db | curl -u a:b x; \\X2\\00E4\\X0\\ \\X2\\00E\\X0\\ \\S\\d /* a *b */ /* c",
    )
)


@pytest.mark.parametrize("name", PATTERNS)
def test_an_atomic_group_means_what_the_possessive_repetition_does(name: str) -> None:
    pattern = PATTERNS[name]
    text = TEXT if isinstance(pattern.pattern, str) else TEXT.encode()
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    rewritten = with_atomic_groups(source)
    again = re.compile(rewritten if isinstance(pattern.pattern, str) else rewritten.encode("latin-1"), pattern.flags)

    assert [found.span() for found in again.finditer(text)] == [found.span() for found in pattern.finditer(text)]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(?:x(?!y))*+xy", "xy"),
        (r"(?:(?>a+),)*+a", "a,a"),
        (r"(?:\d{4})*+\d", "12345"),
        (r"(?:[)]b)?+[)]c", ")c"),
        (r"(?:[]]b)?+\)c", ")c"),
    ],
)
def test_what_follows_a_turn_that_failed_is_found(pattern: str, text: str) -> None:
    for tried in (compile_pattern(pattern), re.compile(with_atomic_groups(pattern)), compile_pattern(pattern.encode())):
        subject = text if isinstance(tried.pattern, str) else text.encode()
        assert tried.fullmatch(subject) is not None  # type: ignore[arg-type]


def test_each_possessive_group_is_rewritten() -> None:
    assert with_atomic_groups(r"(?:a(b)?+){1,3}+[)*+](?P<n>c)\)*+") == r"(?>(?:a(?>(b)?)){1,3})[)*+](?P<n>c)\)*+"
