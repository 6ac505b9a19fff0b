"""WSGI entry point: ``gunicorn enginel.wsgi --config python:enginel.gunicorn``."""

from __future__ import annotations

import os

import django

from enginel.requests import TextWSGIHandler
from enginel.startup import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enginel.settings")

django.setup(set_prefix=False)
refuse_wrong_settings()
application = TextWSGIHandler()
