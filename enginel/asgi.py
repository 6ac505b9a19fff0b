"""ASGI entry point: ``uvicorn enginel.asgi:application``."""

from __future__ import annotations

import os

import django

from enginel.requests import TextASGIHandler
from enginel.startup import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enginel.settings")

django.setup(set_prefix=False)
refuse_wrong_settings()
application = TextASGIHandler()
