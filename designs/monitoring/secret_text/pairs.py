"""Values under telling names, in the many ways text has to give a name and its value. Pure.

Only names that hold a stem of `secret_names` are looked at, in one walk from the left: a value that is replaced is not
looked at again, so that every repetition is paid once.
"""

from __future__ import annotations

import re

from designs.monitoring.secret_text.names import MAX_KEY_CHARS, NameKind, name_kind, stems_at
from designs.monitoring.secret_text.secret_values import is_harmless, is_random, value_at, value_below
from designs.monitoring.secret_text.shapes import FILTERED
from designs.patterns import compile_pattern

__all__ = ["filter_pairs"]

_NAME = compile_pattern(r"[\w.-]++")
_SIGN = r"(?:=>|::=|:=|[!=]==?|[?+.~]=|->|[=:\uff1a])"
_MORE_SIGNS = frozenset({"", "=", ">", " ", "\t", "\n", "\r", "\u00a0", "\u3000"})
_SEPARATOR = compile_pattern(
    # Whose, or which one: `Password for bob:`, `Key (primary):`; the rest of a name of words.
    r"(?:(?:[ ](?:key|base|phrase|code|word|data|value|string|text|hash)){1,2}(?=[ ]?[:=])|[ ](?:for|of|für"
    r"|pour|para|de)[ ][^\s:=\"']{1,64}+(?=[ ]?[:=])|[ ]\([^()\n]{1,40}+\)(?=[ ]?[:=])"
    # Its type: `token: str = `.
    r"|[ ]?:[ ]?&?(?:[Ss]tring|str|bytes|Text|Optional\[str\]|str \| None|SecretStr|std::string)(?=[ ]?=))?"
    rf"(?:\\{{0,64}}+[\"'`])?+\]?+[ \t\u00a0\u3000]*+{_SIGN}[ \t\u00a0\u3000]*+"
)
# What stands between a name and its value where no sign says so: an option of a command line, as text and as a list; a
# field of a list of fields; a pair, which has a bracket before and behind it.
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
# Of names whose values need a second look: a signature, a pass.
_LAST_LETTERS = frozenset("eEsS")
_CLOSING = frozenset(")]")
# Names of two words: what may stand before the last.
_LAST_WORDS = frozenset({"key", "keys", "code", "codes", "phrase", "passe", "string", "seed", "base", "number", "id"})
_BEFORE_LAST = compile_pattern(r"[A-Za-z][\w-]{0,30}(?:[ ][A-Za-z][\w-]{0,30}){0,2}[ ]\Z")
_DIRECTIVES = frozenset({"requirepass", "masterauth", "bindpw", "rootpw"})


def filter_pairs(text: str, lowered: str) -> str:
    """Return the text without the values of telling names. A harmless name's value may hold further pairs."""
    hits = stems_at(lowered) if len(lowered) == len(text) else [match.start() for match in _NAME.finditer(text)]
    pieces: list[str] = []
    done = looked = 0
    for hit in hits:
        if hit < looked:
            continue
        start = _start_of_name(text, hit, looked) if hit and _is_of_name(text[hit - 1]) else hit
        # The most common of all, in half the time: a name, its sign and a word with a digit.
        common = _COMMON.match(text, start)
        if common and (name := common[1])[-1] not in _LAST_LETTERS and name_kind(name) is NameKind.SECRET:
            pieces += (text[done : common.end(1) + 1], FILTERED)
            done = looked = common.end()
            continue
        named = _NAME.match(text, start)
        if named is None:
            continue
        looked = named.end()
        name = text[start if looked - start <= MAX_KEY_CHARS else looked - MAX_KEY_CHARS : looked]
        kind = name_kind(name)
        if kind is not NameKind.SECRET and kind is not NameKind.COUNTED:
            kind = _kind_of_phrase(text, start, name, kind)
            if kind is NameKind.HARMLESS:
                continue
        if text[looked : looked + 1] == "=" and text[looked + 1 : looked + 2] not in _MORE_SIGNS:
            begins = looked + 1
        else:
            sign = _SEPARATOR.match(text, looked)
            begins = sign.end() if sign else -1
        found = _behind_sign(text, begins, kind, name) if begins >= 0 else _without_sign(text, start, looked, kind)
        if found:
            pieces += (text[done : found[0]], FILTERED)
            done = looked = found[1]
    return "".join((*pieces, text[done:])) if pieces else text


