"""Removing secrets from what is about to be stored, logged or sent. Pure; returns new structures.

By key (a value under a telling name goes, whatever it is) and inside text (credentials in URLs, headers,
``name=value`` pairs, known token shapes, private keys, payment cards). Every pattern is linear: none has two
adjacent quantifiers that can match the same text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast
from urllib.parse import unquote

from django.db.models import Model, QuerySet

from designs.conf import conf
from designs.monitoring.safe import clean_text, raw_text, safe_str, type_name

__all__ = ["FILTERED", "is_secret_key", "redact", "redact_text", "redacted_str", "redacted_tail", "safe_str"]

FILTERED = "[filtered]"

MAX_DEPTH = 8
MAX_ITEMS = 100
MAX_NODES = 2_000
MAX_KEY_CHARS = 200
MAX_TEXT_CHARS = 4_096
MAX_TOTAL_CHARS = 49_152
"""Text of one value in all: what an event may hold, and what can be searched in milliseconds."""

OVERLAP_CHARS = 4_096
"""Text is searched this far beyond where it is cut: a private key there must not keep its first half."""

_WORDS = (
    r"pass(?:word|wd|phrase|code)|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|auth(?!or(?!i[sz])|entic)|credentials?|cookie|session[_-]?id|csrf|jwt|bearer|signature|pin[_-]?code|cvv|cvc"
    r"|card[_-]?number|encryption[_-]?key|signing[_-]?key|connection[_-]?string"
    # Words of their own only: footprint, classname and passenger hold them too.
    r"|(?-i:(?<![A-Za-z])(?:pass|otp|ssn|dsn)(?![a-z])|(?<![A-Za-z])(?:PASS|OTP|SSN|DSN)(?![A-Za-z])"
    r"|(?<![A-Z])(?:Pass|Otp|Ssn|Dsn)(?![a-z]))"
)
_KEY = re.compile(rf"(?:{_WORDS})", re.IGNORECASE)
# Names that hold one of the words and are no secret.
_HARMLESS_KEY = re.compile(
    r"(?:token_type|token_count|max_tokens|csrf_failure|password_changed_at|auth_method)\Z",
    re.IGNORECASE,
)
# Without one of these no pair can hold a secret; looking for them costs a hundredth of the pattern below.
_STEMS = (
    "pass", "pwd", "secret", "token", "key", "auth", "cred", "cookie", "session", "csrf", "dsn", "jwt",
    "bearer", "signature", "otp", "pin", "cvv", "cvc", "ssn", "card", "connection", "identified",
)  # fmt: skip
_URL_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s/@:'\"]{0,256}+:[^\s/'\"]{1,256}@|[^\s/@:'\"]{16,256}+@)")
# Starts at a word's first character only and never gives a character back: one pass, whatever the text.
_NAME = re.compile(r"(?<![\w.-])([\w.-]++)(?:\\{0,4}+[\"'])?+\]?+[ \t]{0,3}+(?:=>|[=:])[ \t]{0,3}+")
_VALUE = re.compile(
    r"\[filtered\]|(?:(?:Bearer|Basic|Token) )?(?:[bru]{1,2}(?=[\"']))?"
    r"(?:\\{1,4}+\"[^\"\n\\]{1,4096}+(?:\\{1,4}+\")?|\\{1,4}+'[^'\n\\]{1,4096}+(?:\\{1,4}+')?"
    r"|\"(?:[^\"\n\\]|\\{1,8}+.){1,4096}+\"?|'(?:[^'\n\\]|\\{1,8}+.){1,4096}+'?"
    r"|\[[^\[\]\n]{1,4096}+\]|\{[^{}\n]{1,4096}+\}|\([^()\n]{1,4096}+\)|[^\s\"',;&)}\]\\]{1,4096}+)",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(
    r"(\b(?:proxy-|http_)?authorization\\{0,4}+[\"']?[ \t]{0,3}+(?:=>|[:=])[ \t]{0,3}+\\{0,4}+[\"']?)(?!\[filtered\])"
    r"(?:[A-Za-z][\w-]{0,30}+ {1,3}+)?(?:[\w-]{1,40}+=\"[^\"\n]{0,4096}+\"|[^\s,;\"'\\]{1,4096}+)"
    r"(?:, ?[\w-]{1,40}+=(?:\"[^\"\n]{0,4096}+\"|[^\s,]{1,4096}+)){0,20}",
    re.IGNORECASE,
)
_COOKIES = re.compile(
    r"(\b(?:set-|http_)?cookie\\{0,4}+[\"']?[ \t]{0,3}+[:=][ \t]{0,3}+\\{0,4}+[\"']?)(?!\[filtered\])"
    r"[^\r\n\"'\\]{1,4096}+",
    re.IGNORECASE,
)
_INSERT = re.compile(
    r"(\binsert\s{1,9}+into\s[^()]{0,300}+\(([^()]{1,4096}+)\)\s{0,9}+values\s{0,9}+)(?!\[filtered\]).*",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN = re.compile(r"\(([^()]{1,200}+)\)=\([^()]{0,4096}+\)")
_SQL_PASSWORD = re.compile(r"(\b(?:password|identified\s{1,9}+by)\s{1,9}+)'[^'\n]{1,4096}+'", re.IGNORECASE)
_ELEMENT = re.compile(r"(<([\w:.-]{1,100}+)(?:\s[^<>]{0,200}+)?>)[^<>]{1,4096}+(?=</)")
_SCHEME = re.compile(
    r"\b([Bb]earer|[Bb]asic|[Tt]oken|BEARER|BASIC|TOKEN) {1,3}+"
    r"(?=[^ ]*[0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,4096}+"
)
_TOKENS = re.compile(
    r"\beyJ(?:[A-Za-z0-9_-]{8,4096}(?:\.[A-Za-z0-9_-]{1,4096}){1,2}|[A-Za-z0-9_-]{30,4096})"  # JSON web token
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,255})"
    r"|\bxox[abposr]-[A-Za-z0-9-]{10,255}"
    r"|\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,255}"
    r"|\bsk-[A-Za-z0-9_-]{20,255}"
    r"|\bAIza[0-9A-Za-z_-]{35}"
    r"|\b(?:npm_[A-Za-z0-9]{30,255}|pypi-[A-Za-z0-9_-]{30,255}|hf_[A-Za-z0-9]{30,255}|whsec_[A-Za-z0-9+/=]{20,255})"
    r"|\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}|\bya29\.[A-Za-z0-9_-]{20,255}"
    r"|(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{10,255}"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
# Cards begin with 2 to 6; times in milliseconds, as long, with 1.
_CARD = re.compile(r"(?<![\d.-])[2-6](?:[ -]?\d){12,18}(?![\d-])")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_IP = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
# Moments, numbers, ids and paths read better as text than as the expression that makes them.
_PLAINLY_PRINTED = frozenset({"datetime", "decimal", "uuid", "pathlib", "fractions", "ipaddress"})


def is_secret_key(key: str) -> bool:
    """Tell whether a value under this name must not be shown: a telling word anywhere in the name."""
    return bool(_KEY.search(key)) and not _HARMLESS_KEY.search(key)


def redact_text(text: str) -> str:
    """Return the text with the secrets inside it replaced."""
    # What stands below holds most often none of the marks of a secret: looking for those first is cheaper.
    if "-----BEGIN " in text:
        text = _PRIVATE_KEY.sub(FILTERED, text)
    text = _URL_CREDENTIALS.sub(f"{FILTERED}@", text)
    lowered = text.lower()
    if any(stem in lowered for stem in _STEMS):
        text = _filter_named(text, lowered)
    text = _SCHEME.sub(rf"\1 {FILTERED}", text)
    text = _TOKENS.sub(FILTERED, text)
    text = _CARD.sub(_filter_card, text)
    if conf.redact_email:
        text = _EMAIL.sub("[email]", text)
    if conf.redact_ip:
        text = _IP.sub("[ip]", text)
    return _filter_encoded(text) if "%" in text else text


def redacted_str(value: object, max_chars: int, convert: Callable[[object], str] = str) -> str:
    """Return the value's text, scrubbed and then cut to ``max_chars`` and a note of its length."""
    raw = value if type(value) is str else raw_text(value, convert)
    text = redact_text(clean_text(raw[: max_chars + OVERLAP_CHARS], max_chars + OVERLAP_CHARS))
    if len(raw) <= max_chars:
        return text
    # The end of what was searched may hold half a secret, wherever scrubbing moved it.
    kept = text[:-OVERLAP_CHARS] if len(raw) > max_chars + OVERLAP_CHARS else text
    return f"{kept[:max_chars]}... [{len(raw)} characters]"


