"""Tracing: nothing at all while it is off; one trace from a request through its task while it is on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from designs import context
from designs.checks import check_drivers
from designs.logs import JSONFormatter
from designs.monitoring import ErrorTracker
from enginel.local.stack import LocalStack, Ports, free_port
from enginel.sample.client import SampleUser
from integrations.sentry import GROUPINGS, Occurrence
from integrations.sentry.event_grouping import decorate
from integrations.tracing import TracingOptions, init_tracing, options
from tests.support.otlp import Receiver, otlp_receiver
from tests.support.stack import RunningStack, manage, wait_for

ROOT = Path(__file__).resolve().parents[3]
TRACE = "0af7651916cd43dd8448eb211c80319c"


def python(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "enginel.settings", "REDIS_URL": settings.REDIS_URL, **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestOff:
    def test_nothing_of_it_is_loaded_and_nothing_patched(self) -> None:
        code = """
import sys, django, redis
before = redis.Redis.execute_command
django.setup()
from django.conf import settings
assert redis.Redis.execute_command is before
# redis-py imports the API and the SDK by itself wherever they are installed.
ours = ("integrations.tracing.otlp", "opentelemetry.instrumentation", "opentelemetry.exporter")
assert not [name for name in sys.modules if name.startswith(ours)]
assert settings.MIDDLEWARE[0] == "designs.middleware.ErrorTrackingMiddleware"
"""
        python(code, ENGINEL_OTLP_ENDPOINT="")

    def test_no_endpoint_is_no_tracer(self) -> None:
        assert init_tracing(TracingOptions("")) is None

    def test_without_its_packages_the_start_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(options, "find_spec", lambda name: None)
        with override_settings(ENGINEL_OTLP_ENDPOINT="http://127.0.0.1:1"):
            assert init_tracing(TracingOptions("http://127.0.0.1:1")) is None
            assert [message.id for message in check_drivers(None)] == ["enginel.E005"]


class TestContext:
    @pytest.fixture(autouse=True)
    def tracer(self) -> Iterator[None]:
        context.trace_with(lambda: TRACE)
        yield
        context.trace_with(None)

    def test_every_context_knows_the_trace(self) -> None:
        assert context.current().trace_id == TRACE
        assert context.to_headers(context.current())["trace_id"] == TRACE

    def test_a_task_keeps_the_trace_of_its_request(self) -> None:
        with context.use(context.RunContext(trace_id="of-the-request")):
            assert context.current().trace_id == "of-the-request"

    def test_records_and_log_lines_name_it(self) -> None:
        import logging

        record = ErrorTracker.log_error("broken", {"design": 7})
        line = json.loads(JSONFormatter().format(logging.makeLogRecord({"msg": "hello"})))

        assert record["context"] == {"trace_id": TRACE, "design": 7}
        assert line["trace_id"] == TRACE

    def test_sentry_can_find_it(self) -> None:
        record = ErrorTracker.log_error("broken")
        event: dict[str, Any] = {}
        decorate(event, Occurrence(record, "1:0", "site", 1, 1, "", 300, ""), GROUPINGS[0])

        assert event["tags"]["trace_id"] == TRACE


def test_no_trace_is_no_id() -> None:
    assert "trace_id" not in ErrorTracker.log_error("broken")["context"]


ONE_PROCESS = """
import os, django, sys, threading
django.setup()
from django.db import connection
from django.test import Client
from opentelemetry import trace
from designs import context
from integrations.redis import redis_for
from django.conf import settings
redis = redis_for(settings.REDIS_URL)
redis.run(lambda client: client.get("background"))
with trace.get_tracer("test").start_as_current_span("outer"):
    connection.cursor().execute("SELECT 41 + %s", [1])
    connection.close()
    connection.cursor().execute("SELECT 2")
    redis.run(lambda client: client.set("key", "a secret value"))
    print(context.current().trace_id)
