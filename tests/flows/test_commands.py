"""A management command that fails is recorded, once, and ends for its caller as it would without Enginel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from integrations.redis import redis_for
from tests.support.outage import REFUSED_URL, FrozenValkey, own_valkey
from tests.support.sentry_sink import sentry_sink
from tests.support.stack import wait_for

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = {
    "manage.py": [sys.executable, "manage.py"],
    "python -m django": [sys.executable, "-m", "django"],
    "django-admin": [str(Path(sys.executable).with_name("django-admin"))],
}
# Each starts an interpreter of its own: the other two entries go the same way, and CI runs them.
entries = pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry, id=name, marks=() if name == "manage.py" else pytest.mark.slow)
        for name, entry in ENTRIES.items()
    ],
)
SECRET = "hunter2hunter2"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path_factory.mktemp("valkey")) as valkey:
        yield valkey


@pytest.fixture(autouse=True)
def redis(valkey: FrozenValkey) -> Iterator[None]:
    with override_settings(REDIS_URL=valkey.url):
        redis_for(valkey.url).run(lambda client: client.flushall())
        yield


@pytest.fixture
def run(valkey: FrozenValkey, tmp_path: Path) -> Any:
    def run(command: list[str], *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.support.command_settings",
            "ENGINEL_ENVIRONMENT": "development",
            "ENGINEL_STATE_DIR": str(tmp_path),
            "REDIS_URL": valkey.url,
            **environ,
        }
        return subprocess.run(
            [*command, "probe", *arguments], env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )

    return run


def the_only_record() -> dict[str, Any]:
    (record,) = ErrorTracker.get_recent_errors(100)
    assert recorder.error_store.totals()["occurrences"] == 1
    return record


def assert_plain_traceback(done: subprocess.CompletedProcess[str], last: str, began: int = 1) -> None:
    assert (done.returncode, done.stdout) == (1, "began\n" * began)
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == last
    assert not any(line.startswith("{") for line in lines)


@entries
def test_a_failure_is_recorded_with_command_and_arguments(run: Any, entry: list[str]) -> None:
    done = run(entry, "fail", "design-7", "--verbosity", "1")

    record = the_only_record()
    assert (record["error_message"], record["source"], record["severity"]) == ("broken", "command", "ERROR")
    assert record["error_type"].endswith("ValueError")
    assert record["context"]["command"] == "probe"
    assert record["context"]["arguments"] == ["fail", "design-7", "--verbosity", "1"]
    assert "in _fail" in record["traceback"]
    assert_plain_traceback(done, "ValueError: broken")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--password", SECRET],
        [f"--password={SECRET}"],
        ["-k", SECRET],
        [f"-k{SECRET}"],
        [f"postgres://enginel:{SECRET}@db/enginel"],
    ],
)
def test_secrets_among_the_arguments_are_not_recorded(run: Any, arguments: list[str]) -> None:
    run(ENTRIES["manage.py"], "fail", *arguments)

    record = the_only_record()
    assert SECRET not in str(record)
    assert "[filtered]" in str(record["context"]["arguments"])


def test_a_secret_that_is_a_number_is_not_recorded(run: Any) -> None:
    run(ENTRIES["manage.py"], "fail", "-n987654")

    assert the_only_record()["context"]["arguments"] == ["fail", "-n[filtered]"]


@entries
@pytest.mark.parametrize(
    ("way", "code", "last"),
    [
        pytest.param("succeed", 0, None, marks=pytest.mark.slow),
        pytest.param("mistake", 3, "CommandError: No such design.", marks=pytest.mark.slow),
        ("mistake_from_outage", 1, "CommandError: Redis does not answer."),
        pytest.param("exit", 5, None, marks=pytest.mark.slow),
        ("interrupt", -2, "KeyboardInterrupt"),
    ],
)
def test_what_is_no_failure_is_not_recorded(run: Any, entry: list[str], way: str, code: int, last: str | None) -> None:
    done = run(entry, way)

    assert done.returncode == code
    assert (done.stderr.splitlines() or [None])[-1] == last
    assert ErrorTracker.get_recent_errors() == []


def test_a_mistake_that_a_failure_led_to_is_recorded_as_that_failure(run: Any) -> None:
    done = run(ENTRIES["manage.py"], "mistake_from_failure")

    record = the_only_record()
    assert (record["error_message"], record["source"]) == ("broken", "command")
    assert record["context"]["answer"] == "It cannot be read."
    assert (done.returncode, done.stdout, done.stderr) == (1, "began\n", "CommandError: It cannot be read.\n")


@entries
def test_a_command_called_by_a_command_is_one_occurrence(run: Any, entry: list[str]) -> None:
    assert_plain_traceback(run(entry, "nested"), "ValueError: broken", began=2)

    record = the_only_record()
    assert (record["context"]["command"], record["context"]["arguments"]) == ("probe", ["nested"])


@entries
def test_what_the_command_recorded_itself_is_one_occurrence(run: Any, entry: list[str]) -> None:
    done = run(entry, "told")

    record = the_only_record()
    assert (record["source"], record["context"]["told"]) == ("explicit", "by the command")
    assert (record["context"]["command"], record["context"]["arguments"]) == ("probe", ["told"])
    assert (done.returncode, done.stdout) == (1, "began\n")


@entries
def test_without_redis_it_ends_the_same(run: Any, entry: list[str]) -> None:
    assert_plain_traceback(run(entry, "fail", REDIS_URL=REFUSED_URL), "ValueError: broken")


@entries
def test_a_failure_of_the_database_is_recorded(run: Any, entry: list[str]) -> None:
    done = run(entry, "query")

    assert_plain_traceback(done, "django.db.utils.OperationalError: no such table: there_is_none")
    assert the_only_record()["error_message"] == "no such table: there_is_none"


def test_without_the_database_it_ends_the_same_and_is_recorded(run: Any) -> None:
    done = run(ENTRIES["manage.py"], "query", DATABASE_URL="sqlite:////nonexistent/enginel.sqlite3")

    assert_plain_traceback(done, "django.db.utils.OperationalError: unable to open database file")
    assert the_only_record()["error_message"] == "unable to open database file"


@entries
def test_with_sentry_on_it_is_one_event_and_one_occurrence(run: Any, entry: list[str]) -> None:
    with sentry_sink() as sink:
        done = run(entry, "fail", "--password", SECRET, SENTRY_DSN=sink.dsn)
        wait_for(sink.events)

        (event,) = sink.events()
        assert SECRET.encode() not in b"".join(sink.raw)
    record = the_only_record()
    assert record["source"] == event["tags"]["enginel.source"] == "command"
    assert record["event_id"] == event["event_id"]
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "Traceback (most recent call last):"


def test_the_embedded_valkey_of_the_command_itself_keeps_the_record(run: Any, tmp_path: Path) -> None:
    assert run(ENTRIES["manage.py"], "fail", REDIS_URL="").returncode == 1

    done = subprocess.run(
        [sys.executable, "manage.py", "errors", "tail", "--json"],
        env={"PATH": "/usr/bin:/bin", "ENGINEL_STATE_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert '"source": "command"' in done.stdout
