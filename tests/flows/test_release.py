"""One release everywhere: web, worker, records, groups, filters, metrics, commands and Sentry say the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from designs.monitoring import ErrorTracker
from designs.monitoring.errors.known_groups import known_groups
from enginel.release import release_of
from tests.support.outage import own_valkey
from tests.support.sentry_sink import sentry_sink
from tests.support.stack import RunningStack, manage, wait_for

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_without_a_setting_all_processes_name_the_checkout(running: RunningStack) -> None:
    release = release_of(ROOT)
    task_id = running.send("probe.fail", "of a release")

    [record] = running.errors_of(task_id)
    assert record["release"] == release
    group = json.loads(manage(running.stack, "errors", "show", record["fingerprint"], "--json"))
    assert group["releases"] == [release]
    for path in ("errors", "groups"):
        assert running.get(f"/api/monitoring/{path}/?release={release}")[1]["count"] >= 1
        assert running.get(f"/api/monitoring/{path}/?release=another")[1]["count"] == 0
    page = running.http.request("GET", f"{running.stack.url}/metrics").data.decode()
    assert f'enginel_build_info{{release="{release}"}} 1' in page


def test_sentry_gets_the_same_release_as_the_record(tmp_path: Path) -> None:
    with own_valkey(tmp_path / "valkey") as valkey, sentry_sink() as sink:
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-c", "raise ValueError('broken')"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "ENGINEL_STATE_DIR": str(tmp_path),
                "REDIS_URL": valkey.url,
                "SENTRY_DSN": sink.dsn,
            },
            capture_output=True,
            check=False,
            timeout=60,
        )
        (event,) = wait_for(sink.events)
        with override_settings(REDIS_URL=valkey.url):
            (record,) = ErrorTracker.get_recent_errors()

    assert event["release"] == record["release"] == release_of(ROOT)


def fail(message: str) -> dict[str, Any]:
    try:
        raise LookupError(message)
    except LookupError as error:
        return ErrorTracker.log_error(error)


def test_a_group_knows_each_release_it_was_seen_in_once() -> None:
    for release in ("1.0", "1.1", "1.1", "1.0", "1.2"):
        # As each process of a release does: it knows nothing yet.
        known_groups.reset()
        with override_settings(ENGINEL_RELEASE=release):
            key = fail("seen")["fingerprint"]
            fail("seen")

    group = ErrorTracker.get_group(key)
    assert group is not None
    assert group["releases"].splitlines() == ["1.0", "1.1", "1.2"]
    assert int(group["total"]) == 10


def test_the_releases_of_a_group_are_bounded() -> None:
    for number in range(30):
        known_groups.reset()
        with override_settings(ENGINEL_RELEASE=f"{number:03d}{'x' * 197}"):
            key = fail("bounded")["fingerprint"]

    group = ErrorTracker.get_group(key)
    assert group is not None
    releases = group["releases"].splitlines()
    assert 8 <= len(releases) <= 12
    assert releases[-1].startswith("029")
