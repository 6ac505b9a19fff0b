"""Detection of values whose text runs no foreign code: numbers, text, dates, ids, paths, plain containers. Pure."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib
import re
import uuid
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import (
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    EllipsisType,
    FrameType,
    FunctionType,
    GeneratorType,
    ModuleType,
    NoneType,
    NotImplementedType,
    TracebackType,
)
from typing import Any, cast

from designs.monitoring.untrusted.exceptions import args_of

__all__ = ["is_plain"]

_VALUES = frozenset(
    {
        NoneType, bool, int, float, complex, str, bytes, bytearray, memoryview, range, object, type, array,
        EllipsisType, NotImplementedType, FunctionType, BuiltinFunctionType, ModuleType, CodeType, FrameType,
        GeneratorType, CoroutineType, TracebackType,
        datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone,
        Decimal, Fraction, uuid.UUID, re.Pattern, re.Match,
        pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath,
        ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network,
    }
)  # fmt: skip
_LISTS = frozenset({list, tuple, set, frozenset, deque})
_DICTS = frozenset({dict, OrderedDict, defaultdict, Counter})
MAX_NODES = 20_000

_WRITE_ARGS = frozenset(
    {
        BaseException.__str__, KeyError.__str__, OSError.__str__, ImportError.__str__, SyntaxError.__str__,
        BaseExceptionGroup.__str__, UnicodeDecodeError.__str__, UnicodeEncodeError.__str__,
        UnicodeTranslateError.__str__,
    }
)  # fmt: skip
"""Python's own ``__str__`` methods of exceptions, which format the arguments."""


def is_plain(value: object, max_nodes: int = MAX_NODES) -> bool:
    """Return whether the text of a value runs only Python's own code.

    Args:
        value: Anything.
        max_nodes: Limit of contained values; larger containers are not plain.
    """
    if type(value) in _VALUES:
        return True
    waiting, left = [value], max_nodes
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if kind in _VALUES:
            continue
        held = _held_by(one, kind)
        left -= len(held) if held is not None else 0
        if held is None or left < 0:
            return False
        waiting += held
    return True


def _held_by(one: object, kind: type) -> list[object] | None:
    """Return the objects in the text of a container or an exception; None for any other object."""
    if kind in _LISTS:
        return list(cast("Iterable[object]", one))
    if kind in _DICTS:
        mapping = cast("Mapping[object, object]", one)
        return [*mapping.keys(), *mapping.values()]
    if issubclass(kind, BaseException) and _writes_args(kind):
        held = list(args_of(cast("BaseException", one)))
        if issubclass(kind, SyntaxError):
            # Its text contains these attributes, which may change after creation.
            held += [field.__get__(one) for field in _SYNTAX_ERROR]
        return held
    return None


def _writes_args(kind: type) -> bool:
    written = type.__getattribute__(kind, "__str__"), type.__getattribute__(kind, "__repr__")
    return written[0] in _WRITE_ARGS and written[1] in _WRITE_ARGS_REPR


_SYNTAX_ERROR: tuple[Any, ...] = (SyntaxError.msg, SyntaxError.filename, SyntaxError.lineno, SyntaxError.text)
_WRITE_ARGS_REPR = frozenset({BaseException.__repr__, BaseExceptionGroup.__repr__})
