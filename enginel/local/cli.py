"""``run``: start the whole service until Ctrl-C. ``demo``: start it, run the samples, exit with their result."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from enginel.local import database
from enginel.local.bugsink import Bugsink
from enginel.local.closing import closing
from enginel.local.database import Access
from enginel.local.processes import LocalError
from enginel.local.stack import BASE_DIR, LocalStack, Ports, free_port

__all__ = ["main"]

# The sample run sends a file above the limit; a small limit keeps the upload short.
_SAMPLE_ENV = {"ENGINEL_MAX_UPLOAD_BYTES": str(8 * 1024 * 1024)}
_WATCH_SECONDS = 0.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_EXIT_FAILED = 1
_EXIT_INTERRUPTED = 130


class _Stopped(BaseException):
    """A signal requested the end of this run."""


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="enginel", description=__doc__)
    parser.add_argument("command", choices=("run", "demo"))
    parser.add_argument("--sentry", choices=("local",), help="start a local Bugsink and send errors to it")
    parser.add_argument("--no-sample", action="store_true", help="run: skip the sample run")
    options = parser.parse_args(arguments)
    try:
        with _stopped_by_signals():
            with_sentry = options.sentry == "local"
            if options.command == "demo":
                return _demo(with_sentry=with_sentry)
            return _run(sample=not options.no_sample, with_sentry=with_sentry)
    except LocalError as error:
        _say_error(f"enginel: {error}")
        return _EXIT_FAILED
    except _Stopped:
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed the pipe: end the run.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _EXIT_FAILED


def _run(*, sample: bool, with_sentry: bool) -> int:
    settings_env = {name: os.environ.get(name) or value for name, value in _SAMPLE_ENV.items()} if sample else {}
    state_dir = Path(os.environ.get("ENGINEL_STATE_DIR") or BASE_DIR / "var").resolve()
    ports = Ports(
        _port("ENGINEL_PORT", Ports.web),
        _port("ENGINEL_VALKEY_PORT", Ports.valkey),
        _port("ENGINEL_BUGSINK_PORT", Ports.bugsink),
    )
    with _running(LocalStack(state_dir, ports, settings_env, with_sentry=with_sentry)) as stack:
        access = _start(stack)
        if sample:
            _sample(stack, access.token)
            _say("")
        for line in closing(stack, access):
            _say(line)
        _say("")
        _say("Running. Ctrl-C stops everything.")
        while True:
            stack.refuse_dead()
            stack.bound_logs()
            time.sleep(_WATCH_SECONDS)


def _demo(*, with_sentry: bool) -> int:
    with _demo_folder() as folder:
        ports = Ports(free_port(), free_port(), free_port())
        with _running(LocalStack(folder, ports, _SAMPLE_ENV, with_sentry=with_sentry)) as stack:
            right = _sample(stack, _start(stack).token)
            if stack.sentry is not None:
                right = _compare(stack.sentry) and right
            return 0 if right else _EXIT_FAILED


@contextmanager
def _demo_folder() -> Iterator[Path]:
    """Yield the folder of ENGINEL_STATE_DIR, or a new one that is removed afterwards."""
    wanted = os.environ.get("ENGINEL_STATE_DIR")
    if wanted:
        yield Path(wanted).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="enginel-demo-") as folder:
        yield Path(folder)


def _start(stack: LocalStack) -> Access:
    stack.take_folder()
    if stack.with_sentry:
        stack.refuse_taken_ports()
        with _step("Bugsink, in the place of Sentry"):
            stack.start_sentry()
    _check_settings(stack)
    if not stack.with_sentry:
        stack.refuse_taken_ports()
    with _step("Valkey"):
        stack.start_valkey()
    with _step("database"):
        database.migrate()
    with _step("admin"):
        access = database.admin_access(stack.state_dir)
    with _step("web, worker, beat"):
        stack.start_services()
    return access


def _check_settings(stack: LocalStack) -> None:
    """Set Django up in this process, with the settings of the others, and run its checks."""
    os.environ.update(stack.env)
    import django  # noqa: PLC0415 - after the environment is set

    from designs.cad import kernel_status  # noqa: PLC0415 - the same
    from enginel.startup import refuse_wrong_settings  # noqa: PLC0415 - the same

    django.setup()
    try:
        refuse_wrong_settings()
    except SystemExit as error:
        raise LocalError(str(error).removeprefix("enginel ")) from error
    status = kernel_status()
    if not status.installed:
        raise LocalError(status.message)


def _sample(stack: LocalStack, token: str) -> bool:
    from enginel.sample.run import run_sample  # noqa: PLC0415 - models can be imported now

    return run_sample(stack, token, say=_say)


def _compare(sentry: Bugsink) -> bool:
    from enginel.sample.sentry import compare_with_sentry  # noqa: PLC0415 - models can be imported now

    return compare_with_sentry(sentry, say=_say)


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    sys.stdout.write(f"  {name} ...")
    sys.stdout.flush()
    try:
        yield
    except BaseException:
        sys.stdout.write("\n")
        raise
    _say(f" {time.monotonic() - began:.1f} s")


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    def ask(number: int, frame: FrameType | None) -> None:
        raise _Stopped

    for number in _SIGNALS:
        signal.signal(number, ask)
    yield


@contextmanager
def _running(stack: LocalStack) -> Iterator[LocalStack]:
    """Stop the stack at the end of the block; a signal during the block kills it."""
    try:
        yield stack
    finally:
        running = bool(stack.processes or stack.valkey)
        try:
            _stop(stack, running=running)
        except _Stopped:
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            stack.kill()
        if running:
            _say_if_read("Stopped.")


def _stop(stack: LocalStack, *, running: bool) -> None:
    if running:
        names = [*stack.processes, *(["Valkey"] if stack.valkey else []), *(["Bugsink"] if stack.sentry else [])]
        # Start a new line below the ^C of the terminal.
        _say_if_read(f"\nStopping {', '.join(names)}. Ctrl-C again ends them at once.")
    stack.stop()


def _say_if_read(line: str) -> None:
    # The terminal may be closed; the processes must be stopped nevertheless.
    with suppress(OSError):
        _say(line)


def _port(name: str, default: int) -> int:
    raw = os.environ.get(name, "")
    if not raw:
        return default
    if not (raw.isdecimal() and 1024 <= int(raw) <= 65535):
        raise LocalError(f"{name} is no usable port. Use a number from 1024 to 65535.")
    return int(raw)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _say_error(line: str) -> None:
    sys.stderr.write(f"{line}\n")
