"""ASGI entry point: ``uvicorn enginel.asgi:application --no-proxy-headers``.

Without the option uvicorn trusts ``X-Forwarded-Proto`` and ``X-Forwarded-For`` from any client on this host.
"""

from __future__ import annotations

import os

import django

from designs.logs import standard_error
from enginel.request_handlers import TextASGIHandler
from enginel.startup import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enginel.settings")

standard_error.serve()
django.setup(set_prefix=False)
refuse_wrong_settings()
application = TextASGIHandler()
