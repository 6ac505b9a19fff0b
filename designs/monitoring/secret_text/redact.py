"""Redaction of secrets in text, in linear time. Pure.

Secrets are credentials in URLs and headers, values with sensitive names (`secret_names`) in many notations, and
tokens of known shapes (`shapes`). Plain substrings are searched first: that is ten times as fast as a
pattern, and most text contains none. No pattern has two adjacent quantifiers that can match the same text.
"""

from __future__ import annotations

import re
from html import unescape
from ipaddress import IPv6Address
from urllib.parse import unquote

from designs.conf import conf
from designs.monitoring.secret_text.cards import filter_cards, may_hold_card
from designs.monitoring.secret_text.command_lines import filter_commands, may_hold_command
from designs.monitoring.secret_text.devices import (
    filter_devices,
    filter_input,
    filter_typed,
    may_hold_device,
    may_hold_input,
    may_hold_typed,
)
from designs.monitoring.secret_text.markup import (
    filter_calls,
    filter_fields,
    filter_lines,
    filter_markup,
    filter_parameters,
    may_hold_line,
)
from designs.monitoring.secret_text.pairs import filter_pairs
from designs.monitoring.secret_text.secret_names import has_stem, is_secret_key, is_secret_name
from designs.monitoring.secret_text.shapes import (
    FILTERED,
    filter_private_keys,
    filter_tokens,
    may_hold_shape,
    replaced_at,
)
from designs.monitoring.secret_text.terminal_sessions import filter_sessions, may_hold_session
from designs.patterns import compile_pattern

__all__ = ["FILTERED", "is_plain", "is_secret_key", "is_secret_name", "redact_text"]

