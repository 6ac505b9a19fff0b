"""Secrets known by their shape, whatever stands before them: tokens, hashes of passwords, private keys, cards. Pure.

Shapes are found by plain text that all of them hold, a sign first (most text has no dollar) and then how they begin:
looking for text is a tenth of what a pattern for all of them costs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["FILTERED", "filter_cards", "filter_private_keys", "filter_tokens", "may_hold_shape", "replaced_at"]

FILTERED = "[filtered]"

_ID_MAX_CHARS = 36


@dataclass(frozen=True)
class _Shape:
    """How one sort of secret looks. A first group of the pattern stays; ``probes`` stand for all beginnings."""

    pattern: re.Pattern[str]
    beginnings: tuple[str, ...]
    probes: tuple[str, ...]


def _token(pattern: str, *beginnings: str, probes: tuple[str, ...] = ()) -> _Shape:
    return _Shape(re.compile(rf"(?<!\w){pattern}"), beginnings, probes or beginnings)


def _anywhere(pattern: str, *beginnings: str) -> _Shape:
    return _Shape(re.compile(pattern), beginnings, beginnings)


_HASH = r"\$[\w$=,./+-]{16,512}"
_BY_SIGN: tuple[tuple[str, tuple[_Shape, ...]], ...] = (
    # A JSON web token may hold the beginnings of others, so it goes first.
    (
        "",
        (
            _token(r"eyJ(?:[\w-]{8,4096}(?:\.[\w-]{1,4096}){1,2}|[\w-]{30,4096})", "eyJ"),
            _token(r"(?:AKIA|ASIA)[0-9A-Z]{16}\b", "AKIA", "ASIA"),
            _token(r"AIza[\w-]{35}", "AIza"),
        ),
    ),
    (
        "$",
        (
            _anywhere(
                rf"\$(?:2[abxy]|[156y]|argon2(?:id|i|d)){_HASH}",
                *("$2a$", "$2b$", "$2x$", "$2y$", "$1$", "$5$", "$6$", "$y$", "$argon2"),
            ),
            _token(
                rf"(?:pbkdf2_sha\d{{1,3}}|bcrypt(?:_sha256)?|argon2|scrypt|md5|sha1){_HASH}",
                *("pbkdf2_sha", "bcrypt", "argon2$", "scrypt$", "md5$", "sha1$"),
            ),
        ),
    ),
    (
        "_",
        (
            _token(r"gh[pousr]_[A-Za-z0-9]{20,255}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
            _token(r"(?:github|dckr)_pat_[\w-]{20,255}", "github_pat_", "dckr_pat_", probes=("_pat_",)),
            _token(
                r"[spr]k_(?:live|test)_[A-Za-z0-9]{10,255}",
                *("sk_live_", "sk_test_", "pk_live_", "pk_test_", "rk_live_", "rk_test_"),
                probes=("_live_", "_test_"),
            ),
            _token(r"npm_[A-Za-z0-9]{30,255}", "npm_"),
            _token(r"hf_[A-Za-z0-9]{30,255}", "hf_"),
            _token(r"whsec_[A-Za-z0-9+/=]{20,255}", "whsec_"),
            _token(r"do[opr]_v1_[0-9a-f]{40,255}", "dop_v1_", "doo_v1_", "dor_v1_", probes=("_v1_",)),
            _token(r"shp[a-z]{2}_[0-9A-Fa-f]{32,255}", "shp"),
            _token(r"lin_api_[A-Za-z0-9]{30,255}", "lin_api_"),
            _token(r"glsa_\w{32,255}", "glsa_"),
            _token(r"secret_[A-Za-z0-9]{40,255}", "secret_"),
            _token(r"ntn_[A-Za-z0-9]{40,255}", "ntn_"),
        ),
    ),
    (
        "-",
        (
            _token(r"gl(?:pat|ptt|rt|dt)-[\w-]{16,255}", "glpat-", "glptt-", "glrt-", "gldt-"),
            _token(r"xox[a-z](?:[.-][\w-]{1,255}){1,3}", "xox"),
            _token(r"xapp-[\w-]{20,255}", "xapp-"),
            _token(r"sk-[\w-]{20,255}", "sk-"),
            _token(r"pypi-[\w-]{30,255}", "pypi-"),
            _token(r"GOCSPX-[\w-]{20,255}", "GOCSPX-"),
            _token(r"AGE-SECRET-KEY-1[0-9A-Z]{30,255}", "AGE-SECRET-KEY-1"),
            _token(r"sq0[a-z]{3}-[\w-]{20,255}", "sq0"),
            _token(r"NRAK-[0-9A-Z]{20,255}", "NRAK-"),
            _token(r"HRKU-[\w-]{20,255}", "HRKU-"),
            _token(r"key-[0-9a-f]{32}", "key-"),
        ),
    ),
    (
        ".",
        (
            _token(r"SG\.[\w-]{16,64}\.[\w-]{16,64}", "SG."),
            _token(r"ya29\.[\w-]{20,255}", "ya29."),
            _token(r"hv[sbr]\.[\w-]{20,255}", "hvs.", "hvb.", "hvr."),
            _token(r"dp\.[a-z]{2,5}\.[\w-]{30,255}", "dp."),
            _anywhere(r"(hooks\.slack\.com/services/)[A-Za-z0-9/]{10,255}", "hooks.slack.com/services/"),
            _anywhere(
                r"(discord(?:app)?\.com/api/webhooks/\d{1,30}/)[\w-]{20,255}",
                *("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
            ),
        ),
    ),
    # A bot's token of Telegram, a signature of Azure's.
    (":AA", (_anywhere(r"(?<=\d)(:)AA[\w-]{30,64}", ":AA"),)),
    ("sig=", (_anywhere(r"([?&]sig=)[\w%+/=.-]{16,512}", "?sig=", "&sig="),)),
)
_PROBES_BY_SIGN = tuple(
    (sign, (*(probe for shape in shapes for probe in shape.probes), *(["-----BEGIN "] if sign == "-" else [])))
    for sign, shapes in _BY_SIGN
)

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
# Cards begin with 2 to 6; times in milliseconds, as long, with 1.
_CARD = re.compile(r"(?<![\d.-])[2-6](?:[ -]?\d){12,18}(?![\d-])", re.ASCII)
_DIGITS = re.compile(r"\d[\d -]{11,}+", re.ASCII)
_CARD_LIKE = re.compile(r"\d[\d -]{12}", re.ASCII)
# An id of 32 hexadecimal digits, hyphened or not; one in a thousand holds digits that would do for a card.
_HEX_ID = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}(?:\1[0-9A-Fa-f]{4}){3}[0-9A-Fa-f]{8}\Z")
_HEX_TOKEN = re.compile(r"[\w-]*", re.ASCII)
_AS_THEY_ARE = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes(digit * 2 - 9 * (digit > 4) for digit in range(10)))


def may_hold_shape(text: str) -> bool:
    """Tell whether any function of this module might change the text, at a fraction of their cost."""
    for sign, probes in _PROBES_BY_SIGN:
        if sign in text:
            for probe in probes:
                if probe in text:
                    return True
    return _CARD_LIKE.search(text) is not None


def filter_private_keys(text: str) -> str:
    """Return the text without private keys; one that is cut off goes to its end."""
    return _PRIVATE_KEY.sub(FILTERED, text) if "-----BEGIN " in text else text


def filter_tokens(text: str) -> str:
    """Return the text without tokens of known shapes and hashes of passwords."""
    for sign, shapes in _BY_SIGN:
        if sign not in text:
            continue
        for shape in shapes:
            for probe in shape.probes:
                if probe in text:
                    for beginning in shape.beginnings:
                        text = replaced_at(text, text, beginning, shape.pattern)
                    break
    return text


def replaced_at(text: str, searched: str, beginning: str, pattern: re.Pattern[str]) -> str:
    """Return the text with what the pattern matches replaced, but for its first group.

    Args:
        text: What holds it.
        searched: The text, or as many characters that stand for it.
        beginning: A match begins where this stands in ``searched``.
        pattern: What to match there.
    """
    at = searched.find(beginning)
    if at < 0:
        return text
    pieces: list[str] = []
    done = 0
    while at >= 0:
        following = at + len(beginning)
        if found := pattern.match(text, at):
            pieces += (text[done:at], found[1] if pattern.groups else "", FILTERED)
            done = following = found.end()
        at = searched.find(beginning, following)
    return "".join((*pieces, text[done:])) if pieces else text


def filter_cards(text: str) -> str:
    """Return the text without numbers of payment cards."""
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
    # The check digit of ISO/IEC 7812-1.
    digits = number.encode().translate(None, b" -")
    return (sum(digits[-1::-2].translate(_AS_THEY_ARE)) + sum(digits[-2::-2].translate(_DOUBLED))) % 10 == 0
