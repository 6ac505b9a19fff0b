"""Redaction of values with sensitive names, in the many notations of names and values. Pure.

Only names that contain a stem of `secret_names` are inspected, in one pass from the left. A replaced value is not
inspected again, so the total work is linear.
"""

from __future__ import annotations

import re

from designs.monitoring.secret_text.secret_names import MAX_KEY_CHARS, NameKind, name_kind, stems_at
from designs.monitoring.secret_text.secret_values import is_harmless, is_random, value_at, value_below
from designs.monitoring.secret_text.shapes import FILTERED
from designs.patterns import compile_pattern

__all__ = ["filter_pairs"]

_NAME = compile_pattern(r"[\w.-]++")
_SIGN = r"(?:=>|::=|:=|[!=]==?|[?+.~]=|->|[=:\uff1a])"
_MORE_SIGNS = frozenset({"", "=", ">", " ", "\t", "\n", "\r", "\u00a0", "\u3000"})
_SEPARATOR = compile_pattern(
    # The owner or a qualifier: `Password for bob:`, `Key (primary):`; or the other words of the name.
    r"(?:(?:[ ](?:key|base|phrase|code|word|data|value|string|text|hash)){1,2}(?=[ ]?[:=])|[ ](?:for|of|für"
    r"|pour|para|de)[ ][^\s:=\"']{1,64}+(?=[ ]?[:=])|[ ]\([^()\n]{1,40}+\)(?=[ ]?[:=])"
    # Its type: `token: str = `.
    r"|[ ]?:[ ]?&?(?:[Ss]tring|str|bytes|Text|Optional\[str\]|str \| None|SecretStr|std::string)(?=[ ]?=))?"
    rf"(?:\\{{0,64}}+[\"'`])?+\]?+[ \t\u00a0\u3000]*+{_SIGN}[ \t\u00a0\u3000]*+"
)
# Separators of a name and its value without a sign: for an option of a command line, as text and as a list; for a field
# in a list of fields; for a pair in brackets.
_AFTER_OPTION = re.compile(r"\\{0,64}+[\"'],[ \t]*+(?=[bru]{0,2}\\{0,64}[\"'](?!-))|[ \t]{1,3}+(?=[^\s-])|\n(?=[^\s-])")
_BLANKS = r"(?:\s|\\{1,4}[nrt]){0,400}+"
_AFTER_FIELD = compile_pattern(
    rf"\\{{0,64}}+[\"'],{_BLANKS}\\{{0,64}}+[\"']value\\{{0,64}}+[\"'][ \t]*+:[ \t]*+"
    r"|\\{0,64}+[\"']?[ \t]*+\r?\n[ \t]*+value:[ \t]*+",
    re.IGNORECASE,
)
_AFTER_PART = compile_pattern(
    r"\\?[\"'](?:;[^\n\\]{0,200}+)?(?:\r?\n|\\r\\n)(?:[A-Za-z-]{1,40}+:[^\n\\]{0,200}+(?:\r?\n|\\r\\n)){0,5}+(?:\r?\n|\\r\\n)(?=[^\s-])"
)
_PART_VALUE = compile_pattern(r"[^\r\n\\]++")
_BEFORE_PAIR = compile_pattern(r"[(\[][ \t]?[bru]{0,2}\\{0,64}[\"']\Z")
_AFTER_FIRST = compile_pattern(rf"\\{{0,64}}+[\"'],{_BLANKS}(?=[bru]{{0,2}}\\{{0,64}}[\"']|[\[{{(])")
_AFTER_WORD = compile_pattern(
    r"(?:\\?[\"'])?[ \t]{1,8}+(?:(?:provided|given|used|received|presented|supplied|is|was|be|string|value"
    r"|plain|\d|hash)(?::[ ]|[ ])[ ]*+){0,2}"
)
_IS_FIELD = compile_pattern(r"(?:name|key|field|header)[\"']?[ \t]?[:=][ \t]?\\{0,8}[\"']?\Z", re.IGNORECASE)
_OF_PARSER = compile_pattern(
    r"(?:expected|known|recogni[sz]ed|illegal|unterminated|stray|next|current|last)[ ]token[\"']?[ ]?[:=][ ]?\Z",
    re.IGNORECASE,
)
_COMMON = compile_pattern(rf"([\w.-]{{1,{MAX_KEY_CHARS}}}+)=[A-Za-z]++\d\w*+(?=[\s,;&]|\Z)")
# Last letters of the names whose values need a second check: signature, pass.
_LAST_LETTERS = frozenset("eEsS")
_CLOSING = frozenset(")]")
# Names of several words: the last word, and the words before it.
_LAST_WORDS = frozenset({"key", "keys", "code", "codes", "phrase", "passe", "string", "seed", "base", "number", "id"})
_BEFORE_LAST = compile_pattern(r"[A-Za-z][\w-]{0,30}(?:[ ][A-Za-z][\w-]{0,30}){0,2}[ ]\Z")
_DIRECTIVES = frozenset({"requirepass", "masterauth", "bindpw", "rootpw"})


