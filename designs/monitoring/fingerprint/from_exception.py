"""The front for live exceptions. What a code object says about itself is found once and kept."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from functools import partial
from types import CodeType, FrameType, TracebackType
from typing import Any, cast

from designs.conf import conf
from designs.monitoring.fingerprint import override
from designs.monitoring.fingerprint.exception_facts import LiveFacts
from designs.monitoring.fingerprint.file_failures import of_file
from designs.monitoring.fingerprint.frames import clean_name, is_comprehension, is_plumbing, module_of, scope_of
from designs.monitoring.fingerprint.grouping import describe, names_of, told_by, with_override
from designs.monitoring.fingerprint.model import MAX_CHAIN, MAX_NODES, Fingerprint, Raised, make
from designs.monitoring.fingerprint.own_code import FOREIGN, LIKELY, OWN, ownership
from designs.monitoring.fingerprint.stack_cache import ByNames, KnownStacks, Shape, shape_of
from designs.monitoring.fingerprint.statements import statement_at
from designs.monitoring.fingerprint.type_names import bases_of, name_of
from designs.monitoring.untrusted.exceptions import led_to_by, members_of, traceback_of
from designs.monitoring.untrusted.stop_exceptions import is_stop
from designs.monitoring.untrusted.text import raw_text

__all__ = ["fingerprint_exception"]

_MAX_FRAMES = 20_000
_MAX_CODES = 8_192
_MAX_NAMED = 256
_HIDDEN = frozenset({"__traceback_hide__", "__tracebackhide__"})


class _Code:
    """What the key needs of one code object; holding the object keeps its id its own."""

    __slots__ = ("code", "gives_line", "hidden", "lines", "name", "own", "scope")

    def __init__(self, code: CodeType, frame: FrameType, caller: _Code | None) -> None:
        """Take the frame in which it runs, and for a comprehension the function that it is written in."""
        module = module_of(frame.f_globals, code.co_filename)
        self.code = code
        self.own = FOREIGN if is_plumbing(module) else ownership(module, code.co_filename)
        # Sentry's JSON has bare names; for own frames `sentry_event` finds the qualified ones, for others it cannot.
        self.name = f"{module}.{clean_name(code.co_qualname if self.own else code.co_name)}".rstrip(".")
        self.scope: str = scope_of(code.co_name) if caller is None else caller.scope
        # The names of a frame's locals are at hand; asking for the locals themselves would copy them all.
        self.hidden = module.startswith("sentry_sdk.") or not _HIDDEN.isdisjoint(code.co_varnames)
        self.gives_line = FOREIGN if self.hidden else self.own
        if caller is not None:
            # It is no frame, but what fails in it fails in a line of its function.
            self.hidden, self.gives_line = True, caller.gives_line
        self.lines: dict[int, str | None] = {}
        if self.gives_line:
            linecache.lazycache(code.co_filename, frame.f_globals)

    def line(self, number: int) -> str | None:
        if number not in self.lines:
            self.lines[number] = statement_at(self.code.co_filename, number, self.scope)
        return self.lines[number]


class _Codes:
    """The code objects and the stacks of them seen so far, under the roots and packages that were set then."""

    def __init__(self) -> None:
        self.by_id: dict[int, _Code] = {}
        self.stacks = KnownStacks()
        self.settings: tuple[object, object] = (None, None)

    def refresh(self) -> None:
        """Forget what is known when there is too much of it, or when other code is ours now."""
        roots, packages = conf.in_app_roots, conf.in_app_packages
        if roots is not self.settings[0] or packages is not self.settings[1] or len(self.by_id) > _MAX_CODES:
            self.by_id, self.stacks, self.settings = {}, KnownStacks(), (roots, packages)

    def that_give_lines(self, least: int) -> Callable[[CodeType], bool]:
        """Return what tells code that can give the source line: it must be own, or likely own, and not hidden."""
        known = self.by_id

        def gives_line(code: CodeType) -> bool:
            info = known.get(id(code))
            return info is not None and info.gives_line >= least

        return gives_line


_codes = _Codes()


def _learn(known: dict[int, _Code], frame: FrameType, traceback: TracebackType) -> _Code:
    """Note what there is to know of a frame's code, its callers' being known; the traceback begins its stack."""
    code, caller = frame.f_code, None
    if is_comprehension(code.co_name):
        caller = known.get(id(_caller_of(frame, traceback)))
    found = known[id(code)] = _Code(code, frame, caller)
    return found


def _caller_of(frame: FrameType, traceback: TracebackType) -> CodeType | None:
    """Return the code that a comprehension is part of; None if the stack does not begin early enough."""
    caller: CodeType | None = None
    link: TracebackType | None = traceback
    while link is not None and link.tb_frame is not frame:
        caller, link = link.tb_frame.f_code, link.tb_next
    return caller if caller is not None and frame.f_code in caller.co_consts else None


def fingerprint_exception(exc: BaseException, task: str = "") -> Fingerprint:
    """Return the fingerprint of a live exception. Never raises.

    Args:
        exc: The exception with its traceback and chain.
        task: Name of the Celery task it ended, where there is one.
    """
    try:
        return _fingerprint(exc, task)
    except BaseException as error:
        # Whatever an exception does to what reads it, it gets a key.
        if is_stop(error):
            raise
        return make(["unreadable", f"type {name_of(type(exc))}", f"task {task}"], name_of(type(exc)))


def _fingerprint(exc: BaseException, task: str) -> Fingerprint:
    of_its_file = of_file(exc)
    if of_its_file is not None and conf.fingerprint_hook is None:
        return of_its_file
    _codes.refresh()
    if conf.fingerprint_hook is not None:
        return _of_hook(exc, task, of_its_file)
    stacks, with_line = _codes.stacks, conf.fingerprint_source_line
    known = stacks.last(exc, task, with_line)
    if known is None:
        shape = shape_of(exc)
        known = stacks.find(shape, task, with_line) if shape is not None else None
        if known is None:
            return _learnt(exc, shape, task, with_line)
    found = known if isinstance(known, Fingerprint) else known.get(_names_of(exc))
    if found is None:
        return _learnt(exc, shape_of(exc), task, with_line, known)
    wanted = override.from_exception(exc, lambda: raw_text(exc))
    return found if wanted is None else with_override(wanted, found)


def _of_hook(exc: BaseException, task: str, of_its_file: Fingerprint | None) -> Fingerprint:
    """Return the fingerprint where the settings have a hook, which comes before the key by class and stage."""
    raised = _read(exc)[0]
    if of_its_file is None:
        return _described(exc, raised, task)[0]
    answers: list[list[str] | None] = []

    def wanted(parts: Sequence[str], site: str) -> list[str] | None:
        record = partial(_for_hook, exc, raised, task, parts, site)
        answers.append(override.from_hook(record, raised.facts.message))
        return answers[0]

    fingerprint = describe(raised, task, wanted)
    return of_its_file if answers == [None] else fingerprint


def _names_of(exc: BaseException) -> tuple[str, ...]:
    chain: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and len(chain) < MAX_CHAIN and not any(link is seen for seen in chain):
        chain.append(link)
        link = led_to_by(link)
    return names_of((bases_of(type(link)), partial(raw_text, link)) for link in chain)


def _learnt(
    exc: BaseException, shape: Shape | None, task: str, with_line: bool, known: Fingerprint | ByNames | None = None
) -> Fingerprint:
    raised, least = _read(exc)
    fingerprint, is_ours = _described(exc, raised, task)
    if not is_ours or shape is None or not (told := told_by(raised)):
        return fingerprint
    kept: Fingerprint | ByNames = fingerprint
    if told == "names":
        # Names may be as many as the messages: what is kept is bounded.
        kept = known if isinstance(known, dict) and len(known) < _MAX_NAMED else {}
        kept[tuple([part[6:] for part in fingerprint.parts if part.startswith("names ")])] = fingerprint
    _codes.stacks.keep(shape, task, with_line, fingerprint=kept, gives_line=_codes.that_give_lines(least))
    return fingerprint


def _described(exc: BaseException, raised: Raised, task: str) -> tuple[Fingerprint, bool]:
    """Return the fingerprint, and whether it is all ours: the application was not asked, or had nothing to say."""
    answers: list[list[str] | None] = []

    def wanted(parts: Sequence[str], site: str) -> list[str] | None:
        message = raised.facts.message
        found = override.from_exception(exc, message)
        if found is None and conf.fingerprint_hook is not None:
            found = override.from_hook(lambda: _for_hook(exc, raised, task, parts, site), message)
        answers.append(found)
        return found

    fingerprint = describe(raised, task, wanted)
    return fingerprint, answers == [None] and conf.fingerprint_hook is None


def _for_hook(exc: BaseException, raised: Raised, task: str, parts: Sequence[str], site: str) -> dict[str, Any]:
    return {
        "exception": exc,
        "event": None,
        "type": raised.type,
        "message": raised.facts.message(),
        "task": task,
        "parts": list(parts),
        "site": site,
    }


def _read(exc: BaseException) -> tuple[Raised, int]:
    """Return the exception with all that led to it, and what its code must at least be to be own."""
    reader = _Reader()
    raised = reader.read(exc)
    if reader.found != LIKELY | OWN:
        return raised, LIKELY
    # Code that is likely own is a library's where other code is.
    return _Reader(least=OWN).read(exc), OWN


class _Reader:
    """One walk over a chain with its groups, in the order in which Sentry's SDK walks it."""

    def __init__(self, least: int = LIKELY) -> None:
        self.codes = _codes.by_id
        self.least = least
        self.found = FOREIGN
        self.with_line = conf.fingerprint_source_line
        self.seen: set[int] = set()

    def read(self, exc: BaseException, depth: int = 0) -> Raised:
        """Return the exception and what led to it."""
        first = last = self._one(exc)
        link = exc
        for _ in range(MAX_CHAIN - 1):
            if last.members is not None:
                break
            following = self._led_to_by(link)
            if following is None:
                break
            last.cause = self._one(following)
            link, last = following, last.cause
        if last.members is not None and depth < MAX_CHAIN:
            self._read_members(link, last.members, depth)
        return first

    def _read_members(self, group: BaseException, members: list[Raised], depth: int) -> None:
        # What led to a group is often one of its members, and the SDK lists each exception once.
        following = self._led_to_by(group)
        if following is not None:
            members.append(self.read(following, depth + 1))
        for member in members_of(group):
            if len(self.seen) >= MAX_NODES:
                return
            if id(member) not in self.seen:
                members.append(self.read(member, depth + 1))

    def _led_to_by(self, exc: BaseException) -> BaseException | None:
        following = led_to_by(exc)
        return None if following is None or id(following) in self.seen else following

    def _one(self, exc: BaseException) -> Raised:
        self.seen.add(id(exc))
        kind = type(exc)
        own, every, line = self._frames(traceback_of(exc))
        bases = bases_of(kind)
        members: list[Raised] | None = [] if "BaseExceptionGroup" in bases else None
        return Raised(name_of(kind), bases, own, every, line, LiveFacts(exc), None, members)

    def _frames(self, traceback: TracebackType | None) -> tuple[list[str], list[str], str | None]:
        own: list[str] = []
        every: list[str] = []
        last: TracebackType | None = None
        known, least, found, first = self.codes, self.least, self.found, traceback
        add, add_own = every.append, own.append
        while traceback is not None and len(every) < _MAX_FRAMES:
            frame = traceback.tb_frame
            code = frame.f_code
            try:
                info = known[id(code)]
            except KeyError:
                info = _learn(known, frame, cast("TracebackType", first))
            if not info.hidden:
                add(info.name)
                if info.own >= least:
                    add_own(info.name)
                    found |= info.own
                    last = traceback
            elif info.gives_line >= least:
                last = traceback
            traceback = traceback.tb_next
        self.found = found
        if last is None or not self.with_line:
            return own, every, ""
        return own, every, known[id(last.tb_frame.f_code)].line(last.tb_lineno or 0)
