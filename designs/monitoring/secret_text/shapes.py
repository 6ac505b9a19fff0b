"""Secrets with a known shape, independent of the text before them: tokens, password hashes, private keys. Pure.

Shapes are found by plain substrings: first by a sign that they contain (most text has no dollar), then by their
beginnings. This costs a tenth of a pattern for all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["FILTERED", "filter_private_keys", "filter_tokens", "may_hold_shape", "replaced_at"]

FILTERED = "[filtered]"


@dataclass(frozen=True)
class _Shape:
    """Shape of one kind of secret. The first group of the pattern stays. Each beginning contains one of ``probes``."""

    pattern: re.Pattern[str]
    beginnings: tuple[str, ...]
    probes: tuple[str, ...]


def _token(pattern: str, *beginnings: str, probes: tuple[str, ...] = ()) -> _Shape:
    return _Shape(re.compile(rf"(?<!\w){pattern}"), beginnings, probes or beginnings)


def _anywhere(pattern: str, *beginnings: str) -> _Shape:
    return _Shape(re.compile(pattern), beginnings, beginnings)


_HASH = r"\$[\w$=,./+-]{16,}"
_BY_SIGN: tuple[tuple[str, tuple[_Shape, ...]], ...] = (
    # A JSON web token may contain the beginnings of other shapes, so it comes first.
    ("eyJ", (_token(r"eyJ(?:[\w-]{8,}(?:\.[\w-]{1,}){1,2}|[\w-]{30,})", "eyJ"),)),
    ("dapi", (_token(r"dapi[0-9a-f]{32}(?:-\d)?", "dapi"),)),
    ("4b1d", (_token(r"4b1d[A-Za-z0-9]{38}\b", "4b1d"),)),
    (
        "A",
        (
            _token(r"(?:AKIA|ASIA)[0-9A-Z]{16}\b", "AKIA", "ASIA"),
            _token(r"AIza[\w-]{35,}", "AIza"),
            _token(r"(?:A3T[A-Z0-9]|ABIA|ACCA|AROA|AIDA|AGPA|ANPA)[A-Z2-7]{16}\b", "A3T", "ABIA", "ACCA"),
            _token(r"ABSK[A-Za-z0-9+/=]{80,}", "ABSK"),
            _token(r"LTAI[A-Za-z0-9]{16,}", "LTAI"),
            _token(r"AKCp[A-Za-z0-9]{60,}", "AKCp"),
            _token(r"A[TR][A-Z]TT3[\w=-]{16,}", "ATATT3", "ATCTT3", "ATNTT3", "ARATT3"),
            _token(r"ATBB[A-Za-z0-9]{28,}", "ATBB"),
            _token(r"EAA[A-Z0-9](?=[\w-]{0,40}\d)[A-Za-z0-9_-]{22,}", "EAA"),
            _token(r"AQVN[\w-]{35,}", "AQVN"),
        ),
    ),
    (
        "K",
        (
            _token(r"SK[0-9a-f]{32}\b", "SK"),
            _token(r"EZ[AT]K[A-Za-z0-9]{50,}", "EZAK", "EZTK"),
        ),
    ),
    (
        "Y",
        (_token(r"YC[A-Z][\w-]{37}\b", "YCA", "YCM", "YCN", "YCO", "YCP"),),
    ),
    (
        "V",
        (_token(r"cmVmd[A-Za-z0-9]{50,}", "cmVmd"),),
    ),
    (
        "~",
        (_token(r"sha256~[\w-]{40,}", "sha256~"),),
    ),
    (
        "G",
        (_token(r"GR1348941[\w=-]{16,}", "GR1348941"),),
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
            _token(r"gh[pousr]_[A-Za-z0-9]{20,}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
            _token(r"(?:github|dckr)_pat_[\w-]{20,}", "github_pat_", "dckr_pat_", probes=("_pat_",)),
            _token(
                r"[spr]k_(?:live|test)_[A-Za-z0-9]{10,}",
                *("sk_live_", "sk_test_", "pk_live_", "pk_test_", "rk_live_", "rk_test_"),
                probes=("_live_", "_test_"),
            ),
            _token(r"npm_[A-Za-z0-9]{30,}", "npm_"),
            _token(r"hf_[A-Za-z0-9]{30,}", "hf_"),
            _token(r"whsec_[A-Za-z0-9+/=]{20,}", "whsec_"),
            _token(r"do[opr]_v1_[0-9a-f]{40,}", "dop_v1_", "doo_v1_", "dor_v1_", probes=("_v1_",)),
            _token(r"shp[a-z]{2}_[0-9A-Fa-f]{32,}", "shp"),
            _token(r"lin_api_[A-Za-z0-9]{30,}", "lin_api_"),
            _token(r"glsa_\w{32,}", "glsa_"),
            _token(r"secret_[A-Za-z0-9]{40,}", "secret_"),
            _token(r"ntn_[A-Za-z0-9]{40,}", "ntn_"),
            _token(r"(?:figd|figo|figu|figoh)_[\w-]{20,}", "figd_", "figo_", "figu_", "figoh_", probes=("fig",)),
            _token(r"glc_[A-Za-z0-9+/=]{30,}", "glc_"),
            _token(r"rubygems_[0-9a-f]{32,}", "rubygems_"),
            _token(r"sgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}", "sgp_"),
            _token(r"tfp_[\w.=-]{40,}", "tfp_"),
            _token(r"r8_[A-Za-z0-9]{30,}", "r8_"),
            _token(r"pscale_(?:tkn|oauth|pw)_[\w=.-]{20,}", "pscale_"),
            _token(r"(?:pnu|pnb)_[A-Za-z0-9]{30,}", "pnu_", "pnb_"),
            _token(r"rdme_[a-z0-9]{40,}", "rdme_"),
            _token(r"sntry[su]_[\w+/=]{40,}", "sntrys_", "sntryu_", probes=("sntry",)),
            _token(r"shippo_(?:live|test)_[0-9a-fA-F]{30,}", "shippo_"),
            _token(r"duffel_(?:live|test)_[\w=-]{30,}", "duffel_"),
            _token(r"sm_[aps]at_[A-Za-z0-9]{16,}", "sm_aat_", "sm_pat_", "sm_sat_"),
            _token(r"(?:fo1|fm1a|fm1r|fm2)_[\w+/=-]{40,}", "fo1_", "fm1a_", "fm1r_", "fm2_"),
            _token(r"ops_eyJ[A-Za-z0-9+/=]{40,}", "ops_eyJ"),
            _token(r"sq[upa]_[0-9a-f]{40}", "squ_", "sqp_", "sqa_"),
            _token(r"(?:live|test)_(?:pub_)?[0-9a-f]{31,}", "live_", "test_"),
            _token(r"[spr]k_prod_[A-Za-z0-9]{10,}", "sk_prod_", "pk_prod_", "rk_prod_"),
            _token(r"(?:phc|phx|phs)_[A-Za-z0-9]{30,}", "phc_", "phx_", "phs_"),
            _token(
                r"(?:gsk|xai|key|nvapi|fc|tvly|vcp|vercel|re|sbp|sb_secret|dckr_oat|ctp|bkua|cio|nf[pcoub]|oy2|lsv2_pt|lsv2_sk)_[A-Za-z0-9_-]{36,}",
                *("gsk_", "sbp_", "sb_secret_", "dckr_oat_", "bkua_", "nfp_", "nfc_", "lsv2_pt_", "lsv2_sk_", "re_"),
            ),
            _token(r"CLOJARS_[A-Za-z0-9]{40,}", "CLOJARS_"),
            _token(r"(?:xau|pat|atp|dtn|uat|cfut|cfat)_[A-Za-z0-9]{40,}", "pat_", "cfut_", "cfat_"),
        ),
    ),
    (
        "-",
        (
            _token(
                r"gl(?:pat|ptt|rtr?|dt|cbt|ffct|ft|imt|agent|oas|soat|wt)-[\w-]{16,}(?:\.[\w.-]{9,})?",
                *(
                    "glpat-",
                    "glptt-",
                    "glrt-",
                    "glrtr-",
                    "gldt-",
                    "glcbt-",
                    "glffct-",
                    "glft-",
                    "glimt-",
                    "glagent-",
                    "gloas-",
                ),
                *("glsoat-", "glwt-"),
                probes=("gl",),
            ),
            _token(
                r"(?:pplx|tk-us|fio-u|shpat|ATNT|p8e|dnkey)-[\w=-]{20,}", "pplx-", "tk-us-", "fio-u-", "p8e-", "dnkey-"
            ),
            _token(r"bedrock-api-key-[A-Za-z0-9+/=]{20,}", "bedrock-api-key-"),
            _token(r"API-[A-Z0-9]{24,}", "API-"),
            _token(r"A3-[A-Z0-9]{6}-[A-Z0-9-]{20,}", "A3-"),
            _token(r"PMAK-[0-9a-f]{20,}-[0-9a-f]{30,}", "PMAK-"),
            _token(r"pul-[0-9a-f]{32,}", "pul-"),
            _token(r"xkeysib-[0-9a-f]{40,}(?:-\w{8,})?", "xkeysib-"),
            _token(r"xsmtpsib-[0-9a-f]{40,}(?:-\w{8,})?", "xsmtpsib-"),
            _token(r"FLW(?:SECK|PUBK)(?:_TEST)?-[0-9a-hA-H]{12,}(?:-X)?", "FLWSECK", "FLWPUBK"),
            _token(r"NR(?:II|JS|BR|RA)-[\w-]{16,}", "NRII-", "NRJS-", "NRBR-", "NRRA-"),
            _token(r"access-(?:sandbox|development|production)-[0-9a-f-]{32,}", "access-"),
            _token(r"pubkey-[0-9a-f]{32}", "pubkey-"),
            _token(r"v1\.0-[0-9a-f]{24}-[0-9a-f]{100,}", "v1.0-"),
            _token(r"xox[a-z](?:[.-][\w-]{1,}){1,3}", "xox"),
            _token(r"xapp-[\w-]{20,}", "xapp-"),
            _token(r"sk-(?=[\w-]{0,60}\d)(?=[\w-]{0,60}[A-Z])[\w-]{20,}", "sk-"),
            _token(r"pypi-[\w-]{30,}", "pypi-"),
            _token(r"GOCSPX-[\w-]{20,}", "GOCSPX-"),
            _token(r"AGE-SECRET-KEY-1[0-9A-Z]{30,}", "AGE-SECRET-KEY-1"),
            _token(r"sq0[a-z]{3}-[\w-]{20,}", "sq0"),
            _token(r"NRAK-[0-9A-Z]{20,}", "NRAK-"),
            _token(r"HRKU-[\w-]{20,}", "HRKU-"),
            _token(r"key-[0-9a-f]{32}", "key-"),
        ),
    ),
    (
        ".",
        (
            _token(r"SG\.[\w-]{16,}\.[\w-]{16,}", "SG."),
            _token(r"ya29\.[\w-]{20,}", "ya29."),
            _token(r"hv[sbr]\.[\w-]{20,}", "hvs.", "hvb.", "hvr."),
            _token(r"dp\.[a-z]{2,5}\.(?:[a-z0-9_-]{1,40}\.)?[\w-]{30,}", "dp."),
            _token(r"s\.(?=[A-Za-z0-9]{0,22}\d)(?=[A-Za-z0-9]{0,22}[A-Z])[A-Za-z0-9]{24}\b(?!\.)", "s."),
            _token(r"dt0[a-z]\d\d\.[A-Za-z0-9]{20,}\.[A-Za-z0-9]{40,}", "dt0"),
            _token(r"(?:pat|sat)\.[\w-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}", "pat.", "sat."),
            _token(r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", "pat"),
            _token(r"(?:pk|sk)\.[A-Za-z0-9]{40,}\.[\w-]{20,}", "pk.", "sk."),
            _token(r"sl\.[\w=-]{60,}", "sl."),
            _token(r"t1\.[\w=-]{20,}\.[\w=-]{60,}", "t1."),
            _token(
                r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{20,}",
                "sc_",
                "ext_",
                "scauth_",
                "authress_",
            ),
            _anywhere(r"(\.)atlasv1\.[\w=-]{40,}", ".atlasv1."),
            _token(r"1//0[\w-]{30,}", "1//0"),
            # Discord bot token: the id in base64, a time, a signature.
            _token(
                r"[MNO][\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}",
                *("MT", "MD", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"),
            ),
            _anywhere(
                r"(hooks\.slack\.com/(?:workflows|triggers)/)[A-Za-z0-9/+]{10,}",
                *("hooks.slack.com/workflows/", "hooks.slack.com/triggers/"),
            ),
            _anywhere(r"(\.office\.com/webhookb2/)[\w@/-]{20,}", ".office.com/webhookb2/"),
            _anywhere(r"(chat\.googleapis\.com/v1/spaces/)[\w/?=&%-]{20,}", "chat.googleapis.com/v1/spaces/"),
            _anywhere(r"(zapier\.com/hooks/catch/)[\w/]{10,}", "zapier.com/hooks/catch/"),
            _anywhere(r"(api\.pushbullet\.com/)[\w.]{30,}", "api.pushbullet.com/"),
            _anywhere(r"(hooks\.slack\.com/services/)[A-Za-z0-9/]{10,}", "hooks.slack.com/services/"),
            _anywhere(
                r"(discord(?:app)?\.com/api/webhooks/\d{1,30}/)[\w-]{20,}",
                *("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
            ),
        ),
    ),
    # Telegram bot token; Azure signature.
    (":AA", (_anywhere(r"(?<=\d)(:)AA[\w-]{30,}", ":AA"),)),
    ("sig=", (_anywhere(r"([?&]sig=)[\w%+/=.-]{16,}", "?sig=", "&sig="),)),
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


def may_hold_shape(text: str) -> bool:
    """Return whether any function of this module might change the text, at a fraction of their cost."""
    for sign, probes in _PROBES_BY_SIGN:
        if sign in text:
            for probe in probes:
                if probe in text:
                    return True
    return False


def filter_private_keys(text: str) -> str:
    """Return the text with private keys replaced; a key that is cut off extends to the end of the text."""
    return _PRIVATE_KEY.sub(FILTERED, text) if "-----BEGIN " in text else text


def filter_tokens(text: str) -> str:
    """Return the text with tokens of known shapes and password hashes replaced."""
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
    """Return the text with the matches of a pattern replaced, except their first group.

    Args:
        text: The text.
        searched: The text, or a form of it with the same positions, such as lower case.
        beginning: Matches begin where ``searched`` contains this.
        pattern: The pattern.
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