def filter_pairs(text: str, lowered: str) -> str:
    """Return the text with the values of sensitive names replaced. Values of harmless names may contain more pairs."""
    hits = stems_at(lowered) if len(lowered) == len(text) else [match.start() for match in _NAME.finditer(text)]
    pieces: list[str] = []
    done = inspected = 0
    for hit in hits:
        if hit < inspected:
            continue
        start = _start_of_name(text, hit, inspected) if hit and _is_of_name(text[hit - 1]) else hit
        # Fast path for the most common form, in half the time: a name, its sign and a word with a digit.
        common = _COMMON.match(text, start)
        if common and (name := common[1])[-1] not in _LAST_LETTERS and name_kind(name) is NameKind.SECRET:
            pieces += (text[done : common.end(1) + 1], FILTERED)
            done = inspected = common.end()
            continue
        named = _NAME.match(text, start)
        if named is None:
            continue
        inspected = named.end()
        name = text[start if inspected - start <= MAX_KEY_CHARS else inspected - MAX_KEY_CHARS : inspected]
        kind = name_kind(name)
        if kind is not NameKind.SECRET and kind is not NameKind.COUNTED:
            kind = _kind_of_phrase(text, start, name, kind)
            if kind is NameKind.HARMLESS:
                continue
        if text[inspected : inspected + 1] == "=" and text[inspected + 1 : inspected + 2] not in _MORE_SIGNS:
            begins = inspected + 1
        else:
            sign = _SEPARATOR.match(text, inspected)
            begins = sign.end() if sign else -1
        found = _after_sign(text, begins, kind, name) if begins >= 0 else _without_sign(text, start, inspected, kind)
        if found:
            pieces += (text[done : found[0]], FILTERED)
            done = inspected = found[1]
    return "".join((*pieces, text[done:])) if pieces else text


def _kind_of_phrase(text: str, start: int, name: str, kind: NameKind) -> NameKind:
    lowered = name.lower()
    if lowered in _LAST_WORDS and (before := _BEFORE_LAST.search(text, max(0, start - 60), start)):
        phrase = name_kind(text[before.start() : start] + name)
        return phrase if phrase is NameKind.SECRET else kind
    return kind


def _after_sign(text: str, begins: int, kind: NameKind, name: str) -> tuple[int, int] | None:
    if kind is not NameKind.RANDOM and begins < len(text) and is_harmless(text, begins, kind, name):
        return None
    if kind is NameKind.RANDOM and text[begins : begins + 1].isalnum() and not is_random(text, begins):
        # Checked before the search for its end, which may be far away.
        return None
    value = value_at(text, begins)
    if value is None or text[begins] in "|>(\\":
        if found := value_below(text, begins):
            return found if kind is not NameKind.RANDOM or is_random(text, found[0]) else None
        if value is None:
            return None
    if len(name) == 5 and name.lower() == "token" and _OF_PARSER.search(text, max(0, begins - 30), begins):
        # The token of a parser is a word of its input.
        return value.span() if is_random(text, begins) else None
    if kind is NameKind.RANDOM:
        return value.span() if is_random(text, begins) and value.end() - begins >= 20 else None
    return value.span()


def _without_sign(text: str, start: int, end: int, kind: NameKind) -> tuple[int, int] | None:
    """Return the span of a value without ``=`` or ``:`` before it; None if there is no sign of a value."""
    if kind is NameKind.RANDOM:
        return None
    name = text[start:end]
    if name[0] == "-":
        after = None if name.startswith("--no-") else _AFTER_OPTION.match(text, end)
        return _checked(text, after.end(), kind, name) if after else None
    follows = text[end : end + 1]
    if follows in "\"'\\\n\r" and follows:
        found = _of_field(text, start, end, kind, name)
        if found:
            return found
    if follows in " \t\"'":
        return _of_word(text, start, end, kind, name)
    return None


def _of_field(text: str, start: int, end: int, kind: NameKind, name: str) -> tuple[int, int] | None:
    if (after := _AFTER_FIELD.match(text, end)) and (
        text[end] in "\"'\\" or _IS_FIELD.search(text, max(0, start - 12), start)
    ):
        return _checked(text, after.end(), kind, name)
    if after := _AFTER_PART.match(text, end):
        value = _PART_VALUE.match(text, after.end())
        return value.span() if value else None
    if (after := _AFTER_FIRST.match(text, end)) and _BEFORE_PAIR.search(text[max(start - 80, 0) : start]):
        found = _checked(text, after.end(), kind, name)
        if found and text[found[1] : found[1] + 2].lstrip()[:1] in _CLOSING:
            inner = text[found[0] : found[1]].strip("\"'\\")
            return None if inner.isalpha() and name_kind(inner) is NameKind.SECRET else found
    return None


def _of_word(text: str, start: int, end: int, kind: NameKind, name: str) -> tuple[int, int] | None:
    """Return the span of the next word if it looks machine-generated: sentences name a secret in this way."""
    after = _AFTER_WORD.match(text, end)
    if after is None:
        return None
    if name.lower() in _DIRECTIVES:
        return _checked(text, after.end(), kind, name)
    if not is_random(text, after.end()):
        return None
    return _checked(text, after.end(), kind, name)


def _checked(text: str, begins: int, kind: NameKind, name: str) -> tuple[int, int] | None:
    if begins >= len(text) or is_harmless(text, begins, kind, name):
        return None
    value = value_at(text, begins)
    return value.span() if value else None


def _start_of_name(text: str, hit: int, floor: int) -> int:
    lowest = hit - MAX_KEY_CHARS
    lowest = max(lowest, floor)
    while hit > lowest and _is_of_name(text[hit - 1]):
        hit -= 1
    return hit


def _is_of_name(char: str) -> bool:
    return char.isalnum() or char in "_.-"
