#!/usr/bin/env python
"""Django's command line. On a developer's machine it finds or starts the embedded Valkey by itself."""

import os
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from designs.logs import standard_error

NEED_NO_SERVICE = {"check", "collectstatic", "help", "makemigrations", "version", "--help", "--version", "-h"}

# These only read Redis: half of the service's modules are none of their business.
_CONSOLE = ("errors", "heartbeat_check", "sentry_status")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enginel.settings")
    if sys.argv[1:2] and sys.argv[1] in _CONSOLE and os.environ["DJANGO_SETTINGS_MODULE"] == "enginel.settings":
        os.environ["DJANGO_SETTINGS_MODULE"] = "enginel.console"
    # The processes that serve (wsgi, asgi, celery) default to production; this is a person's tool.
    os.environ.setdefault("ENGINEL_ENVIRONMENT", "development")
    if find_spec("django") is None:
        sys.exit(
            f"manage.py: Django is not installed for {sys.executable}. "
            "Use .venv/bin/python manage.py; `make install` makes it."
        )
    # Before anything can fail.
    standard_error.command()
    with ExitStack() as stack:
        if sys.argv[1:2] == ["test"]:
            prepare_tests(stack)
        else:
            # A run in another terminal has settings that a command beside it has to know.
            from enginel.local.running import adopt

            adopt(Path(__file__).resolve().parent)
        run(stack)


def prepare_tests(stack: ExitStack) -> None:
    """Give `manage.py test` a state folder of its own, and run tasks in process: no worker is there to do them."""
    folder = stack.enter_context(TemporaryDirectory(prefix="enginel-test-", ignore_cleanup_errors=True))
    os.environ.setdefault("ENGINEL_STATE_DIR", folder)
    os.environ.setdefault("ENGINEL_TASKS_EAGER", "1")


def refuse_unset_production(command: list[str], settings: Any) -> None:
    """End with one line where production lacks settings, but for commands that need none of them."""
    problems = [problem.name for problem in getattr(settings, "ENGINEL_ENV_PROBLEMS", ())]
    if not problems or settings.ENGINEL_ENVIRONMENT != "production" or set(command) <= NEED_NO_SERVICE:
        return
    names = ", ".join(sorted(set(problems)))
    sys.exit(
        f"manage.py: production has no usable {names}. `manage.py check` says what each needs; "
        "for a run on this machine, unset ENGINEL_ENVIRONMENT."
    )


def run(stack: ExitStack) -> None:
    # After the environment is set.
    from django.apps import apps
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    if unknown := getattr(settings, "ENGINEL_ENV_UNKNOWN", ()):
        # Not all commands run the system checks that find them too.
        sys.exit("\n".join(f"manage.py: {problem.message} {problem.hint}" for problem in unknown))
    refuse_unset_production(sys.argv[1:2], settings)
    if settings.ENGINEL_ENVIRONMENT != "production":
        from enginel.local.private import make_private

        make_private(settings.ENGINEL_STATE_DIR, deep=False)
        # Again at the end, for what the command made; its umask stays, since commands write elsewhere, too.
        stack.callback(make_private, settings.ENGINEL_STATE_DIR, deep=False)
    if getattr(settings, "ENGINEL_EMBEDDED_VALKEY", False):
        from enginel.local.processes import LocalError
        from enginel.local.valkey import embedded_valkey

        try:
            stack.enter_context(embedded_valkey(settings.ENGINEL_STATE_DIR))
        except LocalError as error:
            sys.exit(f"manage.py: {error}")
    try:
        execute_from_command_line(sys.argv)
    except BaseException as error:
        if apps.ready:
            # Can be imported now: the command has set Django up.
            from designs.command_failures import record_failure
            from designs.older_database import older_database_refusal

            if isinstance(error, DatabaseError) and (refusal := older_database_refusal()):
                sys.exit(f"manage.py: {refusal}")
            # While the embedded Valkey still runs.
            record_failure(error)
        raise


if __name__ == "__main__":
    main()
