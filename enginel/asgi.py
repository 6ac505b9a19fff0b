"""ASGI entry point: ``uvicorn enginel.asgi:application``."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from enginel.startup import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enginel.settings")

application = get_asgi_application()
refuse_wrong_settings()
