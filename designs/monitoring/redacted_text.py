"""Finding the secrets inside text, in linear time. Pure.

Credentials in URLs and headers, ``name=value`` pairs, known token shapes, private keys, payment cards. Plain text is
looked for first: it is ten times as fast as a pattern, and most text holds none. No pattern has two adjacent
quantifiers that can match the same text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from designs.conf import conf

__all__ = ["FILTERED", "is_plain", "is_secret_key", "is_secret_name", "redact_text"]

FILTERED = "[filtered]"

MAX_KEY_CHARS = 200
_ID_MAX_CHARS = 36

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
_NAME = re.compile(r"[\w.-]++")
_NAME_AND_SEPARATOR = re.compile(r"([\w.-]++)((?:\\{0,4}+[\"'])?+\]?+[ \t]{0,3}+(?:=>|[=:])[ \t]{0,3}+)?")
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
_SQL_PASSWORD = re.compile(r"(\b(?:password|identified\s{1,9}+by)\s{1,9}+)\\{0,4}+'[^'\n]{1,4096}+'", re.IGNORECASE)
_ELEMENT = re.compile(r"(<([\w:.-]{1,100}+)(?:\s[^<>]{0,200}+)?>)[^<>]{1,4096}+(?=</)")
_SCHEME = re.compile(
    r"\b([Bb]earer|[Bb]asic|[Tt]oken|BEARER|BASIC|TOKEN) {1,3}+"
    r"(?=[^ ]*[0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,4096}+"
)
# Known shapes of tokens by how they begin: looking for plain text is a tenth of what a pattern for all of them costs.
_TOKENS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), beginnings)
    for pattern, beginnings in (
        (r"eyJ(?:[\w-]{8,4096}(?:\.[\w-]{1,4096}){1,2}|[\w-]{30,4096})", ("eyJ",)),  # JSON web token
        (r"(?:AKIA|ASIA)[0-9A-Z]{16}\b", ("AKIA", "ASIA")),
        (r"gh[pousr]_[A-Za-z0-9]{20,255}", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
        (r"github_pat_\w{20,255}", ("github_pat_",)),
        (r"glpat-[\w-]{16,255}", ("glpat-",)),
        (r"xox[abposr]-[A-Za-z0-9-]{10,255}", ("xoxa-", "xoxb-", "xoxp-", "xoxo-", "xoxs-", "xoxr-")),
        *(
            (rf"{kind}_(?:live|test)_[A-Za-z0-9]{{10,255}}", (f"{kind}_live_", f"{kind}_test_"))
            for kind in ("sk", "pk", "rk")
        ),
        (r"sk-[\w-]{20,255}", ("sk-",)),
        (r"AIza[\w-]{35}", ("AIza",)),
        (r"npm_[A-Za-z0-9]{30,255}", ("npm_",)),
        (r"pypi-[\w-]{30,255}", ("pypi-",)),
        (r"hf_[A-Za-z0-9]{30,255}", ("hf_",)),
        (r"whsec_[A-Za-z0-9+/=]{20,255}", ("whsec_",)),
        (r"SG\.[\w-]{16,64}\.[\w-]{16,64}", ("SG.",)),
        (r"ya29\.[\w-]{20,255}", ("ya29.",)),
    )
)
_SIGNS = ("_", "-", ".")


def _sign_of(beginning: str) -> str:
    return next((sign for sign in _SIGNS if sign in beginning), "")


_SLACK = re.compile(r"(hooks\.slack\.com/services/)[A-Za-z0-9/]{10,255}")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
# Cards begin with 2 to 6; times in milliseconds, as long, with 1.
_CARD = re.compile(r"(?<![\d.-])[2-6](?:[ -]?\d){12,18}(?![\d-])", re.ASCII)
_DIGITS = re.compile(r"\d[\d -]{11,}+", re.ASCII)
# An id of 32 hexadecimal digits, hyphened or not; one in a thousand holds digits that would do for a card.
_HEX_ID = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}(?:\1[0-9A-Fa-f]{4}){3}[0-9A-Fa-f]{8}\Z")
_HEX_TOKEN = re.compile(r"[\w-]*", re.ASCII)
_DOUBLED = {str(digit): digit * 2 - 9 * (digit > 4) for digit in range(10)}
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_IP = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")

# A value has one of these before it, whatever its name.
_NAMED = re.compile(r"[=:('<]")
_SCHEMES = ("bearer ", "basic ", "token ")
_BEGINNINGS = (*(beginning for _, beginnings in _TOKENS for beginning in beginnings), "hooks.slack", "-----BEGIN ")
# By a sign that most text does not have, so that few of them are looked for.
_BEGINNINGS_BY_SIGN = tuple(
    (sign, tuple(one for one in _BEGINNINGS if _sign_of(one) == sign)) for sign in (*_SIGNS, "")
)
_TOKENS_AND_SIGNS = tuple(
    (pattern, tuple((one, _sign_of(one)) for one in beginnings)) for pattern, beginnings in _TOKENS
)
_CARD_LIKE = re.compile(r"\d[\d -]{12}", re.ASCII)


def is_secret_key(key: str) -> bool:
    """Tell whether a value under this name must not be shown: a telling word anywhere in the name."""
    return bool(_KEY.search(key)) and not _HARMLESS_KEY.search(key)


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Tell what `is_secret_key` does; for names of a bounded length that come again and again."""
    return is_secret_key(name)


