"""A whole running Enginel for the tests of flows: web, worker, beat and Valkey, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from celery import Celery

from enginel.local.stack import LocalStack, Ports, free_port

WAIT_SECONDS = 40.0


@dataclass
class RunningStack:
    """A running stack, seen from outside."""

    stack: LocalStack
    token: str

    def __post_init__(self) -> None:
        self.http = urllib3.PoolManager(retries=False)
        broker = f"redis+socket://{self.stack.valkey.socket}" if self.stack.valkey else os.environ["REDIS_URL"]
        # Not the current one: tasks of this process are none of the stack's.
        self.tasks = Celery("probe", broker=broker, set_as_current=False)

    def get(self, path: str, token: str | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        answer = self.http.request("GET", self.stack.url + path, headers=headers, timeout=10)
        return answer.status, json.loads(answer.data)

    def errors(self) -> list[dict[str, Any]]:
        return self.get("/api/monitoring/errors/?limit=100")[1]["errors"]

    def log_of(self, process: str) -> str:
        return (self.stack.logs_dir / f"{process}.log").read_text(errors="replace")

    def send(self, task: str, *args: Any, headers: dict[str, Any] | None = None, **options: Any) -> str:
        """Queue a task and return its id."""
        return str(self.tasks.send_task(task, args=args, headers=headers, **options).id)

    def errors_of(self, task_id: str, minimum: int = 1) -> list[dict[str, Any]]:
        """Wait for records of a task and return them."""
        return wait_for(
            lambda: _at_least(minimum, [e for e in self.errors() if e["context"].get("task_id") == task_id])
        )

    def marker(self) -> None:
        """Return when everything queued before has been worked on: a task of its own has failed after it."""
        self.errors_of(self.send("probe.fail", "marker"))


def _at_least(minimum: int, found: list[Any]) -> list[Any]:
    return found if len(found) >= minimum else []


def wait_for(ask: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """Ask until the answer is truthy; fail when the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return answer


def wait_until_equal(ask: Callable[[], Any], expected: Any, seconds: float = WAIT_SECONDS) -> None:
    """Ask until the answer is the expected one; when the time is over, fail with what differs.

    For numbers that several processes hand over, each in its own time: to wait for one of them is not to have all.
    """
    deadline = time.monotonic() + seconds
    while ask() != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ask() == expected


def manage(stack: LocalStack, *command: str) -> str:
    """Run a management command with the settings of the stack."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command], env=stack.env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack for all tests of flows; each test looks for its own task or request only."""
    stack = LocalStack(
        Path(tmp_path_factory.mktemp("stack")),
        Ports(free_port(), free_port()),
        {
            "ENGINEL_ENVIRONMENT": "test",
            "REDIS_URL": "",
            "DATABASE_URL": "",
            "ENGINEL_KERNEL_TIMEOUT_SECONDS": "2",
        },
        celery_app="tests.support.probe_tasks",
    )
    try:
        stack.take_folder()
        stack.start_valkey()
        manage(stack, "migrate")
        token = manage(stack, "create_admin_token")
        stack.start_services()
        yield RunningStack(stack, token)
    finally:
        stack.stop()
