"""Reduction of events of controlled work to ids, types, frames and source lines."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import sentry_sdk

from integrations.sentry.event_grouping import contexts_of, tags_of
from integrations.sentry.exception_chain import in_sdk_order
from integrations.sentry.stand_in_exceptions import text_of_stand_in
from integrations.sentry.types import OWN, Occurrence, Scrubber

__all__ = ["MARK", "is_marked", "mark_scope", "reword", "withhold"]

MARK = "enginel.withheld"
"""Tag of a scope, and of its events, whose content must not be sent."""

_WITHHELD = "[withheld]"
_HEADERS = frozenset({"host", "user-agent", "content-type", "content-length", "accept", "x-request-id"})
_REQUEST = ("method", "url")
_CRUMB = ("timestamp", "type", "category", "level")
_LEVELS = frozenset({"debug", "info", "warning", "error", "fatal", "critical"})
_USER = ("id",)
# Names of the program's operations, loggers and breadcrumb types. Part numbers have digits or capitals.
_WORD = re.compile(r"[a-z_][a-z_.]{0,99}\Z")
_SLUG = re.compile(r"[a-z][a-z_.-]{0,99}\Z")
_TEXT_OF_ROUTE = re.compile(r"[^\s]*[<{(][^\s]*\Z", re.ASCII)
# The dotted name of a view or task.
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z", re.ASCII)
_SPAN = (
    "span_id", "parent_span_id", "trace_id", "same_process_as_parent", "op", "origin", "start_timestamp", "timestamp",
    "status",
)  # fmt: skip
_SPAN_WORDS = ("op", "origin", "status")
_MECHANISM = ("type", "handled", "source", "exception_id", "parent_id", "is_exception_group", "synthetic")
# Other tags come from the record, since a scope may hold different values under the same names.
_TAGS = ("request_id", "trace_id", "celery_task_id", MARK)
_PARTS_KEPT = frozenset(
    {
        "event_id", "timestamp", "start_timestamp", "received", "level", "platform", "type", "sdk", "modules",
        "environment", "release", "dist", "server_name", "transaction_info", "check_in_id", "monitor_slug", "status",
        "duration", "transaction", "exception", "threads", "stacktrace", "logentry", "logger", "tags", "contexts",
        "user", "request", "breadcrumbs", "extra", "fingerprint", "spans",
    }
)  # fmt: skip
_TYPES = frozenset({"transaction", "check_in", "feedback", "replay_event"})
_OF_OPTIONS = ("environment", "release", "dist", "server_name")


def mark_scope() -> None:
    """Mark the current scope as controlled: its transaction ends after the context of the request has been reset."""
    sentry_sdk.get_isolation_scope().set_tag(MARK, "yes")


def is_marked(event: Mapping[str, Any], scrubber: Scrubber, exc: BaseException | None = None) -> bool:
    """Return whether an event, or the exception behind it, belongs to controlled work."""
    tags = event.get("tags")
    if isinstance(tags, dict) and MARK in tags:
        return True
    return scrubber.withholds is not None and scrubber.withholds(exc)


def reword(event: dict[str, Any], exc: BaseException | None, scrubber: Scrubber) -> None:
    """Replace the text of each exception of an event by a permitted one, and mark the event.

    Args:
        event: Lists the exceptions in the order of the SDK.
        exc: The exception behind the event; None if unknown.
        scrubber: Provides the permitted texts.
    """
    event["tags"] = {**(event.get("tags") or {}), MARK: "yes"}
    values = [value for value in (event.get("exception") or {}).get("values") or () if isinstance(value, dict)]
    chain = in_sdk_order(exc, len(values) + 1) if exc is not None else []
    links: Iterable[BaseException | None] = reversed(chain) if len(chain) == len(values) else [None] * len(values)
    for value, link in zip(values, links, strict=True):
        text = None
        if link is not None and (text := text_of_stand_in(link)) is None and scrubber.text_of is not None:
            text = scrubber.text_of(link)
        value["value"] = _WITHHELD if text is None else text


def withhold(event: dict[str, Any], hint: dict[str, Any], scrubber: Scrubber) -> None:
    """Remove all content from an event, in place: values, bodies, queries, messages, attachments.

    `reword` has replaced the texts of exceptions before.
    """
    hint["attachments"] = []
    for part in event.keys() - _PARTS_KEPT:
        del event[part]
    _withhold_names(event, scrubber)
    for part, cut in _PARTS.items():
        if part in event:
            event[part] = cut(event[part])
    _apply_record(event, hint.get(OWN), scrubber)
    if "logentry" in event:
        own = hint.get(OWN)
        event["logentry"] = {"formatted": own.record["error_message"] if own is not None else _WITHHELD}
    event.pop("message", None)
    if "extra" in event:
        event["extra"] = scrubber.ids_only(event["extra"]) if scrubber.ids_only is not None else {}
    if hint.get(OWN) is None:
        event.pop("fingerprint", None)
    _withhold_words(event, scrubber)


def _withhold_words(event: dict[str, Any], scrubber: Scrubber) -> None:
    """Reduce URL, level, transaction and type to ids and words of the program."""
    url = (event.get("request") or {}).get("url")
    if isinstance(url, str):
        event["request"]["url"] = _url_of_ids(url, scrubber)
    if event.get("level", "error") not in _LEVELS:
        event["level"] = "error"
    name = event.get("transaction")
    if isinstance(name, str):
        event["transaction"] = _transaction(name, scrubber)
    if event.get("type") not in _TYPES:
        event.pop("type", None)


def _apply_record(event: dict[str, Any], own: Occurrence | None, scrubber: Scrubber) -> None:
    """Replace tags, contexts and options, which other code may have overwritten, by those of the service."""
    tags = {name: value for name, value in (event.get("tags") or {}).items() if name == MARK or scrubber.is_id(value)}
    contexts = event.get("contexts") or {}
    if own is not None:
        tags, contexts = {**tags, **tags_of(own)}, {**contexts, **contexts_of(own)}
    event["tags"], event["contexts"] = tags, contexts
    options = sentry_sdk.get_client().options
    event.update({name: options.get(name) for name in _OF_OPTIONS if name in event})
    if "sdk" in event:
        event["sdk"] = {"name": _word((event["sdk"] or {}).get("name")), "version": sentry_sdk.VERSION}
    if "monitor_slug" in event and not _SLUG.match(str(event["monitor_slug"])):
        event["monitor_slug"] = _WITHHELD


def _withhold_names(event: dict[str, Any], scrubber: Scrubber) -> None:
    """Withhold names of types and frames that may be made of data, and the source lines of such frames."""
    holders = [event, *_values(event.get("exception")), *_values(event.get("threads"))]
    for value in holders[1:]:
        if "type" in value and not scrubber.knows_type(str(value.get("module") or "builtins"), str(value["type"])):
            value["type"] = _WITHHELD
            value.pop("module", None)
    for holder in holders:
        stack = holder.get("stacktrace") or {}
        stack["frames"] = [_frame(frame, scrubber) for frame in stack.get("frames") or ()]
    if "user" in event:
        user = _user(event["user"])
        event["user"] = {name: value if scrubber.is_id(value) else _WITHHELD for name, value in user.items()}


def _frame(frame: dict[str, Any], scrubber: Scrubber) -> dict[str, Any]:
    names = (str(frame.get(name) or "") for name in ("module", "abs_path", "function"))
    if scrubber.knows_frame(*names):
        return frame
    return {"filename": _WITHHELD, "function": _WITHHELD, **_only(frame, ("lineno", "in_app"))}


def _transaction(name: str, scrubber: Scrubber) -> str:
    if "/" in name and not _TEXT_OF_ROUTE.match(name):
        return scrubber.path_of_ids(name) if scrubber.path_of_ids is not None else _WITHHELD
    if "/" in name or _WORD.match(name):
        return name
    # File names have a dot too.
    return name if _DOTTED.match(name) and name.partition(".")[0] in sys.modules else _WITHHELD


def _word(value: Any) -> str:
    return value if isinstance(value, str) and _WORD.match(value) else _WITHHELD


def _in_words(holder: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: _word(value) if name in names and value else value for name, value in holder.items()}


def _url_of_ids(url: str, scrubber: Scrubber) -> str:
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    cut = scrubber.path_of_ids(path) if scrubber.path_of_ids is not None else ""
    return f"{scheme}{separator}{host}{slash}{cut}"


def _only(value: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: value[name] for name in names if name in value} if isinstance(value, dict) else {}


def _values(holder: Any) -> list[Any]:
    values = holder.get("values") if isinstance(holder, dict) else holder
    return list(values or ()) if isinstance(values, list | tuple) else []


def _breadcrumbs(holder: Any) -> Any:
    crumbs = [_only(crumb, _CRUMB) for crumb in _values(holder)]
    return {"values": [_in_words(crumb, "type", "category", "level") for crumb in crumbs]}


def _exception(holder: Any) -> Any:
    for value in _values(holder):
        if "mechanism" in value:
            value["mechanism"] = _only(value["mechanism"], _MECHANISM)
        _without_locals(value.get("stacktrace"))
    return holder


def _threads(holder: Any) -> Any:
    for thread in _values(holder):
        thread.pop("name", None)
        _without_locals(thread.get("stacktrace"))
    return holder


def _without_locals(stack: Any) -> Any:
    for frame in (stack or {}).get("frames") or ():
        frame.pop("vars", None)
    return stack


def _request(request: Any) -> Any:
    kept = _only(request, _REQUEST)
    headers = request.get("headers") if isinstance(request, dict) else None
    if isinstance(headers, dict):
        kept["headers"] = {name: value for name, value in headers.items() if str(name).lower() in _HEADERS}
    return kept


def _spans(spans: Any) -> Any:
    return [_in_words(_only(span, _SPAN), *_SPAN_WORDS) for span in spans] if isinstance(spans, list) else []


def _user(user: Any) -> Any:
    return _only(user, _USER)


def _tags(tags: Any) -> Any:
    return _only(tags, _TAGS)


def _contexts(contexts: Any) -> Any:
    """Return runtime and trace only; a scope may hold anything under other names."""
    kept = {"runtime": {"name": platform.python_implementation(), "version": platform.python_version()}}
    if "trace" in contexts:
        kept["trace"] = _in_words(_only(contexts["trace"], _SPAN), *_SPAN_WORDS)
    return kept


_PARTS = {
    "breadcrumbs": _breadcrumbs,
    "exception": _exception,
    "threads": _threads,
    "stacktrace": _without_locals,
    "request": _request,
    "spans": _spans,
    "logger": _word,
    "user": _user,
    "tags": _tags,
    "contexts": _contexts,
}
