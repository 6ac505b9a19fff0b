"""GET through the whole stack as each kind of server has it."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

__all__ = ["KINDS", "get_as"]

KINDS = ("sync", "async")
"""WSGI and ASGI."""


def get_as(request: pytest.FixtureRequest, **options: Any) -> Any:
    """Return the ``get`` of a client of the fixture's kind; ``options`` are the client's."""
    return Client(**options).get if request.param == "sync" else async_to_sync(AsyncClient(**options).get)
