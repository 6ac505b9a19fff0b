"""Secrets identified by their context: elements and attributes, SQL statements, calls, protocols, files. Pure."""

from __future__ import annotations

import re

from designs.monitoring.secret_text.secret_names import MAX_KEY_CHARS, is_secret_key, is_secret_name
from designs.monitoring.secret_text.secret_values import is_random
from designs.monitoring.secret_text.shapes import FILTERED
from designs.patterns import compile_pattern

__all__ = ["filter_calls", "filter_fields", "filter_lines", "filter_markup", "filter_parameters", "may_hold_line"]

_ELEMENT = compile_pattern(r"(<([\w:.-]{1,100}+)(?:\s[^<>]{0,200}+)?>\s*+)(?:<!\[CDATA\[[^<>]++>|[^<>]++)(?=\s*+</)")
_TAG = compile_pattern(r"<[A-Za-z][\w:.-]*+\s[^<>]*+>")
_NAME_ATTRIBUTE = compile_pattern(
    r"\b(?:name|key|id|property|type|n)\s?=\s?\\{0,8}[\"']([^\"'\\<>]{1,200})\\{0,8}[\"']", re.IGNORECASE
)
_VALUE_ATTRIBUTE = compile_pattern(
    r"(\b(?:value|content|val|v)\s?=\s?\\{0,8}([\"']))[^\"'<>]*?(?=\\{0,8}\2)", re.IGNORECASE
)
# Content of a named element: text, or a nested element with the text.
_CONTENT = compile_pattern(r"((?:\s*+<(?:value|string|data)(?:\s[^<>]*+)?>)?\s*+)([^<>\s][^<>]*+)(?=</)", re.IGNORECASE)
_NAMED_KEY = compile_pattern(
    r"(<key>([^<>]{1,200}+)</key>\s*+<(?:string|data)>)[^<>]++(?=</)|(<(?:name|key)>([^<>]{1,200}+)</(?:name|key)>\s*+<value>)[^<>]++(?=</)",
    re.IGNORECASE,
)

_FIELD_BEFORE_NAME = compile_pattern(
    r"(\\{0,64}+[\"']value\\{0,64}+[\"'][ \t]*+:[ \t]*+)"
    r"(?!\[filtered\])(?:\\{0,64}+\"[^\"\n]*+\"|\\{0,64}+'[^'\n]*+'|\[[^\[\]\n]*+\]|\{[^{}\n]*+\}|[\w.+-]{1,100}+)"
    r"(,(?:\s|\\{1,4}[nrt]){0,40}+\\{0,64}+[\"'](?:name|key|field|header)\\{0,64}+[\"'][ \t]*+:[ \t]*+"
    r"\\{0,64}+[\"']([\w.-]{1,200}+))",
    re.IGNORECASE,
)
_VALUE_ENDS = compile_pattern(r"value[\"'\\]", re.IGNORECASE)
_STATEMENT_PARAMETERS = compile_pattern(
    r"(\[parameters: |\bargs=(?=[(\[])|\bparams=(?=[(\[{])|\bparameters[:=] ?(?=[(\[{]))"
)
_QUOTED = r"(?:[bru]{0,2}\\{0,8}(?:'[^'\n]{0,500}+'|\"[^\"\n]{0,500}+\"))"
_CALL = compile_pattern(
    rf"((?:auth|credentials?|login|signin|getconnection|authenticate|pgp_sym_(?:en|de)crypt|crypt|password)\w{{0,40}}+\s?\((?:\s{{0,20}}+(?:{_QUOTED}|[\w.]{{1,100}}+)\s{{0,20}}+,){{1,6}}+\s{{0,20}}+)"
    rf"{_QUOTED}(?=\s*+\))",
    re.IGNORECASE,
)
# Database functions: the first argument is the password, or the second argument is the key.
_CRYPTS = compile_pattern(
    rf"(\b(?:crypt|(?:en|de)cryptbypassphrase)\s?\(\s{{0,20}}+)[ne]?{_QUOTED}(?=\s*+,)"
    rf"|(\b(?:pgp_sym_(?:en|de)crypt(?:_bytea)?|(?:aes_)?(?:en|de)crypt(?:_iv)?)\s?\(\s{{0,20}}+(?:[nbe]?{_QUOTED}"
    rf"|[\w.\"%?$:]{{1,200}}+(?:\([^()\n]{{0,200}}+\))?)(?:::\w{{1,40}}+)?\s{{0,20}}+,\s{{0,20}}+)[nbe]?{_QUOTED}",
    re.IGNORECASE,
)
_CONSTRUCTOR = re.compile(
    rf"(\b(?:Secret(?:Str|String|Bytes|Text)?|Password|PASSWORD|MaskedString)\(){_QUOTED}(?=\s*+\))"
)

