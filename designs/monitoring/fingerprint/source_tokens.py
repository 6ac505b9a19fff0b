"""Tokens and logical lines of Python source, the same on all versions of the interpreter.

The standard library's tokenizer splits f-strings since 3.12. Neither it nor the parser can read the incomplete source
in an event, a few lines around the failure. A logical line is a simple statement, the header of a compound one, or a
decorator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["Lines", "Token", "logical_line_within", "long_lines", "partners", "tokens_of"]

# No group is repeated possessively: Python 3.11.2 reads such patterns wrongly.
# The rest of a string after the opening quote, including the closing one.
_BODIES = {
    '"""': re.compile(r'(?:[^\\"]++|\\.|"(?!""))*"""', re.DOTALL),
    "'''": re.compile(r"(?:[^\\']++|\\.|'(?!''))*'''", re.DOTALL),
    '"': re.compile(r'(?:[^\\"\n]++|\\.)*"', re.DOTALL),
    "'": re.compile(r"(?:[^\\'\n]++|\\.)*'", re.DOTALL),
}
# The text between the fields of an f-string.
_BETWEEN = r"\\N\{{[^{{}}\n]*+\}}|\\[^{{}}]|\\(?=[{{}}])|\{{\{{|\}}\}}"
_LITERALS = {
    '"""': re.compile(rf'(?:[^\\{{}}"]++|{_BETWEEN.format()}|"(?!""))*', re.DOTALL),
    "'''": re.compile(rf"(?:[^\\{{}}']++|{_BETWEEN.format()}|'(?!''))*", re.DOTALL),
    '"': re.compile(rf'(?:[^\\{{}}"\n]++|{_BETWEEN.format()})*', re.DOTALL),
    "'": re.compile(rf"(?:[^\\{{}}'\n]++|{_BETWEEN.format()})*", re.DOTALL),
}
_SPECIFIER = re.compile(r"[^{}\n]++")
_PREFIX = re.compile(r"(?<!\w)[A-Za-z]{1,2}\Z")
_PREFIXES = frozenset({"r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt"})
# Text, comments, one-line strings, and brackets around those. Strings with a brace are excluded: it may start a field.
_FLAT = r"""[^'"#\\()\[\]{}\n]++|"(?!"")[^"\\\n{]*+"|'(?!'')[^'\\\n{]*+'"""
_NESTED = rf"[(\[{{](?:{_FLAT}|[(\[{{](?:{_FLAT}|[(\[{{](?:{_FLAT})*[)\]}}])*[)\]}}])*[)\]}}]"
_PLAIN = re.compile(rf"(?:\n|{_FLAT}|{_NESTED}|\#[^\n]*+)*")
_TOKEN = re.compile(
    r"""(?P<space>(?:\s++|\\\n|\#[^\n]*+)*)(?:
    (?P<number>(?:0[xX][\da-fA-F_]++|0[oObB][\d_]++|(?:\d[\d_]*+(?:\.[\d_]*+)?|\.\d[\d_]*+)(?:[eE][+-]?+\d[\d_]*+)?)[jJ]?+)
    |(?P<word>[\w\x80-\U0010ffff]++)
    |(?P<quote>['"])
    |(?P<mark>\.\.\.|\*\*=|//=|>>=|<<=|\*\*|//|>>|<<|->|:=|[-+*/%&|^@=<>!]=|[-+*/%&|^@=<>!~:;,.()\[\]{}])
    |(?P<end>\Z))""",
    re.VERBOSE,
)
_OPEN = frozenset("([{")
_CLOSE = frozenset(")]}")
_MAX_NESTING = 20


class Lines(NamedTuple):
    """The first and the last physical line of a token or logical line, counted from 1."""

    first: int
    last: int


class Token(NamedTuple):
    """A ``word``, ``number``, ``string`` or ``mark``, its source text and its lines."""

    kind: str
    text: str
    lines: Lines


def partners(tokens: Sequence[Token]) -> dict[int, int]:
    """Return the places of the closing brackets, by the places of their opening brackets."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for at, (kind, text, _) in enumerate(tokens):
        if kind == "mark" and text in _OPEN:
            opened.append(at)
        elif kind == "mark" and text in _CLOSE and opened:
            found[opened.pop()] = at
    return found


class _Scan:
    """One scan of a text for logical lines.

    Attributes:
        ranges: Logical lines of more than one physical line.
        strings: Strings of more than one line.
        lost: The last line of a logical line that began before the text; 0 without one.
        unended: The first line of a logical line or string that does not end within the text; 0 without one.
    """

    def __init__(self, text: str, begin: int) -> None:
        self.ranges: list[Lines] = []
        self.strings: list[Lines] = []
        self.lost = self.unended = 0
        self._depth = 0
        # First line of the current logical line; 0 between logical lines, -1 if it began before the text.
        self._first = -1 if begin else 0
        line = 1 + text.count("\n", 0, begin)
        for kind, line, last in _events(text, begin, line):  # noqa: B020 - afterwards, `line` is the last line
            self._take(kind, line, last)
        if self._depth or self.unended:
            self.unended = max(self._first, 1) if self._first else line
        else:
            self._take("newline", line, line)

    def _take(self, kind: str, line: int, last: int) -> None:
        if kind == "newline":
            if self._depth == 0:
                self._end(line)
            return
        self._first = self._first or line
        if kind == "open":
            self._depth += 1
        elif kind == "close" and self._depth:
            self._depth -= 1
        elif kind == "close":
            # An unmatched bracket: all text so far was within brackets.
            self.ranges.clear()
            self._first = -1
        elif kind == "string" and line < last:
            self.strings.append(Lines(line, last))
        elif kind == "unended":
            self.unended = line

    def _end(self, line: int) -> None:
        if self._first < 0:
            self.lost = line
        elif 0 < self._first < line:
            self.ranges.append(Lines(self._first, line))
        self._first = 0


def long_lines(text: str) -> list[Lines] | None:
    """Return the logical lines of a whole source that have more than one physical line.

    None if brackets or strings are not closed.
    """
    scan = _Scan(text, 0)
    return None if scan.lost or scan.unended else scan.ranges


def logical_line_within(lines: list[str], at: int) -> Lines | None:
    """Return the logical line at the line ``at`` of some consecutive lines; None if it is not complete there.

    The lines may begin within a string or within brackets.
    """
    text = "\n".join(lines)
    for quote in ("", '"""', "'''"):
        body = _BODIES[quote].match(text) if quote else None
        if quote and body is None:
            continue
        scan = _Scan(text, body.end() if body is not None else 0)
        is_cut = at <= scan.lost or 0 < scan.unended <= at
        if not is_cut and not any(string.first < at <= string.last for string in scan.strings):
            return next((lines for lines in scan.ranges if lines.first <= at <= lines.last), Lines(at, at))
    return None


def tokens_of(text: str) -> list[Token] | None:
    """Return the tokens without comments and white space; None if the text is not Python."""
    found: list[Token] = []
    at, line = 0, 1
    while (match := _TOKEN.match(text, at)) is not None:
        kind, begin = match.lastgroup or "end", match.end("space")
        line += text.count("\n", at, begin)
        if kind == "end":
            return found
        at = match.end()
        if kind == "word" and match[kind].lower() in _PREFIXES and text[at : at + 1] in {'"', "'"}:
            kind, at = "quote", at + 1
        if kind == "quote":
            kind, at = "string", _string_end(text, at - 1)
            if at < 0:
                return None
        last = line + text.count("\n", begin, at)
        found.append(Token(kind, text[begin:at], Lines(line, last)))
        line = last
    return None


def _events(text: str, at: int, line: int) -> Iterator[tuple[str, int, int]]:
    """Yield brackets, strings and ends of lines as kind, line and last line. Other text is skipped by one pattern."""
    while True:
        begin, at = at, _end_of(_PLAIN, text, at)
        if passed := text.count("\n", begin, at):
            yield "newline", line, line
            line += passed
        if at == len(text):
            yield "newline", line, line
            return
        if text[at] in "'\"":
            end = _string_end(text, at)
            last = line + text.count("\n", at, end)
            yield "unended" if end < 0 else "string", line, last
            if end < 0:
                return
            at, line = end, last
        elif text[at] == "\\":
            yield "joined", line, line
            line += text.startswith("\n", at + 1)
            at += 2
        else:
            yield "open" if text[at] in "([{" else "close", line, line
            at += 1


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match is not None else at


def _string_end(text: str, at: int, nesting: int = 0) -> int:
    """Return the end of the string whose opening quote is at this place; -1 if it does not end."""
    quote = text[at : at + 3]
    if quote not in _BODIES or len(quote) < 3:
        quote = text[at]
    begin = at + len(quote)
    prefix = _PREFIX.search(text, max(at - 3, 0), at)
    if prefix is not None and prefix[0].lower() in _PREFIXES and not {"f", "t"}.isdisjoint(prefix[0].lower()):
        end = _formatted_end(text, begin, quote, nesting)
        # No second attempt inside of fields: each level would double the time.
        if end >= 0 or nesting:
            return end
    body = _BODIES[quote].match(text, begin)
    return body.end() if body is not None else -1


def _formatted_end(text: str, at: int, quote: str, nesting: int) -> int:
    """Return the end of an f-string, or -1. Since Python 3.12, its fields may contain strings with the same quotes."""
    while (literal := _LITERALS[quote].match(text, at)) is not None:
        at = literal.end()
        if text.startswith(quote, at):
            return at + len(quote)
        if text[at : at + 1] != "{" or nesting > _MAX_NESTING:
            return -1
        at = _field_end(text, at + 1, nesting + 1)
        if at < 0:
            return -1
    return -1


def _field_end(text: str, at: int, nesting: int) -> int:
    """Return the end of a field of an f-string, after its closing brace; -1 if it does not end."""
    depth = 0
    while (match := _TOKEN.match(text, at)) is not None and match.lastgroup != "end":
        mark, at = match["mark"], match.end()
        if match["quote"]:
            at = _string_end(text, at - 1, nesting)
            if at < 0:
                return -1
        elif mark == "}" and depth == 0:
            return at
        elif mark in {":", ":="} and depth == 0:
            return _specifier_end(text, match.end() - len(mark) + 1, nesting)
        elif mark in _OPEN:
            depth += 1
        elif mark in _CLOSE:
            depth -= 1
    return -1


def _specifier_end(text: str, at: int, nesting: int) -> int:
    """Return the end of a field whose format begins at this place; -1 if it does not end. A format may have fields."""
    while True:
        at = _end_of(_SPECIFIER, text, at)
        if text[at : at + 1] == "}":
            return at + 1
        if text[at : at + 1] != "{" or nesting > _MAX_NESTING:
            return -1
        at = _field_end(text, at + 1, nesting + 1)
        if at < 0:
            return -1
