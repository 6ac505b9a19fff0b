"""Attributes of exception objects, read by descriptor so that no code of their classes runs. Pure."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeGuard

__all__ = [
    "args_of",
    "attributes_of",
    "cause_of",
    "context_of",
    "is_exception",
    "led_to_by",
    "members_of",
    "retold_by",
    "traceback_of",
]

_slots: dict[str, Any] = {**vars(BaseException), **vars(BaseExceptionGroup)}

Led = Callable[[BaseException], BaseException | None]

traceback_of: Callable[[BaseException], TracebackType | None] = _slots["__traceback__"].__get__
cause_of: Led = _slots["__cause__"].__get__
context_of: Led = _slots["__context__"].__get__
members_of: Callable[[BaseException], tuple[BaseException, ...]] = _slots["exceptions"].__get__
"""The exceptions of an exception group; not for other exceptions."""
args_of: Callable[[BaseException], tuple[object, ...]] = _slots["args"].__get__
attributes_of: Callable[[BaseException], dict[str, object]] = vars(BaseException)["__dict__"].__get__
"""The instance dictionary. Every exception has one, even if its class defines slots. It may be a subclass of dict with
its own code.
"""
_is_suppressed: Callable[[BaseException], bool] = _slots["__suppress_context__"].__get__


def is_exception(value: object) -> TypeGuard[BaseException]:
    """Return whether a value is an exception, by its type: ``isinstance`` would make a lazy object load its value."""
    return issubclass(type(value), BaseException)


def retold_by(exc: BaseException) -> BaseException | None:
    """Return the exception that this one replaces: its cause, or its context if it was raised ``from None``."""
    cause = cause_of(exc)
    return context_of(exc) if cause is None and _is_suppressed(exc) else cause


def led_to_by(exc: BaseException) -> BaseException | None:
    """Return the exception that led to this one: its cause, else its context unless it was raised ``from None``."""
    following = cause_of(exc)
    return context_of(exc) if following is None and not _is_suppressed(exc) else following
