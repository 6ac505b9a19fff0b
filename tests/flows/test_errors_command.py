"""``manage.py errors`` as an operator runs it: against a running service, in a terminal, in a pipe."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.support.outage import REFUSED_URL
from tests.support.stack import RunningStack

pytestmark = pytest.mark.timeout(90)

COMMAND = [sys.executable, "manage.py", "errors"]


def run(running: RunningStack, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**running.stack.env, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_what_a_worker_recorded_is_found_by_its_key_in_ascii_too(running: RunningStack) -> None:
    [record] = running.errors_of(running.send("probe.fail", "größer als 漢字"))

    done = run(running, "show", record["fingerprint"], PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, "")
    assert record["fingerprint"] in done.stdout
    assert done.stdout.isascii()
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_the_beginning_of_a_key_is_enough_where_one_group_has_it(running: RunningStack) -> None:
    [record] = running.errors_of(running.send("probe.fail", "found by a beginning"))
    # Of another type, so of another group.
    running.errors_of(running.send("probe.fail_ours"))

    found = run(running, "show", record["fingerprint"][:14])
    ambiguous = run(running, "show", "")

    assert (found.returncode, found.stderr) == (0, "")
    assert record["fingerprint"] in found.stdout
    assert ambiguous.returncode == 1
    assert "groups have a key that begins with" in ambiguous.stderr


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (("show", f"1:{'0' * 32}"), {}, f"CommandError: No group has the key 1:{'0' * 32}."),
        (("top",), {"REDIS_URL": REFUSED_URL}, "CommandError: Redis does not answer, so the errors cannot be read."),
    ],
)
def test_what_it_cannot_tell_is_exit_code_1_and_one_line(
    running: RunningStack, arguments: tuple[str, ...], env: dict[str, str], says: str
) -> None:
    done = run(running, *arguments, **env)

    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (1, "", [says])


def test_tail_prints_what_fails_meanwhile_and_ends_on_ctrl_c(running: RunningStack) -> None:
    running.marker()
    with subprocess.Popen(
        [*COMMAND, "tail", "-f", "-n", "1", "--interval", "0.2", "--json"],
        env=running.stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job started in the background inherits an ignored SIGINT, and so would this process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as tail:
        assert tail.stdout is not None
        json.loads(tail.stdout.readline())
        task_id = running.send("probe.fail", "meanwhile")
        while json.loads(tail.stdout.readline())["context"].get("task_id") != task_id:
            pass
        tail.send_signal(signal.SIGINT)
        _, said = tail.communicate(timeout=20)

    assert (tail.returncode, said) == (0, "")


def test_a_reader_that_has_seen_enough_is_no_error(running: RunningStack) -> None:
    running.marker()
    with subprocess.Popen(
        [*COMMAND, "tail", "-f", "--interval", "0.2"],
        env=running.stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        tail.stdout.readline()
        tail.stdout.close()
        running.marker()
        said = tail.stderr.read()
        tail.wait(20)

    assert (tail.returncode, said) == (0, "")
