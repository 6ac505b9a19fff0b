"""Django system checks: wrong settings stop the start, each with an id and a hint.

========= ===============================================================
enginel.E001  an environment variable cannot be used
enginel.E002  the database engine's driver is not installed
enginel.E003  S3 storage is chosen and django-storages is not installed
enginel.E004  ``ENGINEL_SENTRY_OPTIONS`` sets what Enginel sets itself
enginel.E005  tracing is switched on and its packages are not installed
enginel.E006  an ``ENGINEL_*`` variable that nothing reads: it is misspelt
enginel.E007  an ``ENGINEL_*`` Django setting that nothing reads: it is misspelt
enginel.E008  ``ENGINEL_IN_APP_PACKAGES`` has an entry that is no package name
enginel.E009  an ``ENGINEL_*`` Django setting has a wrong type or is out of its range
enginel.W002  the CAD kernel is not usable, see `designs.kernel_check`
enginel.W003  the process that reads uploaded files is confined in part, see `designs.kernel_check`
enginel.W004  ``ENGINEL_IN_APP_PACKAGES`` names a package that is not installed here
========= ===============================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core import checks

from designs.conf import conf, setting_names
from designs.settings_table import SETTINGS
from integrations.sentry import RESERVED_OPTIONS
from integrations.tracing import is_tracing_installed

__all__ = ["TAG", "register_checks"]

TAG = "enginel"
# No variable has these.
_MADE_BY_SETTINGS = ("ENGINEL_EMBEDDED_VALKEY", "ENGINEL_ENV_NAMES", "ENGINEL_ENV_PROBLEMS", "ENGINEL_ENV_UNKNOWN")


def register_checks() -> None:
    checks.register(check_environment, TAG)
    checks.register(check_names, TAG)
    checks.register(check_values, TAG)
    checks.register(check_drivers, TAG)
    checks.register(check_sentry, TAG)
    checks.register(check_in_app_packages, TAG)


def check_environment(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    found = ((settings.ENGINEL_ENV_PROBLEMS, "enginel.E001"), (settings.ENGINEL_ENV_UNKNOWN, "enginel.E006"))
    return [
        checks.Error(problem.message, hint=problem.hint, obj=problem.name, id=number)
        for problems, number in found
        for problem in problems
    ]


def check_names(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return an error for each ``ENGINEL_*`` Django setting of a deployment's own that has no known name."""
    known = {*settings.ENGINEL_ENV_NAMES, *setting_names(), *_MADE_BY_SETTINGS}
    return [
        checks.Error(
            f"{name} is no setting of Enginel.",
            hint=f"Did you mean {nearest[0]}?" if nearest else "See docs/reference.md for the names.",
            obj=name,
            id="enginel.E007",
        )
        for name in sorted(set(dir(settings)) - known)
        if name.startswith("ENGINEL_")
        for nearest in [get_close_matches(name, known, n=1)]
    ]


def check_values(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return an error for each ``ENGINEL_*`` Django setting that does not fit its row; no error repeats a value."""
    return [
        checks.Error(f"{name} is no usable {row.noun}.", hint=row.hint, obj=name, id="enginel.E009")
        for name, row in SETTINGS.items()
        if name.startswith("ENGINEL_") and hasattr(settings, name) and not row.fits(getattr(settings, name))
    ]


def check_drivers(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    return list(_missing_drivers())


def _missing_drivers() -> Iterator[checks.CheckMessage]:
    install = "Install requirements/prod.txt."
    if settings.DATABASES["default"]["ENGINE"].endswith("postgresql") and find_spec("psycopg") is None:
        yield checks.Error(
            "DATABASE_URL names PostgreSQL, and psycopg is not installed.", hint=install, id="enginel.E002"
        )
    if settings.STORAGES["default"]["BACKEND"].startswith("storages.") and find_spec("storages") is None:
        yield checks.Error(
            "ENGINEL_STORAGE is s3, and django-storages is not installed.", hint=install, id="enginel.E003"
        )
    if settings.ENGINEL_OTLP_ENDPOINT and not is_tracing_installed():
        yield checks.Error(
            "ENGINEL_OTLP_ENDPOINT is set, and OpenTelemetry is not installed.",
            hint="Install requirements/otel.txt.",
            id="enginel.E005",
        )


def check_sentry(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    return [
        checks.Error(
            f"ENGINEL_SENTRY_OPTIONS sets {name}, which Enginel sets itself.",
            hint="Take it out: what is sent, what it costs and what is scrubbed depend on it. See docs/reference.md.",
            obj=name,
            id="enginel.E004",
        )
        for name in sorted(RESERVED_OPTIONS.intersection(conf.sentry_options))
    ]


def check_in_app_packages(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return an error for each entry that names no package, a warning for each package that cannot be found."""
    found: list[checks.CheckMessage] = []
    for name in conf.in_app_packages.names or ():
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            found.append(
                checks.Error(
                    "ENGINEL_IN_APP_PACKAGES holds an entry that is no name of a package.",
                    hint="Use names as import statements have them, such as shop or acme.billing, without paths.",
                    obj="ENGINEL_IN_APP_PACKAGES",
                    id="enginel.E008",
                )
            )
        elif find_spec(name.partition(".")[0]) is None:
            found.append(
                checks.Warning(
                    f"ENGINEL_IN_APP_PACKAGES names {name}, which is not installed here.",
                    hint="Correct the name, or install the package.",
                    obj="ENGINEL_IN_APP_PACKAGES",
                    id="enginel.W004",
                )
            )
    return found
