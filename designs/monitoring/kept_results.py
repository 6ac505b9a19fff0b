"""What Celery's result backend and its events may hold of a task: no secret, and nothing of a controlled design."""

from __future__ import annotations

from typing import Any

from designs.monitoring.own_names import is_known_type
from designs.monitoring.redaction import redact, redact_text
from designs.monitoring.withheld import WITHHELD, is_withheld

__all__ = ["kept_text", "kept_type", "kept_values"]


def kept_values(values: list[Any]) -> Any:
    """Return the arguments of an exception as they may be stored."""
    return [WITHHELD] if is_withheld() else redact(values)


def kept_type(module: str, name: str) -> tuple[str, str]:
    """Return module and name of an exception's type as they may be stored."""
    return (module, name) if not is_withheld() or is_known_type(module, name) else ("builtins", "Exception")


def kept_text(text: str) -> str:
    """Return a traceback, or what represents a value, as it may be stored."""
    return WITHHELD if is_withheld() else redact_text(text)
