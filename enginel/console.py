"""Settings of commands that only read Redis: they start without the API, the admin and the CAD readers."""

from __future__ import annotations

from enginel.settings import *  # noqa: F403

INSTALLED_APPS = ["designs.apps.ConsoleConfig", "django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = []
