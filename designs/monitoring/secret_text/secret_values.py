"""Values after sensitive names: their notations, and the values that are not secret. Pure.

Each repetition is possessive, or ends before a sign that the next part requires, so each text takes one pass.
"""

from __future__ import annotations

import re
from itertools import pairwise

from designs.monitoring.secret_text.secret_names import MAX_KEY_CHARS, NameKind, is_secret_name
from designs.patterns import compile_pattern

__all__ = ["is_harmless", "is_random", "value_at", "value_below"]

# Prefixes of string literals in various languages: f"", rb'', L"", $"", @"", u8"".
_PREFIX = r"(?:[A-Za-z$@]{1,2}8?(?=\\{0,64}[\"'`]))?"
# A constructor call around a literal.
_CONSTRUCTOR = r"(?:(?:new )?(?:String|str|bytes|Secret\w{0,20}|Password|PASSWORD|SecureString)\((?=[bru]{0,2}[\"']))?"
_QUOTED = (
    r"(?:\"\"\"(?:[^\"]|\"(?!\"\"))*+(?:\"\"\")?|'''(?:[^']|'(?!''))*+(?:''')?"
    r"|\\{1,64}+\"[^\"\n\\]++(?:\\{1,64}+\")?|\\{1,64}+'[^'\n\\]++(?:\\{1,64}+')?"
    r"|\"(?:[^\"\n\\]|\\{1,64}+.)++\"?|'(?:[^'\n\\]|\\{1,64}+.)++'?|`[^`\n]++`?)"
)
_BRACKETED = r"\[[^\[\]\n]++\]|\{[^{}\n]++\}|\([^()\n]++\)"
# A quote inside a word is part of the word.
_BARE = r"[^\s\"'`,;&)}\]\\]++(?:[\"'](?=\w)[^\s\"'`,;&)}\]\\]++)*+"
_VALUE = compile_pattern(
    r"\[filtered\]|(?:(?:PLAIN|LOGIN|[Dd]igest|ApiKey|Key|SharedKey|SSWS|[Bb]earer|[Bb]asic|[Tt]oken"
    r"|[Nn]egotiate|BEARER|BASIC|TOKEN) )?"
    rf"(?:{_CONSTRUCTOR}{_PREFIX}{_QUOTED}|{_BRACKETED}|{_BARE})"
)
_LINE_END = r"(?:\r?\n|(?:\\{1,8}r)?\\{1,8}n)"
# A value on the next line: after a block sign (YAML), a parenthesis or backslash (source code), or nothing.
_BLOCK = compile_pattern(rf"[|>][-+\d]{{0,2}}+[ \t]*+{_LINE_END}([ \t]++)[^\n\\]++(?:{_LINE_END}\1[^\n\\]++)*+")
_NEXT_LINE = compile_pattern(
    rf"(?:\(|\\(?=[ \t\r]*+\n))?[ \t]*+{_LINE_END}(?:([ \t]++)(?:- )?+|(?=[bru]{{0,2}}\\{{0,8}}[\"']))"
)
_STARTS_PAIR = compile_pattern(r"\\{0,8}[\"']?[\w.-]++\\{0,8}[\"']?[ \t]*+[:=]")

