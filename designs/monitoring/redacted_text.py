"""Finding the secrets inside text, in linear time. Pure.

Credentials in URLs and headers, values under telling names (`secret_names`) in the many ways text has to give one,
known shapes (`secret_shapes`). Plain text is looked for first: it is ten times as fast as a pattern, and most text
holds none. No pattern has two adjacent quantifiers that can match the same text.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from urllib.parse import unquote

from designs.conf import conf
from designs.monitoring.secret_names import MAX_KEY_CHARS, has_stem, is_secret_key, is_secret_name, stems_at
from designs.monitoring.secret_shapes import (
    FILTERED,
    filter_cards,
    filter_private_keys,
    filter_tokens,
    may_hold_shape,
    replaced_at,
)

__all__ = ["FILTERED", "is_plain", "is_secret_key", "is_secret_name", "redact_text"]

_URL_CREDENTIALS = re.compile(r"(://)(?:[^\s/@:'\"]{0,256}+:[^\s/'\"]{1,256}(?=@)|[^\s/@:'\"]{16,256}+(?=@))")
_NAME = re.compile(r"[\w.-]++")
_NAME_AND_SEPARATOR = re.compile(r"([\w.-]++)((?:\\{0,4}+[\"'])?+\]?+[ \t]{0,3}+(?:=>|[=:])[ \t]{0,3}+)?")
# What stands between a name and its value where no sign says so: an option of a command line, as text and as a list; a
# field of a list of fields; a pair, which has a bracket before and behind it.
_AFTER_OPTION = re.compile(r"\\{0,4}+[\"'],[ \t]{0,3}+(?=[bru]{0,2}\\{0,4}[\"'](?!-))|[ \t]{1,3}+(?=[^\s-])")
_AFTER_FIELD = re.compile(
    r"\\{0,4}+[\"'],(?:\s|\\{1,4}[nrt]){0,40}+\\{0,4}+[\"']value\\{0,4}+[\"'][ \t]{0,3}+:[ \t]{0,3}+", re.IGNORECASE
)
_FIELD_BEFORE_NAME = re.compile(
    r"(\\{0,4}+[\"']value\\{0,4}+[\"'][ \t]{0,3}+:[ \t]{0,3}+)"
    r"(?!\[filtered\])(?:\\{0,4}+\"[^\"\n]{0,4096}+\"|\\{0,4}+'[^'\n]{0,4096}+'|\[[^\[\]\n]{0,4096}+\]|\{[^{}\n]{0,4096}+\}|[\w.+-]{1,100}+)"
    r"(,(?:\s|\\{1,4}[nrt]){0,40}+\\{0,4}+[\"'](?:name|key|field|header)\\{0,4}+[\"'][ \t]{0,3}+:[ \t]{0,3}+"
    r"\\{0,4}+[\"']([\w.-]{1,200}+))",
    re.IGNORECASE,
)
_BEFORE_PAIR = re.compile(r"[(\[][ \t]?[bru]{0,2}\\{0,4}[\"']\Z")
_AFTER_FIRST = re.compile(r"\\{0,4}+[\"'],(?:\s|\\{1,4}[nrt]){0,40}+(?=[bru]{0,2}\\{0,4}[\"']|[\[{(])")
_VALUE = re.compile(
    r"\[filtered\]|(?:(?:Bearer|Basic|Token) )?(?:[bru]{1,2}(?=\\{0,4}[\"']))?"
    r"(?:\\{1,4}+\"[^\"\n\\]{1,4096}+(?:\\{1,4}+\")?|\\{1,4}+'[^'\n\\]{1,4096}+(?:\\{1,4}+')?"
    r"|\"(?:[^\"\n\\]|\\{1,8}+.){1,4096}+\"?|'(?:[^'\n\\]|\\{1,8}+.){1,4096}+'?"
    r"|\[[^\[\]\n]{1,4096}+\]|\{[^{}\n]{1,4096}+\}|\([^()\n]{1,4096}+\)|[^\s\"',;&)}\]\\]{1,4096}+)",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(
    r"((?:(?<!\w)|(?<=http_))authorization\\{0,4}+[\"']?[ \t]{0,3}+(?:=>|[:=])[ \t]{0,3}+\\{0,4}+[\"']?)"
    r"(?!\[filtered\])(?:[A-Za-z][\w-]{0,30}+ {1,3}+)?(?:[\w-]{1,40}+=\"[^\"\n]{0,4096}+\"|[^\s,;\"'\\]{1,4096}+)"
    r"(?:, ?[\w-]{1,40}+=(?:\"[^\"\n]{0,4096}+\"|[^\s,]{1,4096}+)){0,20}",
    re.IGNORECASE,
)
_COOKIES = re.compile(
    r"((?:(?<!\w)|(?<=http_))cookie\\{0,4}+[\"']?[ \t]{0,3}+[:=][ \t]{0,3}+\\{0,4}+[\"']?)(?!\[filtered\])"
    r"(?:[^\r\n\"'\\]|(?<==)\\{0,4}+\"[^\"\r\n\\]{0,4096}+\\{0,4}+\"){1,4096}+",
    re.IGNORECASE,
)
_INSERT = re.compile(
    r"(\binsert\s{1,9}+into\s[^()]{0,300}+\(([^()]{1,4096}+)\)\s{0,9}+values\s{0,9}+)(?!\[filtered\]).*",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN = re.compile(r"\(([^()]{1,200}+)\)=\([^()]{0,4096}+\)")
_SQL_PASSWORD = re.compile(
    r"(\b(?:password|identified\s{1,9}+by)\s{1,9}+)\\{0,4}+(?:'[^'\n]{1,4096}+'|\"[^\"\n]{1,4096}+\")", re.IGNORECASE
)
_ELEMENT = re.compile(r"(<([\w:.-]{1,100}+)(?:\s[^<>]{0,200}+)?>)[^<>]{1,4096}+(?=</)")
_SCHEME = re.compile(
    r"(\b(?:[Bb]earer|[Bb]asic|[Tt]oken|BEARER|BASIC|TOKEN) {1,3}+)"
    r"(?!--)(?=[^ ]*[0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,4096}+"
)
_EMAIL = re.compile(r"(?<![\w.%+'-])[\w.%+'-]{1,256}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}")
_IP4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)", re.ASCII)
# What looks like one; `ipaddress` knows.
_IP6 = re.compile(
    r"(?<![\w.])(?=[A-Fa-f:]{0,38}+\d)[0-9A-Fa-f]{0,4}+:[0-9A-Fa-f:]{1,38}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?!\w|\.\d)",
    re.ASCII,
)
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")

# A value has one of these before it, whatever its name.
_NAMED = re.compile(r"[=:('<]")
_VALUE_ENDS = ('value"', "value'", "value\\")
_MAY_FOLLOW = frozenset("\"'\\")
_CLOSING = frozenset(")]")
_SCHEMES = ("bearer ", "basic ", "token ")


def is_plain(text: str) -> bool:
    """Tell whether `redact_text` would surely leave a text as it is, at a fraction of its cost.

    Texts joined by a ``|`` are plain if each of them is: nothing that is redacted goes without one of these signs.
    """
    # Percent-encoding, credentials of a URL, and whatever is not printable ASCII.
    if not (text.isascii() and text.isprintable()) or "%" in text or "@" in text or may_hold_shape(text):
        return False
    if conf.redact_email or conf.redact_ip:
        return False
    lowered = text.lower()
    for scheme in _SCHEMES:
        if scheme in lowered:
            return False
    return not (_may_be_named(text, lowered) and has_stem(lowered))


def redact_text(text: str) -> str:
    """Return the text with the secrets inside it replaced."""
    # Text holds most often none of the marks of a secret: looking for those first is cheaper.
    text = filter_private_keys(text)
    text = replaced_at(text, text, "://", _URL_CREDENTIALS)
    lowered = _lowered(text)
    if _may_be_named(text, lowered) and has_stem(lowered):
        text = _filter_named(text, lowered)
        lowered = _lowered(text)
    for scheme in _SCHEMES:
        text, lowered = _filter_behind(text, lowered, scheme, _SCHEME)
    text = filter_cards(filter_tokens(text))
    if conf.redact_email:
        text = _EMAIL.sub("[email]", text)
    if conf.redact_ip:
        text = _IP4.sub("[ip]", _IP6.sub(_instead_of_ip6, text))
    return _filter_encoded(text) if "%" in text else text


def _may_be_named(text: str, lowered: str) -> bool:
    return bool(_NAMED.search(text)) or "--" in text or '["' in text or 'by "' in lowered


def _instead_of_ip6(match: re.Match[str]) -> str:
    try:
        IPv6Address(match[0])
    except ValueError:
        return match[0]
    return "[ip]"


def _filter_encoded(text: str) -> str:
    # A URL within a URL hides its signs; decoded, it shows them. What holds no secret stays as it was.
    decoded = unquote(text) if _ENCODED.search(text) else text
    if decoded == text:
        return text
    scrubbed = redact_text(decoded)
    return text if scrubbed == decoded else scrubbed


def _lowered(text: str) -> str:
    # The long s is small already, and an s to every pattern that ignores case.
    return text.lower().replace("\u017f", "s")


def _filter_named(text: str, lowered: str) -> str:
    text, lowered = _filter_behind(text, lowered, "authorization", _AUTHORIZATION)
    text, lowered = _filter_behind(text, lowered, "cookie", _COOKIES)
    text = _filter_pairs(text, lowered)
    if any(end in lowered for end in _VALUE_ENDS):
        text = _FIELD_BEFORE_NAME.sub(lambda m: m[1] + FILTERED + m[2] if is_secret_key(m[3]) else m[0], text)
    if "insert" in lowered:
        text = _INSERT.sub(lambda m: m[1] + FILTERED if is_secret_key(m[2]) else m[0], text)
    if ")=(" in lowered:
        text = _COLUMN.sub(lambda m: f"({m[1]})=({FILTERED})" if is_secret_key(m[1]) else m[0], text)
    if "</" in lowered:
        text = _ELEMENT.sub(lambda m: m[1] + FILTERED if is_secret_key(m[2]) else m[0], text)
    if "'" in text or '"' in text:
        lowered = _lowered(text)
        for word in ("password", "identified"):
            text, lowered = _filter_behind(text, lowered, word, _SQL_PASSWORD)
    return text


def _filter_behind(text: str, lowered: str, word: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """Replace what the pattern, which begins with the word, matches but for its first group."""
    if word not in lowered:
        return text, lowered
    if len(lowered) == len(text):
        filtered = replaced_at(text, lowered, word, pattern)
    else:
        # Some capitals are two characters when small, and the places do not agree.
        filtered = pattern.sub(rf"\1{FILTERED}", text)
    return filtered, lowered if filtered is text else _lowered(filtered)


def _filter_pairs(text: str, lowered: str) -> str:
    # Only names that hold a stem are looked at. A loop, not one substitution: the value of a harmless name (a URL, say)
    # may hold further pairs.
    hits = stems_at(lowered) if len(lowered) == len(text) else [match.start() for match in _NAME.finditer(text)]
    pieces: list[str] = []
    done = looked = 0
    for hit in hits:
        if hit < looked:
            continue
        start = _start_of_name(text, hit, looked)
        pair = _NAME_AND_SEPARATOR.match(text, start)
        if pair is None:
            continue
        looked, begins = pair.end(1), pair.end(2)
        if begins < 0 and text[looked : looked + 1] not in _MAY_FOLLOW and text[start] != "-":
            continue
        if not is_secret_name(text[max(start, looked - MAX_KEY_CHARS) : looked]):
            continue
        value = _VALUE.match(text, begins) if begins >= 0 else _value_without_sign(text, start, looked)
        if value:
            pieces += (text[done : value.start()], FILTERED)
            done = looked = value.end()
    return "".join((*pieces, text[done:])) if pieces else text


def _value_without_sign(text: str, start: int, end: int) -> re.Match[str] | None:
    """Return the value of a name that no ``=`` or ``:`` follows; None where nothing says that there is one."""
    if text.startswith("--", start):
        behind = None if text.startswith("--no-", start) else _AFTER_OPTION.match(text, end)
        return _VALUE.match(text, behind.end()) if behind else None
    if behind := _AFTER_FIELD.match(text, end):
        return _VALUE.match(text, behind.end())
    if (behind := _AFTER_FIRST.match(text, end)) and _BEFORE_PAIR.search(text[max(start - 8, 0) : start]):
        value = _VALUE.match(text, behind.end())
        return value if value and text[value.end() : value.end() + 1] in _CLOSING else None
    return None


def _start_of_name(text: str, hit: int, floor: int) -> int:
    lowest = max(floor, hit - MAX_KEY_CHARS)
    while hit > lowest and ((char := text[hit - 1]).isalnum() or char in "_.-"):
        hit -= 1
    return hit
