"""Ten thousand errors of four threads, seen by the SDK or told to us: a handful of events, all counts, no memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import override_settings

from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.monitoring.errors.delivery_counts import account_of
from enginel.local.processes import die_with_parent
from tests.support.outage import own_valkey
from tests.support.sentry_sink import sentry_sink
from tests.support.sentry_storm import CHECK_INS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

THREADS, ERRORS = 4, 10_000
GROWTH_KIB = 5 * 1024


@pytest.mark.parametrize("how", ["views", "explicit"])
def test_a_storm_is_a_handful_of_events_and_all_of_its_counts(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-m", "tests.support.sentry_storm", how, str(THREADS), str(ERRORS)]
    with own_valkey(tmp_path) as valkey, override_settings(REDIS_URL=valkey.url), sentry_sink() as sink:
        done = subprocess.run(
            command,
            env={**os.environ, "REDIS_URL": valkey.url, "SENTRY_DSN": sink.dsn},
            text=True, capture_output=True, preexec_fn=die_with_parent, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2_000:]
        print(how, done.stdout)
        totals = recorder.error_store.totals()
        (group,) = ErrorTracker.get_groups()
        events, kinds = sink.events(), [kind for kind, _ in sink.items()]

    assert totals["occurrences"] == int(group["total"]) == ERRORS
    # The 1st, 10th, ... 10,000th, together standing for all.
    assert sorted(event["contexts"]["enginel"]["occurrences"] for event in events) == [1, 10, 100, 1_000, 10_000]
    assert round(sum(1 / event["contexts"]["error_sampling"]["client_sample_rate"] for event in events)) == ERRORS
    assert account_of(totals)[:3] == (ERRORS, ERRORS, 0)
    assert kinds.count("check_in") == CHECK_INS
    assert json.loads(done.stdout)["grown_kib"] <= GROWTH_KIB
