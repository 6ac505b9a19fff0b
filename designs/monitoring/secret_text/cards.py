"""Detection of payment card numbers in text. Pure."""

from __future__ import annotations

import re

from designs.monitoring.secret_text.shapes import FILTERED

__all__ = ["filter_cards", "is_measure", "may_hold_card"]

_ID_MAX_CHARS = 36
_BEFORE_MAX_CHARS = 48

# Card numbers begin with 2 to 6. Times in milliseconds have the same length and begin with 1.
_CARD = re.compile(r"(?<![\d.-])[2-6](?:[ -]?\d){12,18}(?![\d-])", re.ASCII)
_DIGITS = re.compile(r"\d[\d -]{11,}+", re.ASCII)
_CARD_LIKE = re.compile(r"\d[\d -]{12}", re.ASCII)
# An id of 32 hexadecimal digits, with or without hyphens. One in a thousand contains a valid card number.
_HEX_ID = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}(?:\1[0-9A-Fa-f]{4}){3}[0-9A-Fa-f]{8}\Z")
_HEX_TOKEN = re.compile(r"[\w-]*", re.ASCII)
_UNCHANGED = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes(digit * 2 - 9 * (digit > 4) for digit in range(10)))
# Names of item numbers, sizes and times: one in ten such numbers has a valid card check digit.
_MEASURES = (
    r"part|serial|article|item|drawing|order|invoice|batch|lot|tolerance|bytes?|size|length|volume|area|mass|weight"
    r"|offset|time|timestamp|duration|elapsed|ns|us|µs|nanos|epoch|inode|seed|hash|checksum|crc|id|ids|count|total|sequence|seq|counter"
    r"|revision|version|phone|tracking|ean|gtin|isbn|imei|barcode|memory|rss|vsz|address|addr|ticket|job|trace|span"
    r"|position|index|value|x|y|z|width|height|depth|radius|diameter|density|inertia|du|free|used|available"
)
_MEASURE_BEFORE = re.compile(
    rf"(?:\A|(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:{_MEASURES})(?:[_ -]?(?:number|numbers|no|nr|num|code|id|ns"
    rf"|us|ms))?[\"']?\.?(?:[ \t]?[=:#(\[{{]?){{1,3}}[\"']?\Z",
    re.IGNORECASE,
)
_MEASURE_NAME = re.compile(
    rf"(?:\A|[_.\s-]|(?<=[a-z])(?=[A-Z]))(?i:{_MEASURES})(?:[_ -]?(?i:number|no|nr|num|code|id|ns|us|ms))?\Z"
)
_UNIT_BEHIND = re.compile(r"[ ]?(?:[mµnk]?m[²³23]?|[mµn]s|k?g|bytes?|[kKMG]i?B|N|Hz)\b")


def may_hold_card(text: str) -> bool:
    """Return whether `filter_cards` might change the text."""
    return _CARD_LIKE.search(text) is not None


def is_measure(name: str) -> bool:
    """Return whether a name belongs to a number that is not a card number."""
    return "card" not in name.lower() and _MEASURE_NAME.search(name) is not None


def filter_cards(text: str) -> str:
    """Return the text with payment card numbers replaced."""
    pieces: list[str] = []
    done = 0
    for run in _DIGITS.finditer(text):
        for card in _CARD.finditer(text, run.start(), run.end()):
            if _is_card(card[0]) and not _is_in_id(text, card.start()) and not _is_measured(text, card):
                pieces += (text[done : card.start()], FILTERED)
                done = card.end()
    return "".join((*pieces, text[done:])) if pieces else text


def _is_measured(text: str, card: re.Match[str]) -> bool:
    if _UNIT_BEHIND.match(text, card.end()):
        return True
    before = text[max(0, card.start() - _BEFORE_MAX_CHARS) : card.start()]
    return _MEASURE_BEFORE.search(before) is not None and "card" not in before.lower()


def _is_in_id(text: str, at: int) -> bool:
    begin, lowest = at, max(0, at - _ID_MAX_CHARS)
    while begin > lowest and ((char := text[begin - 1]).isalnum() or char in "-_"):
        begin -= 1
    token = _HEX_TOKEN.match(text, begin, begin + _ID_MAX_CHARS + 1)
    return token is not None and _HEX_ID.match(token[0]) is not None


def _is_card(number: str) -> bool:
    # The check digit of ISO/IEC 7812-1.
    digits = number.encode().translate(None, b" -")
    return (sum(digits[-1::-2].translate(_UNCHANGED)) + sum(digits[-2::-2].translate(_DOUBLED))) % 10 == 0
