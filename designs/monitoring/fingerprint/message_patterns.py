"""Regular expressions for variable parts of messages: ids, addresses, paths, dates, durations, sizes, numbers. Pure."""

from __future__ import annotations

from designs.monitoring.fingerprint.message_tokens import word_set
from designs.patterns import compile_pattern

__all__ = ["TOKEN"]

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_MONTHS_ELSEWHERE = (
    r"(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|janvier|février|mars|avril|mai"
    r"|juin|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre"
    r"|octubre|noviembre|diciembre|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre)"
)
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:day|sday|nesday|rsday|urday)?"
_TIME = r"\d{1,2}:\d\d(?::\d\d)?+(?:[.,]\d{1,9}+)?+"
# After the time of a date: AM or PM, the time zone, and a year before or after it.
_YEAR = r"(?: \d{4}(?![\w.]))?+"
_ZONE = (
    rf"(?: ?[AaPp]\.?[Mm]\b\.?)?+{_YEAR}"
    rf"(?: ?(?:Z|UTC|GMT|CES?T|[ECMP][SD]T)\b| ?[+-]\d\d:?\d\d(?!\w))?+{_YEAR}"
)
_REST_OF_DATE = rf"\.?(?!\w)(?:,?[ /-]\d{{4}}(?!\w))?+(?:(?:,? | at |:){_TIME}{_ZONE})?+"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = (
    r"\d{4}[-/.]\d\d?[-/.]\d\d?"
    rf"(?:[T _-]\d\d[:.,]\d\d(?:[:.,]\d\d(?:[.,:]\d{{1,9}}+)?+)?+{_ZONE})?+(?!\w)"
    rf"|(?:[0-3]?\d[-/][0-3]?\d[-/]\d{{2}}(?:\d\d)?|[0-3]?\d\.[01]?\d\.\d{{4}})(?:,? {_TIME}{_ZONE})?+(?![\w-]|\.\w)"
    r"|(?:19|20)\d\d-?W\d\d(?:-?\d)?(?!\w)"
    r"|(?:19|20)\d{6}[T_-]\d\d:?\d\d:?\d\d(?:[.,:]\d{1,9}+)?+(?:Z|[+-]\d\d:?\d\d)?+(?!\w)"
    rf"|{_NTH}\.?[ /-](?:of )?{_MONTH}{_REST_OF_DATE}"
    rf"|\d{{1,2}}\.? (?:de )?{_MONTHS_ELSEWHERE}(?: de)? \d{{4}}(?:,? {_TIME})?+"
    r"|\d{4}年\d{1,2}月\d{1,2}日"
)
_DATE_BY_WORD = (
    rf"(?=[JFMASONDTW])(?:{_DAY},? )?+"
    rf"(?:{_MONTH}\.? {{1,2}}{_NTH}(?!\w)|(?<= ){_NTH}\.?[ /-](?:of )?{_MONTH}){_REST_OF_DATE}"
    r"|datetime\.(?:datetime|date|time|timedelta)\([^)]{0,100}+\)"
)

_AMOUNT = r"\d{1,12}+(?:[.,]\d{1,9}+)?+"
_UNIT = (
    r"(?:[nuµμm]s|s|secs?|seconds?|m|mins?|minutes?|hours?|hrs?|h|days?|d|wks?|weeks?|w|months?|years?|yrs?|msecs?|millis"
    r"|milliseconds?|microseconds?|nanoseconds?)"
)
_DURATION = (
    # "1 day, 2:03:04", "12.5 seconds", "<1 s", "1h23m45s". 2d and 3d before another word are words.
    rf"(?:\d{{1,6}} days?,? )?+{_TIME}(?![\w:])(?: ?[AaPp]\.?[Mm]\b)?+"
    rf"|(?![23][dD][ -][A-Za-z])[<>~]?{_AMOUNT} ?+{_UNIT}(?!\w)|(?:{_AMOUNT}(?:[nuµμm]s|min|sec|[smhdw])){{2,7}}+(?!\w)"
)
_ISO_DURATION = r"P(?=\d|T\d)(?:\d{1,6}[YMWD]){0,4}(?:T(?:\d{1,6}(?:\.\d{1,9})?[HMS]){1,3})?(?!\w)"
_SIZE = rf"[<>~]?{_AMOUNT} ?+(?:[kKMGTPE]i?B|[KMGTPE]i|bytes?|B|[kKMG]bytes?)(?:/s|ps)?(?!\w)"