_PROSE = (
    r"(?:this|that|these|it|is|are|must|may|might|can|cannot|could|should|would|will|was|were|has|have|had|does|do|did|not|no"
    r"|the|a|an|and|or|for|of|in|at|on|to|with|from|by|as|if|when|please|enter|ensure|field|required|missing|invalid|wrong|too|denied"
    r"|expired|unknown|incorrect|unset|your|you|only|expected|unexpected|cannot|failed|failure|error|refused|rejected"
    r"|def|class|lambda|your|a|already|never|both|either|use|using|provided|unable|bad|change|changed|got)"
)
_HARMLESS = compile_pattern(
    r"(?:"
    # No value, or a value that was removed before.
    r"[\"']?(?:true|false|none|null|nil|undefined|unset|empty|nan|\*{2,}|x{4,}|\.{3,}|-+|\[(?:redacted|filtered|hidden|removed|masked)\]|"
    r"<(?:[A-Z]\w{0,40}: ?[^>\n]{0,100}|redacted|filtered|hidden|removed|masked|secret|unset|empty|none|null"
    r"|your[\w -]{0,30}|[A-Z]\w{0,40}: ?[^>]{0,100}|[a-z_]{1,30})>)"
    r"[\"']?(?=[\s,;&)}\]>\"']|\.?\Z|\.\s)"
    # A placeholder of a template, a format, a statement or an environment.
    r"|[\"']?(?:\$\{[^}\n]{1,100}\}|\{\{[^}\n]{1,100}\}\}|%\(\w{1,100}\)s|%[sdr]|\$\d{1,3}|\$[A-Z_][A-Z0-9_]{2,}|\?|:[a-z_]{1,40}|\{(?-i:[a-z_]{0,30}\d?)\})"
    r"[\"']?(?=[\s,;&)}\]\"']|\Z)"
    # Code that obtains a value.
    r"|(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*[(\[]|(?:get|read|load|fetch|os|env|input|prompt|make|create|generate"
    r"|check|find|open|hash)\w*\(|def |lambda |self\b"
    r"|\(self\b|\[\]|\{\}|\(\)|[\"']{2}(?![\"'])"
    r"|[\"'][^\w\s\"']{1,3}[\"'](?!\w)"
    # A sentence, such as the error of a form.
    rf"|(?:\[)?[\"']?{_PROSE}(?:[ ]+[A-Za-z_'-]{{1,40}}){{2,}}|{_PROSE}[ ]+[A-Za-z]|{_PROSE}(?=[,.;:)]|\Z|\s*\n)"
    r")",
    re.IGNORECASE,
)
_NUMBER = compile_pattern(
    r"[\"']?\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?[\"']?(?=[\s,;&)}\]]|\.?\Z|\.\s)"
    r"|[\"']?-?\d{1,18}(?:\.\d{1,18})?(?:e-?\d{1,3})?(?:ms|s|%)?[\"']?(?=[\s,;&)}\]]|\.?\Z|\.\s)"
)
_PLACEHOLDER = compile_pattern(r"[A-Z][A-Z_]{2,40}(?=[\s,\]>)|]|\Z)")
_QUOTED_RANDOM = compile_pattern(
    r"(?=[^\s\"'`]{8})(?=[^\s\"'`\d]{0,200}+\d)(?=[^\s\"'`A-Za-z]{0,200}+[A-Za-z])[^\s\"'`()<>{}\[\]]{1,400}+(?=[\"'`])"
)
_RANDOM = compile_pattern(
    r"(?=[\w+/=.~!#$%^*@-]{10})(?=[^\s\d]{0,200}+\d)(?=[^\sA-Z]{0,200}+[A-Z])(?=[^\sa-z]{0,200}+[a-z])"
    r"(?![\w.+-]{1,64}@)(?!(?:https?|file)://)(?!/)(?!\d{4}-\d\d-\d\d)[\w+/=.~!#$%^*@-]{1,400}+(?=[\s,;&)}\]\"'`?!:]|\Z)"
    r"|(?=[0-9a-zA-Z]{32})(?=[^\s\d]{0,200}+\d)[0-9a-zA-Z]{1,400}+(?![\w-])"
)
_CODE_LIKE = compile_pattern(r"[A-Z][a-z]+(?:[A-Z][a-z]+)+\d?\b|[A-Za-z_]+\.[A-Za-z_.]+|[A-Z]{1,4}-?\d+(?:[.-]\w+)*\b")


_PLAIN_WORD = compile_pattern(r"[^\s\"'`,;&()\[\]{}\\]++")
_CONTINUING = frozenset("\"'`()[]{}\\")
_SCHEMES = frozenset(
    {"plain", "login", "digest", "apikey", "key", "sharedkey", "ssws", "bearer", "basic", "token", "negotiate", "new"}
)
_FIRST_WORD = compile_pattern(r"[\"']?([A-Za-z_]+)")
_CODE_SIGNS = frozenset({".", "(", "["})
_FIRST_WORDS = frozenset(_PROSE[3:-1].split("|")) | frozenset(
    {"true", "false", "none", "null", "nil", "undefined", "unset", "empty", "nan", "lambda", "self"}
) | frozenset("x" * length for length in range(4, 65))  # fmt: skip
_LAST_LETTERS = frozenset("eEsS")


def value_at(text: str, at: int) -> re.Match[str] | None:
    """Return the match of the value that begins at this position, within its line."""
    # A plain word is the most common value, and its own pattern is four times as fast.
    if (word := _PLAIN_WORD.match(text, at)) and (
        (following := text[word.end() : word.end() + 1]) not in _CONTINUING
        and not (following == " " and word[0].lower() in _SCHEMES)
    ):
        return word
    return _VALUE.match(text, at)


