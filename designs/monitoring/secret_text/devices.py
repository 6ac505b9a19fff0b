"""Secrets in the settings of network devices, and secrets that shells pipe into programs. Pure.

Devices write `snmp-server community S RO`, shells `echo S | sudo -S true`. No sensitive name with a sign precedes these
secrets; the first words of the line identify them.
"""

from __future__ import annotations

from designs.monitoring.secret_text.shapes import FILTERED, replaced_at
from designs.patterns import compile_pattern

__all__ = ["filter_devices", "filter_input", "filter_typed", "may_hold_device", "may_hold_input", "may_hold_typed"]

_WORD = r"(?:\"[^\"\n]++\"|'[^'\n]++'|[^\s\"',;]++)"
_GAP = r"[ \t]{1,8}+"
# The digit before a stored password states its encoding: 0 is plain text.
_TYPE = rf"(?:\d{{1,2}}{_GAP})?"
_HOST = r"(?:default|localhost|\S*[\d.:/]\S*)"
_LINE_END = r"(?=[ \t]*+(?:\d{1,5}[ \t]*+)?(?:\r?\n|#|\Z))"
_CREATE_USER = rf"createUser{_GAP}(?:-e{_GAP}\S++{_GAP})?\S++{_GAP}(?:MD5|SHA(?:-?\d{{3}})?){_GAP}"

_SNMP = (
    ("snmp-server community", compile_pattern(rf"(snmp-server community{_GAP}){_WORD}")),
    ("snmp-server host", compile_pattern(
        rf"(snmp-server host{_GAP}\S++{_GAP}(?:vrf \S++{_GAP})?(?:(?:traps|informs){_GAP})?"
        rf"(?:version (?:1|2c|3){_GAP}(?:(?:noauth|auth|priv){_GAP})?)?){_WORD}"
    )),
    # Net-SNMP and others. In other text, a community is a group of people.
    ("community", compile_pattern(
        rf"(community6?{_GAP}(?:string{_GAP})?)(?:(?<=r[ow]community )|(?<=r[ow]community6 )"
        rf"|(?=\S{{1,64}}+{_GAP}(?:RO|RW|ro|rw|authorization)\b)){_WORD}"
    )),
    # Net-SNMP settings: the source or host before a community contains a dot, a colon or a digit.
    ("com2sec", compile_pattern(
        rf"(com2sec6?{_GAP}(?:-Cn{_GAP}\S++{_GAP})?\S++{_GAP}{_HOST}{_GAP}){_WORD}{_LINE_END}"
    )),
    *((word, compile_pattern(rf"({word}{_GAP}{_HOST}{_GAP}){_WORD}{_LINE_END}"))
      for word in ("trapsink", "trap2sink", "informsink")),
    ("trapcommunity", compile_pattern(rf"(trapcommunity{_GAP}){_WORD}{_LINE_END}")),
    ("createUser", compile_pattern(rf"({_CREATE_USER}){_WORD}")),
    ("createUser", compile_pattern(rf"({_CREATE_USER}\S++{_GAP}(?:AES|DES)\S*+{_GAP}){_WORD}")),
    *((word, compile_pattern(
        rf"({word}{_GAP}(?:md5|sha(?:-?\d{{1,3}})?|3?des|aes(?:[ -]\d{{2,3}})?){_GAP}){_WORD}"
    )) for word in ("auth", "priv")),
)  # fmt: skip
_SERVER_KEY = compile_pattern(
    rf"((?:(?<=tacacs)|(?<=radius)|(?<=ldap))-server (?:[^\n]{{0,120}}? )?key{_GAP}{_TYPE}){_WORD}(?=\s|\Z)"
)
_NET_USE = compile_pattern(
    rf"(net use(?:{_GAP}(?:\*|[A-Za-z]:|\\\\\S++|/[A-Za-z]\S*+))++{_GAP})"
    rf"(?![*/\\]|[A-Za-z]:(?:\s|\Z)){_WORD}"
)
_NET_USER = compile_pattern(rf"(net user{_GAP}[^\s/*]++{_GAP})(?![/*]){_WORD}(?=[^\n]{{0,200}}/(?:add|domain|active))")

