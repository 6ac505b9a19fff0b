"""Fingerprints of Sentry events: the same key parts as for a live exception, from the output of `event_content`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import PurePath
from typing import Any, NamedTuple

from rest_framework.exceptions import APIException

from designs.conf import conf
from designs.monitoring.fingerprint import override
from designs.monitoring.fingerprint.event_content import Content, content_of
from designs.monitoring.fingerprint.event_frames import foreign_module, foreign_name, is_python
from designs.monitoring.fingerprint.event_lines import EventLine
from designs.monitoring.fingerprint.event_tree import children_of, has_ids, order_of
from designs.monitoring.fingerprint.event_values import as_dict, as_text, fact_of
from designs.monitoring.fingerprint.exception_facts import codes_in, constraint_in, host_in
from designs.monitoring.fingerprint.file_failures import of_file_event
from designs.monitoring.fingerprint.frame_places import event_places
from designs.monitoring.fingerprint.frames import clean_name, collapse_line, is_in_app, is_plumbing, module_of
from designs.monitoring.fingerprint.grouping import describe, with_override
from designs.monitoring.fingerprint.message_words import log_wording, wording
from designs.monitoring.fingerprint.model import MAX_CHAIN, VERSION, Fingerprint, Raised, make
from designs.monitoring.fingerprint.own_code import FOREIGN, LIKELY, OWN, installed_module, ownership_in_event, says_own
from designs.monitoring.fingerprint.qualnames import qualified_name
from designs.monitoring.fingerprint.type_names import bases_of, class_named, qualified

__all__ = ["fingerprint_answer", "fingerprint_event", "fingerprint_message"]

_HIDDEN = ("__traceback_hide__", "__tracebackhide__")
_OBJECT = re.compile(r"<([\w.<>]{1,200}?) object at 0x")
_KEY = re.compile(rf"{VERSION}:[0-9a-f]{{32}}")
_ALIAS = re.compile(r"alias='([^']{1,100})'")


def fingerprint_message(message: str, logger: str = "") -> Fingerprint:
    """Return the fingerprint of a failure without an exception: the logger and the cleaned text."""
    return make(["message", logger, log_wording(message)], logger)


def fingerprint_answer(route: str, status: int) -> Fingerprint:
    """Return the fingerprint of an error response without an exception: URL pattern and status."""
    return make(["answer without an exception", f"route {route}", f"status {status}"], route)


def fingerprint_event(sentry_event: dict[str, Any]) -> Fingerprint:
    """Return the fingerprint of a Sentry event: that of its live exception, if the event contains enough.

    docs/reference.md lists where the two differ. Never raises, and takes bounded time.
    """
    try:
        return _fingerprint(sentry_event)
    except Exception as error:  # noqa: BLE001 - every event gets a key, whatever its content
        return make(["unreadable event", f"reading it raised {type(error).__name__}"], "")


def _fingerprint(event: object) -> Fingerprint:
    content = content_of(event)
    key = _sent_key(content)
    found = _computed(content, None if key else content.stated)
    if key in {"", found.key}:
        return found
    # Data that was removed before sending is missing here, too, so the key stated in the event is used.
    aliases = tuple(dict.fromkeys((found.key, *(alias for alias in found.aliases if alias != key))))
    return replace(found, key=key, parts=(*found.parts, "note: the key it was sent with"), aliases=aliases)


def _sent_key(content: Content) -> str:
    """Return the key in an event of this service, from its fingerprint or a tag; empty for other events."""
    stated = content.stated
    if isinstance(stated, list) and len(stated) == 2 and stated[0] in ("enginel", "{{ default }}"):
        named = as_text(stated[1])
    else:
        is_ours = bool(as_dict(as_dict(content.event.get("contexts")).get("enginel")))
        named = fact_of({"tags": content.event.get("tags")}, "fingerprint") if is_ours else ""
    return named if _KEY.fullmatch(named) else ""


def _computed(content: Content, stated: Any) -> Fingerprint:
    task = content.task
    if isinstance(stated, list) and len(stated) == 3 and stated[0] == "celery":
        # The SDK's own fingerprint for time limits. The rule for them covers it.
        stated, task = None, as_text(stated[2]) or task
    raised = _raised(content)
    answers: list[list[str] | None] = []

    def message() -> str:
        return raised.facts.message() if content.exceptions and raised is not None else content.message

    def wanted(parts: Sequence[str], site: str) -> list[str] | None:
        found = override.entries_of(stated, message) if stated else None
        if found is None and conf.fingerprint_hook is not None:
            found = override.from_hook(partial(record, parts, site), message)
        answers.append(found)
        return found

    def record(parts: Sequence[str], site: str) -> dict[str, Any]:
        return {
            "exception": None,
            "event": content.event,
            "type": raised.type if raised is not None else "",
            "message": message(),
            "task": task,
            "parts": list(parts),
            "site": site,
        }

    if raised is not None:
        fingerprint = describe(raised, task, wanted)
        of_its_file = _of_file(content, raised) if answers == [None] else None
        return fingerprint if of_its_file is None else of_its_file
    default = _without_stack(content)
    return with_override(wanted(default.parts, default.site), default)


def _of_file(content: Content, raised: Raised) -> Fingerprint | None:
    """Return the fingerprint of a failure that a file caused, by the tags of its event; None for other failures."""
    module, _, name = raised.type.rpartition(".")
    tags = {"tags": content.event.get("tags")}
    return of_file_event(module, name, stage=fact_of(tags, "stage"), signal=fact_of(tags, "signal"))


def _raised(content: Content) -> Raised | None:
    """Return the exceptions, else a stack trace without exception; None if there is neither."""
    if content.exceptions:
        return _read(content, _Reader.read)
    if not content.stack or (content.message and not content.is_crash):
        # The SDK can add the stack of the log call to a message; the live key does not contain it.
        return None
    stack = {"type": "", "module": "", "value": "", "mechanism": {}, "frames": content.stack}
    alone = _read(content, lambda reader: reader.one(stack))
    alone.type = "stack trace without exception"
    if content.message:
        alone.details = [f"logger {content.logger}", f"message {log_wording(content.message)}"]
    return alone


def _read(content: Content, how: Callable[[_Reader], Raised]) -> Raised:
    reader = _Reader(content)
    raised = how(reader)
    # Likely code counts as a library's if the stack has own code.
    return raised if reader.found != LIKELY | OWN else how(_Reader(content, least=OWN))


def _without_stack(content: Content) -> Fingerprint:
    if content.report or not content.message:
        parts = content.report or content.rest
        return make(parts, content.logger or as_text(content.event.get("culprit")))
    return fingerprint_message(content.message, content.logger)


class _Reader:
    """Walks the exceptions of an event once."""

    def __init__(self, content: Content, least: int = LIKELY) -> None:
        self.least, self.found = least, FOREIGN
        self.platform = content.platform
        # Outermost first: if a chain is too long, its innermost exceptions are ignored.
        self.values = content.exceptions[::-1]
        self.with_line = conf.fingerprint_source_line
        self.children: dict[int, list[int]] = {}

    def read(self) -> Raised:
        """Return the outermost exception with its causes and the members of groups."""
        mechanisms = [value["mechanism"] for value in self.values]
        if not has_ids(mechanisms):
            return self._plain()
        order = order_of(mechanisms)
        children = children_of([mechanisms[place] for place in order])
        if children is None:
            return self._plain(as_listed=True)
        self.values = [self.values[place] for place in order]
        self.children = children
        return self._tree(0, 0)

    def _plain(self, *, as_listed: bool = False) -> Raised:
        chain = [self.one(value) for value in self.values[:MAX_CHAIN]]
        for link, following in pairwise(chain):
            if as_listed:
                # The members of the group are unknown, because the ids do not form a tree.
                link.members = None
            elif link.members is not None:
                # The members of the group are not in the event; its cause is.
                link.members.append(following)
            link.cause = following
        return chain[0]

    def _tree(self, place: int, depth: int) -> Raised:
        first = last = self.one(self.values[place])
        children = self.children.get(place, ())
        for _ in range(MAX_CHAIN - 1):
            if last.members is not None or len(children) != 1:
                break
            last.cause = last = self.one(self.values[children[0]])
            children = self.children.get(children[0], ())
        if last.members is None and len(children) > 1:
            # Several causes without a group: they are handled like the members of a group.
            last.cause = last = Raised("several causes", frozenset(), [], [], "", last.facts, None, [])
        if last.members is not None and depth < MAX_CHAIN:
            last.members += [self._tree(member, depth + 1) for member in children]
        return first

    def one(self, value: dict[str, Any]) -> Raised:
        """Return one exception of the event."""
        frames = value["frames"]
        facts = EventFacts(value, frames)
        kind, bases = _type(value, frames, self.platform)
        kind = kind or "exception without type"
        members: list[Raised] | None = [] if value["mechanism"].get("is_exception_group") is True else None
        raised = Raised(kind, bases, [], [], "", facts, None, members)
        flags_count = says_own((as_text(given.get("module")), _path(given), given.get("in_app")) for given in frames)
        read = [_frame(frame, self.platform, flags_count) for frame in frames]
        own: list[str] = []
        every: list[str] = []
        line = EventLine()
        is_named = any(frame.is_named and not frame.is_hidden for frame in read)
        for frame, given in zip(read, frames, strict=True):
            if line.is_inlined(given):
                continue
            line.add(given, counts=frame.ownership >= self.least and not frame.is_hidden)
            if frame.is_hidden:
                continue
            number = "" if is_named else as_text(given.get("lineno"))
            name = f"{frame.name}:{number}" if number else frame.name
            every.append(name)
            if frame.ownership >= self.least:
                self.found |= frame.ownership
                own.append(name)
        if every and not is_named:
            # File names alone do not identify a failure.
            raised.details = [f"message {wording(facts.message())}"]
        if self.with_line:
            raised.line = line.text()
        raised.own, raised.every = own, every
        return raised


class EventFacts:
    """Facts from the exception's text and from the locals, which the event contains as text."""

    __slots__ = ("_frames", "_value")

    def __init__(self, value: dict[str, Any], frames: list[dict[str, Any]]) -> None:
        self._value, self._frames = value, frames

    def message(self) -> str:
        """Return the exception's text."""
        return as_text(self._value.get("value"))

    def places(self) -> list[str]:
        """Return the places of all frames, see `frame_places`."""
        return event_places(self._frames)

    def clue(self, name: str) -> str:
        """Return one fact; empty if unknown."""
        if name == "client":
            return self._client()
        if name == "host":
            return host_in(self.message())
        if name == "constraint":
            return constraint_in(self.message())
        return self._local(name)

    def _client(self) -> str:
        """Return the codes of an API error: those in its text, else the default one of its class."""
        name, module = self._value["type"], self._value["module"]
        kind = class_named(module, name)
        if kind is not None and issubclass(kind, APIException):
            return "" if kind.status_code >= 500 else codes_in(self.message()) or str(kind.default_code)
        return name if name in {"Http404", "PermissionDenied"} and "rest" not in module else ""

    def _local(self, clue: str) -> str:
        for frame in reversed(self._frames):
            module, found = as_text(frame.get("module")), as_dict(frame.get("vars"))
            instance = as_text(found.get("self"))
            if clue == "view" and module in {"rest_framework.views", "django.views.generic.base"}:
                if view := _OBJECT.search(instance):
                    return view[1].replace("<locals>.", "")
            elif clue == "alias" and module.startswith("django.db."):
                if alias := _ALIAS.search(instance):
                    return alias[1]
            elif clue == "template" and module.startswith("django.template") and "template_name" in found:
                return as_text(found["template_name"]).strip("'\"")[:200]
        missing = clue == "template" and as_text(self._value.get("type")) == "TemplateDoesNotExist"
        return self.message()[:200] if missing else ""


