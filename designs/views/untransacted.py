"""Views that answer while a database is away, also where requests run in transactions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import connections, transaction

__all__ = ["without_transaction"]

_View = TypeVar("_View", bound=Callable[..., object])


def without_transaction(view: _View) -> _View:
    """Decorate a view so that ``ATOMIC_REQUESTS`` of no database opens a transaction for it.

    Opening one connects to the database first: without it, the view would answer 500 as long as that is away.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
