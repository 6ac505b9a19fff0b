"""What the process that reads untrusted files can still do, tried from within the real child of a real host."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from designs.cad import FileKind, extract_geometry, kernel
from designs.cad.sandbox import available_mechanisms
from designs.exceptions import TaskTimeoutError
from enginel.sample.corpus import sample_path
from tests.designs.cad.conftest import Stored
from tests.support.cad.pipeline import MEMORY_LIMIT_BYTES
from tests.support.cad.processes import first_child, made
from tests.support.stack import wait_for

PART = sample_path("material.stp")
ROOT = Path(kernel.__file__).resolve().parents[2]
CONTENT = "the file"

SITE = """
import os
from tests.support.cad import sandbox_attacks
sandbox_attacks.take_away(os.environ["TAKEN_AWAY"].split())
if os.environ["LOST"]:
    sandbox_attacks.take_away_after_trial(os.environ["LOST"].split())
if os.environ["ATTACK"]:
    sandbox_attacks.replace_reader()
"""

CLIENT = """
import json, os, pathlib, sys
from designs.cad import FileKind, extract_geometry, kernel, kernel_client
from designs.exceptions import GeometryProcessingError
facts = json.loads(sys.argv[1]) | {"client": os.getpid()}
plain = kernel_client._environment()
added = {"TAKEN_AWAY": facts["taken_away"], "LOST": facts["lost"], "ATTACK": facts["attack"]}
kernel_client._environment = lambda: plain | added | {"PYTHONPATH": f"{facts['site']}:{plain['PYTHONPATH']}"}
limits = {"timeout_seconds": 20, "memory_limit_bytes": 2**32}
if facts["attack"]:
    with kernel._own.lock:
        host = kernel._own.running()
        answer = host.ask({"path": facts["input"], "kind": json.dumps(facts), **limits}, 20)
else:
    try:
        answer = {"solids": extract_geometry(pathlib.Path(facts["part"]), FileKind.STEP, **limits).solids}
    except GeometryProcessingError as e:
        answer = {"reason": e.details["reason"]}
print(json.dumps(answer | {"sandbox": kernel._own.host.sandbox}))
"""

# What is possible where mechanisms are missing.
WITHOUT_SECCOMP = {
    "connect to a local socket",
    "make a pair of sockets",
    "change the mode of a file",
    "limit the client",
    "fork",
    "take memory beyond its limit",
    "use io_uring",
}
WITHOUT_LANDLOCK = {"read another file"}


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What there is to attack: a listening port, a local socket, files."""
    folder = tmp_path_factory.mktemp("playground")
    (folder / "sitecustomize.py").write_text(SITE)
    (folder / "input").write_text(CONTENT)
    (folder / "secret").write_text("secret")
    (folder / "removable").touch()
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(folder / "socket"))
        local.listen()
        yield {
            "site": str(folder),
            "part": str(PART),
            "port": port.getsockname()[1],
            **{name: str(folder / name) for name in ("input", "secret", "removable", "new", "socket")},
        }


