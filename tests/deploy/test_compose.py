"""Dockerfile and docker-compose.yml: valid, hardened, and nothing reaches what it need not."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from enginel import settings as enginel_settings
from tests.support.compose import COMPOSE, OURS, ROOT, SERVICES, bytes_of, make_secrets, pairs_that_reach_each_other

DOCKERFILE = (ROOT / "Dockerfile").read_text()
DIGEST = r"[\w./-]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}"

# Who opens a connection to whom.
TALK = {
    "setup": {"database", "valkey"},
    "web": {"database", "valkey", "bugsink"},
    "worker": {"database", "valkey", "bugsink"},
    "beat": {"database", "valkey", "bugsink"},
    "prometheus": {"web"},
    "grafana": {"prometheus"},
}


def test_the_file_is_valid_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, ROOT / "docker-compose.yml"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_browsers_are_asked_for_https_only_where_they_use_it() -> None:
    for name in OURS:
        assert SERVICES[name]["environment"]["ENGINEL_HSTS_SECONDS"] == "${ENGINEL_HSTS_SECONDS:-31536000}"


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


def test_services_reach_those_they_talk_to_and_no_others() -> None:
    must_talk = {frozenset((name, other)) for name, others in TALK.items() for other in others}

    assert pairs_that_reach_each_other() == must_talk


def test_what_is_not_published_has_no_way_out() -> None:
    internal = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}

    for name in ("setup", "database", "valkey"):
        assert set(SERVICES[name]["networks"]) <= internal
        assert "ports" not in SERVICES[name]
    assert all("outside" in service["networks"] for service in SERVICES.values() if "ports" in service)


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("SECRET|TOKEN|PASSWORD|DSN|DATABASE_URL|REDIS_URL", name):
                assert value.startswith("/run/secrets/") or value.endswith(":-}"), name


def test_a_service_gets_the_secrets_that_it_names_and_no_others() -> None:
    for name, service in SERVICES.items():
        mounts = yaml.safe_dump({key: service.get(key) for key in ("command", "environment", "healthcheck")})
        named = set(re.findall(r"/run/secrets/(\w+)", mounts))
        # Its configuration names it.
        named |= {"enginel_metrics_token"} if name == "prometheus" else set()
        assert set(service.get("secrets", ())) == named, name


def test_images_of_others_are_named_by_version_and_digest() -> None:
    images = {name: SERVICES[name]["image"] for name in SERVICES.keys() - set(OURS)}
    images["python"] = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", DOCKERFILE, re.MULTILINE)[0]

    assert "syntax=" not in DOCKERFILE  # it would name another image
    # No digest of it is public; `make pin-images` asks the registry.
    assert re.fullmatch(r"bugsink/bugsink:\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", images.pop("bugsink"))
    assert [image for image in images.values() if not re.fullmatch(DIGEST, image)] == []


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_its_own_heartbeat_says_whether_it_is_healthy(name: str) -> None:
    test = SERVICES[name]["healthcheck"]["test"]

    assert test == ["CMD", "python", "manage.py", "heartbeat_check", name]


def test_all_kernels_of_a_worker_fit_into_its_container() -> None:
    worker = SERVICES["worker"]
    (processes,) = re.findall(r"--concurrency (\d+)", " ".join(worker["command"]))
    given = worker["environment"].get("ENGINEL_KERNEL_MEMORY_BYTES", enginel_settings.ENGINEL_KERNEL_MEMORY_BYTES)
    own = 512 * 2**20  # of a worker process (measured: 102 MiB) and the host process of its kernel (259 MiB)
    (tmpfs,) = re.findall(r"/tmp:size=(\w+)", worker["tmpfs"][0])  # its files are memory of the container

    needed = int(processes) * (int(given) + own) + own + bytes_of(tmpfs)
    assert needed <= bytes_of(worker["deploy"]["resources"]["limits"]["memory"])


def test_the_data_of_valkey_fit_into_its_container() -> None:
    valkey = SERVICES["valkey"]
    maxmemory = valkey["command"][valkey["command"].index("--maxmemory") + 1]

    assert bytes_of(maxmemory) * 1.25 <= bytes_of(valkey["deploy"]["resources"]["limits"]["memory"])


@pytest.mark.parametrize("name", SERVICES)
def test_logs_are_rotated(name: str) -> None:
    assert SERVICES[name]["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


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

    def test_every_secret_of_the_file_is_made(self, folder: Path) -> None:
        make_secrets(folder)

        assert {path.name for path in folder.iterdir()} == COMPOSE["secrets"].keys()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        password = (folder / "database_password").read_text().strip()
        assert (folder / "database_url").read_text() == f"postgresql://enginel:{password}@database:5432/enginel\n"
        password = (folder / "valkey_password").read_text().strip()
        assert (folder / "redis_url").read_text() == f"redis://:{password}@valkey:6379/0\n"
        assert (folder / "valkey_config").read_text() == f"requirepass {password}\n"
        contents = [path.read_text() for path in folder.iterdir()]
        assert len(set(contents)) == len(contents)
        assert all(len(content) > 60 for content in contents)

    def test_what_is_there_stays(self, folder: Path) -> None:
        make_secrets(folder)
        before = {path.name: path.read_text() for path in folder.iterdir()}

        assert make_secrets(folder) == ""
        assert {path.name: path.read_text() for path in folder.iterdir()} == before

    def test_git_and_the_image_never_see_them(self) -> None:
        assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
        assert "!secrets" not in (ROOT / ".dockerignore").read_text()


class TestPinning:
    """`make pin-images` asks docker for the digest of each version; the docker here answers from a file."""

    OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64

    @pytest.fixture
    def checkout(self, tmp_path: Path) -> Path:
        (tmp_path / "docker-compose.yml").write_text(
            f"services:\n  a:\n    image: enginel:${{ENGINEL_RELEASE:-local}}\n  b:\n    image: org/b:1.2@{self.OLD}\n"
            "  c:\n    image: c:3-bookworm\n"
        )
        (tmp_path / "Dockerfile").write_text(f"ARG PYTHON_IMAGE=python:3.13@{self.OLD}\nFROM ${{PYTHON_IMAGE}}\n")
        return tmp_path

    def pin(self, checkout: Path, answer: str) -> subprocess.CompletedProcess[str]:
        docker = checkout / "bin" / "docker"
        docker.parent.mkdir()
        docker.write_text(f'#!/bin/sh\necho "$*" >>{checkout}/asked\necho "{answer}"\n')
        docker.chmod(0o755)
        environment = {**os.environ, "PATH": f"{docker.parent}:{os.environ['PATH']}"}
        command = ["sh", str(ROOT / "deploy" / "docker" / "pin-images.sh"), str(checkout)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def test_each_image_of_others_gets_the_digest_of_its_version(self, checkout: Path) -> None:
        assert self.pin(checkout, self.NEW).returncode == 0

        compose = (checkout / "docker-compose.yml").read_text()
        assert re.findall(r"image: (.*)", compose) == [
            "enginel:${ENGINEL_RELEASE:-local}", f"org/b:1.2@{self.NEW}", f"c:3-bookworm@{self.NEW}",
        ]  # fmt: skip
        assert (checkout / "Dockerfile").read_text().startswith(f"ARG PYTHON_IMAGE=python:3.13@{self.NEW}\nFROM")
        asked = (checkout / "asked").read_text()
        assert all(f" {image} " in asked for image in ("org/b:1.2", "c:3-bookworm", "python:3.13"))

    def test_an_answer_that_is_no_digest_changes_nothing(self, checkout: Path) -> None:
        before = (checkout / "docker-compose.yml").read_text()

        done = self.pin(checkout, "toomanyrequests: slow down")

        assert (done.returncode, "no digest" in done.stderr) == (1, True)
        assert (checkout / "docker-compose.yml").read_text() == before
