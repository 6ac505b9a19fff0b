"""Redaction of task results for Celery's result backend and events: no secrets, no data of controlled designs."""

from __future__ import annotations

from typing import Any

from designs.monitoring.controlled.program_names import is_known_type
from designs.monitoring.redaction import redact, redact_text
from designs.monitoring.withheld import WITHHELD, ids_only, is_id, is_withheld

__all__ = ["kept_result", "kept_state", "kept_text", "kept_type", "kept_values"]

_MAX_ITEMS = 100


def kept_values(values: list[Any], exc: object = None) -> Any:
    """Return the arguments of an exception in storable form."""
    return [WITHHELD] if is_withheld(exc) else redact(values)


def kept_type(module: str, name: str, exc: object = None) -> tuple[str, str]:
    """Return module and name of an exception's type in storable form."""
    return (module, name) if not is_withheld(exc) or is_known_type(module, name) else ("builtins", "Exception")


def kept_text(text: str, exc: object = None) -> str:
    """Return a traceback, or the repr of a value, in storable form."""
    return WITHHELD if is_withheld(exc) else redact_text(text)


def kept_state(value: Any, is_controlled: bool) -> Any:
    """Return the progress state that a task reports, in storable form."""
    return _ids_of(value) if is_controlled or is_withheld() else redact(value)


def kept_result(value: Any, is_controlled: bool) -> Any:
    """Return a requested result in storable form: unchanged, or ids only if the work is controlled."""
    return _ids_of(value) if is_controlled or is_withheld() else value


def _ids_of(value: Any) -> Any:
    if value is None or type(value) in {bool, float} or is_id(value):
        return value
    if type(value) in {list, tuple}:
        return [_ids_of(item) for item in value[:_MAX_ITEMS]]
    return ids_only(value) if issubclass(type(value), dict) else WITHHELD