for path in ("/api/health/", "/metrics", "/api/designs/"):
    Client(SERVER_NAME="localhost").get(path)
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Receiver, str]:
    with otlp_receiver() as receiver:
        state = {"ENGINEL_STATE_DIR": str(tmp_path_factory.mktemp("state")), "ENGINEL_ENVIRONMENT": "test"}
        tracing_on = {"ENGINEL_OTLP_ENDPOINT": receiver.url, "ENGINEL_OTLP_SAMPLE_RATE": "1"}
        return receiver, python(ONE_PROCESS, **state, **tracing_on, DATABASE_URL="").strip()


class TestOneProcess:
    def test_its_spans_are_sent_before_it_ends(self, seen: tuple[Receiver, str]) -> None:
        (outer,) = seen[0].of(name="outer")

        assert (outer.trace_id, outer.service) == (seen[1], "enginel")

    def test_queries_are_spans_without_their_values(self, seen: tuple[Receiver, str]) -> None:
        (outer,) = seen[0].of(name="outer")
        queries = [span for span in seen[0].of(parent_id=outer.span_id) if "db.query.text" in span.facts]

        assert [span.facts["db.query.text"] for span in queries] == ["SELECT 41 + %s", "SELECT 2"]
        assert {(span.name, span.kind) for span in queries} == {("SELECT", "CLIENT")}

    def test_redis_commands_are_spans_without_their_values(self, seen: tuple[Receiver, str]) -> None:
        (outer,) = seen[0].of(name="outer")
        (command,) = seen[0].of(parent_id=outer.span_id, name="SET")

        assert "secret" not in str(command.facts)

    def test_a_command_of_the_background_begins_no_trace(self, seen: tuple[Receiver, str]) -> None:
        assert seen[0].of(name="GET", kind="CLIENT") == []

    def test_requests_are_traces_and_probes_are_none(self, seen: tuple[Receiver, str]) -> None:
        servers = seen[0].of(kind="SERVER")

        assert [span.name for span in servers] == ["GET api/designs/"]


MARKER = "ZQX-Marker-7341"

CONTROLLED = f"""
import logging, django
django.setup()
from celery import shared_task
from django.conf import settings
from django.db import connection
from django.test import override_settings
from opentelemetry import trace
from designs import context
from enginel.celery import app
from integrations.redis import redis_for
from tests.support.probe_views import doing
from tests.support.sentry_capture import answer
logging.disable()
app.conf.task_eager_propagates = False
tracer = trace.get_tracer("test")

def work(text, error):
    connection.cursor().execute(f"SELECT 41 AS \\"{{text}}\\"")
    redis_for(settings.REDIS_URL).run(lambda client: client.set(text, text))
    span = trace.get_current_span()
    span.set_attribute(text, text)
    span.add_event(text, {{text: text}})
    span.update_name(text)
    with tracer.start_as_current_span(text, attributes={{"http.route": "api/x/", "db.query.text": text}}):
        span.record_exception(error)
    raise error

@shared_task(name="probe.spans")
def task(text):
    context.set_controlled()
    work(text, type(text, (ValueError,), {{}})(text))

@shared_task(name="probe.carried")
def carried(text):
    work(text, ValueError(text))

def controlled(request):
    context.set_controlled()
    work("{MARKER}", KeyError("{MARKER}"))

with override_settings(ROOT_URLCONF="tests.urls"):
    with doing(controlled):
        answer("/api/probe/long/{MARKER}?part={MARKER}", HTTP_HOST="localhost")
    task.apply(("{MARKER}",))
    context.start(context.RunContext())
    context.set_controlled()
    carried.apply(("{MARKER}",))
    context.start(context.RunContext())
    with doing(lambda request: work("Plain-Part-11", KeyError("Plain-Part-11"))):
        answer("/api/probe/long/Plain-Part-11", HTTP_HOST="localhost")
"""


