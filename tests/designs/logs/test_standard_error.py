"""What processes write to standard error past logging: JSON in those that serve, and no secret in any."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from designs import context
from designs.logs.standard_error import ScrubbedStream

ROOT = Path(__file__).resolve().parents[3]
SECRET = "hunter2hunter2"
WAYS = {
    "asyncio", "del", "handler", "json", "key", "loop", "misfit", "name", "print", "printed", "template", "thread",
    "uncaught", "unended", "warning",
}  # fmt: skip


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "static").mkdir()
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "ENGINEL_STATE_DIR": str(tmp_path),
        "ENGINEL_SECRET_KEY": "s" * 40,
        "ENGINEL_ALLOWED_HOSTS": "cad.example.com",
        "DATABASE_URL": "sqlite:////nonexistent/db.sqlite3",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }


def ended(command: list[str], env: dict[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_in_a_process_that_serves_every_line_is_json_without_secrets(env: dict[str, str], kind: str) -> None:
    done = ended(["-m", "tests.support.standard_error_writer", kind, SECRET], env)

    assert done.returncode == 1
    assert SECRET not in done.stderr + done.stdout
    lines = lines_of(done.stderr)
    assert {way for way in WAYS if f"way={way}" in done.stderr or f'"{way}"' in done.stderr} == WAYS
    [thread] = [line for line in lines if "way=thread" in line.get("exception", "")]
    assert (thread["level"], thread["logger"], thread["service"]) == ("ERROR", "enginel.uncaught", "enginel")
    assert thread["exception"].endswith("ValueError: way=thread\npassword=[filtered]")
    [last] = lines[-1:]
    assert (last["level"], last["message"]) == ("CRITICAL", "An exception ended the process")
    assert last["exception"].endswith("RuntimeError: way=uncaught password=[filtered]")
    assert [line["way"] for line in lines if "way" in line] == ["json"]


def test_with_sentry_on_an_exception_of_a_thread_is_one_line(env: dict[str, str]) -> None:
    env["SENTRY_DSN"] = "http://0123456789abcdef0123456789abcdef@127.0.0.1:9/1"

    done = ended(["-m", "tests.support.standard_error_writer", "wsgi", SECRET], env)

    [line] = [line for line in lines_of(done.stderr) if "way=thread" in json.dumps(line)]
    assert line["logger"] == "enginel.errors"
    assert SECRET not in done.stderr


COMMANDS = {
    "manage.py": ["manage.py"],
    "python -m django": ["-m", "django"],
    "django-admin": [str(Path(sys.executable).with_name("django-admin"))],
}


# Each starts an interpreter of its own: the other entries go the same way, and CI runs them.
@pytest.fixture(params=[pytest.param(name, marks=() if name == "manage.py" else pytest.mark.slow) for name in COMMANDS])
def entry(request: pytest.FixtureRequest, env: dict[str, str]) -> list[str]:
    env["DJANGO_SETTINGS_MODULE"] = "tests.support.command_settings"
    return COMMANDS[request.param]


ENDS = [
    ("leak", 1, "ValueError: broken password=[filtered]"),
    ("leak_mistake", 1, "CommandError: mistaken password=[filtered]"),
    ("leak_exit", 1, "ended password=[filtered]"),
]


@pytest.mark.parametrize(("way", "code", "last"), ENDS)
def test_a_command_ends_readable_and_without_secrets(
    env: dict[str, str], entry: list[str], way: str, code: int, last: str
) -> None:
    env["ENGINEL_ENVIRONMENT"] = "development"

    done = ended([*entry, "probe", way, f"password={SECRET}"], env)

    assert (done.returncode, done.stderr.splitlines()[-1]) == (code, last)
    assert SECRET not in done.stderr


@pytest.mark.parametrize(("way", "code", "last"), ENDS)
def test_in_production_a_command_ends_in_one_line_of_json(
    env: dict[str, str], entry: list[str], way: str, code: int, last: str
) -> None:
    env["ENGINEL_ENVIRONMENT"] = "production"

    done = ended([*entry, "probe", way, f"password={SECRET}"], env)

    assert done.returncode == code
    [line] = [line for line in lines_of(done.stderr) if line["logger"] in {"enginel.uncaught", "stderr"}]
    assert line.get("exception", line["message"]).splitlines()[-1] == last
    assert SECRET not in done.stderr


@pytest.mark.slow
def test_on_a_terminal_a_command_of_production_is_readable(env: dict[str, str]) -> None:
    env |= {"ENGINEL_ENVIRONMENT": "production", "DJANGO_SETTINGS_MODULE": "tests.support.command_settings"}
    ours, theirs = pty.openpty()

    command = [sys.executable, "manage.py", "probe", "leak_exit", f"password={SECRET}"]
    done = subprocess.run(command, env=env, cwd=ROOT, stderr=theirs, stdout=subprocess.PIPE, check=False, timeout=60)
    os.close(theirs)

    assert done.returncode == 1
    assert os.read(ours, 4096).splitlines() == [b"ended password=[filtered]"]
    os.close(ours)


def test_settings_that_cannot_be_read_end_without_their_text(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "broken_settings.py").write_text(f"raise LookupError('password={SECRET}')\n")
    env |= {"DJANGO_SETTINGS_MODULE": "broken_settings", "PYTHONPATH": f"{tmp_path}:{ROOT}"}

    done = ended(["-c", "import enginel.wsgi"], env)

    assert SECRET not in done.stderr
    [line] = lines_of(done.stderr)
    assert line["exception"].splitlines()[-1] == "builtins.LookupError"


@pytest.fixture
def stream() -> Iterator[tuple[ScrubbedStream, io.StringIO]]:
    raw = io.StringIO()
    yield ScrubbedStream(raw, lambda: True), raw
    context.start(context.RunContext())


def test_bytes_are_written_as_text_is(stream: tuple[ScrubbedStream, io.StringIO]) -> None:
    scrubbed, raw = stream
    for piece in (f"password={SECRET} \xfc".encode()[:-1], b"\xbc \xff", b"\n"):
        scrubbed.buffer.write(piece)
    scrubbed.buffer.write(b"begun")
    scrubbed.buffer.flush()

    assert [line["message"] for line in lines_of(raw.getvalue())] == ["password=[filtered] \xfc \\xff", "begun"]


@pytest.mark.parametrize(("is_controlled", "is_shown"), [(True, False), (False, True)])
def test_a_line_that_ends_after_its_operation_shows_content_of_uncontrolled_designs_only(
    stream: tuple[ScrubbedStream, io.StringIO], is_controlled: bool, is_shown: bool
) -> None:
    scrubbed, raw = stream
    context.start(context.RunContext(task="designs.scan_design"))
    if is_controlled:
        context.set_controlled()
    scrubbed.write("about turbine-blade-7")
    context.start(context.RunContext())
    scrubbed.write(" and more\n")
    scrubbed.write("a later line\n")

    first, second = (line["message"] for line in lines_of(raw.getvalue()))
    assert ("turbine-blade-7" in first, second) == (is_shown, "a later line")
