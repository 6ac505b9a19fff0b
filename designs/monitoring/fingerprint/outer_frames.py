"""Outer frames, which only lead to the failing code: event loops, threads, servers, dispatch, middleware, tasks.

They show how code was reached, and their names change with each release of Python, Django or Celery. If a stack has no
frame of the application, its key consists of the remaining, inner frames.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["has_inner", "inner_frames", "is_outer", "library_of"]

_MODULES = (
    # Python: loops, threads, processes, servers, imports, and the wrappers of decorators and context managers.
    *("asyncio", "concurrent.futures", "threading", "runpy", "socketserver", "wsgiref", "http.server"),
    *("multiprocessing", "contextlib", "functools", "importlib._bootstrap", "importlib._bootstrap_external"),
    # Other loops and pools.
    *("anyio", "trio", "uvloop", "gevent", "eventlet", "greenlet", "twisted", "tornado", "asgiref"),
    # Servers of WSGI and ASGI.
    *("gunicorn", "uvicorn", "hypercorn", "daphne", "waitress", "granian", "cheroot", "werkzeug.serving", "meinheld"),
    # Django and DRF: from the server to the view, and from the command line to the command.
    *("django.core.handlers", "django.core.servers", "django.middleware"),
    *("django.utils.deprecation", "django.utils.decorators", "django.utils.functional", "django.views.decorators"),
    *("django.views.generic.base", "django.contrib.staticfiles.handlers", "django.contrib.auth.decorators"),
    *("django.dispatch", "django.test.client", "django.test.utils", "django.utils.autoreload"),
    *("rest_framework.views", "rest_framework.viewsets", "rest_framework.decorators", "rest_framework.test"),
    *("channels.routing", "channels.consumer", "channels.sessions", "channels.auth"),
    # Other frameworks.
    *("flask.app", "flask.views", "flask.cli", "flask.ctx", "flask_restful", "werkzeug.local", "sanic.app", "click"),
    *("starlette.applications", "starlette.concurrency", "starlette.endpoints", "starlette.routing", "typer"),
    *("starlette._exception_handler", "starlette._utils", "fastapi.applications", "fastapi.routing"),
    *("fastapi.concurrency", "aiohttp.web_app", "aiohttp.web_protocol", "aiohttp.web_urldispatcher"),
    # Celery and other queues: from the worker to the task.
    *("celery.app.trace", "celery.app.task", "celery.app.autoretry", "celery.app.builtins", "celery.local"),
    *("celery.apps", "celery.bin", "celery.bootsteps", "celery.concurrency", "celery.fixups", "celery.platforms"),
    *("celery.utils.threads", "celery.worker", "celery.__main__", "billiard", "kombu.asynchronous"),
    *("rq.worker", "rq.job", "dramatiq.worker", "dramatiq.actor", "huey.api", "huey.consumer", "django_q.worker"),
    *("django_q.cluster", "apscheduler.executors", "apscheduler.schedulers"),
    # Instrumentation, including that of this project: enabling it must not regroup errors.
    *(
        "sentry_sdk",
        "opentelemetry.instrumentation",
        "opentelemetry.trace",
        "opentelemetry.util",
        "ddtrace",
        "newrelic",
    ),
    *("elasticapm", "scout_apm", "wrapt", "debug_toolbar", "pyinstrument"),
    *("designs.monitoring", "designs.middleware", "designs.worker.error_signals", "designs.worker.lost_tasks"),
    "designs.context_propagation",
)
_OUTER = re.compile(
    rf"(?:{'|'.join(map(re.escape, _MODULES))})\."
    # The entry functions of Django's commands and of Python's imports, which are not modules of their own.
    r"|django\.core\.management\.(?!commands\.)|importlib\.(?:import_module|reload)$"
    # A library's middleware, and the start of a program: `manage.py`, `/usr/bin/celery`, `python -m celery`.
    r"|(?:\w{1,64}\.){1,8}middlewares?\."
    r"|(?:__main__|manage)\.|(?:celery|django-admin)\.(?:<module>|main)$"
)


@lru_cache(maxsize=8_192)
def _classified(name: str) -> tuple[bool, str]:
    """Return whether a frame belongs to the standard library, and its name in the key; no name for an outer frame."""
    top = name.partition(".")[0]
    is_standard = top in sys.stdlib_module_names
    if is_outer(name):
        return is_standard, ""
    # Modules of the standard library get split and moved: `pathlib.read_text` is in `pathlib._local` since 3.13.
    return is_standard, f"{top}.{name.rpartition('.')[2]}" if is_standard else name


def is_outer(name: str) -> bool:
    """Return whether a frame, by module and function, only leads to the failing code."""
    return _OUTER.match(name) is not None


def has_inner(names: Sequence[str]) -> bool:
    """Return whether any of the frames is an inner one; mostly the innermost is."""
    return any(_classified(name)[1] for name in reversed(names))


def inner_frames(names: Sequence[str]) -> list[str]:
    """Return the names of the inner frames, in their order.

    Of a call into the standard library only the first function counts, by its package: its callees differ by release.
    """
    kept: list[str] = []
    is_within = False
    for name in names:
        is_standard, shown = _classified(name)
        if shown and not (is_standard and is_within):
            kept.append(shown)
        is_within = is_standard and (is_within or bool(shown))
    return kept


def library_of(names: Sequence[str]) -> str:
    """Return the package of the innermost frame; empty without frames."""
    return names[-1].partition(".")[0] if names else ""