_PORT = r"(?::\d{1,5}+)?+"
_IP4 = rf"(?:\d{{1,3}}\.){{3}}\d{{1,3}}+(?:/\d{{1,2}}(?![\w/]))?+{_PORT}(?![\w.-]\w)"
_HEX4 = r"[0-9a-fA-F]{1,4}"
# In full, or shortened with "::" and at least three groups or a first one of four digits: C++ names seldom match that.
_IP6 = (
    rf"(?:(?:{_HEX4}:){{7}}{_HEX4}(?!\w)"
    rf"|(?=[a-fA-F:]{{0,39}}+\d)(?:{_HEX4}(?::{_HEX4}){{1,6}}::(?:{_HEX4}(?::{_HEX4}){{0,5}})?|{_HEX4}::{_HEX4}(?::{_HEX4}){{1,5}}"
    rf"|(?=[a-fA-F]{{0,3}}\d)[0-9a-fA-F]{{4}}::{_HEX4})(?!\w|:[\w:]))(?:%[a-z0-9]{{1,15}}+)?+(?:/\d{{1,3}}(?!\w))?+"
)
# Top-level domains that are not also suffixes of modules and files.
_TLD = (
    r"(?:com|net|org|edu|gov|mil|info|biz|asia|arpa|example|consul|local|internal|lan|localdomain|intranet|corp|svc"
    r"|(?!py|js|so|rs|sh|md|cc|go|pl|db|io|id|is|in|it|me|no)[a-z]{2})"
)
_LABEL = r"[A-Za-z0-9_-]{1,63}+"
_HOST_NAME = (
    rf"localhost:\d{{1,5}}+(?!\w)|(?:{_LABEL}\.(?:(?:com|net|edu|org|info|biz|internal|lan|intranet|corp|localdomain|(?:local|example|consul)(?=:\d))(?![\w-])"
    rf"|(?:{_LABEL}\.){{1,7}}(?<=\.){_TLD}(?![\w-])))(?!\.\w){_PORT}"
)

_SIGN = r"[^\s\"'<>|:;,()\[\]]"
# A Windows folder may contain spaces, because another backslash follows.
_FOLDER = r"[^\s\\/:*?\"'<>|,;](?:[^\\/:*?\"'<>|\n]{0,80}[^\s\\/:*?\"'<>|\n])?+\\{1,2}"
_WINDOWS_PATH = rf"(?:[A-Za-z]:[\\/]{{1,2}}|\\\\{{1,3}}(?=[\w?.$]))(?:{_FOLDER}){{0,30}}+{_SIGN}{{0,255}}+"
# File types of user data, not of code and settings.
_DATA = (
    r"(?:step|stp|iges|igs|stl|dxf|dwg|obj|ply|3mf|brep|gltf|glb|fcstd|png|jpe?g|gif|tiff?|bmp|pdf|csv|xlsx?|docx?|zip|gz"
    r"|7z|mp4|mov|wav)"
)
_FILE_NAME = rf"(?:\.[\w+-]{{1,100}}+){{0,5}}?\.(?i:{_DATA})"
_ROOT = r"(?:~?/|\.{1,2}[\\/]|[A-Za-z]:[\\/]|\\\\)"
_QUOTED_PATH = "|".join(
    rf"(?<={quote}){_ROOT}[^{quote}\n<>|]{{1,500}}+(?={quote})"
    rf"|(?<={quote})(?:[\w.@ +()-]{{1,100}}+/){{1,30}}+[\w@ +().-]{{1,100}}\.[A-Za-z][A-Za-z0-9]{{0,7}}+(?={quote})"
    rf"|(?<={quote})[\w@ +()-]{{1,100}}+{_FILE_NAME}(?={quote})"
    for quote in "'\""
)
_ENDING = r"\.(?!py\b|com\b|net\b|org\b)[A-Za-z][A-Za-z0-9]{0,7}(?![\w/-]|\.\w)"
_RELATIVE_PATH = (
    # A user's file; a path with any file ending; a path with two slashes and a digit; a path with backslashes.
    rf"[\w+-]{{1,100}}+{_FILE_NAME}(?![\w/(-]|\.\w)"
    rf"|(?:[\w.@+-]{{1,100}}+/){{1,30}}+(?:[\w@+-]{{1,100}}+|\.(?=\w+\.)){{1,8}}+{_ENDING}"
    r"|(?=[A-Za-z_./-]{1,200}+\d)[A-Za-z][\w.-]{0,100}+/(?:[\w.@+-]{1,100}+/){1,30}+[\w.@+-]{1,100}+"
    r"|(?:[\w.@-]{1,100}+\\{1,2}){2,30}+[\w.@-]{1,100}+"
)

