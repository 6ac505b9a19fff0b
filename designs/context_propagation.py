"""Propagation of the controlled mark into threads, pools and event loops.

Python starts a thread with an empty context, and a pool thread keeps its context from one piece of work to the next. A
thread therefore records the work that started it, and pool work records its submitter. Either side may become
controlled later, and the other with it. Python's classes are extended when the process handles its first controlled
design: before that, this costs nothing.

Work may also reach a thread through a queue. A thread is therefore in doubt, and treated as controlled, if the process
has handled a controlled design since the thread's start, or if the thread was started before the classes were extended.

This module imports the context only, because pool processes import it to do their work.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, cast

from designs import context

__all__ = ["Carrier", "connect"]

_ORIGIN = "enginel_origin"
# Threads of this service hold no content of designs: counts, scrubbed records, findings of health checks.
_OWN_THREADS = "enginel-"
_OWN_LOGGERS = "enginel."
_MAX_FRAMES = 40

_attributes_of: Callable[[BaseException], dict[str, object]] = vars(BaseException)["__dict__"].__get__


class _Origin(NamedTuple):
    """Origin that a thread records at its start."""

    cells: context.Cells
    met: int


class _Here(threading.local):
    """Cells of the pool work that this thread runs; None outside of pool work.

    Not a context variable, because asgiref copies those to other threads.
    """

    work: context.Cells | None = None


_here = _Here()


class Carrier:
    """Origin of the work of code outside of requests and tasks.

    Attributes:
        met: Number of requests, tasks and other pieces of work of this process that became controlled.
    """

    def __init__(self) -> None:
        self.met = 0
        self._lock = threading.Lock()

    def start(self) -> None:
        """Count a piece of work that became controlled; extend Python's classes at the first."""
        with self._lock:
            self.met += 1
            if self.met == 1:
                _extend()

    def is_controlled(self) -> bool:
        """Return whether the running code belongs, or may belong, to controlled work."""
        work = _here.work
        if work is not None:
            return any(work)
        thread = threading.current_thread()
        origin = vars(thread).get(_ORIGIN)
        if origin is not None:
            return any(origin.cells) or (origin.met != self.met and not _is_own(thread))
        return self.met > 0 and thread is not threading.main_thread() and not _is_own(thread)

    def is_at_an_end(self) -> bool:
        """Return whether an object is being destroyed: by ``__del__``, a finalizer or the close of a generator.

        Objects of controlled work may be destroyed during any other work.
        """
        if not self.met:
            return False
        if isinstance(sys.exc_info()[1], GeneratorExit):
            return True
        frame = sys._getframe(1)  # noqa: SLF001 - `inspect.currentframe` of the caller
        for _ in range(_MAX_FRAMES):
            code = frame.f_code
            if code.co_name == "__del__" or code.co_filename == weakref.__file__:
                return True
            if frame.f_back is None:
                break
            frame = frame.f_back
        return False

    def cells(self) -> context.Cells:
        """Return the cells that become controlled together with the running code."""
        work = _here.work
        if work is not None:
            return work
        origin = vars(threading.current_thread()).get(_ORIGIN)
        return origin.cells if origin is not None else ()


_carrier = Carrier()
_scope: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


def connect(scope: Callable[[], AbstractContextManager[None]]) -> None:
    """Start to determine the origin of work outside of requests and tasks.

    Args:
        scope: Isolates one piece of work of a pool process from the next.
    """
    global _scope  # noqa: PLW0603 - one process
    _scope = scope
    context.carrier = _carrier


def _is_own(thread: threading.Thread) -> bool:
    return thread.name.startswith(_OWN_THREADS)


def _extend() -> None:
    threading.Thread.start = _starting(threading.Thread.start)  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = _submitting(ThreadPoolExecutor.submit, _in_thread)  # type: ignore[method-assign]
    ProcessPoolExecutor.submit = _submitting(ProcessPoolExecutor.submit, _in_process)  # type: ignore[method-assign]
    Future.add_done_callback = _adding(Future.add_done_callback)  # type: ignore[method-assign]
    loops: Any = asyncio.BaseEventLoop
    loops.call_exception_handler = _reporting(loops.call_exception_handler)
    loops.create_task = _creating(loops.create_task)
    sys.unraisablehook = _ignoring(sys.unraisablehook)
    logging.setLogRecordFactory(_marking(logging.getLogRecordFactory()))


