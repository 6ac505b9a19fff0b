"""The application's own grouping: ``error_fingerprint`` of an exception, or the hook of the settings."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from django.utils.module_loading import import_string

from designs.conf import conf
from designs.monitoring.fingerprint.messages import normalize_message
from designs.monitoring.untrusted.no_io import REFUSED, refusing_io
from designs.monitoring.untrusted.object_text import attribute_of
from designs.monitoring.untrusted.stop_exceptions import is_stop
from designs.monitoring.untrusted.text import safe_str

__all__ = ["entries_of", "from_exception", "from_hook", "hook_failures"]

_MAX_ENTRIES = 20
_MAX_ENTRY_CHARS = 300
_MAX_SECONDS = 0.05
_PAUSE_SECONDS = 60.0

hook_failures: Counter[str] = Counter()
"""Count of ignored results of the hook by reason: ``raised``, ``slow``, ``unusable``, ``resting`` (not called)."""

_lock = threading.RLock()
_paused_until = 0.0


def from_exception(exc: BaseException, message: Callable[[], str]) -> list[str] | None:
    """Return the entries of the exception's ``error_fingerprint``, an attribute or a method; None without entries."""
    wanted = attribute_of(exc, "error_fingerprint")
    if wanted is not None and callable(wanted):
        try:
            with refusing_io():
                wanted = wanted()
        except REFUSED:
            return None
        except BaseException as error:
            # The exception's own code must not prevent its record.
            if is_stop(error):
                raise
            return None
    return entries_of(wanted, message) if wanted is not None else None


def from_hook(record: Callable[[], Mapping[str, Any]], message: Callable[[], str]) -> list[str] | None:
    """Return the entries of ``ENGINEL_FINGERPRINT_HOOK``; its failures are counted and otherwise ignored.

    The result of a slow hook is ignored, and the hook is not called for a minute, because a running hook cannot be
    stopped.
    """
    global _paused_until  # noqa: PLW0603 - one hook, one pause
    hook = conf.fingerprint_hook
    if hook is None:
        return None
    began = time.monotonic()
    if began < _paused_until:
        _count_ignored("resting")
        return None
    try:
        wanted = _load(hook)(record())
    except BaseException as error:
        # A hook must not prevent the record.
        if is_stop(error):
            raise
        _count_ignored("raised")
        return None
    if time.monotonic() - began > _MAX_SECONDS:
        _paused_until = time.monotonic() + _PAUSE_SECONDS
        _count_ignored("slow")
        return None
    if wanted is None:
        return None
    entries = entries_of(wanted, message)
    if not entries:
        _count_ignored("unusable")
    return entries


def entries_of(wanted: object, message: Callable[[], str]) -> list[str] | None:
    """Return the entries as text, None if there are none. An entry equal to the message is normalized."""
    try:
        # By type: isinstance() would make a lazy object load its value.
        kind = type(wanted)
        listed: Iterable[object] = [wanted] if issubclass(kind, str) else cast("Iterable[object]", wanted)
        if not issubclass(kind, str | list | tuple):
            return None
        with refusing_io():
            entries = list(islice(listed, _MAX_ENTRIES))
        if not entries:
            return None
        texts = [safe_str(entry, _MAX_ENTRY_CHARS) for entry in entries]
        whole = safe_str(message(), _MAX_ENTRY_CHARS)
        return None if texts == [""] else [normalize_message(text) if text == whole else text for text in texts]
    except REFUSED:
        return None
    except BaseException as error:
        # The list may be of a foreign subclass.
        if is_stop(error):
            raise
        return None


def forget_rest() -> None:
    """End the pause after a slow hook, so that the next failure calls it again."""
    global _paused_until  # noqa: PLW0603 - one hook, one pause
    _paused_until = 0.0


def _count_ignored(reason: str) -> None:
    with _lock:
        hook_failures[reason] += 1


def _load(hook: str | Callable[..., Any]) -> Callable[..., Any]:
    return _imported(hook) if isinstance(hook, str) else hook


@lru_cache(maxsize=8)
def _imported(path: str) -> Callable[..., Any]:
    found: Callable[..., Any] = import_string(path)
    return found


def reset() -> None:
    """Replace the lock after a fork: another thread of the parent may have held it."""
    global _lock  # noqa: PLW0603 - one lock a process
    _lock = threading.RLock()
