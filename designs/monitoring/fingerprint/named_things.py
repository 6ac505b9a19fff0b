"""Names in the text of a failure that are part of the program: tables, modules, attributes, templates, codes. Pure.

They count if no frame is the application's: the frames of a database driver are the same for any missing table. Data
never counts: values, paths, and the numbers and ids in names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from designs.monitoring.redaction import redact_text

__all__ = ["clean_identifier", "names_in"]

_MAX_CHARS = 1_000
_MAX_NAMES = 6
_NAME = r"[A-Za-z_][\w.$-]{0,127}"

# PostgreSQL and its relatives write `relation "x"`, MySQL and SQL Server `table 'x'`. Other quoted text is data.
_OBJECT = (
    r"(?:relation|table|view|column|reference|field|function|procedure|aggregate|routine|operator|class|family|type|domain"
    r"|enum|role|user|group|database|catalog|schema|sequence|index|constraint|key|trigger|rule|policy|extension|tablespace"
    r"|collation|language|server|wrapper|publication|subscription|parameter|statistics|dictionary|parser|configuration"
    r"|encoding|method|attribute|partition|engine|variable|plugin|event|alias|name|set)"
)
_SCHEMA = re.compile(
    rf"\b(?P<object>{_OBJECT})"
    r" (?:\"(?P<quoted>[^\"\n]{1,128})\"|'(?P<single>[^'\n]{1,128})'|`(?P<back>[^`\n]{1,128})`)"
    r"(?: (?P<again>already exists))?"
    r"|^\"(?P<first>[^\"\n]{1,128})\" is (?:not )?an? \w"
    # Without quotes: columns with a table, functions with their types, objects that are forbidden.
    rf"|\bcolumn (?P<column>{_NAME}) (?:does not exist|must appear)"
    rf"|\b(?:function|procedure|routine|aggregate) (?P<function>{_NAME})(?:\(| (?:does not|already))"
    rf"|\b(?:denied|owner of)(?: for)? {_OBJECT} (?P<denied>{_NAME})"
    rf"|\b(?:enum|for type) (?P<type>{_NAME})(?=:|$|\n)"
    r"|\bcast type (?P<cast>[\w ]{1,60} to [\w ]{1,60})"
    r"|\boperator does not exist: (?P<operator>[\w \[\]]{1,40}[^\w\s]{1,4} ?[\w \[\]]{0,40})"
    # The size of a type belongs to a column.
    r"|\btype (?P<sized>(?:(?:character|bit)(?: varying)?|n?varchar2?|n?char|numeric|decimal)"
    r"\(\d{1,9}(?:, ?\d{1,5})?\))"
    # SQLite has one class for most failures, so the words count.
    rf"|\b(?P<absent>no such [a-z ]{{4,20}}: {_NAME})"
    rf"|^(?P<there>(?:table|index|view|trigger) {_NAME} (?:already exists|has (?:no column named {_NAME}|\d)))"
    rf"|\b(?P<column_name>(?:ambiguous|duplicate) column name: {_NAME})|\b(?P<failed>constraint failed: {_NAME})"
    rf"|\b(?P<again_there>already another table or index with this name: {_NAME})"
    rf"|\b(?P<called>[a-z ]{{4,40}} function {_NAME}\(\))|\bcannot modify (?P<view>{_NAME}) because"
    # Numbers and codes of kinds of failures: MySQL's, Oracle's.
    r"|^\((?P<error>\d{4}), |\b(?P<ora>ORA-\d{5})\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(rf"'(?P<single>{_NAME})'|\"(?P<double>{_NAME})\"")
_IMPORT = re.compile(
    rf"{_QUOTED.pattern}|(?P<library>\blib[\w+-]{{1,60}})\.(?:so|dylib|dll)|undefined symbol: (?P<symbol>\w{{1,128}})"
    rf"|while importing (?P<module>{_NAME})|metadata was found for (?P<package>{_NAME})"
)
_KEY = re.compile(r"^['\"](?P<key>[A-Za-z_][\w.:-]{0,80})['\"]$|\bkey (?P<zone>[A-Za-z][\w/+-]{1,60})['\"]?$")
_CALL = re.compile(
    rf"^(?P<callee>[A-Za-z_][\w.<>]{{0,127}})\(\)"
    rf"|\bargument '(?P<argument>{_NAME})'|\barguments?: (?P<missing>'\w+'(?:,? (?:and )?'\w+'){{0,5}})"
    rf"|^'(?P<kind>{_NAME})' object|[Oo]bject of type (?P<typed>{_NAME}) is"
    rf"|: '(?P<left>{_NAME})' and '(?P<right>{_NAME})'|instances of '(?P<one>{_NAME})' and '(?P<two>{_NAME})'"
)
_REVERSE = re.compile(
    rf"^Reverse for '(?P<view>{_NAME}(?::{_NAME}){{0,5}})'|'(?P<namespace>{_NAME})' is not a registered"
)
_APPS = re.compile(
    rf"\b(?:label|[Aa]pp|[Mm]odule|engine|relation|keyword|field named|connection|backend|handler|filter|formatter"
    rf"|logger|level:?|command:?|alias|option|section:?|error handler name) ['\"](?P<name>{_NAME})['\"]"
    rf"|\b[Mm]odel (?:class )?'?(?P<model>{_NAME}\.\w{{1,80}})|\ba '(?P<held>{_NAME})' (?:model|class)"
    rf"|unknown encoding: (?P<encoding>{_NAME})"
    rf"|^'(?P<choice>{_NAME})' (?:isn't|is not) an? |^(?P<owner>[A-Z]\w{{0,60}}) has no(?= field)"
    rf"|field\(s\) \((?P<fields>[\w, ]{{1,120}})\)"
)
_SYNTAX = re.compile(
    rf"\b(?:tag|tags|filter)\b(?: on line \d+)?: '(?P<tag>{_NAME})'"
    rf"|'(?P<library>{_NAME})' is not a (?:registered|valid) tag"
)
_TEMPLATE = re.compile(r"^(?P<template>[\w./-]{1,200})$")
_UNDEFINED = re.compile(
    rf"'(?P<name>{_NAME})' is undefined|^'(?P<kind>{_NAME})(?: object)?' has no attribute '(?P<attribute>{_NAME})'"
)
_LOOKED_UP = re.compile(rf"lookup for key \[(?P<key>{_NAME})\]")
_OS = re.compile(r"^\[(?:Errno|WinError) (?P<errno>\d{1,5})\]|: '(?P<program>[A-Za-z][\w+-]{0,40})'$")
_ERRNO = re.compile(r"^\[(?:Errno|WinError) (?P<errno>\d{1,5})\]|^\[(?:SSL|X509): (?P<ssl>\w{1,80})\]")
_HTTP = re.compile(r"^(?P<status>[1-5]\d\d)\b|'(?P<status2>[1-5]\d\d) ")
_PROCESS = re.compile(
    r"^Command '?\[?'?(?:[^\s',]{0,200}/)?(?P<program>[\w.+-]{1,60})"
    r"|Signals\.(?P<signal>\w{3,12})"
)
_AWS = re.compile(r"error occurred \((?P<code>[\w.]{1,80})\).{0,60}?calling the (?P<operation>\w{1,80}) operation")
_FILES = re.compile(r"manifest entry for '(?P<file>[\w./-]{1,200})'|^Unable to configure \w+ '(?P<part>[\w.]{1,80})'")
_REDIS = re.compile(r"^(?P<kind>[A-Z]{3,12})\b|unknown command [`'\"](?P<command>\w{1,40})")


_SETTING = r"[A-Z][A-Z0-9]{1,30}_[A-Z0-9_]{1,60}"
_SETTINGS = re.compile(rf"\b(?P<setting>{_SETTING})\b")
# For exceptions of any type: the code of a kind of failure, or a setting that is wrong.
_CODES = re.compile(
    r"\b(?:HTTP(?: ?Error| status)?|(?:HTTP )?status(?:[ _]code)?|exit(?:ed)?(?: with)?(?: (?:code|status))?"
    r"|return(?:ed)? code|exit[ _](?:code|status)|exitcode|signal|errno|SQLSTATE)"
    r"[ :=\[(]{1,3}(?P<code>\d[\dA-Z]{0,4})\b"
    r"|\b(?:[Ss]ettings?|variables?|[Ss]et|[Dd]efine|[Mm]issing|[Cc]onfigure)[ :'\"`]{1,4}(?:the )?"
    rf"(?P<named>{_SETTING})\b"
    rf"|\b(?P<stated>{_SETTING})['\"`]? (?:setting|environment|variable|is not|isn't|must|has to)\b"
)


_BY_PATTERN: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (_SCHEMA, ("DatabaseError", "InterfaceError", "ProgrammingError", "OperationalError", "IntegrityError")),
    (_SCHEMA, ("DataError", "InternalError", "NotSupportedError", "DBAPIError", "PostgresError")),
    # Classes of drivers, for events that are read without the driver being loaded.
    (_SCHEMA, ("UndefinedTable", "UndefinedColumn", "UndefinedFunction", "UndefinedObject", "DuplicateTable")),
    (_SCHEMA, ("DuplicateColumn", "InvalidCatalogName", "InvalidSchemaName", "InsufficientPrivilege")),
    (_QUOTED, ("AttributeError", "NameError")),
    (_IMPORT, ("ImportError", "ModuleNotFoundError")),
    (_KEY, ("KeyError",)),
    (_CALL, ("TypeError",)),
    (_REVERSE, ("NoReverseMatch",)),
    (_APPS, ("LookupError", "ImproperlyConfigured", "FieldError", "FieldDoesNotExist", "RuntimeError", "CommandError")),
    (_SETTINGS, ("ImproperlyConfigured",)),
    (_APPS, ("InvalidCacheBackendError", "InvalidTemplateEngineError", "ConnectionDoesNotExist")),
    (_APPS, ("NoSectionError", "NoOptionError")),
    (_SYNTAX, ("TemplateSyntaxError",)),
    (_TEMPLATE, ("TemplateNotFound",)),
    (_UNDEFINED, ("UndefinedError",)),
    (_LOOKED_UP, ("VariableDoesNotExist",)),
    (_OS, ("FileNotFoundError", "PermissionError")),
    (_ERRNO, ("OSError",)),
    (_HTTP, ("HTTPError", "HTTPStatusError")),
    (_PROCESS, ("CalledProcessError",)),
    (_AWS, ("ClientError",)),
    (_REDIS, ("ResponseError",)),
    (_FILES, ("ValueError",)),
)
# Base classes whose patterns do not apply, because those of the class itself are more specific.
_NOT_FOR = {
    "KeyError": frozenset({"LookupError"}),
    "HTTPError": frozenset({"OSError"}),
    "UnicodeError": frozenset({"ValueError"}),
}
# The start of text that varies: the choices at that moment, a guess, or a place on this machine.
_REST = re.compile(
    r"\. Did you mean|\. Choices are|Must be one of|\. Perhaps |\(most likely| \(consider | \(/| \([A-Z]:\\"
)
# Words only: neither an id nor a secret of a known form.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z_.:]{0,39}")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(
    r"(?<![A-Za-z0-9])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,64}(?![A-Za-z0-9])|0x[0-9a-f]{1,32}", re.IGNORECASE
)
_OPAQUE = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z0-9]{10})\d{0,8}(?:[A-Za-z]{1,8}\d{1,8}){2,30}[A-Za-z]{0,8}(?![A-Za-z0-9])"
)
_MIXED = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{0,64}?\d[A-Za-z][A-Za-z0-9]{0,64}")
_NUMBER = re.compile(r"(?<![A-Za-z0-9])\d{1,64}(?![A-Za-z])|(?<=[A-Za-z])\d{4,64}")
_ANY_NUMBER = re.compile(r"\d{1,64}")


def names_in(bases: frozenset[str], text: str) -> list[str]:
    """Return the names in the text of an exception, at most six; numbers and ids in them are replaced.

    Args:
        bases: Qualified names of its class and all base classes.
        text: Its message.
    """
    sources = _sources_of(bases)
    # Further lines repeat the first, or show the statement and its values.
    text = text[:_MAX_CHARS].strip().partition("\n")[0]
    rest = _REST.search(text)
    found = _found(sources, text[: rest.start()] if rest is not None else text)
    return list(dict.fromkeys(found))[:_MAX_NAMES]


def clean_identifier(name: str, is_key: bool = False) -> str:
    """Return a name without parts that differ between occurrences; ``sha256`` and ``oauth2`` stay.

    Args:
        name: The name of a table, module, template or the like.
        is_key: Whether it may be data. Then all numbers in it are replaced.
    """
    if _PLAIN.fullmatch(name):
        return name
    name = _HEX.sub("<hex>", _UUID.sub("<uuid>", redact_text(name)))
    name = (_MIXED if is_key else _OPAQUE).sub("<id>", name)
    return (_ANY_NUMBER if is_key else _NUMBER).sub("<number>", name)


def _found(sources: tuple[re.Pattern[str], ...], text: str) -> Iterator[str]:
    for pattern in sources:
        for match in pattern.finditer(text):
            for kind, name in match.groupdict().items():
                if name and kind != "object":
                    yield _spelt(kind, match, name)


def _spelt(kind: str, match: re.Match[str], name: str) -> str:
    if kind in {"errno", "status", "status2", "error", "ora", "code"}:
        # The number identifies the kind of failure.
        return f"{kind.rstrip('2')} {name}"
    if kind == "sized":
        return f"type {name.lower()}"
    stated = match.groupdict().get("object")
    if kind == "again":
        return name.lower()
    if kind == "single" and stated is not None and stated.lower() == "table":
        # In MySQL, the name begins with the database, which differs between deployments.
        name = name.rpartition(".")[2]
    if match.re is _REVERSE or match.re is _SYNTAX:
        stated = kind
    cleaned = clean_identifier(name, is_key=match.re is _KEY)
    return f"{stated.lower()} {cleaned}" if stated else cleaned


@lru_cache(maxsize=4_096)
def _sources_of(bases: frozenset[str]) -> tuple[re.Pattern[str], ...]:
    short = {name.rpartition(".")[2] for name in bases}
    short -= {base for name in short for base in _NOT_FOR.get(name, ())}
    # Several of a database's classes may be among the bases; their common pattern is used once.
    return (*dict.fromkeys(pattern for pattern, names in _BY_PATTERN if not short.isdisjoint(names)), _CODES)
