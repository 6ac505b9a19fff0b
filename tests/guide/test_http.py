"""The requests of the guide, sent to a running service; its answers have every key that the guide shows."""

from __future__ import annotations

import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from enginel.sample.damage import DAMAGED
from enginel.sample.damage.edits import sample
from tests.guide.blocks import block
from tests.guide.shapes import differences, documented
from tests.support.engineer import Engineer
from tests.support.stack import RunningStack, manage, wait_for

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def bad_design(running: RunningStack) -> str:
    """Process a good file, then a bad one: every operation has run, and one has failed."""
    engineer = Engineer(running, "guide")
    engineer.outcome(engineer.process("good.stp", sample("as1-oc-214.stp")))
    path = engineer.process("bad.stp", next(case for case in DAMAGED if case.name == "empty_loop.step").build())
    # Each process hands over what it measured once a second: the failure and the bill of the good file come apart.
    wait_for(lambda: measured(running))
    design = engineer.outcome(path)["id"]
    # The task's failure is recorded when the task has ended, after it has marked its design as failed.
    wait_for(lambda: any(design in (one["request_path"] or "") for one in running.errors()))
    return design


def measured(running: RunningStack) -> bool:
    """Return whether each operation that the guide shows was handed over, and the failure of the bad file with it."""
    found = operations(running)
    return (
        found.keys() >= documented("dashboard answer")["performance"].keys()
        and found["geometry_extraction"]["error_count"] == 1
    )


def operations(running: RunningStack) -> dict[str, Any]:
    return dict(running.get("/api/monitoring/performance/")[1]["operations"])


def send(running: RunningStack, name: str, *, token: str | None = None) -> tuple[int, Any]:
    """Send a request of the guide."""
    first, *headers = block(name).strip().splitlines()
    method, path = first.split()
    token = running.token if token is None else token
    sent = dict(line.replace("<admin_token>", token).split(": ", 1) for line in headers)
    answer = running.http.request(method, running.stack.url + path, headers=sent, timeout=10)
    return answer.status, json.loads(answer.data)


def test_liveness_answers_what_the_guide_shows(running: RunningStack) -> None:
    assert send(running, "health request") == (200, documented("health answer"))


def test_detailed_health_has_the_documented_shape_messages_and_workers(running: RunningStack) -> None:
    shown = documented("detailed health answer")

    status, answer = send(running, "detailed health request")

    assert status == 200
    assert differences(shown, answer) == []
    messages = {name: re.sub(r"\d+", "N", check["message"]) for name, check in answer["checks"].items()}
    for name, check in shown["checks"].items():
        assert messages[name] == re.sub(r"\d+", "N", check["message"])
    assert answer["checks"]["celery"]["workers"][0] == "celery@worker1"


def test_the_dashboard_has_the_documented_shape(running: RunningStack, bad_design: str) -> None:
    status, answer = send(running, "dashboard request")

    # The newest error is that of the bad design; other tests of this stack leave errors of other shapes.
    answer["recent_errors"] = [one for one in answer["recent_errors"] if bad_design in (one["request_path"] or "")]
    assert (status, differences(documented("dashboard answer"), answer)) == (200, [])


def test_the_metrics_of_the_dashboard_begin_with_the_time(running: RunningStack, bad_design: str) -> None:
    metrics = send(running, "dashboard request")[1]["metrics"]

    assert next(iter(metrics)) == next(iter(documented("dashboard answer")["metrics"])) == "timestamp"


def test_the_errors_have_the_documented_shape(running: RunningStack, bad_design: str) -> None:
    status, answer = send(running, "errors request")

    assert answer["count"] == len(answer["errors"])
    answer["errors"] = [one for one in answer["errors"] if bad_design in (one["request_path"] or "")]
    assert (status, differences(documented("errors answer"), answer)) == (200, [])


def test_the_error_of_a_bad_design_says_what_the_guide_shows(running: RunningStack, bad_design: str) -> None:
    [shown] = documented("dashboard answer")["recent_errors"]

    [error] = [one for one in running.errors() if bad_design in (one["request_path"] or "")]

    assert (error["error_type"], error["severity"]) == (shown["error_type"], shown["severity"])
    assert error["error_message"].startswith(shown["error_message"])
    assert error["request_path"] == f"/api/designs/{bad_design}/finalize/"
    assert error["context"].items() >= {"design_id": bad_design, "step": shown["context"]["step"]}.items()


def test_performance_has_the_operations_of_the_guide(running: RunningStack, bad_design: str) -> None:
    shown = documented("dashboard answer")["performance"]

    status, answer = send(running, "performance request")

    assert (status, differences(shown, answer["operations"])) == (200, [])


@pytest.mark.parametrize("name", ["dashboard request", "errors request", "performance request"])
def test_monitoring_is_for_admins_only(running: RunningStack, name: str) -> None:
    assert send(running, name, token="wrong")[0] == 401


@pytest.mark.parametrize("name", ["dashboard request", "errors request", "performance request"])
def test_monitoring_refuses_users_who_are_no_admins(running: RunningStack, name: str) -> None:
    token = manage(running.stack, "shell", "--verbosity=0", "--command", USER).splitlines()[-1]

    assert send(running, name, token=token)[0] == 403


USER = """
from knox.models import AuthToken
from designs.models import User
print(AuthToken.objects.create(user=User.objects.get_or_create(username="no-admin")[0])[1])
"""


def test_the_check_of_nginx_gets_what_it_expects(running: RunningStack) -> None:
    """The request has no Host header, which HTTP/1.0 allows."""
    request = re.search(r'check_http_send "(.*?)"', block("nginx"))
    assert request
    address = urlsplit(running.stack.url)

    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request[1].encode().decode("unicode_escape").encode())
        answer = connection.makefile("rb").readline()

    assert re.match(rb"HTTP/1\.\d 2\d\d ", answer), answer
