"""What may stand behind a telling name: how values are written, and which of them are no secrets. Pure.

A repetition here is possessive, or it ends before a sign that the next part needs, so that no text takes more than a
walk over it.
"""

from __future__ import annotations

import re
from itertools import pairwise

from designs.monitoring.secret_text.names import MAX_KEY_CHARS, NameKind, is_secret_name
from designs.patterns import compile_pattern

__all__ = ["is_harmless", "is_random", "value_at", "value_below"]

# A literal's prefix, as languages have them: f"", rb'', L"", $"", @"", u8"".
_PREFIX = r"(?:[A-Za-z$@]{1,2}8?(?=\\{0,64}[\"'`]))?"
# What makes a text of a literal and holds it in parentheses.
_MAKER = r"(?:(?:new )?(?:String|str|bytes|Secret\w{0,20}|Password|PASSWORD|SecureString)\((?=[bru]{0,2}[\"']))?"
_QUOTED = (
    r"(?:\"\"\"(?:[^\"]|\"(?!\"\"))*+(?:\"\"\")?|'''(?:[^']|'(?!''))*+(?:''')?"
    r"|\\{1,64}+\"[^\"\n\\]++(?:\\{1,64}+\")?|\\{1,64}+'[^'\n\\]++(?:\\{1,64}+')?"
    r"|\"(?:[^\"\n\\]|\\{1,64}+.)++\"?|'(?:[^'\n\\]|\\{1,64}+.)++'?|`[^`\n]++`?)"
)
_BRACKETED = r"\[[^\[\]\n]++\]|\{[^{}\n]++\}|\([^()\n]++\)"
# A quote within a word is one of its characters.
_BARE = r"[^\s\"'`,;&)}\]\\]++(?:[\"'](?=\w)[^\s\"'`,;&)}\]\\]++)*+"
_VALUE = compile_pattern(
    r"\[filtered\]|(?:(?:PLAIN|LOGIN|[Dd]igest|ApiKey|Key|SharedKey|SSWS|[Bb]earer|[Bb]asic|[Tt]oken"
    r"|[Nn]egotiate|BEARER|BASIC|TOKEN) )?"
    rf"(?:{_MAKER}{_PREFIX}{_QUOTED}|{_BRACKETED}|{_BARE})"
)
_LINE_END = r"(?:\r?\n|(?:\\{1,8}r)?\\{1,8}n)"
# On the next line: behind a sign of a block (YAML), a parenthesis or backslash (a language), or nothing.
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
    # No value at all, or one that was taken out before.
    r"[\"']?(?:true|false|none|null|nil|undefined|unset|empty|nan|\*{2,}|x{4,}|\.{3,}|-+|\[(?:redacted|filtered|hidden|removed|masked)\]|"
    r"<(?:[A-Z]\w{0,40}: ?[^>\n]{0,100}|redacted|filtered|hidden|removed|masked|secret|unset|empty|none|null"
    r"|your[\w -]{0,30}|[A-Z]\w{0,40}: ?[^>]{0,100}|[a-z_]{1,30})>)"
    r"[\"']?(?=[\s,;&)}\]>\"']|\.?\Z|\.\s)"
    # A place for one: of a template, a format, a statement, an environment.
    r"|[\"']?(?:\$\{[^}\n]{1,100}\}|\{\{[^}\n]{1,100}\}\}|%\(\w{1,100}\)s|%[sdr]|\$\d{1,3}|\$[A-Z_][A-Z0-9_]{2,}|\?|:[a-z_]{1,40}|\{(?-i:[a-z_]{0,30}\d?)\})"
    r"[\"']?(?=[\s,;&)}\]\"']|\Z)"
    # Code that gets one.
    r"|(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*[(\[]|(?:get|read|load|fetch|os|env|input|prompt|make|create|generate"
    r"|check|find|open|hash)\w*\(|def |lambda |self\b"
    r"|\(self\b|\[\]|\{\}|\(\)|[\"']{2}(?![\"'])"
    r"|[\"'][^\w\s\"']{1,3}[\"'](?!\w)"
    # A sentence, of a form's error for one.
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
_GOES_ON = frozenset("\"'`()[]{}\\")
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
    """Return the value that begins here, on this line."""
    # A plain word is most common, and four times as fast by itself.
    if (word := _PLAIN_WORD.match(text, at)) and (
        (behind := text[word.end() : word.end() + 1]) not in _GOES_ON
        and not (behind == " " and word[0].lower() in _SCHEMES)
    ):
        return word
    return _VALUE.match(text, at)