def value_below(text: str, at: int) -> tuple[int, int] | None:
    """Return the span of a value on the following lines, if the line of its name ends at this position."""
    if block := _BLOCK.match(text, at):
        return block.start(1) - 1, block.end()
    line = _NEXT_LINE.match(text, at)
    if line is None or _STARTS_PAIR.match(text, line.end()):
        return None
    value = _VALUE.match(text, line.end())
    if value is None or _HARMLESS.match(text, value.start()):
        return None
    # Only a word that is alone on its line is a value.
    rest = text[value.end() : value.end() + 3].lstrip(" \t,);")
    return (value.start(), value.end()) if not rest or rest[0] in "\r\n\\\"'" else None


def is_harmless(text: str, start: int, kind: NameKind, name: str) -> bool:
    """Return whether the value at this position is not secret, for a name of this kind.

    The end of the value is not searched, because it may be far away: a harmless value may contain more names, and each
    would repeat the search.
    """
    if kind is NameKind.COUNTED and _NUMBER.match(text, start):
        return True
    # Most values are a word that begins no sentence. Checking it takes a tenth of the time of the full pattern.
    word = _FIRST_WORD.match(text, start)
    following = text[word.end() : word.end() + 1] if word else ""
    if following == "." and _is_identifier(text, start, name):
        return True
    if word is None or following in _CODE_SIGNS or word[1].lower() in _FIRST_WORDS:
        if text.startswith("[filtered]", start):
            return False
        if _HARMLESS.match(text, start):
            return True
        if text[start].isupper() and (metavar := _PLACEHOLDER.match(text, start)) and is_secret_name(metavar[0]):
            return True
    elif (word[1].isupper() and is_secret_name(word[1]) and _PLACEHOLDER.match(text, start)) or (
        text.startswith(name.rpartition(".")[2], start) and _is_identifier(text, start, name)
    ):
        return True
    return name[-1:] in _LAST_LETTERS and _has_other_meaning(text, start, name)


def _is_identifier(text: str, start: int, name: str) -> bool:
    """Return whether the value is a variable in code: the name itself, or an attribute with a sensitive name."""
    found = _DOTTED.match(text, start)
    if found is None:
        return False
    value = found[0]
    owner, dot, last = value.rpartition(".")
    if not (last.replace("_", "").isalpha() and owner.replace(".", "").replace("_", "").isalnum() == bool(dot)):
        return False
    return is_secret_name(last[:MAX_KEY_CHARS]) if dot else last == name.rpartition(".")[2]


_DOTTED = compile_pattern(r"[A-Za-z_][\w.]{0,200}+(?=[\s,;&)}\]\"']|\Z)")
_SIGNED = compile_pattern(r"[\"']?[\w+/=.%:~-]{12,400}+")
# A number of passes.
_FEW = compile_pattern(r"\d{1,3}(?=[\s,;&)}\]]|\.?\Z)")
_PASS_RESULT = compile_pattern(r"\d{1,6}\b|[a-z]\w*(?=[\s.,:\[/(]|\Z)|<")


def _has_other_meaning(text: str, start: int, name: str) -> bool:
    lowered = name[-9:].lower()
    if lowered == "signature":
        return _SIGNED.match(text, start) is None
    if lowered.endswith("pass") and _FEW.match(text, start):
        return True
    if lowered == "pass":
        # The result of a test or a run, not a password.
        return (
            len(name) == 4
            and text[start - 2 : start] == ": "
            and _PASS_RESULT.match(text, start) is not None
            and not (
                text[start].islower() and any(char.isdigit() for char in text[start : start + 32].partition(" ")[0])
            )
        )
    return False


def is_random(text: str, start: int) -> bool:
    """Return whether the word at this position, quoted or not, looks machine-generated."""
    if text[start : start + 1] in "\"'`":
        if _QUOTED_RANDOM.match(text, start + 1):
            return True
        start += 1
    if _is_mixed(text[start : min(_word_end(text, start), start + 64)]):
        return True
    return _RANDOM.match(text, start) is not None and _CODE_LIKE.fullmatch(text, start, _word_end(text, start)) is None


_WORD = compile_pattern(r"[\w.+/=~!#$%^*@-]{0,400}+")


_MIXED_MIN_CHARS = 12
# In a name of several words, the case changes at every third letter at most.
_MIXED_MIN_CHANGES = 0.4


def _is_mixed(word: str) -> bool:
    """Return whether the case changes more often than in a name that a person chose."""
    if len(word) < _MIXED_MIN_CHARS or not word.isalnum():
        return False
    return sum(a.isupper() != b.isupper() for a, b in pairwise(word)) > _MIXED_MIN_CHANGES * len(word)


def _word_end(text: str, start: int) -> int:
    found = _WORD.match(text, start)
    return found.end() if found else start
