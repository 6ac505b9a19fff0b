"""Failures of management commands: recorded once, with command and arguments, before the process ends.

``manage.py`` calls `record_failure` itself. ``django-admin`` and ``python -m django`` end in ``sys.excepthook``, which
`connect` extends. A command called by ``call_command`` belongs to the request, task or command that called it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType, TracebackType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from designs import context
from designs.exceptions import EnginelBaseException
from designs.logs import standard_error
from designs.monitoring import ErrorTracker, guarded
from designs.monitoring.redaction import FILTERED, is_secret_key
from designs.monitoring.withheld import tag

__all__ = ["connect", "record_failure"]

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]

_INTERACTIVE = "code"
_MIN_SECRET_CHARS = 4
_last: list[BaseException] = []
"""The last recorded failure: ``sys.excepthook`` receives it again when it ends the process."""


def connect() -> None:
    """Extend ``sys.excepthook``; its output stays the same."""
    if standard_error.runs_command(sys.argv[0]):
        # Event loops run in copies of a command's context, which share the mark of a bound context only.
        context.bind()
    if not isinstance(sys.excepthook, _Hook):
        sys.excepthook = _Hook(sys.excepthook)


def record_failure(error: BaseException) -> None:
    """Record the exception that ends a management command; ignore other exceptions and exits that are no failure.

    A `CommandError` and an exit code are the command's answer to its caller. They count as a failure only if another
    exception caused them (``raise CommandError(...) from error``), unless that is one of Enginel's own.

    Args:
        error: Exception that left the command.
    """
    with guarded("record_failure"):
        if error in _last:
            return
        failure, answer = _failure_of(error)
        frame = _command_frame(error)
        if failure is None or frame is None:
            return
        _last[:] = [error]
        facts = _facts(frame)
        ErrorTracker.log_error(failure, {**facts, "answer": answer} if answer else facts, source="command")
        # The process ends. Without Redis, a warning would follow the command's own output.
        logging.getLogger("enginel.monitoring").setLevel(logging.ERROR)


class _Hook:
    """Records a command's failure, then calls the previous hook."""

    def __init__(self, before: Hook) -> None:
        self.before = before

    def __call__(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        try:
            if _is_in_doubt(error):
                tag(error)
            record_failure(error)
        finally:
            if traceback is not None and traceback.tb_frame.f_globals.get("__name__") == _INTERACTIVE:
                # The interactive shell omits its own frame only for a hook that it knows.
                traceback = traceback.tb_next
            self.before(kind, error, traceback)


def _is_in_doubt(error: BaseException) -> bool:
    """Return whether an exception outside of commands may come from controlled work, such as a finalizer at exit."""
    return context.carrier is not None and context.carrier.met > 0 and _command_frame(error) is None


def _failure_of(error: BaseException) -> tuple[Exception | None, str]:
    """Return the failure to record, and the message with which the command replaced it."""
    answer: BaseException | None = error.__context__ if isinstance(error, SystemExit) else error
    if not isinstance(answer, CommandError):
        return (error if isinstance(error, Exception) else None), ""
    cause = answer.__cause__
    while isinstance(cause, CommandError):
        cause = cause.__cause__
    if not isinstance(cause, Exception) or isinstance(cause, EnginelBaseException):
        return None, ""
    return cause, str(answer)


def _frames(error: BaseException) -> Iterator[FrameType]:
    link = error.__traceback__
    while link is not None:
        yield link.tb_frame
        link = link.tb_next


def _command_frame(error: BaseException) -> FrameType | None:
    """Return the frame in which Django runs the command of this command line."""
    run = BaseCommand.run_from_argv.__code__
    return next((frame for frame in _frames(error) if frame.f_code is run), None)


def _facts(frame: FrameType) -> dict[str, Any]:
    seen = frame.f_locals
    argv: Sequence[str] = seen.get("argv") or sys.argv
    options = seen.get("cmd_options")
    secrets = _secrets_of(options) if isinstance(options, Mapping) else set()
    arguments = list(argv[2:])
    for place, argument in enumerate(arguments):
        for secret in secrets:
            # Options have short names too: -kSECRET.
            argument = argument.replace(secret, FILTERED)  # noqa: PLW2901
        arguments[place] = argument
    return {"command": argv[1] if len(argv) > 1 else "", "arguments": arguments}


def _secrets_of(options: Mapping[str, Any]) -> set[str]:
    """Return the values of options whose destination has a secret name."""
    found: set[str] = set()
    for name, value in options.items():
        if is_secret_key(name):
            items = value if isinstance(value, list | tuple) else [value]
            # The parser may have converted it to a number.
            found.update(str(item) for item in items if type(item) in (str, int))
    return {secret for secret in found if len(secret) >= _MIN_SECRET_CHARS}
