"""Mutations of STEP files that know tokens, references, statements and numbers."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Final

__all__ = ["OPERATORS", "STATEMENT", "any_statement", "replaced_match"]

_TOKEN: Final = re.compile(
    rb"'(?:[^']|'')*'|/\*.*?\*/|#\d+|[A-Za-z_!][\w-]*|[-+]?[\d.]+(?:[eE][-+]?\d+)?|\.\w+\.|\s+|.", re.DOTALL
)
STATEMENT: Final = re.compile(rb"#(\d+)\s*=\s*([A-Z_0-9]*)\s*\((?:[^;']|'(?:[^']|'')*')*;\s*")
_REFERENCE: Final = re.compile(rb"(?<=[(,\s])#(\d+)(?=\s*[,)])")
_REAL: Final = re.compile(rb"(?<=[(,\s])[-+]?\d+\.\d*(?:E[-+]?\d+)?(?=\s*[,)])")
_WORDS: Final = (
    b"(", b")", b",", b";", b"=", b"$", b"*", b"'x'", b'"0F"', b".T.", b"#5", b"NAN", b"\x0c", b"@1", b"<a>", b"&",
    b"ENDSEC;", b"/*", b"*/", b"1.5", b"()", b"A()", b"!B(1)", b"?", b"'", b"\\N\\", b"-", b"#", b"DATA;",
)  # fmt: skip
_NUMBERS: Final = (
    b"1.E999", b"-1.E999", b"NAN", b"INF", b"-INF", b"1.E300", b"-1.E300", b"1.E160", b"1.E100", b"1.E20", b"1.E9",
    b"0.", b"-0.", b"1.E-300", b"1.E-999", b"-1.", b"5.E-324", b"9" * 400 + b".", b"0." + b"9" * 5000, b"1e400",
    b".T.", b"'1.'", b"$", b"*", b"1", b"1.E", b"1..", b"--1.", b"1,5", b"()", b"#1", b"1.D10", b"0x1F.", b"1.#INF",
)  # fmt: skip
_PARAMETERS: Final = (b"$", b"*", b"()", b"(())", b"''", b"0", b".F.", b"#1", b"LABEL('x')", b"(" * 60 + b")" * 60)


def replaced_match(
    chance: random.Random, content: bytes, pattern: re.Pattern[bytes], new: Callable[[re.Match[bytes]], bytes]
) -> bytes:
    """Replace one match, or all of them once in a while."""
    found = list(pattern.finditer(content))
    if not found:
        return content
    if not chance.randrange(5):
        return pattern.sub(new, content)
    match = chance.choice(found)
    return content[: match.start()] + new(match) + content[match.end() :]


def any_statement(chance: random.Random, content: bytes) -> re.Match[bytes] | None:
    found = list(STATEMENT.finditer(content))
    return chance.choice(found) if found else None


def _keyword_numbers(chance: random.Random, content: bytes) -> list[re.Match[bytes]]:
    """Return the statements with numbers that have one keyword, each keyword as likely as another."""
    by_keyword: dict[bytes, list[re.Match[bytes]]] = {}
    for match in STATEMENT.finditer(content):
        if _REAL.search(match[0]):
            by_keyword.setdefault(match[2], []).append(match)
    return by_keyword[chance.choice(list(by_keyword))] if by_keyword else []


# --- tokens ----------------------------------------------------------------------------------------
def dropped_token(chance: random.Random, content: bytes) -> bytes:
    tokens = _TOKEN.findall(content)
    del tokens[chance.randrange(len(tokens))]
    return b"".join(tokens)


def doubled_token(chance: random.Random, content: bytes) -> bytes:
    tokens = _TOKEN.findall(content)
    at = chance.randrange(len(tokens))
    tokens.insert(at, tokens[at])
    return b"".join(tokens)


def swapped_tokens(chance: random.Random, content: bytes) -> bytes:
    tokens = _TOKEN.findall(content)
    first = chance.randrange(len(tokens))
    second = chance.choice((min(first + 1, len(tokens) - 1), chance.randrange(len(tokens))))
    tokens[first], tokens[second] = tokens[second], tokens[first]
    return b"".join(tokens)


def inserted_token(chance: random.Random, content: bytes) -> bytes:
    tokens = _TOKEN.findall(content)
    tokens.insert(chance.randrange(len(tokens)), chance.choice(_WORDS))
    return b"".join(tokens)


def replaced_token(chance: random.Random, content: bytes) -> bytes:
    tokens = _TOKEN.findall(content)
    tokens[chance.randrange(len(tokens))] = chance.choice((*_WORDS, chance.choice(tokens)))
    return b"".join(tokens)


# --- references ------------------------------------------------------------------------------------
def retargeted(chance: random.Random, content: bytes) -> bytes:
    ids = [match[1] for match in STATEMENT.finditer(content)]
    return replaced_match(chance, content, _REFERENCE, lambda _: b"#" + chance.choice(ids or [b"1"]))


def nearby(chance: random.Random, content: bytes) -> bytes:
    return replaced_match(
        chance, content, _REFERENCE, lambda m: b"#%d" % max(0, int(m[1][:18]) + chance.randrange(-3, 4))
    )


def odd_reference(chance: random.Random, content: bytes) -> bytes:
    odd = chance.choice((b"#999999", b"#0", b"#99999999999999999999", b"#" + b"9" * 2000, b"#-1", b"# 5", b"@5"))
    return replaced_match(chance, content, _REFERENCE, lambda _: odd)


def self_reference(chance: random.Random, content: bytes) -> bytes:
    statement = any_statement(chance, content)
    if statement is None:
        return content
    own = _REFERENCE.sub(b"#" + statement[1], statement[0])
    return content[: statement.start()] + own + content[statement.end() :]


def padded_ids(chance: random.Random, content: bytes) -> bytes:
    return re.sub(rb"#(\d+)", rb"#000\1", content, count=chance.choice((1, 100, 0)))


def renumbered(chance: random.Random, content: bytes) -> bytes:
    step = chance.choice((7, 1000, 10**9, 10**17))
    return re.sub(rb"#(\d+)", lambda m: b"#%d" % (int(m[1][:18]) * step), content)


# --- statements ------------------------------------------------------------------------------------
def dropped_statement(chance: random.Random, content: bytes) -> bytes:
    statement = any_statement(chance, content)
    return content.replace(statement[0], b"", 1) if statement else content


def dropped_keyword(chance: random.Random, content: bytes) -> bytes:
    keywords = sorted({match[2] for match in STATEMENT.finditer(content)})
    chosen = chance.choice(keywords or [b""])
    return STATEMENT.sub(lambda m: b"" if m[2] == chosen else m[0], content)


def repeated_statement(chance: random.Random, content: bytes) -> bytes:
    statement = any_statement(chance, content)
    return content[: statement.end()] + statement[0] + content[statement.end() :] if statement else content


def other_keyword(chance: random.Random, content: bytes) -> bytes:
    keywords = sorted({match[2] for match in STATEMENT.finditer(content)} - {b""})
    statement = any_statement(chance, content)
    if statement is None or not statement[2]:
        return content
    name = chance.choice((*keywords, b"NO_SUCH_ENTITY", b"X" * 300))
    return content[: statement.start(2)] + name + content[statement.end(2) :]


def changed_parameter(chance: random.Random, content: bytes) -> bytes:
    statement = any_statement(chance, content)
    if statement is None:
        return content
    head, comma, tail = statement[0].partition(b"(")
    parts = tail.rstrip()[:-2].split(b",")
    at, action = chance.randrange(len(parts)), chance.randrange(4)
    if action == 0:
        del parts[at]
    elif action == 1:
        parts.insert(at, chance.choice(_PARAMETERS))
    else:
        parts[at] = chance.choice(_PARAMETERS)
    changed = head + comma + b",".join(parts) + b");\n"
    return content[: statement.start()] + changed + content[statement.end() :]


def shuffled_statements(chance: random.Random, content: bytes) -> bytes:
    statements = [match[0] for match in STATEMENT.finditer(content)]
    chance.shuffle(statements)
    return STATEMENT.sub(lambda _: statements.pop(), content)


# --- numbers ---------------------------------------------------------------------------------------
def one_number(chance: random.Random, content: bytes) -> bytes:
    statements = _keyword_numbers(chance, content)
    if not statements:
        return content
    statement, number = chance.choice(statements), chance.choice(_NUMBERS)
    changed = _REAL.sub(lambda _: number, statement[0], count=chance.choice((0, 1)))
    return content[: statement.start()] + changed + content[statement.end() :]


def all_numbers(chance: random.Random, content: bytes) -> bytes:
    chosen = {statement.start() for statement in _keyword_numbers(chance, content)}
    number = chance.choice(_NUMBERS)
    return STATEMENT.sub(lambda m: _REAL.sub(lambda _: number, m[0]) if m.start() in chosen else m[0], content)


def scaled_numbers(chance: random.Random, content: bytes) -> bytes:
    factor = 10.0 ** chance.randrange(-12, 13)
    return re.sub(
        rb"(CARTESIAN_POINT\s*\('[^']*',\s*\()([^)]*)",
        lambda m: m[1] + _REAL.sub(lambda n: b"%.12E" % (float(n[0]) * factor), b"(" + m[2] + b")")[1:-1],
        content,
    )


OPERATORS: Final = {
    "tokens": (dropped_token, doubled_token, swapped_tokens, inserted_token, replaced_token),
    "references": (retargeted, nearby, odd_reference, self_reference, padded_ids, renumbered),
    "statements": (
        dropped_statement, dropped_keyword, repeated_statement, other_keyword, changed_parameter, changed_parameter,
        shuffled_statements,
    ),
    "numbers": (one_number, one_number, all_numbers, scaled_numbers),
}  # fmt: skip