def is_plain(text: str) -> bool:
    """Tell whether `redact_text` would surely leave a text as it is, at a fraction of its cost.

    Texts joined by a ``|`` are plain if each of them is: nothing that is redacted goes without one of these signs.
    """
    # Percent-encoding, credentials of a URL, cards, and whatever is not printable ASCII.
    if not (text.isascii() and text.isprintable()) or "%" in text or "@" in text or _CARD_LIKE.search(text):
        return False
    if conf.redact_email or conf.redact_ip:
        return False
    for sign, beginnings in _BEGINNINGS_BY_SIGN:
        if sign in text:
            for beginning in beginnings:
                if beginning in text:
                    return False
    lowered = text.lower()
    for scheme in _SCHEMES:
        if scheme in lowered:
            return False
    return not (_NAMED.search(text) and _hits(lowered))


def redact_text(text: str) -> str:
    """Return the text with the secrets inside it replaced."""
    # Text holds most often none of the marks of a secret: looking for those first is cheaper.
    if "-----BEGIN " in text:
        text = _PRIVATE_KEY.sub(FILTERED, text)
    if "://" in text:
        text = _URL_CREDENTIALS.sub(f"{FILTERED}@", text)
    lowered = _lowered(text)
    if _NAMED.search(text) and (hits := _hits(lowered)):
        text = _filter_named(text, lowered, hits)
    if any(scheme in lowered for scheme in _SCHEMES):
        text = _SCHEME.sub(rf"\1 {FILTERED}", text)
    text = _filter_tokens(text)
    text = _filter_cards(text)
    if conf.redact_email:
        text = _EMAIL.sub("[email]", text)
    if conf.redact_ip:
        text = _IP.sub("[ip]", text)
    return _filter_encoded(text) if "%" in text else text


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


def _hits(lowered: str) -> list[int]:
    """Return where the stems of telling names stand, in order."""
    hits: list[int] = []
    for stem in _STEMS:
        at = lowered.find(stem)
        while at >= 0:
            hits.append(at)
            at = lowered.find(stem, at + len(stem))
    hits.sort()
    return hits


