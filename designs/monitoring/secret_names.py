"""Names whose values must not be shown. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["MAX_KEY_CHARS", "has_stem", "is_secret_key", "is_secret_name", "stems_at"]

MAX_KEY_CHARS = 200

_WORDS = (
    r"pass(?:word|wd|phrase|code|wort)|passwd|mot[_-]?de[_-]?passe|pwd|secret|token"
    r"|(?:api|access|private|account|master|shared|ssh|license|subscription|encryption|signing)[_-]?key"
    r"|auth(?!or(?!i[sz])|entic)|credentials?|cookie|session[_-]?id|csrf|jwt|bearer|signature|pin[_-]?code|cvv|cvc"
    r"|(?:mfa|verification|recovery|backup)[_-]?codes?|card[_-]?number|connection[_-]?string"
    # Words of their own only: footprint, classname and passenger hold them too.
    r"|(?-i:(?<![A-Za-z])(?:pass|t?otp|ssn|dsn)(?![a-z])|(?<![A-Za-z])(?:PASS|T?OTP|SSN|DSN)(?![A-Za-z])"
    r"|(?<![A-Z])(?:Pass|T?otp|Otp|Ssn|Dsn)(?![a-z]))"
)
_KEY = re.compile(rf"(?:{_WORDS})", re.IGNORECASE)
# Names that hold one of the words and are no secret.
_HARMLESS_KEY = re.compile(
    r"(?:token_type|token_count|max_tokens|csrf_failure|password_changed_at|auth_method)\Z",
    re.IGNORECASE,
)
# Without one of these no name is telling; looking for them costs a hundredth of the pattern.
_STEMS = (
    "pass", "pwd", "secret", "token", "key", "auth", "cred", "cookie", "session", "csrf", "dsn", "jwt",
    "bearer", "signature", "otp", "code", "cvv", "cvc", "ssn", "card", "connection",
    # Of SQL: identified by 'secret'.
    "identified",
)  # fmt: skip


def is_secret_key(key: str) -> bool:
    """Tell whether a value under this name must not be shown: a telling word anywhere in the name."""
    return bool(_KEY.search(key)) and not _HARMLESS_KEY.search(key)


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Tell what `is_secret_key` does; for names of a bounded length that come again and again."""
    return is_secret_key(name)


def has_stem(lowered: str) -> bool:
    """Tell whether text, in small letters, may hold a telling name."""
    for stem in _STEMS:  # noqa: SIM110 - any() takes three times as long for text of a line
        if stem in lowered:
            return True
    return False


def stems_at(lowered: str) -> list[int]:
    """Return where the stems of telling names stand in text of small letters, in order."""
    hits: list[int] = []
    for stem in _STEMS:
        at = lowered.find(stem)
        while at >= 0:
            hits.append(at)
            at = lowered.find(stem, at + len(stem))
    hits.sort()
    return hits
