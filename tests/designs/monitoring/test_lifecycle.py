"""The life of a process: what a fork resets, and how the end of a process delivers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from designs.monitoring import lifecycle
from designs.monitoring.errors import known_groups
from designs.monitoring.errors.store import error_store
from designs.monitoring.metrics.flusher import flusher
from integrations.sentry.outbox.lost_events import losses

ROOT = Path(__file__).resolve().parents[3]

# Each child prints the tokens that identify its process in Redis.
FORKS = """
import json, os
{before}
def child():
    import django
    django.setup()
    from designs import context
    from designs.monitoring.errors.store import error_store
    from designs.monitoring.metrics.flusher import flusher
    from integrations.sentry.outbox.lost_events import losses
    tokens = [error_store.slots.token, flusher.token, losses._owner, context.request_ids.prefix]
    os.write(1, (json.dumps(tokens) + "\\n").encode())

for _ in range(2):
    if not os.fork():
        child()
        os._exit(0)
    os.wait()
"""


@pytest.mark.parametrize(
    "before", ["", "import designs.logs", "import designs.monitoring", "import django; django.setup()"]
)
def test_forked_processes_have_tokens_of_their_own_however_far_their_parent_was(before: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKS.format(before=before)], cwd=ROOT, capture_output=True, text=True, check=True
    )

    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert [one for one, other in zip(first, second, strict=True) if one == other] == []


def test_a_reset_forgets_everything_of_the_process() -> None:
    tokens = {error_store.slots.token, flusher.token, losses._owner}
    known_groups.known_groups.learn("1:" + "0" * 32, "")
    losses.record("queue_overflow")

    lifecycle.reset()

    assert tokens.isdisjoint({error_store.slots.token, flusher.token, losses._owner})
    assert not known_groups.known_groups.knows("1:" + "0" * 32)
    assert losses.waiting() == {}


def test_a_second_installation_registers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.register_at_fork", lambda **hooks: pytest.fail("registered twice"))
    token = error_store.slots.token

    lifecycle.install()

    assert error_store.slots.token == token