# Lines of protocols and files.
# `.pgpass`, from the port on: host, port, database, user, password. The host is searched backwards from the port.
_PGPASS = compile_pattern(r"(:(?:\d{2,5}|\*):(?!\d+:)[\w*$-]{1,64}+:[\w$.@*-]{1,64}+:)(?=[^\s:]{6})[^\s\"']++")
_HOST_MAX_CHARS = 255
_IP4_HOST = compile_pattern(r"\d{1,3}(?:\.\d{1,3}){3}")
_NETRC = compile_pattern(
    r"(\b(?:machine\s{1,8}+\S{1,200}+|default)\s{1,8}+login\s{1,8}+\S{1,200}+\s{1,8}+password\s{1,8}+)\S++"
)
_AUTH_LINE = compile_pattern(
    r"(\bAUTH(?:ENTICATE)?[ ](?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2|OAUTHBEARER|NTLM|EXTERNAL|GSSAPI"
    r"|SCRAM-SHA-\d+)[ ]\"?)(?=[\w+/=-]{8})[\w+/=-]++"
)
_LOGIN_LINE = compile_pattern(r"(\bLOGIN[ ]\"[^\"\n]{1,100}+\"[ ]\")[^\"\n]++")
_AUTH_WORDS = compile_pattern(r"(\b(?:AUTH(?:[ ](?![A-Z]+\b)[\w.-]{1,64}+)?|PASS|LOGIN[ ]\S{1,64}+)[ ])(?=[^\s\"']{8})")
_PASS_WORD = compile_pattern(r"[^\s\"']++")
_PUTTY = compile_pattern(
    r"(PuTTY-User-Key-File-\d: [^\n]{0,200}+\n"
    r"(?:(?!Private-Lines|PuTTY)[^\n]{0,200}+\n){0,200}+Private-Lines: \d+\r?\n)"
    r"(?:[\w+/=]++\r?(?:\n|\Z)|Private-(?:MAC|Hash): \S++)++"
)
_JWK = compile_pattern(r"(\\{0,8}[\"'](?:d|p|q|dp|dq|qi|k)\\{0,8}[\"']\s{0,8}:\s{0,8}\\{0,8}[\"'])[\w=-]{8,}+")
_ORACLE = compile_pattern(
    r"((?:jdbc:oracle:\w{1,10}:|\b(?:sqlplus|expdp|impdp|sqlldr"
    r"|rman target)[ ](?:-\w+[ ])?)[\w$#.-]{1,64}+/)[^\s@'\"]{1,256}+(?=@)"
)


def filter_markup(text: str) -> str:
    """Return the text with the values of elements and attributes replaced that have a sensitive name."""
    if "</" in text:
        text = _ELEMENT.sub(lambda m: m[1] + FILTERED if _is_sensitive(m[2]) and m[2].lower() != "key" else m[0], text)
        text = _NAMED_KEY.sub(lambda m: (m[1] or m[3]) + FILTERED if _is_sensitive(m[2] or m[4]) else m[0], text)
    if "='" not in text and '="' not in text and '=\\"' not in text:
        return text
    pieces: list[str] = []
    done = 0
    for tag in _TAG.finditer(text):
        if tag.start() < done or not any(
            _is_sensitive(name[1]) for name in _NAME_ATTRIBUTE.finditer(text, tag.start(), tag.end())
        ):
            continue
        value = _VALUE_ATTRIBUTE.search(text, tag.start(), tag.end())
        if value:
            pieces += (text[done : value.end(1)], FILTERED)
            done = value.end()
        elif content := _CONTENT.match(text, tag.end()):
            pieces += (text[done : content.start(2)], FILTERED)
            done = content.end()
    return "".join((*pieces, text[done:])) if pieces else text


