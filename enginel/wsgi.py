"""WSGI entry point: ``gunicorn enginel.wsgi``."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from enginel.startup import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enginel.settings")

application = get_wsgi_application()
refuse_wrong_settings()
