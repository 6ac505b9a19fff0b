"""Contents of a Sentry event in one form, from any of the published forms. Pure; no field is trusted.

- `exception` may be `{"values": [...]}`, a list, one object or a text. Also read are the long names of old clients
  (`sentry.interfaces.Exception`), `entries` of Sentry's API, and events wrapped in `event`, `data` or `error`.
- If no exception has a stack trace, the event's stack trace, or that of the thread, belongs to the outermost exception.
- The template of a message has precedence over the rendered text.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from designs.monitoring.fingerprint.event_frames import FrameReader
from designs.monitoring.fingerprint.event_reports import contents_of, facts_of, report_of, summary_of
from designs.monitoring.fingerprint.event_values import as_dict, as_list, as_text, fact_of, items_of
from designs.monitoring.fingerprint.log_entries import has_words
from designs.monitoring.fingerprint.model import MAX_NODES

__all__ = ["Content", "content_of"]

_MAX_HOLDERS = 20
_MAX_ENTRIES = 50
_MAX_THREADS = 1_000
_WRAPPERS = ("event", "data", "error", "fields", "payload", "body")
_LEGACY = {
    "sentry.interfaces.Exception": "exception",
    "sentry.interfaces.Stacktrace": "stacktrace",
    "sentry.interfaces.Message": "logentry",
    "sentry.interfaces.Template": "template",
    "sentry.interfaces.Csp": "csp",
    "sentry.interfaces.threads": "threads",
}
_DEFAULT = re.compile(r"\{\{\s{0,9}default\s{0,9}\}\}")
# The type of an exception. Types of events are lower-case words.
_CLASS = re.compile(r"(?:[\w$]{1,200}+[.:\\/]{1,2}+){0,30}+[A-Z]\w{0,200}+")
# Names of the module of built-in types in Python 2 and in its documentation.
_BUILTINS = frozenset({"exceptions", "__builtin__", "__builtins__"})
# Relay, too, splits such a text if an exception has no type.
_TYPED = re.compile(r"([A-Za-z_][\w.]{0,200}):\s{0,20}(\S.*)", re.DOTALL)


@dataclass
class Content:
    """An event in one form.

    Attributes:
        event: The object that holds the interfaces.
        exceptions: Innermost first, as in events: `type`, `module`, `value` as text, `mechanism`, `frames`, `thread`.
        stack: Frames of a stack trace that belongs to no exception.
        is_crash: Whether that stack is of a failure, not only of the place that logged a message.
        message: Template of the log record, else its text.
        report: Parts of a browser's report or of a template error.
        rest: Parts of an event that has none of these: its summary, else its attributes.
    """

    event: dict[str, Any]
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    stack: list[dict[str, Any]] = field(default_factory=list)
    is_crash: bool = False
    message: str = ""
    report: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    @property
    def rank(self) -> int:
        """Return how well the content describes a failure: 5 with exceptions, down to 0 without anything."""
        held = (self.exceptions, self.stack, self.report, self.message, self.rest)
        return next((len(held) - at for at, content in enumerate(held) if content), 0)

    @property
    def platform(self) -> str:
        """Return the platform; empty if the event does not state it."""
        return as_text(self.event.get("platform"))

    @property
    def logger(self) -> str:
        """Return the logger's name."""
        return fact_of(self.event, "logger")

    @property
    def task(self) -> str:
        """Return the name of the Celery task."""
        extras = (as_dict(self.event.get(name)) for name in ("extra", "context"))
        jobs = (as_dict(extra.get("celery-job")) for extra in extras)
        return next(filter(None, (as_text(job.get("task_name")) for job in jobs)), "")

    @property
    def stated(self) -> Any:
        """Return the fingerprint that the client requests, without empty entries."""
        given = self.event.get("fingerprint")
        if type(given) is str:
            return given
        given = given or [self.event.get("checksum")]
        entries = [entry for entry in as_list(given)[:_MAX_ENTRIES] if entry not in (None, "")]
        return ["{{ default }}" if _DEFAULT.fullmatch(as_text(entry)) else entry for entry in entries]


def content_of(event: object) -> Content:
    """Return the content of an event, or of the event inside a wrapper."""
    reader, best = FrameReader(), Content({})
    for holder in _holders(event):
        found = _content(_flat(holder), reader)
        if found.rank > best.rank or not best.event:
            best = found
        if best.exceptions:
            return best
    best.rest = best.rest or contents_of(best.event)
    return best


def _holders(event: object) -> Iterator[dict[str, Any]]:
    """Yield the event and the objects that it may wrap, outermost first."""
    if type(event) is str:
        event = {"message": event}
    waiting = [as_dict(item) for item in as_list(event)[:_MAX_HOLDERS]] or [as_dict(event)]
    for _ in range(_MAX_HOLDERS):
        if not waiting:
            return
        holder = waiting.pop(0)
        yield holder
        waiting += [inner for name in _WRAPPERS if (inner := as_dict(holder.get(name)))]