def redacted_tail(text: str, max_chars: int) -> str:
    """Return the end of a text, scrubbed."""
    if len(text) <= max_chars:
        return redact_text(clean_text(text, max_chars))
    searched = max_chars + OVERLAP_CHARS
    return redact_text(clean_text(text[-searched:], searched))[OVERLAP_CHARS:]


def redact(value: object, key: str = "") -> Any:
    """Return a scrubbed, JSON-ready, bounded copy of any value.

    Args:
        value: Anything: a model, a cycle, ten megabytes, an object whose ``repr`` raises.
        key: The name the value stands under, when it has one.
    """
    return _Copy().of(value, key, 0)


def _filter_encoded(text: str) -> str:
    # A URL within a URL hides its signs; decoded, it shows them. What holds no secret stays as it was.
    decoded = unquote(text) if _ENCODED.search(text) else text
    if decoded == text:
        return text
    scrubbed = redact_text(decoded)
    return text if scrubbed == decoded else scrubbed


def _filter_named(text: str, lowered: str) -> str:
    if "authorization" in lowered:
        text = _AUTHORIZATION.sub(rf"\1{FILTERED}", text)
    if "cookie" in lowered:
        text = _COOKIES.sub(rf"\1{FILTERED}", text)
    text = _filter_pairs(text)
    if "insert" in lowered:
        text = _INSERT.sub(lambda m: m[1] + FILTERED if is_secret_key(m[2]) else m[0], text)
    if ")=(" in lowered:
        text = _COLUMN.sub(lambda m: f"({m[1]})=({FILTERED})" if is_secret_key(m[1]) else m[0], text)
    if "'" in lowered:
        text = _SQL_PASSWORD.sub(rf"\1{FILTERED}", text)
    if "</" in lowered:
        text = _ELEMENT.sub(lambda m: m[1] + FILTERED if is_secret_key(m[2]) else m[0], text)
    return text