# A user name, and a password up to the last @ before a slash. A password with slashes must not begin like a port.
_URL_CREDENTIALS = compile_pattern(
    r"(://)(?:[^\s/@:'\"]{0,256}+:(?:(?:[^\s/'\"@:]++|:(?!//))*+@)++"
    r"|[^\s/@:'\"]{0,256}+:(?!\d{1,5}(?:[/?#\s]|\Z))(?:[^\s'\"@:]++|:(?!//))*+@"
    r"|(?:[^\s/@:'\"]{16,}+|(?=[^\s/@:'\"]{0,40}\d)(?=[^\s/@:'\"]{0,40}[a-z])(?=[^\s/@:'\"]{0,40}[A-Z])[^\s/@:'\".]{10,}+)@)"
)
_AUTHORIZATION = compile_pattern(
    r"((?:(?<!\w)|(?<=http_))authorization\\{0,64}+[\"']?[ \t]*+(?:=>|[:=])[ \t]*+\\{0,64}+[\"']?)"
    r"(?!\[filtered\]|(?:denied|failed|failure|required|missing|header|is|was|has|not|none|null|no|of|for|by|error|ok)\b)"
    r"(?:[A-Za-z][\w-]{0,30}+ {1,3}+)?(?:[\w-]{1,40}+=\"[^\"\n]*+\"|[^\s,;\"'\\]++)"
    r"(?:, ?[\w-]{1,40}+=(?:\"[^\"\n]*+\"|[^\s,]++)){0,20}",
    re.IGNORECASE,
)
_COOKIES = compile_pattern(
    r"((?:(?<!\w)|(?<=http_))cookie\\{0,64}+[\"']?[ \t]*+[:=][ \t]*+\\{0,64}+[\"']?)(?!\[filtered\])"
    r"(?:[^\r\n\"'\\]|(?<==)\\{0,64}+\"[^\"\r\n\\]*+\\{0,64}+\")++",
    re.IGNORECASE,
)
_INSERT = compile_pattern(
    r"(\binsert\s{1,9}+into\s[^()]{0,300}+\(([^()]++)\)\s{0,9}+values\s{0,9}+)(?!\[filtered\]|\((?:\s*+(?:%s|%\(\w{1,64}\)s|\?|\$\d{1,4}|:\w{1,64})\s*+,?)++\)\s*+;?\Z).*",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN = compile_pattern(r"\(([^()]{1,200}+)\)=\([^()]*+\)")
_SQL_PASSWORD = compile_pattern(
    r"(\b(?:password(?:\s{1,9}+for\s{1,9}+\S{1,128}+\s{0,9}+(?:=|to))?|identified\s{1,9}+(?:with\s{1,9}+\S{1,64}+\s{1,9}+)?(?:by|as)"
    r"(?:\s{1,9}+(?:values|password))?)\s{0,9}+)(?<=[\s=])[en]?\\{0,64}+(?:'[^'\n]++'|\"[^\"\n]++\"|\$\$[^$\n]++\$\$)",
    re.IGNORECASE,
)
# Without quotes, as in Oracle.
_SQL_USER = compile_pattern(
    r"(user\s{1,9}+\S{1,128}+\s{1,9}+identified\s{1,9}+by\s{1,9}+)(?!values\b|password\b|\[filtered\])[^\s'\";]++",
    re.IGNORECASE,
)
_SCHEME = compile_pattern(
    r"(\b(?:[Bb]earer|[Bb]asic|[Tt]oken|[Nn]egotiate|BEARER|BASIC|TOKEN) {1,3}+)"
    r"(?!--)(?=[^ ]*[0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,}+"
)
_EMAIL = compile_pattern(r"(?<![\w.%+'-])[\w.%+'-]{1,256}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}")
_IP4 = compile_pattern(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)", re.ASCII)
# Candidates; `ipaddress` validates them.
_IP6 = compile_pattern(
    r"(?<![\w.])(?=[A-Fa-f:]{0,38}+\d)[0-9A-Fa-f]{0,4}+:[0-9A-Fa-f:]{1,38}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?!\w|\.\d)",
    re.ASCII,
)
_ENTITY = compile_pattern(r"&(?:quot|apos|amp|lt|gt|#\d{2,3}|#x[0-9a-fA-F]{2});")
# The `code` of a query grants access if there is a `state` too.
_QUERY_CODE = compile_pattern(r"([?&]code=)(?=[\w%.~/+-]{10})[\w%.~/+-]++")
_ENCODED = compile_pattern(r"%[0-9A-Fa-f]{2}")

# One of these precedes the value of every name.
_NAMED = compile_pattern(r"[=:('<\"\s\uff1a]")
_SCHEMES_WITHOUT_STEM = ("basic ", "negotiate ")
_SCHEMES = ("bearer ", "token ", *_SCHEMES_WITHOUT_STEM)


def is_plain(text: str) -> bool:
    """Return whether `redact_text` certainly returns a text unchanged, at a fraction of its cost.

    Texts joined by a ``|`` are plain if each of them is: every redacted text contains one of the signs checked here.
    """
    # Percent-encoding, credentials in URLs, HTML entities, and characters other than printable ASCII.
    if not (text.isascii() and text.isprintable()) or "%" in text or "@" in text or "&" in text:
        return False
    if conf.redact_email or conf.redact_ip or may_hold_shape(text) or may_hold_card(text):
        return False
    if may_hold_line(text) or may_hold_device(text) or may_hold_input(text) or may_hold_command(text):
        return False
    if may_hold_session(text):
        return False
    lowered = text.lower()
    for scheme in _SCHEMES:
        if scheme in lowered:
            return False
    return not (_may_be_named(text) and has_stem(lowered))


def redact_text(text: str) -> str:
    """Return the text with its secrets replaced."""
    # Most text contains no mark of a secret, so the search for marks comes first: it is cheaper.
    text = filter_private_keys(text)
    text = _filter_urls(text)
    if may_hold_line(text):
        text = filter_lines(text)
    if may_hold_device(text):
        text = filter_devices(text)
    if may_hold_input(text):
        text = filter_input(text)
    text = filter_commands(filter_sessions(text))
    lowered = _lowered(text)
    schemes: tuple[str, ...] = _SCHEMES_WITHOUT_STEM
    if _may_be_named(text) and has_stem(lowered):
        text = _filter_named(text, lowered)
        lowered, schemes = _lowered(text), _SCHEMES
    for scheme in schemes:
        if scheme in lowered:
            text, lowered = _filter_after(text, lowered, scheme, _SCHEME)
    text = filter_cards(filter_tokens(text))
    if conf.redact_email:
        text = _EMAIL.sub("[email]", text)
    if conf.redact_ip:
        text = _IP4.sub("[ip]", _IP6.sub(_replace_ip6, text))
    # HTML entities hide the quotes and signs of a text.
    if "&" in text and ";" in text and _ENTITY.search(text):
        text = _filter_decoded(text, unescape(text))
    # Percent-encoding hides the signs of a URL within a URL.
    return _filter_decoded(text, unquote(text)) if "%" in text and _ENCODED.search(text) else text


def _filter_urls(text: str) -> str:
    if "@" in text and "://" in text:
        pieces: list[str] = []
        done, at = 0, text.find("://")
        while at >= 0:
            following = at + 3
            if found := _URL_CREDENTIALS.match(text, at):
                pieces += (text[done:following], FILTERED, "@")
                done = following = found.end()
            at = text.find("://", following)
        text = "".join((*pieces, text[done:])) if pieces else text
    # An authorization code comes with a state; the code of an error does not.
    if "code=" in text and "state=" in text:
        text = _QUERY_CODE.sub(rf"\1{FILTERED}", text)
    return text


def _may_be_named(text: str) -> bool:
    return _NAMED.search(text) is not None


def _replace_ip6(match: re.Match[str]) -> str:
    try:
        IPv6Address(match[0])
    except ValueError:
        return match[0]
    return "[ip]"


def _filter_decoded(text: str, decoded: str) -> str:
    """Return the redacted decoded text if it contains a secret, else the text unchanged."""
    if decoded == text:
        return text
    scrubbed = redact_text(decoded)
    return text if scrubbed == decoded else scrubbed


def _lowered(text: str) -> str:
    # The long s (U+017F) is lower case already, but patterns that ignore case match it as s.
    return text.lower() if text.isascii() else text.lower().replace("\u017f", "s")


def _filter_named(text: str, lowered: str) -> str:
    text, lowered = _filter_after(text, lowered, "authorization", _AUTHORIZATION)
    text, lowered = _filter_after(text, lowered, "cookie", _COOKIES)
    if "[parameters: " in lowered or "args=" in lowered or "params=" in lowered or "parameters" in lowered:
        text = filter_parameters(text)
    if "<" in text:
        text = filter_markup(text)
    if may_hold_typed(text):
        text = filter_typed(text)
    text = filter_pairs(text, _lowered(text))
    if "value" in lowered:
        text = filter_fields(text)
    if "insert" in lowered:
        text = _INSERT.sub(lambda m: m[1] + FILTERED if is_secret_key(m[2]) else m[0], text)
    if ")=(" in lowered:
        text = _COLUMN.sub(lambda m: f"({m[1]})=({FILTERED})" if is_secret_key(m[1]) else m[0], text)
    if "'" in text or '"' in text or ("$" in text and "$$" in text) or "identified" in lowered:
        lowered = _lowered(text)
        if "identified" in lowered:
            text, lowered = _filter_after(text, lowered, "user", _SQL_USER)
        for word in ("password", "identified"):
            text, lowered = _filter_after(text, lowered, word, _SQL_PASSWORD)
        text = filter_calls(text)
    return text


def _filter_after(text: str, lowered: str, word: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """Replace each match of a pattern that begins with the word, except its first group."""
    if word not in lowered:
        return text, lowered
    if len(lowered) == len(text):
        filtered = replaced_at(text, lowered, word, pattern)
    else:
        # Some capitals become two characters in lower case, so the positions differ.
        filtered = pattern.sub(rf"\1{FILTERED}", text)
    return filtered, lowered if filtered is text else _lowered(filtered)
