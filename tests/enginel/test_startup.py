"""Every process that serves refuses to start on wrong settings, and says why in one line a problem."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import override_settings

from enginel.env import EnvProblem
from enginel.startup import refuse_wrong_settings

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter2" * 8
Start = Callable[..., subprocess.CompletedProcess[str]]
SOUND = {
    "ENGINEL_SECRET_KEY": SECRET,
    "ENGINEL_ALLOWED_HOSTS": "cad.example.com",
    "DATABASE_URL": "sqlite:////nonexistent/db.sqlite3",
    "REDIS_URL": f"redis://:{SECRET}@127.0.0.1:1/0",
}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Run Python in an environment that holds nothing but what is given."""
    # Collected static files, as production has them; WhiteNoise warns without.
    (tmp_path / "static").mkdir()

    def run(code: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
        clean = {"PATH": os.environ["PATH"], "ENGINEL_STATE_DIR": str(tmp_path), **environ}
        command = [sys.executable, *code]
        return subprocess.run(command, env=clean, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    return run


def message_of(stderr: str) -> str:
    """Return the message of the only line on standard error, which is JSON."""
    return str(json.loads(stderr)["message"])


def test_one_problem_is_one_line() -> None:
    problem = EnvProblem("ENGINEL_X", "ENGINEL_X is odd.", "Make it even.")
    with override_settings(ENGINEL_ENV_PROBLEMS=(problem,)), pytest.raises(SystemExit) as info:
        refuse_wrong_settings()

    assert info.value.code == "enginel cannot start: enginel.E001: ENGINEL_X is odd. Make it even."


def test_several_problems_are_a_list() -> None:
    problems = tuple(EnvProblem(name, f"{name} is odd.", "") for name in ("ENGINEL_X", "ENGINEL_Y"))
    with override_settings(ENGINEL_ENV_PROBLEMS=problems), pytest.raises(SystemExit) as info:
        refuse_wrong_settings()

    assert str(info.value.code).splitlines()[1:] == [
        "  enginel.E001: ENGINEL_X is odd.",
        "  enginel.E001: ENGINEL_Y is odd.",
    ]


UNKNOWN = "ENGINEL_METRICS_TOKN is no setting of Enginel. Did you mean ENGINEL_METRICS_TOKEN?"


@pytest.mark.parametrize(
    "what",
    [
        ["-c", "import enginel.wsgi"],
        pytest.param(["-c", "import enginel.asgi"], marks=pytest.mark.slow),
        ["-m", "celery", "-A", "enginel", "worker", "--pool", "solo"],
        ["manage.py", "migrate"],
        pytest.param(["manage.py", "errors", "top"], marks=pytest.mark.slow),
        pytest.param(["manage.py", "shell", "-c", "print('ran')"], marks=pytest.mark.slow),
        ["-m", "enginel", "run"],
    ],
    ids=" ".join,
)
def test_a_misspelt_setting_stops_the_start_in_one_line(start: Start, what: list[str]) -> None:
    sound = {} if "run" in what else SOUND
    ended = start(what, **{**sound, "ENGINEL_METRICS_TOKN": SECRET})

    assert ended.returncode == 1
    assert UNKNOWN in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert SECRET not in ended.stderr + ended.stdout
    if "celery" not in what:
        assert len(ended.stderr.splitlines()) == 1
    assert "ran" not in ended.stdout


def test_all_names_that_the_documents_list_are_known(start: Start) -> None:
    """Whatever they are set to, none of them is called misspelt."""
    names = set(re.findall(r"`(ENGINEL_[A-Z0-9_]+)`", (ROOT / "docs" / "reference.md").read_text()))
    variables = {name: "" for name in names if name != "ENGINEL_STATE_DIR"}

    ended = start(["-c", "import enginel.wsgi"], **{**variables, **SOUND})

    assert len(names) > 30
    assert "no setting of Enginel" not in ended.stderr


def test_wsgi_refuses_production_without_its_settings(start: Start) -> None:
    ended = start(["-c", "import enginel.wsgi"])

    assert ended.returncode == 1
    lines = message_of(ended.stderr).splitlines()
    assert lines[0].strip() == "enginel cannot start:"
    assert [line.split()[1] for line in lines[1:]] == list(SOUND)
    assert "Traceback" not in ended.stderr


def test_wsgi_starts_on_sound_settings_without_asking_a_service(start: Start) -> None:
    ended = start(["-c", "import enginel.wsgi"], **SOUND)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_wrong_value_is_named_and_no_secret_told(start: Start) -> None:
    ended = start(["-c", "import enginel.asgi"], **{**SOUND, "REDIS_URL": f"http://:{SECRET}@h"})

    assert ended.returncode == 1
    assert message_of(ended.stderr).startswith("enginel cannot start: enginel.E001: REDIS_URL is no usable URL.")
    assert len(ended.stderr.splitlines()) == 1
    assert SECRET not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("what", [["worker", "--pool", "solo", "--concurrency", "1"], ["beat", "--schedule"]])
def test_worker_and_beat_refuse_as_well(start: Start, what: list[str], tmp_path: Path) -> None:
    # Beat removes a schedule file that it cannot read: it must be one of ours.
    what = [*what, str(tmp_path / "schedule")] if what[-1] == "--schedule" else what
    ended = start(["-m", "celery", "-A", "enginel", *what], **{**SOUND, "ENGINEL_DEBUG": "maybe"})

    assert ended.returncode == 1
    assert "enginel cannot start: enginel.E001: ENGINEL_DEBUG is neither yes nor no." in ended.stderr


@pytest.mark.parametrize("what", [["worker", "--pool", "solo"], ["beat", "--schedule"]], ids=lambda what: what[0])
def test_celery_refuses_production_without_its_settings(start: Start, tmp_path: Path, what: list[str]) -> None:
    # Beat makes its file before it looks at the settings.
    file = [str(tmp_path / "schedule")] if "--schedule" in what else []

    ended = start(["-m", "celery", "-A", "enginel", *what, *file])

    assert ended.returncode != 0
    assert "REDIS_URL is not set." in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


RING_SIZE_HINT = "Use a whole number from 1 to 100000 (occurrences). The default is 100."


@pytest.mark.parametrize(
    "what",
    [
        ["-c", "import enginel.wsgi"],
        ["-m", "celery", "-A", "enginel", "worker", "--pool", "solo"],
        # Without the checks of databases, which Django 6 runs, too: SOUND names one that is not there.
        ["manage.py", "check", "--tag", "enginel"],
    ],
    ids=" ".join,
)
def test_a_variable_of_a_wrong_type_stops_the_start(start: Start, what: list[str]) -> None:
    ended = start(what, **{**SOUND, "ENGINEL_RING_SIZE": "many"})

    assert ended.returncode == 1
    assert "enginel.E001" in ended.stderr
    assert "ENGINEL_RING_SIZE is no usable whole number." in ended.stderr
    assert RING_SIZE_HINT in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENGINEL_RING_SIZE", "'many'"),
        ("ENGINEL_HEALTH_DEADLINE_SECONDS", "float('nan')"),
        ("ENGINEL_REDACT_IP", "1"),
        ("ENGINEL_SENTRY_OPTIONS", "'many'"),
        ("ENGINEL_SENTRY_LEASE_SECONDS", "None"),
        ("ENGINEL_FINGERPRINT_HOOK", "'no.such.module'"),
    ],
)
def test_a_django_setting_of_a_wrong_type_stops_the_start(start: Start, tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "own_settings.py").write_text(f"from enginel.settings import *\n{name} = {value}\n")
    own = {"DJANGO_SETTINGS_MODULE": "own_settings", "PYTHONPATH": str(tmp_path)}

    ended = start(["-c", "import enginel.wsgi"], **SOUND, **own, SENTRY_DSN="http://public@127.0.0.1:9/5")

    assert ended.returncode == 1
    assert message_of(ended.stderr).startswith(f"enginel cannot start: enginel.E009: {name} is no usable ")
    assert "The default is " in ended.stderr


def test_a_django_setting_of_a_wrong_type_stops_the_worker(start: Start, tmp_path: Path) -> None:
    (tmp_path / "own_settings.py").write_text("from enginel.settings import *\nENGINEL_RING_SIZE = 'many'\n")
    own = {"DJANGO_SETTINGS_MODULE": "own_settings", "PYTHONPATH": str(tmp_path)}

    ended = start(["-m", "celery", "-A", "enginel", "worker", "--pool", "solo"], **SOUND, **own)

    assert ended.returncode == 1
    assert "enginel cannot start: enginel.E009: ENGINEL_RING_SIZE is no usable whole number." in ended.stderr
    assert RING_SIZE_HINT in ended.stderr