_KEYS = tuple(
    (word, compile_pattern(rf"({word}{rest}{_GAP}{_TYPE})(?=\S*[\dA-Z]){_WORD}"))
    for word, rest in (
        ("key-string", ""),
        ("isakmp key", ""),
        ("message-digest-key", rf"{_GAP}\d{{1,3}}{_GAP}md5"),
        ("authentication-key", rf"(?:{_GAP}\d{{1,5}}{_GAP}md5)?"),
        ("pre-shared-key", rf"(?:{_GAP}(?:local|remote|ascii-text|hexadecimal))?"),
        ("wpa-psk", rf"{_GAP}(?:ascii|hex)"),
    )
)
_PASSWORDS = tuple(
    (
        word,
        compile_pattern(
            rf"({word}{_GAP})(?:7{_GAP}\d\d(?:[\dA-Fa-f]{{2}}){{2,200}}+|[4-9]{_GAP}\$\d{{1,2}}\$\S++)(?!\S)"
        ),
    )
    for word in ("password", "secret")
)
# In prose, the last word of these phrases contains no digit.
_LINES = tuple(
    (
        word,
        compile_pattern(
            rf"({word}{_GAP}{rest}(?:password|secret){_GAP}(?:level \d{{1,2}}{_GAP})?{_TYPE})"
            rf"(?=\S*\d)(?!\d{{1,2}}(?:\s|\Z)){_WORD}(?=[ \t]*+(?:\r?\n|\Z))"
        ),
    )
    for word, rest in (
        ("username", rf"\S++{_GAP}(?:privilege \d{{1,2}}{_GAP})?"),
        ("enable", ""),
        ("neighbor", rf"\S++{_GAP}"),
        ("chap", ""),
    )
)

# Programs that read a secret from their standard input.
_READERS = (
    "chpasswd",
    "kinit",
    "cryptsetup",
    "-stdin",
    "--with-token",
    "passphrase-fd 0",
    "passphrase-fd=0",
    "vault login -",
    "secret-tool store",
)
_READS = compile_pattern(r" -[A-Za-z]{0,5}S\b")
_ECHO = compile_pattern(
    r"((?:echo|printf) (?:-[A-Za-z]{1,3} ){0,3}+)(?![\"']?\$|\[filtered\])"
    r"(?:'[^'\n]{0,400}+'|\"[^\"\n]{0,400}+\"|[^\s|;&<>'\"]{1,200}+| (?!\|)){1,20}+(?= ?\|([^\n|]{1,200}))"
)
_FED = compile_pattern(rf"(<<< {{0,2}}+)(?![\"']?\$|\[filtered\]){_WORD}")
_LINE_MAX_CHARS = 200


# The functions below first search for one character: that is forty times as fast as the search for a word.


def may_hold_device(text: str) -> bool:
    """Return whether `filter_devices` might change the text."""
    return (
        ("-" in text and "-server " in text)
        or "communit" in text
        or "com2sec" in text
        or "createUser" in text
        or (("/" in text or "\\" in text) and "net use" in text)
    )


def filter_devices(text: str) -> str:
    """Return the text with SNMP communities, server keys, and passwords of network drives and users replaced."""
    if any(sign in text for sign in ("snmp", "communit", "com2sec", "createUser", "sink ")):
        for word, pattern in _SNMP:
            text = replaced_at(text, text, word, pattern)
    text = replaced_at(text, text, "-server ", _SERVER_KEY)
    text = replaced_at(text, text, "net use ", _NET_USE)
    return replaced_at(text, text, "net user ", _NET_USER)


def may_hold_typed(text: str) -> bool:
    """Return whether `filter_typed` might change the text."""
    return (
        "password " in text
        or ("$" in text and "secret " in text)
        or ("-" in text and ("-key " in text or "key-string" in text or "wpa-psk" in text))
        or ("." in text and "isakmp" in text)
    )


def filter_typed(text: str) -> str:
    """Return the text with stored keys and passwords of devices replaced; a digit for the encoding precedes most."""
    for word, pattern in (*_PASSWORDS, *_LINES, *_KEYS):
        text = replaced_at(text, text, word, pattern)
    return text


def may_hold_input(text: str) -> bool:
    """Return whether `filter_input` might change the text."""
    return ("|" in text and ("echo " in text or "printf " in text)) or ("<" in text and "<<<" in text)


def filter_input(text: str) -> str:
    """Return the text with the input replaced that a shell feeds to programs that read a secret."""
    if "|" in text:
        for word in ("echo ", "printf "):
            text = _filter_fed(text, word)
    return _filter_fed(text, "<<<")


def _filter_fed(text: str, word: str) -> str:
    pieces: list[str] = []
    done, at = 0, text.find(word)
    while at >= 0:
        following = at + len(word)
        found = (_FED if word == "<<<" else _ECHO).match(text, at)
        if found and _reads(_line_before(text, done, at) if word == "<<<" else found[2]):
            pieces += (text[done : found.end(1)], FILTERED)
            done = following = found.end()
        at = text.find(word, following)
    return "".join((*pieces, text[done:])) if pieces else text


def _line_before(text: str, floor: int, at: int) -> str:
    return text[max(at - _LINE_MAX_CHARS, floor) : at].rpartition("\n")[2].rpartition("|")[2]


def _reads(command: str) -> bool:
    """Return whether a command reads a secret from its standard input."""
    if "sudo " in command and _READS.search(command):
        return True
    return command.lstrip().startswith("su ") or any(reader in command for reader in _READERS)
