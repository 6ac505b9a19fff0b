"""Standard error of the service's processes, with secrets removed from everything written to it.

Logging goes through `designs.logs`. Python and libraries also write directly: uncaught exceptions of the process, of
threads and of ``__del__``, warnings, failures of log handlers, messages of an exit or of a command line. `serve` and
`command` replace ``sys.stderr`` and the hooks behind these messages, so that each becomes one scrubbed JSON line. A
command that a person runs keeps readable text, which is scrubbed too.

This module imports the standard library and the context only, because a process calls it before it reads the settings.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast

from designs import context

__all__ = ["ScrubbedStream", "command", "connect", "runs_command", "serve"]

LOGGER = "enginel.uncaught"
"""Logger name in lines about uncaught exceptions."""

_TEXT_LOGGER = "stderr"
_MAX_PENDING_CHARS = 65_536
_NOT_SHOWN = "[withheld: export-controlled or classified design]"
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class ScrubbedStream(io.TextIOBase):
    """Text stream in place of ``sys.stderr``.

    Writes whole lines, or the pending text when it is flushed. The text of one call stays together: a message of
    several lines becomes one JSON line, and a secret that spans several lines is found.

    Args:
        unwrapped: Stream to write to.
        as_json: Returns whether to write JSON lines now; otherwise text stays text.

    Attributes:
        unwrapped: Stream to write to. `designs.logs.console_handler` writes there, since its lines are scrubbed.
    """

    def __init__(self, unwrapped: TextIO, as_json: Callable[[], bool]) -> None:
        self.unwrapped = unwrapped
        self._as_json = as_json
        self._pending = threading.local()
        self._bytes = _Bytes(self)

    def write(self, text: str) -> int:
        pending = getattr(self._pending, "text", "") + text
        self._pending.text = pending
        if pending.endswith("\n") or len(pending) > _MAX_PENDING_CHARS:
            self._write_pending()
        elif text and _is_withheld():
            self._pending.is_withheld = True
        return len(text)

    def flush(self) -> None:
        if getattr(self._pending, "text", ""):
            self._write_pending()
        self.unwrapped.flush()

    def _write_pending(self) -> None:
        text, was_withheld = self._pending.text, getattr(self._pending, "is_withheld", False)
        self._pending.text, self._pending.is_withheld = "", False
        # The end of a line may be written after the end of the request or task that wrote its beginning.
        if was_withheld and self._as_json() and not _is_withheld():
            text = f"{_NOT_SHOWN}\n"
        self._write_now(text)

    def report(self, level: int, message: str, error: _ExcInfo | None) -> None:
        """Write one exception: as one JSON line, or as Python would print it.

        Args:
            level: Level of the JSON line.
            message: What happened; scrubbed here. Empty for the exception that ends the process.
            error: The exception, if there is one.
        """
        self.flush()
        if self._as_json():
            self._put(_json_line(LOGGER, level, message or "An exception ended the process", error))
        else:
            parts = (_scrubbed(message), _readable(error) if error else "")
            self._put("\n".join(part.rstrip("\n") for part in parts if part))

    def _write_now(self, text: str) -> None:
        if not self._as_json():
            self.unwrapped.write(_scrubbed(text))
            self.unwrapped.flush()
        elif text.strip():
            self._put(_json_of_text(text.rstrip("\n")))

    def _put(self, line: str) -> None:
        self.unwrapped.write(f"{line}\n")
        self.unwrapped.flush()

    def fileno(self) -> int:
        return self.unwrapped.fileno()

    def isatty(self) -> bool:
        return self.unwrapped.isatty()

    def writable(self) -> bool:
        return True

    @property
    def buffer(self) -> io.RawIOBase:
        """Binary stream whose bytes are written like text."""
        return self._bytes

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.unwrapped.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.unwrapped.errors


class _Bytes(io.RawIOBase):
    """``sys.stderr.buffer``: bytes that cannot be decoded are written as ``\\x..``."""

    def __init__(self, text: ScrubbedStream) -> None:
        self._text = text
        self._local = threading.local()

    def write(self, data: Any) -> int:
        decoder = getattr(self._local, "decoder", None)
        if decoder is None:
            # A character may be split between two writes.
            decoder = self._local.decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        given = bytes(data)
        self._text.write(decoder.decode(given))
        return len(given)

    def flush(self) -> None:
        self._text.flush()

    def fileno(self) -> int:
        return self._text.fileno()

    def isatty(self) -> bool:
        return self._text.isatty()

    def writable(self) -> bool:
        return True


def serve() -> None:
    """Write every line of standard error as JSON without secrets; for serving processes (web, worker, beat)."""
    _install(lambda: True)


def command() -> None:
    """Remove secrets from standard error of a management command; write JSON in production, except on a terminal."""
    _install(lambda: _environment() == "production" and not _stream().unwrapped.isatty())


def connect() -> None:
    """Set up a process that called neither `serve` nor `command`: ``django-admin`` or a script of the deployment.

    Replaces the hooks for uncaught exceptions that are still Python's own. Must run before Sentry extends the hooks, so
    that Sentry calls these.
    """
    if runs_command(sys.argv[0]):
        command()
    _replace_hooks()


def runs_command(program: str) -> bool:
    """Return whether the program at this path runs management commands."""
    path = Path(program)
    return path.name in {"manage.py", "django-admin"} or path.parts[-2:] == ("django", "__main__.py")


def _replace_hooks() -> None:
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _report_uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _report_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _report_unraisable


def _install(as_json: Callable[[], bool]) -> None:
    present: Any = sys.stderr
    # Only once, and not if a test runner or a shell has replaced the stream.
    if present is None or present is not sys.__stderr__ or isinstance(present, ScrubbedStream):
        return
    scrubbed: Any = ScrubbedStream(cast("TextIO", present), as_json)
    # Python restores ``sys.__stderr__`` when it exits.
    sys.stderr = sys.__stderr__ = scrubbed  # type: ignore[misc]
    logging.Handler.handleError = _report_handler  # type: ignore[method-assign]
    _replace_hooks()


def _environment() -> str:
    return os.environ.get("ENGINEL_ENVIRONMENT") or "production"


def _stream() -> ScrubbedStream:
    if isinstance(sys.stderr, ScrubbedStream):
        return sys.stderr
    return ScrubbedStream(sys.stderr, lambda: False)


def _report_uncaught(kind: type[BaseException], error: BaseException, step: TracebackType | None) -> None:
    _report(logging.CRITICAL, "", (kind, error, step))


def _report_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit or args.exc_value is None or _was_logged(args.exc_value):
        return
    name = args.thread.name if args.thread is not None else "unknown"
    message = f"Exception in thread {name}:"
    _report(logging.ERROR, message, (args.exc_type, args.exc_value, args.exc_traceback))


def _report_unraisable(args: sys.UnraisableHookArgs) -> None:
    message = f"{args.err_msg or 'Exception ignored in'}: {_name_of(args.object)}"
    error = (args.exc_type, args.exc_value, args.exc_traceback) if args.exc_value is not None else None
    _report(logging.ERROR, message, error)


def _report_handler(self: logging.Handler, record: logging.LogRecord) -> None:
    """Report a failed log handler; replaces `logging.Handler.handleError`, which prints the arguments of the call."""
    if not logging.raiseExceptions:
        return
    kind, error, step = sys.exc_info()
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 - a wrong log call: its template identifies it
        text = str(record.msg)
    exc_info = (kind, error, step) if kind is not None and error is not None else None
    if context.TAG in vars(record):
        text = "[withheld]"
    message = f"The log handler {type(self).__name__} failed on a line of {record.name}: {text}"
    _report(logging.ERROR, message, exc_info)


def _report(level: int, message: str, error: _ExcInfo | None) -> None:
    # Standard error may be closed, and there is no other output.
    with contextlib.suppress(Exception):
        _stream().report(level, message, error)


def _was_logged(error: BaseException) -> bool:
    """Return whether Sentry's SDK saw the exception first: its line as a recorded failure is already written then."""
    try:
        from designs.monitoring import was_logged  # noqa: PLC0415

        return was_logged(error, None, 0)
    except Exception:  # noqa: BLE001 - no usable settings yet
        return False