def test_spans_of_controlled_work_have_names_of_the_program_only(tmp_path: Path) -> None:
    with otlp_receiver() as receiver:
        env = {"ENGINEL_STATE_DIR": str(tmp_path), "ENGINEL_ENVIRONMENT": "test", "ENGINEL_TASKS_EAGER": "1"}
        python(CONTROLLED, ENGINEL_OTLP_ENDPOINT=receiver.url, ENGINEL_OTLP_SAMPLE_RATE="1", DATABASE_URL="", **env)

    sent = b"".join(receiver.bodies)
    assert MARKER.encode() not in sent
    assert b"Plain-Part-11" in sent
    withheld = [span for span in receiver.spans if span.name == "[withheld]"]
    assert {span.kind for span in withheld} == {"SERVER", "CONSUMER", "INTERNAL"}
    [server] = [span for span in withheld if span.kind == "SERVER"]
    assert server.facts.keys() >= {"http.method", "http.status_code"}
    assert "KeyError" in str(sent)


@pytest.mark.slow
def test_a_collector_that_is_away_delays_no_request_and_little_of_the_end() -> None:
    code = ONE_PROCESS.replace("SELECT 41", "SELECT 43")
    began = time.monotonic()
    python(code, ENGINEL_OTLP_ENDPOINT="http://127.0.0.1:1", ENGINEL_OTLP_SAMPLE_RATE="1", ENGINEL_ENVIRONMENT="test")

    assert time.monotonic() - began < 40


SETUP = """
import django
django.setup()
from designs.models import User
from knox.models import AuthToken
from designs.models import Membership, Organization, Role, Series
acme = Organization.objects.create(name="Acme", slug="acme")
user = User.objects.create_user("eve")
Membership.objects.create(user=user, organization=acme, role=Role.ENGINEER)
series = Series.objects.create(organization=acme, part_number="P-1", name="Part")
print(AuthToken.objects.create(user=user)[1], series.pk)
"""


@pytest.mark.slow
def test_a_request_and_its_task_are_one_trace_in_spans_logs_and_records(tmp_path: Path) -> None:
    with otlp_receiver() as receiver:
        tracing_on = {"ENGINEL_OTLP_ENDPOINT": receiver.url, "ENGINEL_OTLP_SAMPLE_RATE": "1"}
        local = {"ENGINEL_ENVIRONMENT": "test", "REDIS_URL": "", "DATABASE_URL": "", **tracing_on}
        stack = LocalStack(tmp_path, Ports(free_port(), free_port()), local)
        try:
            stack.start_valkey()
            manage(stack, "migrate")
            running = RunningStack(stack, manage(stack, "create_admin_token"))
            token, series = subprocess.run(
                [sys.executable, "-c", SETUP], env=stack.env, cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout.split()
            stack.start_services()
            user = SampleUser(running.http, stack.url, token)
            broken = b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\n#1=CARTESIAN_POINT('',("
            assert user.upload_and_finalize(series, "part.step", broken).status == 202
            (error,) = wait_for(lambda: [e for e in running.errors() if e["task"]])
            trace_id = error["context"]["trace_id"]
            # The pool's process sends what it has when it ends.
            stack.stop()
            spans = receiver.of(trace_id=trace_id)
            by_id = {span.span_id: span for span in spans}
            (server,) = [span for span in spans if span.kind == "SERVER"]
            run = next(span for span in spans if span.kind == "CONSUMER")

            assert server.name.endswith("finalize/")
            assert by_id[run.parent_id].kind == "PRODUCER"
            assert [span for span in spans if span.parent_id == server.span_id and "db.query.text" in span.facts]
            assert [span for span in spans if span.parent_id == run.span_id and "db.query.text" in span.facts]
            for name in ("web", "worker"):
                log = (stack.logs_dir / f"{name}.log").read_text()
                assert f'"trace_id": "{trace_id}"' in log, name
        finally:
            stack.stop()
