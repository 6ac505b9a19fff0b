"""``manage.py health_check``: print the state of each component, read over HTTP or checked in this process.

The command of django-health-check treats only 500 as unhealthy, and treats a warning as unhealthy.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.urls import NoReverseMatch, reverse
from health_check.management.commands import health_check

from designs.monitoring import HealthChecker, UnknownComponent

_HEALTHY, _UNHEALTHY, _UNKNOWN = 0, 1, 2
_FAILURES = (500, 503)


class Command(health_check.Command):  # type: ignore[misc] # the base has no types
    help = (
        "Show the state of each component. Exit code 0: healthy or degraded; 1: a component is unhealthy; "
        "2: the state is not known, for example because the server does not answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "endpoint",
            nargs="?",
            default="health-detailed",
            help="name of the URL to ask: health, health-ready or health-detailed (default: %(default)s)",
        )
        parser.add_argument(
            "addrport",
            nargs="?",
            # While a server runs on this machine, manage.py sets ENGINEL_PORT to its port.
            default=os.environ.get("ENGINEL_PORT") or self.default_addrport,
            help="port or address:port (default: ENGINEL_PORT, else 8000)",
        )
        parser.add_argument(
            "--forwarded-host",
            default=self.default_forwarded_host,
            help="value of the headers Host and X-Forwarded-Host",
        )
        parser.add_argument("--forwarded-proto", choices=("http", "https"), default="https")
        parser.add_argument("--timeout", type=float, default=5, help="seconds for the answer (default: %(default)s)")
        parser.add_argument("--checks", default="", help="components to check, separated by commas (default: all)")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--http", action="store_true", dest="use_http", default=True, help="ask a server (default)")
        how.add_argument("--no-http", action="store_false", dest="use_http", help="check from this process")

    def handle(self, *args: Any, **options: Any) -> None:
        ask = self._ask_server if options["use_http"] else self._check_here
        sys.exit(ask(options))

    def _check_here(self, options: dict[str, Any]) -> int:
        try:
            report = HealthChecker.report(options["checks"].split(",") if options["checks"] else ())
        except UnknownComponent as error:
            return self._fail_unknown(
                f"There is no component {str(error)!r}. Known: {', '.join(HealthChecker.components())}"
            )
        for name, outcome in report.outcomes.items():
            detail = f" ({outcome.detail})" if outcome.detail else ""
            self.stdout.write(f"{name}: {outcome.status}: {outcome.message}{detail}")
        return _UNHEALTHY if report.status == "unhealthy" else _HEALTHY

    def _ask_server(self, options: dict[str, Any]) -> int:
        try:
            path = reverse(options["endpoint"])
        except NoReverseMatch:
            return self._fail_unknown(f"There is no URL named {options['endpoint']!r}.")
        address = options["addrport"]
        address = address if ":" in address else f"{os.getenv('HOST', '127.0.0.1')}:{address}"
        scheme = "https" if settings.SECURE_SSL_REDIRECT and not settings.USE_X_FORWARDED_HOST else "http"
        query = f"?checks={options['checks']}" if options["checks"] else ""
        url = f"{scheme}://{address}{path}{query}"
        headers = {"Accept": "text/plain, application/json;q=0.5", "X-Forwarded-Proto": options["forwarded_proto"]}
        if options["forwarded_host"]:
            # Both headers: with USE_X_FORWARDED_HOST Django checks the first against ALLOWED_HOSTS, else the second.
            headers |= {"X-Forwarded-Host": options["forwarded_host"], "Host": options["forwarded_host"]}
        try:
            request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is ours
            with urllib.request.urlopen(request, timeout=options["timeout"]) as answer:  # noqa: S310
                self.stdout.write(answer.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            with error:
                return self._failed(url, error)
        except (OSError, ValueError) as error:
            return self._fail_unknown(f"{url} cannot be reached: {getattr(error, 'reason', error)}")
        return _HEALTHY

    def _failed(self, url: str, error: urllib.error.HTTPError) -> int:
        if error.code in _FAILURES:
            self.stdout.write(error.read().decode(errors="replace"))
            return _UNHEALTHY
        hint = " Is the host in ENGINEL_ALLOWED_HOSTS? See --forwarded-host." if error.code == 400 else ""
        return self._fail_unknown(f"{url} answered {error.code}.{hint}")

    def _fail_unknown(self, why: str) -> int:
        self.stderr.write(why)
        return _UNKNOWN