def value_below(text: str, at: int) -> tuple[int, int] | None:
    """Return where the value on the lines below begins and ends, where the line of its name ends here."""
    if block := _BLOCK.match(text, at):
        return block.start(1) - 1, block.end()
    line = _NEXT_LINE.match(text, at)
    if line is None or _STARTS_PAIR.match(text, line.end()):
        return None
    value = _VALUE.match(text, line.end())
    if value is None or _HARMLESS.match(text, value.start()):
        return None
    # A value is the only word of its line.
    rest = text[value.end() : value.end() + 3].lstrip(" \t,);")
    return (value.start(), value.end()) if not rest or rest[0] in "\r\n\\\"'" else None


def is_harmless(text: str, start: int, kind: NameKind, name: str) -> bool:
    """Tell whether the value there is no secret under a name of this kind.

    Its end, which may be far, is not looked for: names stand within harmless values too, and each would look again.
    """
    if kind is NameKind.COUNTED and _NUMBER.match(text, start):
        return True
    # Most values are a word that begins no sentence: one look at it is a tenth of the pattern for all the others.
    word = _FIRST_WORD.match(text, start)
    behind = text[word.end() : word.end() + 1] if word else ""
    if behind == "." and _is_identifier(text, start, name):
        return True
    if word is None or behind in _CODE_SIGNS or word[1].lower() in _FIRST_WORDS:
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
    return name[-1:] in _LAST_LETTERS and _says_else(text, start, name)


def _is_identifier(text: str, start: int, name: str) -> bool:
    """Tell whether code gives the name of a variable: its own, or an attribute with a telling name."""
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
# How often something went over something.
_FEW = compile_pattern(r"\d{1,3}(?=[\s,;&)}\]]|\.?\Z)")
_PASS_RESULT = compile_pattern(r"\d{1,6}\b|[a-z]\w*(?=[\s.,:\[/(]|\Z)|<")


def _says_else(text: str, start: int, name: str) -> bool:
    lowered = name[-9:].lower()
    if lowered == "signature":
        return _SIGNED.match(text, start) is None
    if lowered.endswith("pass") and _FEW.match(text, start):
        return True
    if lowered == "pass":
        # Of a test or a run, not of a user.
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
    """Tell whether the word there, quoted or not, looks as if a machine had made it."""
    if text[start : start + 1] in "\"'`":
        if _QUOTED_RANDOM.match(text, start + 1):
            return True
        start += 1
    if _is_mixed(text[start : min(_word_end(text, start), start + 64)]):
        return True
    return _RANDOM.match(text, start) is not None and _CODE_LIKE.fullmatch(text, start, _word_end(text, start)) is None


_WORD = compile_pattern(r"[\w.+/=~!#$%^*@-]{0,400}+")


_MIXED_MIN_CHARS = 12
# Words of a name are longer: capitals and small letters change at every third letter.
_MIXED_MIN_CHANGES = 0.4


def _is_mixed(word: str) -> bool:
    """Tell whether capitals and small letters change as in no name that somebody chose."""
    if len(word) < _MIXED_MIN_CHARS or not word.isalnum():
        return False
    return sum(a.isupper() != b.isupper() for a, b in pairwise(word)) > _MIXED_MIN_CHANGES * len(word)


def _word_end(text: str, start: int) -> int:
    found = _WORD.match(text, start)
    return found.end() if found else start
