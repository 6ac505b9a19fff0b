"""Fingerprints of live exceptions. Hot path: the facts of each code object are computed once and cached."""

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
    """Facts of one code object that the key needs. The object is kept alive so that its id stays unique."""

    __slots__ = ("code", "gives_line", "hidden", "lines", "name", "own", "scope")

    def __init__(self, code: CodeType, frame: FrameType, caller: _Code | None) -> None:
        """Compute the facts from a frame that runs the code; `caller` is the function around a comprehension."""
        module = module_of(frame.f_globals, code.co_filename)
        self.code = code
        self.own = FOREIGN if is_plumbing(module) else ownership(module, code.co_filename)
        # Sentry's JSON has bare function names. `from_event` can find the qualified names of own frames only.
        self.name = f"{module}.{clean_name(code.co_qualname if self.own else code.co_name)}".rstrip(".")
        self.scope: str = scope_of(code.co_name) if caller is None else caller.scope
        # The code object has the names of the locals. Reading the frame's locals would copy all of them.
        self.hidden = module.startswith("sentry_sdk.") or not _HIDDEN.isdisjoint(code.co_varnames)
        self.gives_line = FOREIGN if self.hidden else self.own
        if caller is not None:
            # A comprehension is not listed as a frame, but its failing line is a line of its function.
            self.hidden, self.gives_line = True, caller.gives_line
        self.lines: dict[int, str | None] = {}
        if self.gives_line:
            linecache.lazycache(code.co_filename, frame.f_globals)

    def line(self, number: int) -> str | None:
        if number not in self.lines:
            self.lines[number] = statement_at(self.code.co_filename, number, self.scope)
        return self.lines[number]


class _Codes:
    """Cache of code objects and stacks, valid for the roots and packages that were set when it was filled."""

    def __init__(self) -> None:
        self.by_id: dict[int, _Code] = {}
        self.stacks = KnownStacks()
        self.settings: tuple[object, object] = (None, None)

    def refresh(self) -> None:
        """Clear the cache if it is too large, or if the settings of own code have changed."""
        roots, packages = conf.in_app_roots, conf.in_app_packages
        if roots is not self.settings[0] or packages is not self.settings[1] or len(self.by_id) > _MAX_CODES:
            self.by_id, self.stacks, self.settings = {}, KnownStacks(), (roots, packages)

    def line_predicate(self, least: int) -> Callable[[CodeType], bool]:
        """Return a predicate: whether code can supply the source line.

        Such code is not hidden, and its class is at least ``least``: `LIKELY` or `OWN`.
        """
        known = self.by_id

        def gives_line(code: CodeType) -> bool:
            info = known.get(id(code))
            return info is not None and info.gives_line >= least

        return gives_line


_codes = _Codes()


def _add_code(known: dict[int, _Code], frame: FrameType, traceback: TracebackType) -> _Code:
    """Compute, cache and return the facts of a frame's code.

    The facts of its callers must be in the cache. `traceback` is the first entry of the stack.
    """
    code, caller = frame.f_code, None
    if is_comprehension(code.co_name):
        caller = known.get(id(_caller_of(frame, traceback)))
    found = known[id(code)] = _Code(code, frame, caller)
    return found


def _caller_of(frame: FrameType, traceback: TracebackType) -> CodeType | None:
    """Return the code that contains a comprehension; None if the stack does not include it."""
    caller: CodeType | None = None
    link: TracebackType | None = traceback
    while link is not None and link.tb_frame is not frame:
        caller, link = link.tb_frame.f_code, link.tb_next
    return caller if caller is not None and frame.f_code in caller.co_consts else None


def fingerprint_exception(exc: BaseException, task: str = "") -> Fingerprint:
    """Return the fingerprint of a live exception. Never raises.

    Args:
        exc: The exception with its traceback and chain.
        task: Name of the Celery task that it ended; empty outside of tasks.
    """
    try:
        return _fingerprint(exc, task)
    except BaseException as error:
        # Reading an exception may run its own code, which may raise anything. It gets a key all the same.
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
            return _compute(exc, shape, task, with_line)
    found = known if isinstance(known, Fingerprint) else known.get(_names_of(exc))
    if found is None:
        return _compute(exc, shape_of(exc), task, with_line, known)
    wanted = override.from_exception(exc, lambda: raw_text(exc))
    return found if wanted is None else with_override(wanted, found)


def _of_hook(exc: BaseException, task: str, of_its_file: Fingerprint | None) -> Fingerprint:
    """Return the fingerprint if the settings have a hook. The hook overrides the key by class and stage."""
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


def _compute(
    exc: BaseException, shape: Shape | None, task: str, with_line: bool, known: Fingerprint | ByNames | None = None
) -> Fingerprint:
    raised, least = _read(exc)
    fingerprint, is_cacheable = _described(exc, raised, task)
    if not is_cacheable or shape is None or not (basis := told_by(raised)):
        return fingerprint
    kept: Fingerprint | ByNames = fingerprint
    if basis == "names":
        # Each message may have other names, so the number of cached fingerprints is limited.
        kept = known if isinstance(known, dict) and len(known) < _MAX_NAMED else {}
        kept[tuple([part[6:] for part in fingerprint.parts if part.startswith("names ")])] = fingerprint
    _codes.stacks.keep(shape, task, with_line, fingerprint=kept, gives_line=_codes.line_predicate(least))
    return fingerprint


def _described(exc: BaseException, raised: Raised, task: str) -> tuple[Fingerprint, bool]:
    """Return the fingerprint, and whether it may be cached: the exception does not override it, and no hook is set."""
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
    """Return the exception with its chain, and the least class of code that counts as own: `LIKELY` or `OWN`."""
    reader = _Reader()
    raised = reader.read(exc)
    if reader.found != LIKELY | OWN:
        return raised, LIKELY
    # Likely code counts as a library's if the stack has own code.
    return _Reader(least=OWN).read(exc), OWN


class _Reader:
    """Walks a chain and its groups once, in the order of Sentry's SDK."""

    def __init__(self, least: int = LIKELY) -> None:
        self.codes = _codes.by_id
        self.least = least
        self.found = FOREIGN
        self.with_line = conf.fingerprint_source_line
        self.seen: set[int] = set()

    def read(self, exc: BaseException, depth: int = 0) -> Raised:
        """Return the exception with its causes and the members of groups."""
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
        # The cause of a group is often one of its members, and the SDK lists each exception once.
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
                info = _add_code(known, frame, cast("TracebackType", first))
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
