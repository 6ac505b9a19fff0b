"""Detection of names whose values are secret, such as passwords, tokens and keys. Pure."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

__all__ = ["MAX_KEY_CHARS", "NameKind", "has_stem", "is_secret_key", "is_secret_name", "name_kind", "stems_at"]

MAX_KEY_CHARS = 200


class NameKind(Enum):
    """Kind of a name, by the secrecy of its value."""

    HARMLESS = 0
    SECRET = 1
    COUNTED = 2
    """A secret, unless the value is a number: a count, a time, an id."""
    RANDOM = 3
    """A secret if the value looks random: many kinds of keys are not secret."""


# Words before "key" that make it secret. Most keys of a program (of a sort, a cache, a table) are not.
_KEY_OWNERS = (
    r"api|access|private|account|master|shared|ssh|license|subscription|(?:en|de)crypt(?:ion)?|crypt(?:o|ion)?|cipher"
    r"|signing|sign|session|fernet|hmac|aes(?:\d{3})?|rsa|dsa|ecdsa|ed25519|pgp|gpg|jws|jwe|tls|ssl|cookie"
    r"|app|application|client|storage|function|functions|security|secure|webhook|salt|unseal|recovery|activation"
    r"|deploy|integration|ingest|write|admin|service|server|stripe|sendgrid|twilio|openai|anthropic|datadog"
    r"|mailgun|algolia|maps|consumer|preshared|pre[ _-]?shared|wep|wpa|wifi|vault|root|kek|dek"
)
_WORDS = (
    r"pass(?:word|wd|phrase|code|wort)(?!less)|passwd|pass[ _-](?:phrase|code|word)|mot[ _-]?de[ _-]?passe|kennwort"
    r"|contrase(?:ñ|n|\\{1,4}u00f1|\u0301)a|senha|wachtwoord|пароль|парол|密码|密碼|パスワード|비밀번호|has[łl]o\b|heslo|lösenord"
    r"|losenord|lozinka|jelszó|jelszo|salasana|adgangskode|şifre|sifre\b|geheimnis|credencial|口令|parola\b"
    r"|pwd|secret(?!ar(?:y|ies|iat))|token(?!i[sz])"
    rf"|(?:{_KEY_OWNERS})[ _-]?key(?!board|word|stone|points?|stroke)"
    r"|(?<![a-z])auth(?!or(?!i[sz]ation)|entic)|(?<=[ohpvn])auth(?!or|entic)|credentials?|creds|cookie|session[ _-]?id"
    r"|csrf|xsrf|jwt|bearer|signature"
    r"|pin[_-]?code|cvv|cvc|sess(?:ion)?id"
    r"|(?:mfa|verification|recovery|backup|otp|2fa|sms|security|authorization|auth)[ _-]?codes?|card[_-]?number"
    r"|connection[_-]?string|(?:totp|otp|mfa|2fa)[ _-]?seed|requirepass|masterauth|dockerconfig(?:json)?"
    r"|one[ _-]time[ _-]pass\w*"
    r"|tls[._-]key|(?:client|server)[ _-]?cert[ _-]?key"
    # Endings that mean a password, except in English words.
    r"|(?<!by)(?<!com)(?<!sur)(?<!tres)(?<!over)(?<!under)(?<!low)(?<!high)(?<!band)(?<!all)(?<!multi)(?<!single)"
    r"(?<=[a-z])pass(?=[_-]?\d{0,3}\Z)|(?:(?<=[a-z])|(?<![^\W_]))p(?:w|ass?wd)(?=[_-]?\d{0,3}\Z)"
    # Only as separate words: footprint, classname and passenger contain them too.
    r"|(?-i:(?<![A-Za-z])(?:pass|t?otp|ssn|dsn|sid|psk)(?![a-z])|(?<![A-Za-z])(?:PASS|T?OTP|SSN|DSN|SID|PSK)(?![A-Za-z])"
    r"|(?<![A-Z])(?:Pass|T?otp|Otp|Ssn|Dsn|Sid|Psk)(?![a-z]))"
)
_KEY = re.compile(rf"(?:{_WORDS})", re.IGNORECASE)
_ANY_KEY = re.compile(
    r"(?:key|_auth|auth)(?:[_.-]?(?:data|b64|base64|hex|pem|value|material|old|new|\d{1,3}))?\Z", re.IGNORECASE
)
_NO_KEY = re.compile(r"(?:public|foreign|hot|host|tur|mon|don|whis|hoc)[_-]?key", re.IGNORECASE)
# Names that contain one of the words but describe a property of the secret.
_HARMLESS_KEY = re.compile(
    r"(?:\A|[_.\s-]|(?<=[a-z])(?=[A-Z]))(?i:token[_-]?type|csrf[_-]?failure|count|len|length|changed[_-]?at|method|urls?|uri|endpoint|path|file|filename|dir"
    r"|directory|name|kind|type|mode|backends?|domain|version|ttl|age|policy|required|enabled|disabled|valid|invalid|verified"
    r"|validators?|hashers?|header|field|fields|prefix|provider|providers|class|engine|status|state|errors?|hint|label"
    r"|placeholder|alg|algorithm|strength|attempts?|tries|failures?|scopes?|format|issuer|audience|missing|changed"
    r"|expired|expires|expiry|expiration|lifetime|timeout|rate|required|rules?|santa|bucket|consent|through|thru|band|manager|handler|factory|store|source"
    r"|middleware|service|module|samesite|httponly|diameter|updated|rotated|created|exists|present|supported|allowed|unauthori[sz]ed)\Z"
    r"|(?i:\A(?:is|has|no|needs|use|uses|with|allow|requires|show|hide|skip|un)[_-]?(?:pass(?:word)?|token|secret|auth|cookies?"
    r"|authori[sz]ed|credentials?|signature|session(?:id)?|api[_-]?key)\Z)|(?i:unauthori[sz]ed)"
)
_COUNTED = re.compile(
    r"(?:\A|[_.\s-]|(?<=[a-z])(?=[A-Z]))(?i:count|total|length|len|size|bytes|bits|ms|us|ns|s|secs?|seconds|minutes|hours|days|used"
    r"|left|remaining|limit|max|min|in|at|on|id|ids|index|number|num|position|pos|avg|mean|sum|ratio|percent|iterations|rounds"
    r"|cost|budget|rejected|failed|second|time|duration|version|year|level|rank|port|offset|generation|change|date)\Z"
    r"|(?i:tokens|cookies|keys|sessions|secrets|passwords|credentials|signatures|codes)\Z"
    r"|\A(?i:n|num|max|min|total|avg|count)_",
)
# Every sensitive name contains one of these. The search for them costs a hundredth of the pattern.
_STEMS = (
    "pass", "pwd", "secret", "token", "key", "auth", "cred", "cookie", "session", "csrf", "xsrf", "dsn", "jwt",
    "bearer", "signature", "otp", "code", "cvv", "cvc", "ssn", "card", "connection", "psk", "pw", "sid",
    "seed", "kennwort", "contrase", "senha", "wachtwoord", "парол", "密码", "密碼", "パスワード", "비밀번호", "口令",
    "crypt", "login(", "hasło", "haslo", "heslo", "senord", "lozinka", "jelsz", "salasana",
    "adgangskode", "ifre", "geheim", "parola",
    "dockerconfig",
    # SQL: identified by 'secret'.
    "identified",
)  # fmt: skip


@lru_cache(maxsize=2048)
def name_kind(name: str) -> NameKind:
    """Return the kind of a name; its length must be bounded, because the result is cached."""
    if not _KEY.search(name):
        return NameKind.RANDOM if _ANY_KEY.search(name) and not _NO_KEY.search(name) else NameKind.HARMLESS
    if _HARMLESS_KEY.search(name):
        return NameKind.HARMLESS
    return NameKind.COUNTED if _COUNTED.search(name) else NameKind.SECRET


def is_secret_key(key: str) -> bool:
    """Return whether values with this name are secret: a sensitive word is anywhere in the name."""
    if len(key) <= MAX_KEY_CHARS:
        return is_secret_name(key)
    return bool(_KEY.search(key)) and not _HARMLESS_KEY.search(key)


def is_secret_name(name: str) -> bool:
    """Return the result of `is_secret_key`, cached; for names of bounded length that repeat."""
    return name_kind(name) in _SECRET_KINDS


_SECRET_KINDS = frozenset({NameKind.SECRET, NameKind.COUNTED})


def has_stem(lowered: str) -> bool:
    """Return whether lower-case text may contain a sensitive name."""
    stems = _ASCII_STEMS if lowered.isascii() else _STEMS
    for stem in stems:  # noqa: SIM110 - any() takes three times as long for text of a line
        if stem in lowered:
            return True
    return False


_ASCII_STEMS = tuple(stem for stem in _STEMS if stem.isascii())


def stems_at(lowered: str) -> list[int]:
    """Return the positions of the stems of sensitive names in lower-case text, in order."""
    hits: list[int] = []
    for stem in _ASCII_STEMS if lowered.isascii() else _STEMS:
        at = lowered.find(stem)
        while at >= 0:
            hits.append(at)
            at = lowered.find(stem, at + len(stem))
    hits.sort()
    return hits