_UUID = r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])"
_HEX = (
    r"(?=[0-9]{0,128}+[a-fA-F])(?=[a-fA-F]{0,128}+[0-9])[0-9a-fA-F]{8,128}+(?![0-9A-Za-z])|(?:[a-f]{8}|[A-F]{8})(?!\w)"
)
# Tokens and base64 texts.
_RANDOM = (
    r"(?<![\w-])eyJ[\w-]{8,4000}+(?:\.[\w-]{0,4000}+){1,4}+"
    r"|(?<![+/])(?=[a-z0-9+/]{0,64}+[A-Z])(?=[A-Z0-9+/]{0,64}+[a-z])(?=[A-Za-z+/]{0,64}+\d)[A-Za-z0-9+/]{24,4000}+={0,2}(?!\w)"
    r"|(?<![+/])(?=[A-Za-z+/]{0,64}+\d)[A-Za-z0-9+/]{12,4000}+={1,2}(?![\w=])"
)
# Hardware locations such as R02-M1-N0-C:J12-U11, but not names of ciphers.
_PLACE = (
    r"(?=[A-Z:-]{0,64}+\d)(?!(?:ORA|CVE|ISO|RFC|CWE)-|[A-Z0-9-]{0,40}(?:AES|SHA|RSA))"
    r"[A-Z0-9]{1,8}+(?:[-:][A-Z0-9]{1,8}+){3,12}+(?![\w-])"
)
_NUMBER = (
    r"(?<!_)(?<![A-Za-z]-)[+\u2212-]?+\d{1,40}+(?:['\u2019]\d{3})*+(?:\.\d{1,40}+){0,3}+(?:[eE][+-]?\d{1,4}+)?+(?:[_:-]\d{1,40}+){0,20}+"
    r"(?!(?!(?:[mcdkµμ]?m|in|ft|p[xt]|deg|rad|[km]?g|lb|[kMG]?Hz|rpm|m?[AV]|[km]?W|[KC]|fps|x|[kMG]bps)(?!\w))\w)"
)
# v1.2.3, 2.0.0-rc1
_RELEASE = (
    r"(?:v\d{1,4}(?:\.\d{1,4}){1,3}|\d{1,4}(?:\.\d{1,4}){1,3}(?=[-.]?[abdpr]))"
    r"(?:[-.]?(?:alpha|beta|dev|post|rc|[ab])[.-]?\d{0,4})?(?!\w)"
)
_NAME = r"(?=[A-Za-z_-]{0,64}+\d)[A-Za-z0-9]{1,255}+(?:[_-]{1,2}+[A-Za-z0-9]{1,255}+)*+"

# Data that a database or a parser quotes, whatever its content.
_SHOWN = (
    r"(?<=row contains )\([^\n]{0,3000}+"
    r"|(?:(?<=Duplicate entry )|(?<=time data ))(?:'[^'\n]{0,1000}+'|\"[^\"\n]{0,1000}+\")"
)

# A word after a number that is neither a unit nor part of a date.
_COMMON_WORD = rf"(?!(?:{_UNIT}|bytes?|am|pm|de|of [A-Z]\w|{_MONTHS_ELSEWHERE})\b)[a-z]{{2,12}}(?=[\s,.;:)]|\Z)"

