"""GET through the whole stack as each kind of server has it."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import AsyncClient, Client, override_settings

__all__ = ["KINDS", "get_as"]

KINDS = ("sync", "async", "async throughout")
"""WSGI; ASGI, where the sync middleware for static files makes what is outside of it sync, too; ASGI without it."""


def get_as(request: pytest.FixtureRequest, **options: Any) -> Any:
    """Return the ``get`` of a client of the fixture's kind; ``options`` are the client's."""
    if request.param == "sync":
        return Client(**options).get
    if request.param == "async throughout":
        stack = override_settings(MIDDLEWARE=[one for one in settings.MIDDLEWARE if "whitenoise" not in one])
        stack.enable()
        request.addfinalizer(stack.disable)
    return async_to_sync(AsyncClient(**options).get)
