"""Stacks of modules as they are installed: real code, under the names and paths of other machines."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from typing import Any

from sentry_sdk.utils import event_from_exception, handle_in_app

from designs.monitoring.fingerprint import Fingerprint, fingerprint_event, fingerprint_exception

__all__ = ["both", "event_of", "failure"]


def failure(frames: Sequence[str], error: BaseException | None = None, folder: str = "/venv/lib/site-packages") -> Any:
    """Return an exception that was raised below functions of modules, outermost first.

    Args:
        frames: ``module:function``; with a path of the module's file behind a second colon.
        error: What the innermost raises.
        folder: Where files without a path are.
    """
    inner: Any = None
    raised = error if error is not None else LookupError("x")
    for frame in reversed(frames):
        module, function, *path = frame.split(":")
        file = path[0] if path else f"{folder}/{module.replace('.', '/')}.py"
        source = f"def {function}():\n    {'raise given' if inner is None else 'following()'}\n"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        space = {"__name__": module, "following": inner, "given": raised}
        exec(compile(source, file, "exec"), space)
        inner = space[function]
    try:
        inner()
    except BaseException as caught:
        # Without the frame of this function, which is the application's.
        return caught.with_traceback(caught.__traceback__.tb_next if caught.__traceback__ else None)
    raise AssertionError


def event_of(exc: BaseException, root: str = "/srv/app") -> dict[str, Any]:
    """Return Sentry's event of an exception, with the flags that the SDK sets."""
    event: Any = handle_in_app(event_from_exception(exc)[0], [], [], project_root=root)
    return dict(event)


def both(exc: BaseException) -> Fingerprint:
    """Return the fingerprint of an exception, which is that of its event."""
    live = fingerprint_exception(exc)
    read = fingerprint_event(event_of(exc))
    assert read.parts == live.parts
    assert read.key == live.key
    return live
