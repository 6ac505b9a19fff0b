"""Canonical text of a statement, independent of its layout.

Comments, line breaks and spaces do not count. Neither do redundant parentheses and trailing commas: the syntax tree is
the same without them. Strings stay unchanged.
"""

from __future__ import annotations

import ast
import hashlib
import keyword
from collections.abc import Iterable, Sequence
from itertools import pairwise

from designs.monitoring.fingerprint.failed_item import item_around
from designs.monitoring.fingerprint.source_tokens import Token, partners, tokens_of

__all__ = ["bounded", "canonical"]

_MAX_TOKENS = 5_000
_MAX_TRIED_TOKENS = 300
_MAX_TRIALS = 30
_MAX_CHARS = 300
_SHOWN_CHARS = 280
_KEYWORDS = frozenset(keyword.kwlist) - {"None", "True", "False"}
_MAYBE_UNARY = frozenset({"-", "+", "*", "**", "@"})
_TRAILING = frozenset({(",", ")"), (",", "]"), (",", "}")})
_TIGHT = frozenset({".", "**", "!"})
# Code that a clause needs before and after it, so that it can be parsed.
_BEFORE = {"else": "if x: pass\n", "except": "try: pass\n", "finally": "try: pass\n", "case": "match x:\n "}
_COMPOUND = frozenset(
    {"if", "elif", "else", "for", "while", "with", "async", "try", "except", "finally", "def", "class", "case"}
)
_NO_EXPRESSION = frozenset({"try", "else", "finally"})
_NOTHING = frozenset({"pass", "..."})
_AFTER = {"try": "\nfinally: pass", "@": "\ndef f(): pass"}


def canonical(source: str, scope: str = "", line: int = 1) -> str | None:
    """Return the text of a statement, or of the header of a compound one; None if it is not Python.

    Args:
        source: The statement.
        scope: ``<lambda>`` or ``<genexpr>`` if such an expression failed. Then only its item of a larger statement
            counts. Otherwise all handlers in a table would form one group, and each change of the table a new one.
        line: The failing line within the source, counted from 1.
    """
    read = tokens_of(source)
    if read is None:
        return None
    tokens = item_around(read, scope, line) if scope else _fallible_part(read)
    if len(tokens) <= _MAX_TOKENS:
        tokens = _without_redundant(tokens)
    return bounded(_joined(tokens))


def bounded(text: str) -> str:
    """Return a text of at most 300 characters; a digest replaces the end of a longer one."""
    if len(text) <= _MAX_CHARS:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()
    return f"{text[:_SHOWN_CHARS]}... {digest}"