def _is_withheld() -> bool:
    try:
        from designs.monitoring.withheld import is_withheld  # noqa: PLC0415

        return is_withheld()
    except Exception:  # noqa: BLE001 - no usable settings yet, hence no design
        return False


def _name_of(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - the object may be half gone
        return f"<{type(value).__name__}>"


def _scrubbed(text: str) -> str:
    try:
        from designs.monitoring.redaction import redact_text  # noqa: PLC0415

        return redact_text(text)
    except Exception as failure:  # noqa: BLE001 - no usable settings yet
        return f"[{len(text)} characters, not shown: {type(failure).__name__}]\n" if text else ""


def _readable(error: _ExcInfo) -> str:
    try:
        from designs.logs import exception_text  # noqa: PLC0415

        return exception_text(error)
    except Exception:  # noqa: BLE001 - no usable settings yet
        return _places_of(error)


def _json_of_text(text: str) -> str:
    if text.startswith("{"):
        try:
            line = json.loads(text)
            from designs.monitoring.redaction import redact  # noqa: PLC0415

            # Text about a controlled design goes through the formatter, which withholds it.
            if not _is_withheld():
                return json.dumps(redact(line))
        except Exception:  # noqa: BLE001, S110 - not JSON, or no usable settings yet
            pass
    return _json_line(_TEXT_LOGGER, logging.WARNING, text, None)


def _json_line(logger: str, level: int, message: str, error: _ExcInfo | None) -> str:
    record = logging.LogRecord(logger, level, "", 0, "%s", (message,), error)
    try:
        from designs.logs import JSONFormatter  # noqa: PLC0415

        return JSONFormatter().format(record)
    except Exception:  # noqa: BLE001 - no usable settings yet
        line = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": logger,
            "message": _scrubbed(message).rstrip("\n"),
        }
        return json.dumps({**line, "exception": _places_of(error)} if error else line)


def _places_of(error: _ExcInfo) -> str:
    """Return the traceback without the texts of exceptions and without source."""
    kind, _, step = error
    frames = traceback.extract_tb(step)
    lines = [f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in frames]
    return "\n".join(["Traceback (most recent call last):", *lines, f"{kind.__module__}.{kind.__qualname__}"])
