"""Secrets in terminal sessions: answers of scripts to prompts, Redis commands, texts that SQL hashes. Pure.

No name precedes these secrets: a password prompt comes earlier, or the function or command identifies them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from designs.monitoring.secret_text.shapes import FILTERED, replaced_at
from designs.patterns import compile_pattern

__all__ = ["filter_sessions", "may_hold_session"]

_PROMPT = compile_pattern(r"ass(?:word|phrase|code)|\bPIN\b|\b[Ss]ecret\b")
# Tcl's expect, and pexpect.
_SEND = compile_pattern(
    r"(send(?:line)?(?:\s{1,4}+-[-a-z]{1,10}+){0,3}+\s{0,4}+\(?[bf]?)"
    r"(?:\"(?!\$)((?:[^\"\\\n]|\\.){1,400}?)((?:\\[rn])*)\"|'(?!\$)((?:[^'\\\n]|\\.){1,400}?)((?:\\[rn])*)')"
)
_BEFORE_CHARS = 200

_MONITORED = compile_pattern(r"(\"(?:auth|AUTH)\" (?:\"[^\"\n]{1,100}+\" )?+)\"[^\"\n]{1,400}+\"")
_MONITORED_ALONE = compile_pattern(r"(\"(?:auth|AUTH)\" )\"[^\"\n]{1,400}+\"(?! \")")
_END = r"(?:\r?\n|\\r\\n)"
_PROTOCOL = compile_pattern(
    rf"(AUTH{_END}(?:\$\d{{1,4}}{_END}[^\s\\]{{1,100}}{_END})?\$\d{{1,4}}{_END})(?!\[filtered\])[^\s\\]{{1,400}}"
)
_ACL = compile_pattern(r"(setuser \S{1,100}+ (?:[^>\n]{0,200} )?>)[^\s>]{1,400}+", re.IGNORECASE)

_STATEMENT = compile_pattern(r"\b(?:select|update|insert|where|values|set)\b", re.IGNORECASE)
_HASHED = compile_pattern(
    r"((?:md5|sha(?:1|2|_?(?:224|256|384|512))?|digest)\s?\(\s?(?:concat\(\s?)?[neb]?)'([^'\n]{1,400}+)'",
    re.IGNORECASE,
)
_KEYED = compile_pattern(
    r"((?:hmac(?:_sha\d{1,3})?|hashbytes)\s?\(\s?(?:[neb]?'[^'\n]{0,400}+'|[\w.\"]{1,100}+)(?:::\w{1,20}+)?\s?,\s?[neb]?)"
    r"'([^'\n]{1,400}+)'",
    re.IGNORECASE,
)
_HASHES = (("md5", _HASHED), ("sha", _HASHED), ("digest", _HASHED), ("hmac", _KEYED), ("hashbytes", _KEYED))
# Outside of a statement, only a text that looks like neither a file name nor a digest.
_LIKE_A_SECRET = compile_pattern(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])(?![0-9a-f]{8,128}\Z)[^\s./]{6,}+\Z")


def may_hold_session(text: str) -> bool:
    """Return whether `filter_sessions` might change the text."""
    return "send" in text or _may_be_redis(text) or _may_be_hashed(text)


def _may_be_redis(text: str) -> bool:
    return "AUTH" in text or '"auth" "' in text or (">" in text and ("setuser" in text or "SETUSER" in text))


def _may_be_hashed(text: str) -> bool:
    return "(" in text and ("('" in text or (", '" in text and ("mac(" in text or "MAC(" in text)))


def filter_sessions(text: str) -> str:
    """Return the text with answers to prompts, Redis passwords and texts that SQL hashes replaced."""
    if "send" in text:
        text = _filter_sent(text)
    if _may_be_redis(text):
        text = _filter_redis(text)
    return _filter_hashed(text) if _may_be_hashed(text) else text


def _filter_redis(text: str) -> str:
    if '"auth" "' in text or '"AUTH" "' in text:
        text = _MONITORED_ALONE.sub(_filtered_text, _MONITORED.sub(_filtered_text, text))
    if "$" in text:
        text = replaced_at(text, text, "AUTH", _PROTOCOL)
    for word in ("setuser", "SETUSER") if ">" in text else ():
        text = replaced_at(text, text, word, _ACL)
    return text


def _filtered_text(found: re.Match[str]) -> str:
    return f'{found[1]}"{FILTERED}"'


def _filter_sent(text: str) -> str:
    pieces: list[str] = []
    done = last = 0
    for at in _places_of("send", text):
        found = _SEND.match(text, at)
        if found is None or text[at - 1 : at].isalnum():
            continue
        before = text[max(last, found.start() - _BEFORE_CHARS) : found.start()]
        last = found.end()
        if _PROMPT.search(before):
            quote = '"' if found[2] is not None else "'"
            ending = found[3] or found[5] or ""
            pieces += (text[done : found.end(1)], quote, FILTERED, ending, quote)
            done = found.end()
    return "".join((*pieces, text[done:])) if pieces else text


def _filter_hashed(text: str) -> str:
    lowered = text.lower()
    if len(lowered) != len(text):
        # Some capitals become two characters in lower case, so the positions differ. SQL contains none of them.
        return text
    places = [(at, pattern) for word, pattern in _HASHES for at in _places_of(word, lowered)]
    found = [match for at, pattern in places if (match := pattern.match(text, at)) and not text[at - 1 : at].isalnum()]
    if not found:
        return text
    is_statement = _STATEMENT.search(text) is not None
    pieces: list[str] = []
    done = 0
    for match in sorted(found, key=lambda match: match.start()):
        if match.start() >= done and (is_statement or _LIKE_A_SECRET.match(match[2])):
            pieces += (text[done : match.end(1)], f"'{FILTERED}'")
            done = match.end()
    return "".join((*pieces, text[done:]))


def _places_of(word: str, lowered: str) -> Iterator[int]:
    at = lowered.find(word)
    while at >= 0:
        yield at
        at = lowered.find(word, at + len(word))