def run(facts: dict[str, Any], *taken_away: str, lost: str = "", attack: bool = True) -> tuple[dict[str, Any], str]:
    """Return what the client answers about its input, and what it logs."""
    facts = {**facts, "taken_away": " ".join(taken_away), "lost": lost, "attack": "1" if attack else ""}
    process = subprocess.run(
        [sys.executable, "-c", CLIENT, json.dumps(facts)],
        env={**os.environ, "SENTRY_DSN": "https://secret@example.com/1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer, process.stderr


def done(answer: dict[str, Any]) -> set[str]:
    return {attack for attack, end in answer["geometry"]["ended"].items() if end == "done"}


missing = available_mechanisms().refused
needs_landlock = pytest.mark.skipif("landlock" in missing, reason="this Linux has no Landlock")
needs_seccomp = pytest.mark.skipif("seccomp" in missing, reason="this Linux has no seccomp")


@needs_landlock
@needs_seccomp
def test_a_hostile_file_reaches_nothing_but_itself(playground: dict[str, Any]) -> None:
    answer, log = run(playground)

    assert done(answer) == set()
    assert (answer["geometry"]["environment"], answer["geometry"]["input"]) == ([], CONTENT)
    assert (answer["sandbox"]["not_prevented"], answer["sandbox"]["refused"], log) == ([], {}, "")


@pytest.mark.slow
@needs_seccomp
def test_without_landlock_only_other_files_can_be_read(playground: dict[str, Any]) -> None:
    answer, log = run(playground, "landlock")
    # Where not even a user namespace is allowed, neither is this prevented, and the report says so.
    beyond = {
        "read the environment of the host",
        "read the environment of the client",
        "read the memory of the client",
    }
    namespaced = "user_namespace" in answer["sandbox"]["mechanisms"]

    assert done(answer) - beyond == WITHOUT_LANDLOCK
    assert not namespaced or not done(answer) & beyond
    assert answer["sandbox"]["refused"]["landlock"] == "ENOSYS"
    assert "read other files" in log
    assert ("read the environment and memory of other processes" in log) is not namespaced


@pytest.mark.slow
@needs_landlock
def test_without_seccomp_neither_files_nor_the_network_nor_processes_can_be_used(playground: dict[str, Any]) -> None:
    answer, log = run(playground, "seccomp")
    namespaced = "network_namespace" in answer["sandbox"]["mechanisms"]

    assert done(answer) - {"send by UDP"} == WITHOUT_SECCOMP
    assert ("use the network" in log, "send by UDP" in done(answer)) == (not namespaced, not namespaced)
    assert answer["geometry"]["dumpable"] == 0


@pytest.mark.slow
def test_a_linux_without_any_mechanism_works_and_says_what_is_missing(playground: dict[str, Any]) -> None:
    answer, log = run(playground, "landlock", "seccomp", "namespaces", attack=False)

    assert answer["solids"] == 1
    assert set(answer["sandbox"]["refused"]) == {"landlock", "seccomp", "network_namespace"}
    assert [act for act in answer["sandbox"]["not_prevented"] if act not in log] == []
    assert len(answer["sandbox"]["not_prevented"]) == 8


@pytest.mark.slow
@needs_landlock
def test_a_mechanism_lost_after_the_start_fails_the_file(playground: dict[str, Any]) -> None:
    answer, _ = run(playground, lost="landlock", attack=False)

    assert answer["reason"] == "sandbox"


@needs_seccomp
def test_the_child_has_no_privileges_and_leaves_no_core(stored: Stored) -> None:
    path = stored(made("points_nan.step"))
    with kernel._own.lock:
        process = kernel._own.running().process
    assert process is not None
    seen = {}

    def look() -> None:
        folder = Path(f"/proc/{first_child(process.pid)}")
        wait_for(lambda: "Seccomp:\t2" in (folder / "status").read_text())
        seen["status"] = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
        seen["core"] = next(line for line in (folder / "limits").read_text().splitlines() if "core" in line).split()

    onlooker = threading.Thread(target=look)
    onlooker.start()
    with pytest.raises(TaskTimeoutError):
        extract_geometry(path, FileKind.STEP, timeout_seconds=2.0, memory_limit_bytes=MEMORY_LIMIT_BYTES)
    onlooker.join()

    status = seen["status"]
    assert (status["NoNewPrivs"], int(status["CapEff"], 16), int(status["CapPrm"], 16)) == ("1", 0, 0)
    assert seen["core"][4:6] == ["0", "0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root opens files of others")
def test_root_without_capabilities_reads_a_file_of_another_user(stored: Stored) -> None:
    path = stored(PART.read_bytes())
    os.chown(path, 65534, 65534)
    path.chmod(0o600)

    summary = extract_geometry(path, FileKind.STEP, timeout_seconds=20.0, memory_limit_bytes=MEMORY_LIMIT_BYTES)

    assert summary.solids == 1