class _Frame(NamedTuple):
    """A frame. It `is_named` if its name contains a function or a source line, not only a file."""

    name: str
    is_named: bool
    ownership: int
    is_hidden: bool


def _type(value: dict[str, Any], frames: list[dict[str, Any]], platform: str) -> tuple[str, frozenset[str]]:
    module, name = value["module"], value["type"]
    if platform not in {"", "python"} or "/" in module:
        full = qualified(foreign_module(module), foreign_module(name))
        return full, frozenset({full})
    if not module and class_named(*(parted := name.rpartition("."))[::2]) is not None:
        # Some clients write the module as part of the type.
        module, name = parted[0], parted[2]
    kind = class_named(module, name)
    if kind is not None:
        return qualified(module, name), bases_of(kind)
    stem = ""
    if module in {"__main__", "__mp_main__"}:
        stem = next((PurePath(_path(f)).stem for f in frames if f.get("module") == module and _path(f)), "")
    full = qualified(module, name, stem)
    return full, frozenset({full})


def _frame(frame: dict[str, Any], platform: str, flags_count: bool) -> _Frame:
    path, stated = _path(frame), frame.get("in_app")
    if is_python(frame, platform):
        function, given = as_text(frame.get("function")), as_text(frame.get("module"))
        module = module_of({"__name__": given or installed_module(path) or None}, path)
        own = FOREIGN if is_plumbing(module) else ownership_in_event(module, path, stated, flags_count)
        line = frame.get("lineno")
        if own and function and type(line) is int:
            function = qualified_name(given, path, function, line)
    else:
        module, function = foreign_name(frame)
        own = OWN if (stated if type(stated) is bool else is_in_app(path)) else FOREIGN
    shown = as_dict(frame.get("vars"))
    # As for live frames, the name of the local counts, not its value.
    hidden = module.startswith("sentry_sdk.") or any(flag in shown for flag in _HIDDEN)
    source = "" if function else collapse_line(as_text(frame.get("context_line")))
    # The name may be empty: a comprehension on module level has no function.
    name = clean_name(function) if function else source or "<unknown>"
    return _Frame(".".join(filter(None, (module, name))), bool(function or source), own, hidden)


def _path(frame: dict[str, Any]) -> str:
    return as_text(frame.get("abs_path")) or as_text(frame.get("filename"))