# Kind, first character (0 a digit, a a letter, . another character), pattern. The order matters: a pattern comes before
# those that would match a part of its text.
_PATTERNS: tuple[tuple[str, str, str], ...] = (
    # Most numbers and names: these match fast, and no other pattern can start in the same way.
    ("code", "0", rf"\d{{1,9}}+(?=[)\];,](?!\d)|\Z| {_COMMON_WORD})"),
    ("name", "a", r"[A-Za-z]{2,20}+[_-]\d{1,6}+(?=[\s,;)\]]|\Z)"),
    ("word", "a", r"(?:D?TLS|SSL|SMB)v\d(?:\.\d)?(?!\w|\.\w)"),
    ("word", "0", r"802\.\d{1,2}[a-z]{0,2}(?!\w|\.\d)"),
    ("word", "a", r"(?<=TemplateDoesNotExist: )[\w./-]{1,200}+|(?<=TemplateNotFound: )[\w./-]{1,200}+"),
    ("value", ".", _SHOWN),
    ("uuid", "0a", _UUID),
    ("email", "0a.", r"[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+){1,8}+"),
    ("url", "a", r"[a-z][a-z0-9+.-]{1,15}+://[^\s\"'<>)\]]{1,2048}+"),
    ("date", "0", _DATE),
    ("mac", "0a", r"(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}(?!\w)|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}(?![\w.])"),
    ("host", "0", _IP4),
    ("host", "0a", _IP6),
    ("host", ".", rf"/?{_IP4}|/?\[{_IP6}\]{_PORT}|/{_IP6}|\[?::1\]?{_PORT}(?![\w:])"),
    ("path", "a0.", _QUOTED_PATH),
    ("path", "a", rf"{_WINDOWS_PATH}|{_RELATIVE_PATH}"),
    ("path", "0", _RELATIVE_PATH),
    ("path", ".", rf"{_WINDOWS_PATH}|(?<![.])(?:~?|\.{{1,2}})/{_SIGN}{{1,255}}+"),
    ("code", "0", r"0[xX][0-9a-fA-F]{1,64}+(?!\w)"),
    ("host", "0a", _HOST_NAME),
    ("number", "0a", _HEX),
    # A colour.
    ("number", "0a", r"(?<=#)[0-9a-fA-F]{6}(?![0-9A-Za-z])"),
    ("duration", "0.", _DURATION),
    ("duration", "a", _ISO_DURATION),
    ("size", "0.", _SIZE),
    ("id", "0a", _RANDOM),
    ("id", "0a", _PLACE),
    ("number", "0.", rf"[+\u2212-]?{_AMOUNT} ?%(?!\w)"),
    ("code", "0a", _RELEASE),
    ("code", "0.", _NUMBER),
    ("name", "0a", _NAME),
)
_STARTS = {"0": r"\d", "a": "[A-Za-z]", ".": r"[^\sA-Za-z0-9]"}


def _branch(start: str) -> str:
    """Return the patterns that may match at this kind of first character; each group name ends in a unique number."""
    return "|".join(
        f"(?P<{kind}{at}{'a0.'.index(start)}>{pattern})"
        for at, (kind, starts, pattern) in enumerate(_PATTERNS)
        if start in starts
    )


_BRANCHES = "|".join(f"(?={sign})(?:{_branch(start)})" for start, sign in _STARTS.items())

# A text after "=" is a value, unless the name before "=" announces a kind of failure.
_KINDS = word_set(
    "action code detail error event exc exception kind level message method msg reason state status string type"
)
_SAYS_KIND = "".join(f"(?<!{name}=)" for name in sorted(_KINDS))
_PLACES = "|".join(f"(?<={name}=)" for name in ("host", "hostname", "node", "pod", "worker", "session", "sessionid"))
_VALUE = (
    rf"(?<==)(?:{_SAYS_KIND}(?P<value0>\"[^\"\n]{{0,1000}}+\"|'[^'\n]{{0,1000}}+')"
    # Key (name)=(lid)
    r"|(?<=\)=)(?P<value2>\([^()\n]{0,300}+\))"
    rf"|(?:{_PLACES})(?P<value1>(?!(?:None|null|none|undefined)\b|<)[^\s,;&)\]}}\"']{{1,200}}+))"
)
# Most words are not variable: a run of them is skipped before any pattern is tried. Exceptions are words after "=" or a
# quote, which may start a value or a path, names of months, and numbers that look like words.
_WORD = (
    r"(?<![='\"])(?![JFMASONDTW][a-z]{2,8}(?:[.,]? {1,2}\d|,? [A-Z1-3])|[a-f]{8}\b|[A-F]{8}\b)"
    r"[A-Za-z][A-Za-z_-]{0,63}+(?:'[a-z]{1,2}\b)?+(?=[^\w@/\\.:~+-]|[:.](?:\s|\Z)|\Z)"
)
_QUOTED_WORDS = (
    r"(?<!=)(?<!Duplicate entry )(?<!time data )(?:'[A-Za-z][A-Za-z_ -]{0,40}+'|\"[A-Za-z][A-Za-z_ -]{0,40}+\")"
)
_PLAIN = rf"(?:{_WORD}|(?:[\s,;:)!?{{}}]|(?<!=)(?<!row contains )\()(?![\[:\\/.])|{_QUOTED_WORDS})*+"
# Text that matches no pattern is skipped as well, up to the start of the next word.
_REST = r"[A-Za-z_]{1,64}+(?:\.[A-Za-z_]{1,64}+(?!\d))*+|[A-Za-z0-9_]++|[\s\S]|\Z"

TOKEN = compile_pattern(
    rf"(?P<plain>{_PLAIN})(?:{_VALUE}|(?<![A-Za-z0-9])(?:(?P<date00>{_DATE_BY_WORD})|{_BRANCHES})|{_REST})"
)
"""Matches the next token: fixed words in the group ``plain``, then one variable part or one fixed character.

The last matching group identifies the kind of the variable part, as ``<kind><number>``.
"""