def _kind_of_phrase(text: str, start: int, name: str, kind: NameKind) -> NameKind:
    lowered = name.lower()
    if lowered in _LAST_WORDS and (before := _BEFORE_LAST.search(text, max(0, start - 60), start)):
        phrase = name_kind(text[before.start() : start] + name)
        return phrase if phrase is NameKind.SECRET else kind
    return kind


def _behind_sign(text: str, begins: int, kind: NameKind, name: str) -> tuple[int, int] | None:
    if kind is not NameKind.RANDOM and begins < len(text) and is_harmless(text, begins, kind, name):
        return None
    if kind is NameKind.RANDOM and text[begins : begins + 1].isalnum() and not is_random(text, begins):
        # Before its end is looked for, which may be far.
        return None
    value = value_at(text, begins)
    if value is None or text[begins] in "|>(\\":
        if found := value_below(text, begins):
            return found if kind is not NameKind.RANDOM or is_random(text, found[0]) else None
        if value is None:
            return None
    if len(name) == 5 and name.lower() == "token" and _OF_PARSER.search(text, max(0, begins - 30), begins):
        # A parser's token is a word of its input.
        return value.span() if is_random(text, begins) else None
    if kind is NameKind.RANDOM:
        return value.span() if is_random(text, begins) and value.end() - begins >= 20 else None
    return value.span()


def _without_sign(text: str, start: int, end: int, kind: NameKind) -> tuple[int, int] | None:
    """Return the value of a name that no ``=`` or ``:`` follows; None where nothing says that there is one."""
    if kind is NameKind.RANDOM:
        return None
    name = text[start:end]
    if name[0] == "-":
        behind = None if name.startswith("--no-") else _AFTER_OPTION.match(text, end)
        return _checked(text, behind.end(), kind, name) if behind else None
    follows = text[end : end + 1]
    if follows in "\"'\\\n\r" and follows:
        found = _of_field(text, start, end, kind, name)
        if found:
            return found
    if follows in " \t\"'":
        return _of_word(text, start, end, kind, name)
    return None


def _of_field(text: str, start: int, end: int, kind: NameKind, name: str) -> tuple[int, int] | None:
    if (behind := _AFTER_FIELD.match(text, end)) and (
        text[end] in "\"'\\" or _IS_FIELD.search(text, max(0, start - 12), start)
    ):
        return _checked(text, behind.end(), kind, name)
    if behind := _AFTER_PART.match(text, end):
        value = _PART_VALUE.match(text, behind.end())
        return value.span() if value else None
    if (behind := _AFTER_FIRST.match(text, end)) and _BEFORE_PAIR.search(text[max(start - 80, 0) : start]):
        found = _checked(text, behind.end(), kind, name)
        if found and text[found[1] : found[1] + 2].lstrip()[:1] in _CLOSING:
            inner = text[found[0] : found[1]].strip("\"'\\")
            return None if inner.isalpha() and name_kind(inner) is NameKind.SECRET else found
    return None


def _of_word(text: str, start: int, end: int, kind: NameKind, name: str) -> tuple[int, int] | None:
    """Return what follows the name as a word of its own, if a machine made it: a sentence names its secret so."""
    behind = _AFTER_WORD.match(text, end)
    if behind is None:
        return None
    if name.lower() in _DIRECTIVES:
        return _checked(text, behind.end(), kind, name)
    if not is_random(text, behind.end()):
        return None
    return _checked(text, behind.end(), kind, name)


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
