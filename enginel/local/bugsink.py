"""Local Sentry server for tests and local runs: Bugsink, in its own virtual environment.

It accepts, groups and validates the SDK's events. Installed once from its hashed lock and kept, with an empty,
migrated database, in ``.bugsink/<digest of the lock>/``; a server starts on a copy of that database.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from enginel.local.private import PRIVATE_UMASK
from enginel.local.processes import LocalError, die_with_parent, kill, stop

__all__ = ["Bugsink"]

_BASE_DIR = Path(__file__).resolve().parent.parent.parent
_LOCK = _BASE_DIR / "requirements" / "bugsink.txt"
_CACHE_DIR = _BASE_DIR / ".bugsink"
_INSTALL_SECONDS = 300.0
_START_SECONDS = 60.0
_ANSWER_SECONDS = 20.0
_POLL_SECONDS = 0.05
_USER = "admin"
# Increase it with each change of the text below, so that no database of an older text is used.
_LAYOUT = "1"

_CONF = """
import os
from pathlib import Path

from bugsink.settings.default import *  # noqa: F403

_HOME = Path(__file__).resolve().parent
SECRET_KEY = os.environ["BUGSINK_SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES["default"]["NAME"] = str(_HOME / "db.sqlite3")
DATABASES["snappea"]["NAME"] = str(_HOME / "snappea.sqlite3")
SNAPPEA = {"TASK_ALWAYS_EAGER": True}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
TIME_ZONE = "UTC"
BUGSINK = {
    "BASE_URL": os.environ["BUGSINK_URL"],
    "SINGLE_USER": True,
    "USER_REGISTRATION": "CB_NOBODY",
    "PHONEHOME": False,
    # A wrong event is answered with 200 all the same, and not stored.
    "VALIDATE_ON_DIGEST": "strict",
    "INGEST_STORE_BASE_DIR": str(_HOME / "ingestion"),
}
for _limit in ("PROJECT_PER_5_MINUTES", "PROJECT_PER_HOUR", "PROJECT_PER_MONTH", "5_MINUTES", "HOUR", "MONTH"):
    BUGSINK[f"MAX_EVENTS_PER_{_limit}"] = 10_000_000
"""

_PROVISION = """
import json, sys

from bsmain.models import AuthToken
from django.contrib.auth import get_user_model
from projects.models import Project
from teams.models import Team

user, password = sys.stdin.readline().split()
get_user_model().objects.create_superuser(user, f"{user}@localhost.localdomain", password)
team = Team.objects.create(name="enginel")
project = Project.objects.create(name="enginel", team=team)
token = AuthToken.create_full_access().token
print(json.dumps({"key": project.sentry_key.hex, "project": project.pk, "team": str(team.pk), "token": token,
                  "user": user, "password": password}))
"""


@dataclass(frozen=True)
class _Facts:
    key: str
    project: int
    team: str
    token: str
    user: str
    password: str


class Bugsink:
    """One server on loopback.

    Args:
        state_dir: Folder of its database; an existing database is reused.
        port: Loopback port it listens on.
    """

    def __init__(self, state_dir: Path, port: int) -> None:
        self.home = state_dir
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """DSN of the project ``enginel``."""
        facts = self._facts()
        return f"http://{facts.key}@127.0.0.1:{self.port}/{facts.project}"

    @property
    def issues_url(self) -> str:
        """URL of the list of the project's issues."""
        return self.issues_url_of(self.project)

    def issues_url_of(self, project: int) -> str:
        """Return the URL of the list of a project's issues, resolved ones included."""
        return f"{self.url}/issues/{project}/all/"

    @property
    def project(self) -> int:
        return self._facts().project

    @property
    def team(self) -> str:
        return self._facts().team

    @property
    def token(self) -> str:
        """Bearer token of its API."""
        return self._facts().token

    @property
    def login(self) -> str:
        """User and password of its pages."""
        facts = self._facts()
        return f"{facts.user} / {facts.password}"

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Install it if necessary, start it, and wait until it answers.

        Raises:
            LocalError: It cannot be installed, or does not answer within a minute.
        """
        template = _installed()
        if not (self.home / "facts.json").exists():
            shutil.copytree(template / "empty", self.home, dirs_exist_ok=True)
        command = [
            str(template / "venv" / "bin" / "python"), "-m", "gunicorn", "bugsink.wsgi",
            "--bind", f"127.0.0.1:{self.port}",
            "--workers", "1", "--threads", "4", "--no-control-socket", "--log-level", "warning",
            "--forwarder-headers", "", "--forwarded-allow-ips", "",
        ]  # fmt: skip
        log = self.home / "bugsink.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                umask=PRIVATE_UMASK,
                cwd=self.home,
                env=_environment(self.home, self.url),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise LocalError(f"Bugsink does not start; see {log}.")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process)
            self._process = None

    def kill(self) -> None:
        """End the server at once."""
        if self._process is not None:
            kill(self._process)

    def ask(self, path: str, method: str = "GET", **options: Any) -> Any:
        """Return a response of its API; ``path`` may be a full URL of the server.

        Raises:
            LocalError: The server refuses the request.
        """
        url = path if path.startswith("http") else f"{self.url}/api/canonical/0/{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = urllib3.request(method, url, headers=headers, timeout=_ANSWER_SECONDS, retries=False, **options)
        if answer.status not in {200, 201}:
            raise LocalError(f"Bugsink answered {answer.status} to {path}: {answer.data[:300]!r}")
        return answer.json()

    def ask_all(self, path: str) -> list[dict[str, Any]]:
        """Return all pages of a list of its API."""
        found: list[dict[str, Any]] = []
        following: str | None = path
        while following:
            page = self.ask(following)
            found += page["results"]
            following = page["next"]
        return found

    def issues(self, project: int) -> list[dict[str, Any]]:
        """Return a project's issues, oldest first: ``id``, ``digested_event_count``, ``calculated_type``, ..."""
        return self.ask_all(f"issues/?project={project}")

    def events(self, issue: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the stored events of an issue in full, oldest first: ``event_id``, and ``data`` as received."""
        listed = self.ask_all(f"events/?order=asc&issue={issue['id']}")
        return [self.ask(f"events/{event['id']}/") for event in listed]

    def _answers(self) -> bool:
        try:
            answer = urllib3.request("GET", f"{self.url}/health/ready", timeout=5, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200

    def _facts(self) -> _Facts:
        return _Facts(**json.loads((self.home / "facts.json").read_text()))


def _installed() -> Path:
    """Return the folder with ``venv`` and ``empty``, a home without events; create it if missing."""
    digest = hashlib.sha256(f"{_LAYOUT}{_CONF}{_PROVISION}".encode() + _LOCK.read_bytes()).hexdigest()[:16]
    folder = _CACHE_DIR / digest
    with _locked(_CACHE_DIR / "lock"):
        if not (folder / "empty" / "facts.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            try:
                _install(folder / "venv")
                _provision(folder)
            except (OSError, subprocess.SubprocessError) as error:
                # The package index may be unreachable; a partial installation must not pass for a complete one.
                shutil.rmtree(folder, ignore_errors=True)
                raise LocalError(f"Bugsink cannot be installed: {_last_line(error)}") from error
    return folder


def _install(venv: Path) -> None:
    uv = [sys.executable, "-m", "uv", "--quiet"]
    _run([*uv, "venv", "--python", sys.executable, str(venv)])
    python = str(venv / "bin" / "python")
    _run([*uv, "pip", "sync", "--require-hashes", "--python", python, str(_LOCK)])


def _provision(folder: Path) -> None:
    home, manage = folder / "made", str(folder / "venv" / "bin" / "bugsink-manage")
    home.mkdir(mode=0o700)
    (home / "bugsink_conf.py").write_text(_CONF)
    secret = home / "secret_key"
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(48))
    for database in ([], ["snappea", "--database=snappea"]):
        _run([manage, "migrate", "--verbosity", "0", *database], home)
    script = home / "provision.py"
    script.write_text(_PROVISION)
    made = _run(
        [manage, "shell", "--verbosity", "0", "--command", f"exec(open({str(script)!r}).read(), {{}})"],
        home,
        given=f"{_USER} {secrets.token_urlsafe(12)}\n",
    )
    script.unlink()
    (home / "facts.json").write_text(made.strip().splitlines()[-1])
    (home / "facts.json").chmod(0o600)
    # Last, so that an existing folder is always complete.
    home.rename(folder / "empty")


def _run(command: list[str], home: Path | None = None, given: str = "") -> str:
    env = _environment(home, "http://127.0.0.1:1") if home else {**os.environ}
    done = subprocess.run(  # noqa: S603 - our own commands
        command, check=True, capture_output=True, text=True, input=given, cwd=home, env=env, timeout=_INSTALL_SECONDS
    )
    return done.stdout


def _environment(home: Path, url: str) -> dict[str, str]:
    # It is a separate Django project, so it must not get our environment.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(home),
        "DJANGO_SETTINGS_MODULE": "bugsink_conf",
        "BUGSINK_SECRET_KEY": (home / "secret_key").read_text(),
        "BUGSINK_URL": url,
    }


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _last_line(error: Exception) -> str:
    said = getattr(error, "stderr", "") or str(error)
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return next((line.strip()[:300] for line in reversed(text.splitlines()) if line.strip()), type(error).__name__)
