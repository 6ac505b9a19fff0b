"""A process that fails a few times while Sentry is away, and is killed then. Tells its records on stdout, as JSON.

``python -m tests.support.sentry_victim`` with REDIS_URL and SENTRY_DSN set.
"""

from __future__ import annotations

import json
import os
import signal

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.test import override_settings  # noqa: E402

from designs.monitoring.sentry.sdk_start import start_sentry  # noqa: E402
from tests.support.incidents import record_incidents  # noqa: E402


def main() -> None:
    start_sentry()
    records = record_incidents()
    print(json.dumps({"records": records, "state_dir": str(settings.ENGINEL_STATE_DIR)}), flush=True)
    signal.pause()


if __name__ == "__main__":
    with override_settings(ENGINEL_SENTRY_LEASE_SECONDS=0.3):
        main()