def _fallible_part(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return only the header or the body of a one-line compound statement if the other one cannot fail.

    A formatter writes them on separate lines.
    """
    first = tokens[0].text if tokens else ""
    if first not in _COMPOUND:
        return tokens
    colon = _end_of_header(tokens)
    body = tokens[colon + 1 :]
    if not body:
        return tokens
    if first in _NO_EXPRESSION:
        return body
    return tokens[: colon + 1] if len(body) == 1 and body[0].text in _NOTHING else tokens


def _end_of_header(tokens: Sequence[Token]) -> int:
    """Return the place of the colon that ends the header; that of the last token if there is none."""
    pairs, lambdas, at = partners(tokens), 0, 0
    while at < len(tokens):
        text = tokens[at].text
        if text == "lambda":
            lambdas += 1
        elif text == ":" and not lambdas:
            return at
        elif text == ":":
            lambdas -= 1
        at = pairs.get(at, at) + 1
    return len(tokens) - 1


def _without_redundant(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return the tokens without parentheses and trailing commas that do not change the syntax tree."""
    texts = [token.text for token in tokens]
    commas = [{at} for at, two in enumerate(pairwise(texts)) if two in _TRAILING]
    pairs = [{begin, end} for begin, end in partners(tokens).items() if _is_removable(tokens, begin, end)]
    if not commas and not pairs:
        return tokens
    syntax = _syntax(tokens)
    if syntax is None:
        return tokens
    removed: set[int] = set()
    small = len(tokens) <= _MAX_TRIED_TOKENS
    for wanted in ([*commas, *pairs], commas, *([[one] for one in [*commas, *pairs][:_MAX_TRIALS]] if small else ())):
        trial = removed.union(*wanted)
        if trial != removed and _syntax(_without(tokens, trial)) == syntax:
            removed = trial
    return _without(tokens, removed)


def _is_removable(tokens: Sequence[Token], begin: int, end: int) -> bool:
    """Return whether these are parentheses around an expression, and not those of a call."""
    if tokens[begin].text != "(" or end == begin + 1:
        return False
    return begin == 0 or _is_operator(tokens, begin - 1)


def _without(tokens: Sequence[Token], removed: Iterable[int]) -> list[Token]:
    return [token for at, token in enumerate(tokens) if at not in removed]


def _syntax(tokens: Sequence[Token]) -> list[object] | None:
    """Return the nodes of the syntax tree, with empty strings: their text is irrelevant, and may cause warnings."""
    blank = [token._replace(text=_blank(token.text)) if token.kind == "string" else token for token in tokens]
    first, last = blank[0].text, blank[-1].text
    text = _joined(blank)
    if first == "elif":
        text = text[2:]
    if last == ":":
        text += "\n case _: pass" if first == "match" else " pass"
    text = f"{_BEFORE.get(first, '')}{text}{_AFTER.get(first, '')}"
    try:
        return _nodes(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _nodes(tree: ast.AST) -> list[object]:
    """Return the nodes and their values in order, without recursion, whose limit depends on the caller."""
    found: list[object] = []
    waiting: list[object] = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.AST):
            found.append(type(one))
            waiting += [getattr(one, field, None) for field in one._fields]
        elif isinstance(one, list):
            found.append(len(one))
            waiting += one
        else:
            found.append((type(one), repr(one)))
    return found


def _blank(string: str) -> str:
    return 'b""' if "b" in string[: min(map(string.find, _quotes(string)))].lower() else '""'


def _quotes(string: str) -> list[str]:
    return [quote for quote in "\"'" if quote in string]


def _joined(tokens: Sequence[Token]) -> str:
    pieces: list[str] = []
    brackets: list[str] = []
    is_open = True
    for at, token in enumerate(tokens):
        before, after = _tightness(tokens, at, brackets[-1] if brackets else "")
        if not (is_open or before):
            pieces.append(" ")
        pieces.append(token.text)
        is_open = after
        if token.kind == "mark" and token.text in "([{":
            brackets.append(token.text)
        elif token.kind == "mark" and token.text in ")]}" and brackets:
            brackets.pop()
    return "".join(pieces)


def _tightness(tokens: Sequence[Token], at: int, bracket: str) -> tuple[bool, bool]:
    """Return whether the token has no space before it, and whether it has none after it."""
    text = tokens[at].text
    if tokens[at].kind != "mark" or text == "...":
        return False, False
    after_operator = at == 0 or _is_operator(tokens, at - 1)
    if text in "([{":
        return not after_operator, True
    if text in ")]},;:":
        return True, text == ":" and bracket == "["
    if text in _MAYBE_UNARY and after_operator:
        return False, True
    if text in _TIGHT:
        return not (after_operator or tokens[at - 1].kind == "number"), True
    return (text == "=" and bracket == "("), (text == "~" or (text == "=" and bracket == "("))


def _is_operator(tokens: Sequence[Token], at: int) -> bool:
    """Return whether an operand follows this token: an operator, an opening bracket or a keyword."""
    kind, text, _ = tokens[at]
    if kind == "mark":
        return text not in {")", "]", "}", "..."}
    if at == 0 and text in {"match", "case"}:
        return tokens[-1].text == ":"
    return kind == "word" and text in _KEYWORDS
