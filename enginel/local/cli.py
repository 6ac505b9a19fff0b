"""``run``: the whole service for a person, until Ctrl-C. ``demo``: the same without one, judged by its exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from enginel.local import database
from enginel.local.bugsink import Bugsink
from enginel.local.processes import LocalError
from enginel.local.stack import LocalStack, Ports, free_port

__all__ = ["main"]

# The sample run sends a file above the limit; a small limit keeps that short.
_SAMPLE_ENV = {"ENGINEL_MAX_UPLOAD_BYTES": str(8 * 1024 * 1024)}
_WATCH_SECONDS = 0.5
_EXIT_FAILED = 1
_EXIT_INTERRUPTED = 130


class _Stopped(BaseException):
    """A signal asked this run to end."""


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="enginel", description=__doc__)
    parser.add_argument("command", choices=("run", "demo"))
    parser.add_argument("--sentry", choices=("local",), help="send errors to a Bugsink that runs beside the rest")
    parser.add_argument("--no-sample", action="store_true", help="run: leave the sample run out")
    options = parser.parse_args(arguments)
    try:
        with _signals_end_it():
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
        # Whoever read the output has gone: so has the reason to run.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _EXIT_FAILED


def _run(*, sample: bool, with_sentry: bool) -> int:
    settings_env = {name: os.environ.get(name) or value for name, value in _SAMPLE_ENV.items()} if sample else {}
    state_dir = Path(os.environ.get("ENGINEL_STATE_DIR") or "var").resolve()
    ports = Ports(
        _port("ENGINEL_PORT", Ports.web),
        _port("ENGINEL_VALKEY_PORT", Ports.valkey),
        _port("ENGINEL_BUGSINK_PORT", Ports.bugsink),
    )
    stack = LocalStack(state_dir, ports, settings_env, with_sentry=with_sentry)
    try:
        token = _start(stack)
        _say_where(stack, token)
        if sample:
            _sample(stack, token)
        _say("Running. Ctrl-C stops everything.")
        while True:
            stack.refuse_dead()
            time.sleep(_WATCH_SECONDS)
    finally:
        _stop(stack)


def _demo(*, with_sentry: bool) -> int:
    with _demo_folder() as folder:
        ports = Ports(free_port(), free_port(), free_port())
        stack = LocalStack(folder, ports, _SAMPLE_ENV, with_sentry=with_sentry)
        try:
            token = _start(stack)
            right = _sample(stack, token)
            if stack.sentry is not None:
                right = _compare(stack.sentry) and right
            return 0 if right else _EXIT_FAILED
        finally:
            _stop(stack)


@contextmanager
def _demo_folder() -> Iterator[Path]:
    """Give the folder of ENGINEL_STATE_DIR, or a new one that is removed afterwards."""
    wanted = os.environ.get("ENGINEL_STATE_DIR")
    if wanted:
        yield Path(wanted).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="enginel-demo-") as folder:
        yield Path(folder)


def _start(stack: LocalStack) -> str:
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
    with _step("admin token"):
        token = database.admin_token()
    with _step("web, worker, beat"):
        stack.start_services()
    return token


def _check_settings(stack: LocalStack) -> None:
    """Set Django up in this process, as the others will be, and let its checks speak."""
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


def _say_where(stack: LocalStack, token: str) -> None:
    valkey = f"{stack.valkey.socket} and 127.0.0.1:{stack.ports.valkey}" if stack.valkey else "as REDIS_URL says"
    for name, what in (
        ("Status", f"{stack.url}/api/health/detailed/"),
        ("Board", f"{stack.url}/admin/monitoring/"),
        ("Metrics", f"{stack.url}/metrics"),
        ("Errors", f"{stack.url}/api/monitoring/errors/"),
        ("API docs", f"{stack.url}/api/docs/"),
        ("Admin", f"{stack.url}/admin/  (python manage.py changepassword admin)"),
        ("Valkey", valkey),
        *([("Sentry", f"{stack.sentry.url}  ({stack.sentry.login})")] if stack.sentry else []),
        ("Logs", str(stack.logs_dir)),
        ("Token", token),
        ("Try", f'curl -H "Authorization: Bearer {token}" "{stack.url}/api/monitoring/errors/?limit=5"'),
    ):
        _say(f"  {name:<9}{what}")


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
def _signals_end_it() -> Iterator[None]:
    def ask(number: int, frame: FrameType | None) -> None:
        raise _Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask)
    yield


def _stop(stack: LocalStack) -> None:
    # A second Ctrl-C must not leave half of it running.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    running = bool(stack.processes or stack.valkey)
    stack.stop()
    if running:
        try:
            _say("Stopped.")
        except OSError:
            return


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
