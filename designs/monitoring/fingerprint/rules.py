"""Built-in grouping rules for failures that their stack does not identify. The parts of the key name the rule.

Facts beyond type and frames come from `Facts.clue`: ``client`` (codes of a client error), ``view``, ``alias`` (of the
database), ``host``, ``sqlstate``, ``constraint``, ``template``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from designs.conf import conf
from designs.monitoring.fingerprint.model import Raised
from designs.monitoring.fingerprint.named_things import clean_identifier

__all__ = ["RETRIES", "Rule", "details_of", "reads_exception", "rule_for"]

# Their stacks end at an arbitrary place, where the signal arrived, so the task identifies them.
_BY_TASK = frozenset({"SoftTimeLimitExceeded", "TimeLimitExceeded", "WorkerLostError"})
_OURS = "designs.exceptions.EnginelBaseException"
_CLIENT = frozenset(
    {
        "rest_framework.exceptions.APIException",
        "django.http.response.Http404",
        "django.core.exceptions.PermissionDenied",
    }
)
_DATABASE = frozenset({"django.db.utils.OperationalError", "django.db.utils.InterfaceError"})
_FAMILIES = {
    "redis.exceptions.ConnectionError": "redis",
    "redis.exceptions.TimeoutError": "redis",
    "kombu.exceptions.OperationalError": "broker",
    **dict.fromkeys(
        (
            "requests.exceptions.ConnectionError",
            "requests.exceptions.Timeout",
            "requests.exceptions.ConnectTimeout",
            "requests.exceptions.ReadTimeout",
            "urllib3.exceptions.MaxRetryError",
            "urllib3.exceptions.NewConnectionError",
            "urllib3.exceptions.ConnectTimeoutError",
            "urllib3.exceptions.ReadTimeoutError",
            "httpx.ConnectError",
            "httpx.ConnectTimeout",
            "httpx.ReadTimeout",
            "httpx.ReadError",
        ),
        "http",
    ),
}
_INTEGRITY = "django.db.utils.IntegrityError"
_TEMPLATE = frozenset(
    {
        "django.template.exceptions.TemplateDoesNotExist",
        "django.template.exceptions.TemplateSyntaxError",
        "django.template.base.VariableDoesNotExist",
    }
)
_MAX_RETRIES = "celery.exceptions.MaxRetriesExceededError"
RETRIES = "rule retries used up"
_SPECIAL = frozenset({*_CLIENT, *_DATABASE, *_FAMILIES, _MAX_RETRIES})
_DETAILED = frozenset({_INTEGRITY, *_TEMPLATE})

# A driver's generic error means that the connection failed; failed statements have classes of their own.
_LOST = frozenset(
    f"{driver}.{name}"
    for driver in ("psycopg", "psycopg2", "psycopg.errors", "psycopg2.errors", "psycopg_pool", "psycopg_pool.errors")
    for name in (
        *("OperationalError", "InterfaceError", "PoolTimeout", "PoolClosed", "AdminShutdown", "CrashShutdown"),
        *("CannotConnectNow", "TooManyConnections", "ConnectionFailure", "ConnectionException", "ConnectionTimeout"),
        *("ConnectionDoesNotExist", "DiskFull", "OutOfMemory", "InvalidPassword", "IdleSessionTimeout"),
    )
)
# PostgreSQL's codes, for events, which do not contain the driver's exception object.
_SQLSTATES = {
    "NotNullViolation": "23502",
    "ForeignKeyViolation": "23503",
    "UniqueViolation": "23505",
    "CheckViolation": "23514",
    "ExclusionViolation": "23P01",
}
_SQLITE_LOST = re.compile(r"unable to open|disk i/o|disk is full|is locked|malformed|not a database", re.IGNORECASE)
_MYSQL_LOST = re.compile(r"\((?:2\d{3}|1040|1045|1053|1129|1203|1226|0), ")
_CURSOR = re.compile(r"\bcursor\b", re.IGNORECASE)


class Rule(NamedTuple):
    """Parts that replace the stack. If ``goes_on`` is set, the parts of the cause follow."""

    parts: list[str]
    goes_on: bool = False


def rule_for(raised: Raised, task: str, where: Callable[[Raised], str]) -> Rule | None:
    """Return the rule whose parts replace the stack of this failure; None if the stack identifies it."""
    if task and raised.type.rpartition(".")[2] in _BY_TASK:
        return Rule(["rule task limit", f"type {raised.type}", f"task {task}"])
    bases = raised.bases
    if bases.isdisjoint(_SPECIAL):
        return None
    if _MAX_RETRIES in bases:
        return Rule([RETRIES], goes_on=True) if raised.cause is not None else None
    if not bases.isdisjoint(_CLIENT):
        return _client(raised, where)
    return _outage(raised)


def reads_exception(raised: Raised) -> bool:
    """Return whether a rule may read this exception beyond its type and frames."""
    return not (raised.bases.isdisjoint(_SPECIAL) and raised.bases.isdisjoint(_DETAILED))


def details_of(raised: Raised) -> list[str]:
    """Return facts that identify some errors in addition to their stack; never a value."""
    if raised.bases.isdisjoint(_DETAILED):
        return []
    if raised.known_details is None:
        # Both the key and the alias need them.
        raised.known_details = _details(raised)
    return raised.known_details


def _details(raised: Raised) -> list[str]:
    names = ("constraint",) if _INTEGRITY in raised.bases else ("template",)
    found = {name: raised.facts.clue(name) for name in names}
    if _INTEGRITY in raised.bases:
        driver = raised.cause.type.rpartition(".")[2] if raised.cause is not None else ""
        found["sqlstate"] = raised.facts.clue("sqlstate") or _SQLSTATES.get(driver, "")
    else:
        found["template"] = clean_identifier(found["template"])
    return [f"{name} {text}" for name, text in sorted(found.items()) if text]


def _client(raised: Raised, where: Callable[[Raised], str]) -> Rule | None:
    if _OURS in raised.bases or not (codes := raised.facts.clue("client")):
        return None
    view = raised.facts.clue("view")
    place = f"view {view}" if view else f"frame {where(raised)}"
    return Rule(["rule client error", f"type {raised.type}", f"codes {codes}", place])


def _outage(raised: Raised) -> Rule | None:
    if not raised.bases.isdisjoint(_DATABASE):
        if not _database_is_lost(raised):
            return None
        family, dependency = "database", raised.facts.clue("alias") or "default"
    else:
        family = next(family for name, family in _FAMILIES.items() if name in raised.bases)
        dependency = raised.facts.clue("host")
        if not dependency:
            if family == "http":
                # Without the server's name, failures of two servers would become one group.
                return None
            dependency = family
    off = conf.fingerprint_outage_off
    if not {"*", family, dependency, dependency.rpartition(":")[0]}.isdisjoint(off):
        return None
    return Rule(["rule dependency outage", f"family {family}", f"dependency {dependency}"])


def _database_is_lost(raised: Raised) -> bool:
    """Return whether the server is unavailable. A refused statement is no outage: only its own code failed."""
    driver = raised.cause.type if raised.cause is not None else ""
    text = raised.facts.message()
    if driver.startswith("sqlite3."):
        return bool(_SQLITE_LOST.search(text))
    if driver.startswith(("MySQLdb", "pymysql", "mysql")):
        return bool(_MYSQL_LOST.search(text))
    return driver in _LOST and not _CURSOR.search(text)
