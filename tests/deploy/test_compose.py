"""Dockerfile and docker-compose.yml: valid, hardened, and their commands run as plain processes."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from enginel.local.processes import die_with_parent, stop
from enginel.local.stack import free_port
from enginel.local.valkey import EmbeddedValkey
from tests.stack import wait_for

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("setup", "web", "worker", "beat")
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_file_is_valid_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, ROOT / "docker-compose.yml"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_it_has_every_part() -> None:
    assert SERVICES.keys() == {*OURS, "database", "valkey", "prometheus", "grafana", "bugsink"}
    assert {name for name, service in SERVICES.items() if service.get("profiles")} == {"bugsink"}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_confined(name: str) -> None:
    service = SERVICES[name]

    # Bugsink's image says itself whom it runs as.
    assert name == "bugsink" or not re.match(r"(0|root)(:|$)", service["user"])
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory", "pids"} == service["deploy"]["resources"]["limits"].keys()
    assert name == "setup" or service["healthcheck"]["test"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "privileged" not in service
    assert not any("docker.sock" in volume for volume in service.get("volumes", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_what_each_service_mounts_and_waits_for_is_there(name: str) -> None:
    service = SERVICES[name]

    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        assert (ROOT / source).is_dir() if source.startswith(".") else source in COMPOSE["volumes"]
    assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
    assert set(service["networks"]) <= COMPOSE["networks"].keys()
    for other, condition in service.get("depends_on", {}).items():
        assert other == "setup" or condition["condition"] == "service_healthy"
        assert other == "setup" or not SERVICES[other]["healthcheck"].get("disable")


def test_data_stores_are_reached_from_inside_only() -> None:
    assert COMPOSE["networks"]["inside"]["internal"]
    for name in ("database", "valkey"):
        assert (SERVICES[name]["networks"], SERVICES[name].get("ports")) == (["inside"], None)


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("SECRET|TOKEN|PASSWORD|DSN|DATABASE_URL", name):
                assert value.startswith("/run/secrets/") or value.endswith(":-}"), name


class TestDockerfile:
    def test_it_ends_as_a_user_without_rights(self) -> None:
        *_, last = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)

        assert last == "enginel"
        assert "--uid 10001" in DOCKERFILE
        assert {SERVICES[name]["user"] for name in OURS} == {"10001:10001"}

    def test_it_installs_from_hashed_locks_only(self) -> None:
        installs = re.findall(r"(?:pip install|pip sync)[^&]*", DOCKERFILE)

        assert len(installs) == 2
        assert all("--require-hashes" in install for install in installs)

    def test_what_it_copies_is_there_and_gets_past_dockerignore(self) -> None:
        ignore = (ROOT / ".dockerignore").read_text().splitlines()
        allowed = {line[1:] for line in ignore if line.startswith("!")}
        copied = {
            name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()
        }
        locks = set(re.findall(r"requirements/\w+\.txt", DOCKERFILE))

        assert ignore[1] == "*"
        assert all((ROOT / name).exists() for name in copied | locks | allowed)
        assert locks <= allowed
        assert {name.rstrip("/") for name in copied} - {"requirements"} == allowed - locks

    def test_it_copies_every_package_of_the_service(self) -> None:
        packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}

        assert all(f"COPY {package}/ {package}/" in DOCKERFILE for package in packages)

    def test_it_starts_what_compose_starts(self) -> None:
        assert yaml.safe_load(re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[-1]) == SERVICES["web"]["command"]


class TestSecrets:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "secrets"

    def make(self, folder: Path) -> str:
        command = ["sh", str(ROOT / "deploy" / "docker" / "secrets.sh"), str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def test_every_secret_of_the_file_is_made(self, folder: Path) -> None:
        self.make(folder)

        assert {path.name for path in folder.iterdir()} == COMPOSE["secrets"].keys()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        password = (folder / "database_password").read_text().strip()
        assert (folder / "database_url").read_text() == f"postgresql://enginel:{password}@database:5432/enginel\n"
        contents = [path.read_text() for path in folder.iterdir()]
        assert len(set(contents)) == len(contents)
        assert all(len(content) > 60 for content in contents)

    def test_what_is_there_stays(self, folder: Path) -> None:
        self.make(folder)
        before = {path.name: path.read_text() for path in folder.iterdir()}

        assert self.make(folder) == ""
        assert {path.name: path.read_text() for path in folder.iterdir()} == before

    def test_git_and_the_image_never_see_them(self) -> None:
        assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
        assert "!secrets" not in (ROOT / ".dockerignore").read_text()


class Plain:
    """The services of ours as plain processes: their commands, environments and health checks, with paths of here."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.port = free_port()
        self.folder = folder
        secrets = folder / "secrets"
        subprocess.run(["sh", str(ROOT / "deploy" / "docker" / "secrets.sh"), str(secrets)], check=True)
        (secrets / "database_url").write_text(f"sqlite:///{folder}/db.sqlite3\n")
        self.token = (secrets / "enginel_metrics_token").read_text().strip()
        self.replacements = {
            "redis://valkey:6379/0": redis_url,
            "/run/secrets": str(secrets),
            "/var/lib/enginel": str(folder),
            "/tmp/celerybeat": f"{folder}/celerybeat",
            "0.0.0.0:8000": f"127.0.0.1:{self.port}",
            "localhost:8000": f"127.0.0.1:{self.port}",
            "$$": "$",
        }

    def here(self, text: str) -> str:
        for theirs, ours in self.replacements.items():
            text = text.replace(theirs, ours)
        return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)

    def env(self, name: str) -> dict[str, str]:
        given = {key: self.here(value) for key, value in SERVICES[name]["environment"].items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "DJANGO_SETTINGS_MODULE": "enginel.settings", **given}

    def command(self, name: str) -> list[str]:
        return [self.here(word) for word in SERVICES[name]["command"]]

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


@pytest.mark.slow
def test_its_commands_run_as_plain_processes(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path, persistent=False)
    valkey.start()
    with ExitStack() as stack:
        stack.callback(valkey.stop)
        plain = Plain(tmp_path, valkey.url)
        done = subprocess.run(
            plain.command("setup"), env=plain.env("setup"), cwd=ROOT, check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "static" / "admin").is_dir()

        processes = {name: stack.enter_context(plain.running(name)) for name in ("web", "worker", "beat")}
        for name in processes:
            wait_for(lambda name=name: plain.is_healthy(name), seconds=60)
        url = f"http://127.0.0.1:{plain.port}/metrics"
        http = urllib3.PoolManager(retries=False)
        assert http.request("GET", url).status == 401
        answer = http.request("GET", url, headers={"Authorization": f"Bearer {plain.token}", "Host": "web:8000"})
        assert (answer.status, b"http_requests_total" in answer.data) == (200, True)
        http.clear()

        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        assert {name: process.wait(60) for name, process in processes.items()} == dict.fromkeys(processes, 0)
