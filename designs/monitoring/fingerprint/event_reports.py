"""Key parts of events without exception or log message: browser reports, template errors, summaries, other events."""

from __future__ import annotations

from typing import Any

from designs.monitoring.fingerprint.event_values import as_dict, as_list, as_text, fact_of, items_of
from designs.monitoring.fingerprint.frames import collapse_line
from designs.monitoring.fingerprint.message_words import wording
from designs.monitoring.secret_text.redact import is_secret_key

__all__ = ["contents_of", "facts_of", "report_of", "summary_of"]

_HOST_REPORTS = ("hpkp", "expectct", "expectstaple")
_FACTS = ("type", "logger", "culprit", "transaction", "platform", "level", "monitor_slug")
_MAX_NAMES = 20
_MAX_TEXT = 300
_NOT_COMPARED = frozenset({"event_id", "id", "timestamp", "server_name", "release", "dist", "environment"})
_NOTHING = "event without exception, stack trace or message"


def report_of(event: dict[str, Any]) -> list[str]:
    """Return the parts of a browser's report or of a template error; none for any other event."""
    return _csp(event) or _host_report(event) or _template(event)


def summary_of(event: dict[str, Any]) -> list[str]:
    """Return the parts of an entry in an exported list of events. It has a title instead of the interfaces."""
    metadata = as_dict(event.get("metadata"))
    kind, text = as_text(metadata.get("type")), as_text(metadata.get("value"))
    title = "" if kind else as_text(metadata.get("title")) or as_text(event.get("title"))
    if not (kind or title) or as_text(event.get("type")) == "transaction":
        return []
    where = [as_text(metadata.get("function")), as_text(event.get("culprit"))]
    stated = [f"type {kind}" if kind else "", f"message {wording(text or title)}"]
    return ["summary of an event", *filter(None, stated), *(f"in {_place(place)}" for place in where if place)]


def facts_of(event: dict[str, Any]) -> list[str]:
    """Return the parts of an event without exception, stack trace or message: its attributes and errors."""
    facts = [f"{name} {_place(text)}" for name in _FACTS if (text := fact_of(event, name))]
    for error in map(as_dict, as_list(event.get("errors"))[:_MAX_NAMES]):
        text = as_text(error.get("message")) or as_text(error.get("value"))
        facts.append(f"error {as_text(error.get('type'))}: {wording(text)}")
    return [_NOTHING, *facts] if facts else []


def contents_of(event: dict[str, Any]) -> list[str]:
    """Return the parts of an event without known attributes: its texts, so that such events form several groups."""
    parts = [_NOTHING]
    for name in sorted(filter(None, map(as_text, event)))[:_MAX_NAMES]:
        value = event.get(name)
        is_compared = type(value) is str and name not in _NOT_COMPARED and not is_secret_key(name)
        text = wording(as_text(value)[:_MAX_TEXT]) if is_compared else ""
        parts.append(f"holds {wording(name)} {text}".rstrip())
    return parts


def _place(name: str) -> str:
    """Return a route or culprit without ids. Each part between slashes is cleaned on its own, so that words stay."""
    return "/".join(map(wording, name.split("/")[:_MAX_NAMES]))


def _csp(event: dict[str, Any]) -> list[str]:
    report = as_dict(event.get("csp")) or as_dict(event.get("csp-report"))
    if not report and as_text(event.get("type")) == "csp-violation":
        report = as_dict(event.get("body"))
    if not report:
        return []

    def stated(*names: str) -> str:
        return next(filter(None, (as_text(report.get(name)) for name in names)), "")

    directive = stated("effective_directive", "effective-directive", "effectiveDirective")
    directive = directive or stated("violated_directive", "violated-directive", "violatedDirective").split(" ")[0]
    blocked = stated("blocked_uri", "blocked-uri", "blockedURL", "blockedURI")
    return ["csp report", f"directive {directive}", f"blocked {_origin(blocked)}"]


def _origin(address: str) -> str:
    """Return the host of a URL; a scheme or keyword is returned as it is."""
    scheme, separator, rest = address.partition("://")
    if separator:
        return rest.split("/")[0].split("?")[0].rpartition("@")[2]
    return scheme.partition(":")[0][:100]


def _host_report(event: dict[str, Any]) -> list[str]:
    for name in _HOST_REPORTS:
        if report := as_dict(event.get(name)):
            return [f"{name} report", f"host {as_text(report.get('hostname'))}"]
    return []


def _template(event: dict[str, Any]) -> list[str]:
    template = as_dict(event.get("template"))
    name = as_text(template.get("filename") or template.get("abs_path"))
    given = template.get("context_line")
    line = collapse_line(as_text(items_of(given)[-1] if isinstance(given, list) and given else given))
    return ["template", f"template {name}", f"line {line}"] if name or line else []