def _flat(holder: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of the object that has its interfaces under their short names."""
    flat = dict(holder)
    for name, short in _LEGACY.items():
        if name in flat and not flat.get(short):
            flat[short] = flat[name]
    entries = holder.get("entries")
    pairs = [(entry.get("type"), entry.get("data")) for entry in map(as_dict, as_list(entries)[:_MAX_ENTRIES])]
    for kind, data in pairs or list(as_dict(entries).items())[:_MAX_ENTRIES]:
        interface = "logentry" if kind == "message" else kind
        if type(interface) is str and not flat.get(interface):
            flat[interface] = data
    return flat


def _content(event: dict[str, Any], reader: FrameReader) -> Content:
    exceptions = _exceptions(event.get("exception"), reader)
    if not exceptions and _CLASS.fullmatch(as_text(event.get("type"))):
        # The object is the exception itself, without a wrapper such as `error`.
        exceptions = _exceptions(event, reader)
    if not exceptions:
        exceptions = _errors(event.get("errors"), reader)
    stack, is_crash = _stack(event, exceptions, reader)
    message = _message(event)
    if exceptions:
        outermost = exceptions[-1]
        if stack and not any(link["frames"] for link in exceptions):
            outermost["frames"], stack = stack, []
        if not outermost["value"] and as_dict(outermost["mechanism"]).get("type") != "logging":
            outermost["value"] = message or as_text(event.get("culprit"))
    found = Content(event, exceptions, stack, is_crash, message, report_of(event))
    if not found.rank:
        found.rest = summary_of(event) or facts_of(event)
    return found


def _exceptions(holder: object, reader: FrameReader) -> list[dict[str, Any]]:
    if as_dict(holder).get("stacktrace") or as_dict(holder).get("type"):
        return [read for read in [_exception(holder, reader)] if read]
    given = items_of(holder, "values", "exceptions", "exception")
    return [read for read in (_exception(item, reader) for item in given[-MAX_NODES:]) if read]


def _errors(given: object, reader: FrameReader) -> list[dict[str, Any]]:
    """Return the exceptions of trackers that list them as `errors`, outermost first.

    Sentry's `errors` are its own processing errors. They have no stack trace and are skipped.
    """
    listed = [error for error in as_list(given)[:MAX_NODES] if as_dict(error).get("backtrace")]
    return _exceptions(listed[::-1], reader)


def _exception(given: object, reader: FrameReader) -> dict[str, Any] | None:
    """Return one exception in the common form; None if it is empty."""
    value = as_dict(given) or {"value": given}
    kind, module = as_text(value.get("type") or value.get("class")), as_text(value.get("module"))
    text = as_text(value["value"] if value.get("value") is not None else value.get("message"))
    if not kind and (typed := _TYPED.fullmatch(text)):
        kind, text = str(typed[1]), str(typed[2])
    if module in _BUILTINS and kind in vars(builtins):
        module = ""
    frames = reader.of_holder(value)
    if not (kind or module or text or frames):
        return None
    mechanism, thread = as_dict(value.get("mechanism")), value.get("thread_id", value.get("threadId"))
    return {"type": kind, "module": module, "value": text, "mechanism": mechanism, "frames": frames, "thread": thread}


def _stack(event: dict[str, Any], exceptions: list[dict[str, Any]], reader: FrameReader) -> tuple[list[Any], bool]:
    """Return the frames of a stack outside of the exceptions, and whether they are of a crash."""
    if any(link["frames"] for link in exceptions):
        return [], False
    if alone := reader.of_holder({"stacktrace": event.get("stacktrace")}):
        return alone, True
    wanted = exceptions[-1]["thread"] if exceptions else None
    threads = [as_dict(thread) for thread in items_of(event.get("threads"), "values")[:_MAX_THREADS]]
    # An exception's stack must be that of its own, the crashed or the current thread.
    candidates = [
        [thread for thread in threads if wanted is not None and thread.get("id") == wanted],
        *([thread for thread in threads if thread.get(flag) is True] for flag in ("crashed", "current")),
        *([[thread for thread in threads if thread.get("main") is True], threads] if not exceptions else []),
    ]
    for thread in chain.from_iterable(candidates):
        if frames := reader.of_holder(thread):
            return frames, thread.get("crashed") is True
    return [], False


def _message(event: dict[str, Any]) -> str:
    """Return the template of a log record, else its text."""
    held = [event.get("logentry"), event.get("message"), event.get("sentry.interfaces.Message")]
    objects = [as_dict(entry) for entry in held]
    texts = [
        *(entry.get("message") for entry in objects),
        *(entry.get("formatted") for entry in objects),
        *(entry for entry in held if not as_dict(entry)),
        *(entry.get(name) for entry in objects for name in ("event", "msg")),
        *(entry for entry in objects if entry.keys().isdisjoint({"message", "formatted", "params"})),
    ]
    template = next(filter(None, (as_text(entry.get("message")) for entry in objects)), "")
    rendered = next(filter(None, map(as_text, texts[len(objects) :])), "")
    return template if has_words(template) else rendered or template