def filter_fields(text: str) -> str:
    """Return the text with the values replaced that precede their sensitive name."""
    if not _VALUE_ENDS.search(text):
        return text
    return _FIELD_BEFORE_NAME.sub(lambda m: m[1] + FILTERED + m[2] if is_secret_key(m[3]) else m[0], text)


def filter_parameters(text: str) -> str:
    """Return the text with the parameters of a statement replaced if the statement names a secret."""
    found = _STATEMENT_PARAMETERS.search(text)
    if found is None or not any(is_secret_name(word) for word in set(_WORD.findall(text[: found.start()])[-200:])):
        return text
    end = text.find("\n", found.end())
    return f"{text[: found.end()]}{FILTERED}{text[end:] if end >= 0 else ''}"


_WORD = compile_pattern(r"[\w-]{3,64}")


def filter_calls(text: str) -> str:
    """Return the text with the secrets of calls replaced: the last argument of a login, the key of an encryption."""
    if "(" not in text:
        return text
    text = _CRYPTS.sub(lambda m: (m[1] or m[2]) + FILTERED, text) if "crypt" in text.lower() else text
    return _CONSTRUCTOR.sub(rf"\1{FILTERED}", _CALL.sub(rf"\1{FILTERED}", text))


def may_hold_line(text: str) -> bool:
    """Return whether `filter_lines` might change the text."""
    return (
        "AUTH" in text or "PASS" in text or "LOGIN" in text or text.count(":") > 3
        or "PuTTY" in text or "kty" in text or "@" in text or ("login" in text and "password" in text)
    )  # fmt: skip


def filter_lines(text: str) -> str:
    """Return the text with the secrets in lines of protocols and files replaced."""
    if "AUTH" in text or "PASS" in text or "LOGIN" in text:
        text = _AUTH_LINE.sub(rf"\1{FILTERED}", text)
        text = _filter_words(_LOGIN_LINE.sub(rf"\1{FILTERED}", text))
    if text.count(":") >= 4:
        text = _PGPASS.sub(lambda m: m[1] + FILTERED if _follows_host(text, m.start()) else m[0], text)
    if "login" in text and "password" in text:
        text = _NETRC.sub(rf"\1{FILTERED}", text)
    if "PuTTY-User-Key" in text:
        text = _PUTTY.sub(rf"\1{FILTERED}", text)
    if "kty" in text:
        text = _JWK.sub(rf"\1{FILTERED}", text)
    if "@" in text and "/" in text:
        text = _ORACLE.sub(rf"\1{FILTERED}", text)
    return text


def _filter_words(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for found in _AUTH_WORDS.finditer(text):
        if found.start() >= done and is_random(text, found.end()):
            pieces += (text[done : found.end()], FILTERED)
            word = _PASS_WORD.match(text, found.end())
            done = word.end() if word else found.end()
    return "".join((*pieces, text[done:])) if pieces else text


def _follows_host(text: str, end: int) -> bool:
    begin, floor = end, max(0, end - _HOST_MAX_CHARS)
    while begin > floor and ((char := text[begin - 1]).isalnum() or char in "_.*-"):
        begin -= 1
    host = text[begin:end]
    is_word = any(char.isalpha() or char == "*" for char in host) or _IP4_HOST.fullmatch(host) is not None
    return is_word and text[begin - 1 : begin] not in {":", "/"}


def _is_sensitive(name: str) -> bool:
    return len(name) <= MAX_KEY_CHARS and is_secret_name(name)
