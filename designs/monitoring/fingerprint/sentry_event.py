"""The front for Sentry's event JSON, as its Python SDK writes it: any structure at all is read, none believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from designs.conf import conf
from designs.monitoring.fingerprint import override
from designs.monitoring.fingerprint.clues import constraint_in, host_in
from designs.monitoring.fingerprint.core import describe, with_override
from designs.monitoring.fingerprint.event_lines import EventLine
from designs.monitoring.fingerprint.model import MAX_CHAIN, MAX_NODES, Fingerprint, Raised, make
from designs.monitoring.fingerprint.qualnames import qualified_name
from designs.monitoring.fingerprint.types import bases_of, class_named, qualified
from designs.monitoring.fingerprint.wording import wording
from designs.monitoring.frames import clean_name, is_plumbing, module_of
from designs.monitoring.own_code import FOREIGN, LIKELY, OWN, installed_module, ownership_in_event, says_own

__all__ = ["fingerprint_answer", "fingerprint_event", "fingerprint_message"]

_MAX_FRAMES = 20_000
_HIDDEN = ("__traceback_hide__", "__tracebackhide__")
_OBJECT = re.compile(r"<([\w.<>]{1,200}?) object at 0x")
_ALIAS = re.compile(r"alias='([^']{1,100})'")


def fingerprint_message(message: str, logger: str = "") -> Fingerprint:
    """Return the fingerprint of a failure that has no exception: who reported it and the cleaned text."""
    return make(["message", logger, wording(message)], logger)


def fingerprint_answer(route: str, status: int) -> Fingerprint:
    """Return the fingerprint of a response that no exception explains: URL pattern and status."""
    return make(["answer without an exception", f"route {route}", f"status {status}"], route)


def fingerprint_event(sentry_event: dict[str, Any]) -> Fingerprint:
    """Return the fingerprint of a Sentry event: the one its live exception has, wherever the event holds enough.

    The SDK leaves out the members of a group that is not outermost, and stacks of more than 500 frames. Never raises.
    """
    try:
        return _fingerprint(_dict(sentry_event))
    except Exception:  # noqa: BLE001 - whatever is in it, it gets a key
        return make(["unreadable event"], "")


def _fingerprint(event: dict[str, Any]) -> Fingerprint:
    values = _values(event.get("exception"))
    stated: Any = event.get("fingerprint")
    task = _text(_dict(_dict(event.get("extra")).get("celery-job")).get("task_name"))
    if isinstance(stated, list) and len(stated) == 3 and stated[0] == "celery":
        # The SDK's own list for time limits: the rule for them says it, too.
        stated, task = None, _text(stated[2]) or task
    raised = _read(values) if values else _from_stack(event)

    def wanted(parts: Sequence[str], site: str) -> list[str] | None:
        found = override.entries_of(stated, lambda: _message(event, raised)) if stated else None
        if found is not None or conf.fingerprint_hook is None:
            return found
        record = {
            "exception": None,
            "event": event,
            "type": raised.type if raised is not None else "",
            "message": _message(event, raised),
            "task": task,
            "parts": list(parts),
            "site": site,
        }
        return override.from_hook(lambda: record, lambda: _message(event, raised))

    if raised is not None:
        return describe(raised, task, wanted)
    default = fingerprint_message(_message(event, None), _text(event.get("logger")))
    return with_override(wanted(default.parts, default.site), default)


def _message(event: dict[str, Any], raised: Raised | None) -> str:
    """Return the template of a log record before its text, and an exception's text before both."""
    if raised is not None and raised.type:
        return raised.facts.message()
    entry, message = _dict(event.get("logentry")), event.get("message")
    texts = (entry.get("message"), entry.get("formatted"), message, _dict(message).get("message"))
    return next(filter(None, map(_text, texts)), "")


def _from_stack(event: dict[str, Any]) -> Raised | None:
    """Return a stack that stands alone, as an exception without a type; None where there is a message."""
    if _message(event, None):
        return None
    threads = [_dict(thread) for thread in _values(event.get("threads"))]
    chosen = next((thread for thread in threads if thread.get("crashed") is True), None) or next(
        (thread for thread in threads if thread.get("current") is True), {}
    )
    for stack in (chosen.get("stacktrace"), event.get("stacktrace")):
        if _list(_dict(stack).get("frames")):
            return _Reader([]).one({"stacktrace": stack, "type": "", "mechanism": {}})
    return None


def _read(values: list[Any]) -> Raised:
    reader = _Reader(values)
    raised = reader.read()
    # Code that is likely own is a library's where other code is.
    return raised if reader.found != LIKELY | OWN else _Reader(values, least=OWN).read()