def _starting(begin: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(begin)
    def start(self: threading.Thread, *args: Any, **kwargs: Any) -> None:
        vars(self).setdefault(_ORIGIN, _Origin(() if _is_own(self) else context.cells(), _carrier.met))
        begin(self, *args, **kwargs)

    return start


def _submitting(
    queue: Callable[..., Future[Any]], wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[..., Future[Any]]:
    @functools.wraps(queue)
    def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return queue(self, wrap(fn), *args, **kwargs)

    return submit


def _in_thread(fn: Callable[..., Any]) -> Callable[..., Any]:
    return functools.partial(_run, context.cells(), fn)


def _in_process(fn: Callable[..., Any]) -> Callable[..., Any]:
    return functools.partial(_run_in_process, context.is_controlled(), fn)


def _adding(add: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(add)
    def add_done_callback(self: Future[Any], fn: Callable[[Future[Any]], object]) -> None:
        add(self, functools.partial(_run, context.cells(), fn))

    return add_done_callback


def _run(work: context.Cells, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run a piece of work for its submitter; the thread keeps nothing of it."""
    before, before_work = context.current_state(), _here.work
    run = context.current()
    if not (run.request_id or run.task_id):
        # Work from before the classes were extended may have left its context.
        context.start(context.RunContext())
    elif any(work):
        context.bind(is_controlled=True)
    _here.work = work
    try:
        return fn(*args, **kwargs)
    except BaseException as exc:
        _tag(exc)
        raise
    finally:
        context.start_with(before)
        _here.work = before_work


def _run_in_process(is_controlled: bool, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run a piece of work in a pool process, which any other work may have started."""
    with _scope():
        context.start(context.RunContext())
        return _run((set(),), functools.partial(_controlled, fn) if is_controlled else fn, *args, **kwargs)


def _controlled(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    context.set_controlled()
    return fn(*args, **kwargs)


def _tag(exc: BaseException) -> None:
    """Mark an exception that leaves controlled work."""
    if context.is_controlled():
        dict.__setitem__(_attributes_of(exc), context.TAG, True)


def _reporting(report: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(report)
    def call_exception_handler(self: Any, details: dict[str, Any]) -> None:
        if not _is_of_controlled(details):
            report(self, details)
            return
        token = context.bind(is_controlled=True)
        try:
            if isinstance(exc := details.get("exception"), BaseException):
                _tag(exc)
            report(self, details)
        finally:
            context.unbind(token)

    return call_exception_handler


def _creating(create: Callable[..., Any]) -> Callable[..., Any]:
    """Record the origin of an event loop's task on the exception that ends it: the frames do not show its creator."""

    @functools.wraps(create)
    def create_task(self: Any, *args: Any, **kwargs: Any) -> Any:
        task = create(self, *args, **kwargs)
        task.add_done_callback(functools.partial(_record_origin, context.cells()))
        return task

    return create_task


def _record_origin(work: context.Cells, task: Any) -> None:
    # `exception()` would mark it as retrieved, and the loop would not report it.
    error = getattr(task, "_exception", None)
    if error is not None:
        # The cells, because the work may become controlled later.
        dict.__setitem__(_attributes_of(error), context.CELL, work)


def _ignoring(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(hook)
    def unraisablehook(args: Any) -> None:
        # Objects may be destroyed long after the work that made them, in any thread.
        if args.exc_value is not None:
            dict.__setitem__(_attributes_of(args.exc_value), context.TAG, True)
        hook(args)

    return unraisablehook


def _marking(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    @functools.wraps(make)
    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if context.is_controlled() or (not str(record.name).startswith(_OWN_LOGGERS) and _carrier.is_at_an_end()):
            # A handler may keep the record, and format it in other work or another thread.
            vars(record)[context.TAG] = True
            error = record.exc_info[1] if type(record.exc_info) is tuple else None
            if issubclass(type(error), BaseException):
                _tag(cast("BaseException", error))
        return record

    return factory


def _is_of_controlled(details: dict[str, Any]) -> bool:
    """Return whether a report of an event loop comes from controlled work; True in doubt.

    Futures do not expose the context in which they were made, nor do tasks and callbacks before Python 3.12.
    """
    for name in ("task", "future", "handle"):
        get_context = getattr(details.get(name), "get_context", None)
        if get_context is not None:
            # A copy, because the context itself may be in use.
            return bool(get_context().copy().run(context.is_controlled))
    return True