def _filter_named(text: str, lowered: str, hits: list[int]) -> str:
    if "authorization" in lowered:
        filtered = _AUTHORIZATION.sub(rf"\1{FILTERED}", text)
        text, lowered, hits = _renewed(text, filtered, lowered, hits)
    if "cookie" in lowered:
        filtered = _COOKIES.sub(rf"\1{FILTERED}", text)
        text, lowered, hits = _renewed(text, filtered, lowered, hits)
    text = _filter_pairs(text, lowered, hits)
    if "insert" in lowered:
        text = _INSERT.sub(lambda m: m[1] + FILTERED if is_secret_key(m[2]) else m[0], text)
    if ")=(" in lowered:
        text = _COLUMN.sub(lambda m: f"({m[1]})=({FILTERED})" if is_secret_key(m[1]) else m[0], text)
    if "'" in lowered and ("password" in lowered or "identified" in lowered):
        text = _SQL_PASSWORD.sub(rf"\1{FILTERED}", text)
    if "</" in lowered:
        text = _ELEMENT.sub(lambda m: m[1] + FILTERED if is_secret_key(m[2]) else m[0], text)
    return text


def _renewed(before: str, after: str, lowered: str, hits: list[int]) -> tuple[str, str, list[int]]:
    if before is after or before == after:
        return before, lowered, hits
    lowered = _lowered(after)
    return after, lowered, _hits(lowered)


def _filter_pairs(text: str, lowered: str, hits: list[int]) -> str:
    # Only names that hold a stem are looked at. A loop, not one substitution: the value of a harmless name (a URL, say)
    # may hold further pairs.
    if len(lowered) != len(text):
        # Some capitals are two characters when small, and the places no longer agree.
        hits = [match.start() for match in _NAME.finditer(text)]
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
        if begins < 0 or not is_secret_name(text[max(start, looked - MAX_KEY_CHARS) : looked]):
            continue
        if value := _VALUE.match(text, begins):
            pieces += (text[done:begins], FILTERED)
            done = looked = value.end()
    return "".join((*pieces, text[done:])) if pieces else text


def _start_of_name(text: str, hit: int, floor: int) -> int:
    lowest = max(floor, hit - MAX_KEY_CHARS)
    while hit > lowest and ((char := text[hit - 1]).isalnum() or char in "_.-"):
        hit -= 1
    return hit


def _filter_tokens(text: str) -> str:
    signs = {sign for sign in (*_SIGNS, "") if sign in text}
    for pattern, beginnings in _TOKENS_AND_SIGNS:
        for beginning, sign in beginnings:
            if sign in signs and beginning in text:
                text = _filter_shape(text, pattern, beginning)
    return _SLACK.sub(rf"\1{FILTERED}", text) if "." in signs else text


def _filter_shape(text: str, pattern: re.Pattern[str], beginning: str) -> str:
    pieces: list[str] = []
    done, at = 0, text.find(beginning)
    while at >= 0:
        following = at + len(beginning)
        if not (at and ((before := text[at - 1]).isalnum() or before == "_")) and (found := pattern.match(text, at)):
            pieces += (text[done:at], FILTERED)
            done = following = found.end()
        at = text.find(beginning, following)
    return "".join((*pieces, text[done:])) if pieces else text


def _filter_cards(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for run in _DIGITS.finditer(text):
        for card in _CARD.finditer(text, run.start(), run.end()):
            if _is_card(card[0]) and not _is_in_id(text, card.start()):
                pieces += (text[done : card.start()], FILTERED)
                done = card.end()
    return "".join((*pieces, text[done:])) if pieces else text


def _is_in_id(text: str, at: int) -> bool:
    begin, lowest = at, max(0, at - _ID_MAX_CHARS)
    while begin > lowest and ((char := text[begin - 1]).isalnum() or char in "-_"):
        begin -= 1
    token = _HEX_TOKEN.match(text, begin, begin + _ID_MAX_CHARS + 1)
    return token is not None and _HEX_ID.match(token[0]) is not None


def _is_card(number: str) -> bool:
    digits = number.replace(" ", "").replace("-", "")[::-1]
    return (sum(map(int, digits[::2])) + sum(map(_DOUBLED.__getitem__, digits[1::2]))) % 10 == 0
