"""Failures of several kinds, each another bug, for processes of different settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

__all__ = ["BUGS"]


def _two_calls(first: bool) -> None:
    if first:
        json.loads("{")
    json.loads('{"')


def _two_raises(first: bool) -> None:
    if first:
        raise ValueError("one")
    raise ValueError("two")


def _chain() -> None:
    try:
        _two_raises(True)
    except ValueError as error:
        raise KeyError("three") from error


class _Part:
    def read(self) -> None:
        raise OSError("broken")


class _Assembly:
    def read(self) -> None:
        raise OSError("broken")


def _caught(act: Callable[[], Any]) -> Exception:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError


def _group() -> None:
    raise ExceptionGroup("all", [_caught(_chain), _caught(_Part().read)])


BUGS: dict[str, Callable[[], Any]] = {
    "first call": lambda: _two_calls(True),
    "second call": lambda: _two_calls(False),
    "first raise": lambda: _two_raises(True),
    "second raise": lambda: _two_raises(False),
    "chain": _chain,
    "part": _Part().read,
    "assembly": _Assembly().read,
    "group": _group,
}