def _filter_pairs(text: str) -> str:
    # A loop, not one substitution: the value of a harmless name (a URL, say) may hold further pairs.
    pieces: list[str] = []
    done = 0
    for name in _NAME.finditer(text):
        if name.start() < done or not is_secret_key(name[1][-MAX_KEY_CHARS:]):
            continue
        if value := _VALUE.match(text, name.end()):
            pieces += (text[done : name.end()], FILTERED)
            done = value.end()
    return "".join((*pieces, text[done:])) if pieces else text


def _filter_card(match: re.Match[str]) -> str:
    digits = [int(char) for char in match[0] if char.isdigit()]
    doubled = (
        digit if i % 2 == 0 else (digit * 2 - 9 if digit > 4 else digit * 2) for i, digit in enumerate(reversed(digits))
    )
    return FILTERED if sum(doubled) % 10 == 0 else match[0]


@dataclass
class _Copy:
    """One bounded walk over a value: depth, breadth and number of nodes are limited, cycles end by depth."""

    nodes: int = 0
    chars: int = 0

    def of(self, value: object, key: str, depth: int) -> Any:
        self.nodes += 1
        if key and is_secret_key(key):
            return FILTERED
        if value is None or value is True or value is False:
            return value
        kind = type(value)
        if kind is int:
            return self._integer(value)  # type: ignore[arg-type]
        if kind is float:
            return value if value - value == 0 else str(value)  # type: ignore[operator]
        if kind is str:
            return self._text(value)
        if self.nodes > MAX_NODES:
            return "[cut]"
        try:
            return self._container(value, depth)
        except Exception as error:  # noqa: BLE001 - iterating somebody's object runs somebody's code
            return f"<{type_name(value)}: reading raised {type(error).__name__}>"

    def _container(self, value: object, depth: int) -> Any:
        # By type(): isinstance() would make a lazy object fetch what it stands for.
        kind = type(value)
        if issubclass(kind, Mapping):
            if depth >= MAX_DEPTH:
                return "[cut: too deep]"
            return self._mapping(cast("Mapping[Any, Any]", value), depth)
        if issubclass(kind, list | tuple | set | frozenset):
            if depth >= MAX_DEPTH:
                return "[cut: too deep]"
            return self._sequence(cast("Collection[object]", value), depth)
        if issubclass(kind, bytes | bytearray | memoryview):
            return f"<{len(cast('bytes', value))} bytes>"
        if issubclass(kind, str):
            return self._text(str.__str__(cast("str", value)))
        if issubclass(kind, Model):
            # Their own text may ask the database.
            return f"<{type_name(value)} {safe_str(cast('Model', value).pk, 100)}>"
        if issubclass(kind, QuerySet):
            return f"<QuerySet of {cast('QuerySet[Model]', value).model.__name__}>"
        return self._text(value, str if kind.__module__.partition(".")[0] in _PLAINLY_PRINTED else repr)

    def _text(self, value: object, convert: Callable[[object], str] = str) -> str:
        room = min(MAX_TEXT_CHARS, MAX_TOTAL_CHARS - self.chars)
        if room <= 0:
            return "[cut]"
        text = redacted_str(value, room, convert)
        self.chars += len(text)
        return text

    def _integer(self, value: int) -> Any:
        if not -(2**63) <= value < 2**63:
            return self._text(value, repr)
        return FILTERED if value >= 10**12 and redact_text(str(value)) == FILTERED else value

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for name, item in islice(value.items(), MAX_ITEMS):
            text = clean_text(name, MAX_KEY_CHARS) if type(name) is str else safe_str(name, MAX_KEY_CHARS)
            self.chars += len(text)
            copy[redact_text(text)] = self.of(item, text, depth + 1)
        if len(value) > MAX_ITEMS:
            copy["..."] = f"[{len(value) - MAX_ITEMS} more]"
        return copy

    def _sequence(self, value: Collection[object], depth: int) -> list[Any]:
        copy = [self.of(item, "", depth + 1) for item in islice(value, MAX_ITEMS)]
        if len(value) > MAX_ITEMS:
            copy.append(f"[{len(value) - MAX_ITEMS} more]")
        return copy
