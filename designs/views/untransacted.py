"""Decorator for views that must work while a database is down, even with ``ATOMIC_REQUESTS``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import connections, transaction

__all__ = ["without_transaction"]

_View = TypeVar("_View", bound=Callable[..., object])


def without_transaction(view: _View) -> _View:
    """Exempt a view from ``ATOMIC_REQUESTS`` of all databases.

    A transaction connects to the database first, so the view would answer 500 while the database is down.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
