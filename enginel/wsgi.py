"""WSGI entry point: ``gunicorn enginel.wsgi --config python:enginel.gunicorn``."""

from __future__ import annotations

import os

import django

from designs.logs import standard_error
from enginel.request_handlers import TextWSGIHandler
from enginel.startup import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enginel.settings")

standard_error.serve()
django.setup(set_prefix=False)
refuse_wrong_settings()
application = TextWSGIHandler()