class _Reader:
    """One walk over the exceptions of an event."""

    def __init__(self, values: list[Any], least: int = LIKELY) -> None:
        self.least, self.found = least, FOREIGN
        # Outermost first; a chain of any length ends in what is looked at.
        self.values = [_dict(value) for value in reversed(values[-MAX_NODES:])]
        self.with_line = conf.fingerprint_source_line
        self.children: dict[int, list[int]] = {}
        self.causes: dict[int, int] = {}

    def read(self) -> Raised:
        """Return the outermost exception with all that hangs on it."""
        if not _is_group(self.values[0]) or not self._index():
            return self._plain()
        return self._tree(0, 0)

    def _plain(self) -> Raised:
        chain = [self.one(value) for value in self.values[:MAX_CHAIN]]
        for link, following in pairwise(chain):
            if link.members is not None:
                # Its members are not in the event; what led to it is.
                link.members.append(following)
            link.cause = following
        return chain[0]

    def _index(self) -> bool:
        """Note who hangs on whom; False if the ids make no tree, which leaves the list as it is."""
        places: dict[int, int] = {}
        for place, value in enumerate(self.values):
            ident = _dict(value.get("mechanism")).get("exception_id")
            if type(ident) is not int or ident in places:
                return False
            places[ident] = place
        for place, value in enumerate(self.values[1:], 1):
            mechanism = _dict(value.get("mechanism"))
            ident, parent = mechanism["exception_id"], mechanism.get("parent_id")
            if mechanism.get("source") in {"__cause__", "__context__"}:
                # The SDK writes 0 as parent of each cause; the cause follows right behind what it led to.
                if ident - 1 not in places or places[ident - 1] >= place:
                    return False
                self.causes[places[ident - 1]] = place
            elif type(parent) is not int or places.get(parent, place) >= place:
                return False
            else:
                self.children.setdefault(places[parent], []).append(place)
        return True

    def _tree(self, place: int, depth: int) -> Raised:
        first = last = self.one(self.values[place])
        for _ in range(MAX_CHAIN - 1):
            if last.members is not None or place not in self.causes:
                break
            place = self.causes[place]
            last.cause = self.one(self.values[place])
            last = last.cause
        if last.members is not None and depth < MAX_CHAIN:
            held = [*([self.causes[place]] if place in self.causes else []), *self.children.get(place, ())]
            last.members += [self._tree(member, depth + 1) for member in held]
        return first

    def one(self, value: dict[str, Any]) -> Raised:
        """Return one exception of the event."""
        frames = [_dict(frame) for frame in _list(_dict(value.get("stacktrace")).get("frames"))[:_MAX_FRAMES]]
        facts = EventFacts(value, frames)
        kind, bases = _type(value, frames)
        every: list[str] = []
        own: list[str] = []
        line = EventLine()
        flags_count = says_own((_text(frame.get("module")), _path(frame), frame.get("in_app")) for frame in frames)
        for frame in frames:
            if line.is_inlined(frame):
                continue
            name, ownership, hidden = _frame(frame, flags_count)
            line.add(frame, counts=ownership >= self.least and not hidden)
            if hidden:
                continue
            every.append(name)
            if ownership >= self.least:
                self.found |= ownership
                own.append(name)
        text = line.text() if self.with_line else ""
        return Raised(kind, bases, own, every, text, facts, None, [] if _is_group(value) else None)


class EventFacts:
    """Answers from the exception's text and the locals that the event shows as text."""

    __slots__ = ("_frames", "_value")

    def __init__(self, value: dict[str, Any], frames: list[dict[str, Any]]) -> None:
        self._value, self._frames = value, frames

    def message(self) -> str:
        """Return the exception's text."""
        return _text(self._value.get("value"))

    def clue(self, name: str) -> str:
        """Return one fact; empty if unknown. The codes of API errors are not in an event."""
        if name == "client":
            kind = _text(self._value.get("type"))
            return kind if kind in {"Http404", "PermissionDenied"} and "rest" not in self._module() else ""
        if name == "host":
            return host_in(self.message())
        if name == "constraint":
            return constraint_in(self.message())
        return self._local(name)

    def _module(self) -> str:
        return _text(self._value.get("module"))

    def _local(self, clue: str) -> str:
        for frame in reversed(self._frames):
            module, found = _text(frame.get("module")), _dict(frame.get("vars"))
            me = _text(found.get("self"))
            if clue == "view" and module in {"rest_framework.views", "django.views.generic.base"}:
                if view := _OBJECT.search(me):
                    return view[1].replace("<locals>.", "")
            elif clue == "alias" and module.startswith("django.db."):
                if alias := _ALIAS.search(me):
                    return alias[1]
            elif clue == "template" and module.startswith("django.template") and "template_name" in found:
                return _text(found["template_name"]).strip("'\"")[:200]
        missing = clue == "template" and _text(self._value.get("type")) == "TemplateDoesNotExist"
        return self.message()[:200] if missing else ""


def _type(value: dict[str, Any], frames: list[dict[str, Any]]) -> tuple[str, frozenset[str]]:
    module, name = _text(value.get("module")), _text(value.get("type"))
    kind = class_named(module, name)
    if kind is not None:
        return qualified(module, name), bases_of(kind)
    stem = ""
    if module in {"__main__", "__mp_main__"}:
        stem = next((PurePath(_path(f)).stem for f in frames if f.get("module") == module and _path(f)), "")
    full = qualified(module, name, stem)
    return full, frozenset({full})


def _frame(frame: dict[str, Any], flags_count: bool) -> tuple[str, int, bool]:
    """Return a frame's name, what its code is, and whether it hides itself."""
    path, function = _path(frame), _text(frame.get("function")) or "<unknown>"
    module = module_of({"__name__": _text(frame.get("module")) or installed_module(path) or None}, path)
    own = FOREIGN if is_plumbing(module) else ownership_in_event(module, path, frame.get("in_app"), flags_count)
    line = frame.get("lineno")
    if own and type(line) is int:
        function = qualified_name(_text(frame.get("module")), path, function, line)
    shown = _dict(frame.get("vars"))
    hidden = module.startswith("sentry_sdk.") or any(shown.get(flag) in (True, "True") for flag in _HIDDEN)
    return f"{module}.{clean_name(function)}".rstrip("."), own, hidden


def _path(frame: dict[str, Any]) -> str:
    return _text(frame.get("abs_path")) or _text(frame.get("filename"))


def _is_group(value: dict[str, Any]) -> bool:
    return _dict(value.get("mechanism")).get("is_exception_group") is True


def _values(holder: object) -> list[Any]:
    return _list(holder.get("values")) if isinstance(holder, dict) else _list(holder)


def _text(value: object) -> str:
    return value if type(value) is str else ""


def _dict(value: object) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _list(value: object) -> list[Any]:
    return value if type(value) is list else []
