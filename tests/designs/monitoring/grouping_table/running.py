"""Runs a program of the table in this process, and makes the keys of its failure: live, and from Sentry's event."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import sentry_sdk
from django.test import override_settings
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from designs.monitoring.fingerprint import Fingerprint, fingerprint_event, fingerprint_exception, fingerprint_message
from tests.designs.monitoring.grouping_table.model import Program

__all__ = ["Keys", "keys_of", "start_sdk"]

_LIBRARIES = "srv/venv/lib/python3/site-packages"
_PREFIX = "grouping-table-"
_TIME_LIMITS = ("SoftTimeLimitExceeded", "TimeLimitExceeded")


class Keys(NamedTuple):
    live: Fingerprint
    event: Fingerprint


class _Collecting(Transport):
    """Keeps the events as they would be sent."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        event = envelope.get_event()
        if event is not None:
            self.events.append(json.loads(json.dumps(event)))


_live_logs: list[Fingerprint] = []


def start_sdk() -> None:
    """Start the SDK as an application does that sets nothing but what the table needs."""
    sentry_sdk.init(
        dsn="http://public@127.0.0.1:9/5",
        transport=_Collecting,
        default_integrations=False,
        integrations=[LoggingIntegration()],
        shutdown_timeout=0,
    )
    sentry_sdk.get_global_scope().add_event_processor(_as_captured)


def _as_captured(event: Any, hint: dict[str, Any]) -> Any:
    # The key of a line of the log is made of the event as it is captured, before the SDK shortens it.
    if "log_record" in hint:
        _, exc, _ = hint.get("exc_info") or (None, None, None)
        _live_logs.append(fingerprint_event(dict(event)) if exc is None else fingerprint_exception(exc))
    return event


def keys_of(program: Program) -> Keys:
    """Run the program and return the keys of its failure."""
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix=_PREFIX)))
    try:
        with _placed(program, folder) as (root, setting):
            known = {"ENGINEL_IN_APP_ROOTS": (str(setting),), **program.settings}
            roots = [name.replace("{folder}", str(folder)) for name in known["ENGINEL_IN_APP_ROOTS"]]
            known["ENGINEL_IN_APP_ROOTS"] = tuple(roots)
            with override_settings(**known):
                return _keys(program, root)
    finally:
        shutil.rmtree(folder)


def _keys(program: Program, root: Path) -> Keys:
    transport: Any = sentry_sdk.get_client().transport
    # A service is not started in the folder of installed packages.
    sentry_sdk.get_client().options["project_root"] = "/nowhere" if program.home.endswith("-packages") else str(root)
    transport.events.clear()
    _live_logs.clear()
    outcome = _outcome(program, root)
    if not program.has_source:
        for path in program.files:
            (root / path).unlink(missing_ok=True)
    if isinstance(outcome, BaseException):
        transport.events.clear()
        with sentry_sdk.new_scope() as scope:
            if program.task:
                scope.add_event_processor(lambda event, hint: _of_task(event, outcome, program.task))
            sentry_sdk.capture_exception(outcome)
        live = fingerprint_exception(outcome, program.task)
        assert live == fingerprint_exception(outcome, program.task), "a known failure has another key than a new one"
        return Keys(live, fingerprint_event(transport.events[-1]))
    if isinstance(outcome, str):
        sentry_sdk.capture_message(outcome, level="error")
        return Keys(fingerprint_message(outcome), fingerprint_event(transport.events[-1]))
    assert (outcome, len(transport.events), len(_live_logs)) == (None, 1, 1), f"this does not fail: {program.files}"
    (live,), (event,) = _live_logs, transport.events
    return Keys(live, fingerprint_event(event))


def _of_task(event: Any, exc: BaseException, task: str) -> Any:
    """Add what the SDK's integration with Celery does."""
    event.setdefault("extra", {})["celery-job"] = {"task_name": task, "args": [], "kwargs": {}}
    if type(exc).__name__ == _TIME_LIMITS[0]:
        event["fingerprint"] = ["celery", _TIME_LIMITS[0], task]
    return event


def _outcome(program: Program, root: Path) -> Any:
    """Return what comes of the program, without this module's own frames."""
    module, _, function = program.entry.partition(":")
    try:
        space = vars(_as_main(module, root) if program.in_main else importlib.import_module(module))
    except Exception as error:
        return error.with_traceback(_below_import(error.__traceback__))
    try:
        return space[function]()
    except BaseException as error:
        return error.with_traceback(error.__traceback__.tb_next if error.__traceback__ else None)


def _below_import(traceback: Any) -> Any:
    """Return the traceback from the first frame of the program on: who imports it is none of its frames."""
    while traceback.tb_next is not None and _PREFIX not in traceback.tb_frame.f_code.co_filename:
        traceback = traceback.tb_next
    return traceback


def _as_main(module: str, root: Path) -> ModuleType:
    path = root / f"{module.replace('.', '/')}.py"
    made = ModuleType("__main__")
    made.__file__ = str(path)
    sys.modules["__main__"] = made
    exec(compile(path.read_bytes(), str(path), "exec"), vars(made))
    return made


@contextmanager
def _placed(program: Program, folder: Path) -> Iterator[tuple[Path, Path | str]]:
    """Write the files; give the folder to import from, and the root for the setting."""
    home, libraries = folder / program.home, folder / _LIBRARIES
    for name, text in program.files.items():
        is_library = name.startswith("lib:")
        path = (libraries if is_library else home) / name.removeprefix("lib:")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(program.encoding))
    libraries.mkdir(parents=True, exist_ok=True)
    if home.suffix == ".zip":
        shutil.make_archive(str(home.with_suffix("")), "zip", home.rename(folder / "packed"))
    link = folder / "srv" / "current"
    link.symlink_to(home)
    if program.link == "package":
        (home / "shop").rename(folder / "shared")
        (home / "shop").symlink_to(folder / "shared")
    root = link if program.link == "path" else home / "shop" / ".." if program.link == "dots" else home
    project = folder / "srv/app" if home.name.endswith("-packages") else home
    setting = f"{project}/" if program.link == "slash" else link if program.link == "root" else project
    before, path, main, directory = set(sys.modules), sys.path[:], sys.modules["__main__"], Path.cwd()
    sys.path[:0] = [str(root), str(libraries)]
    importlib.invalidate_caches()
    try:
        yield root, setting
    finally:
        os.chdir(directory)
        sys.path[:] = path
        sys.modules["__main__"] = main
        for name in set(sys.modules) - before:
            if (
                str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder))
                or name.partition(".")[0] == "shop"
            ):
                del sys.modules[name]
