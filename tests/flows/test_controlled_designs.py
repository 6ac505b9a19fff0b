"""Damaged files of controlled designs, through upload, worker and Sentry: nothing of them is anywhere afterwards."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from sentry_sdk.envelope import Envelope

from enginel.local.stack import LocalStack, Ports, free_port
from integrations.sentry.outbox.stream import PREFIX
from tests.support.cad.step_text import UNITS, product, step_file, usage
from tests.support.kept_content import files_with, redis_with
from tests.support.stack import RunningStack, manage, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

MARKER = "ZQX-Marker-7341"
OTHER = "Plain-Part-11"
HEADER = f"FILE_DESCRIPTION(('{MARKER}'),'2;1');FILE_NAME('{MARKER}','',(''),(''),'','','');"
START = f"ISO-10303-21;\nHEADER;{HEADER}FILE_SCHEMA(('CONFIG_CONTROL_DESIGN'));ENDSEC;\nDATA;\n"
# An assembly of parts that lie in other files.
SOUND = step_file(UNITS + product(10, f"{MARKER}-A") + product(20, f"{MARKER}-B") + usage(30, 10, 20))

# Of damaged files, the code under which they fail in the worker.
FILES: dict[str, tuple[bytes, str]] = {
    "cut": (f"{START}#1=PRODUCT('{MARKER}','{MARKER}','',());".encode(), "corrupted_file"),
    "garbage": (f"{START}#1=PRODUCT('{MARKER}'); ?? {MARKER} ENDSEC;END-ISO-10303-21;".encode(), "corrupted_file"),
    "schema": (
        f"ISO-10303-21;\nHEADER;{HEADER}FILE_SCHEMA(('{MARKER}'));ENDSEC;DATA;ENDSEC;END-ISO-10303-21;".encode(),
        "invalid_file_format",
    ),
    "no unit": (
        step_file(
            f"{product(10, MARKER)}#40=MANIFOLD_SOLID_BREP('{MARKER}',#10);"
            f"#41=SHAPE_REPRESENTATION('{MARKER}',(#40),#42);#42=REPRESENTATION_CONTEXT('{MARKER}','');"
        ),
        "unit_conversion_error",
    ),
    "cycle": (
        step_file(UNITS + product(10, MARKER) + product(20, MARKER) + usage(30, 10, 20) + usage(31, 20, 10)),
        "bom_extraction_error",
    ),
    "no geometry": (step_file(UNITS + product(10, MARKER)), "geometry_processing_error"),
    "iges": (f"{MARKER:<72}S{1:>7}\n{MARKER}\n".encode(), "corrupted_file"),
}
CONTROLLED: dict[str, dict[str, Any]] = {"itar": {"is_itar": "true"}, "classified": {"classification": "1"}}

SETUP = f"""
from django.contrib.auth import get_user_model
from designs.models import Membership, Organization, Role, Series
organization = Organization.objects.create(name="Acme", slug="acme")
user = get_user_model().objects.get(username="admin")
Membership.objects.create(user=user, organization=organization, role=Role.OWNER, clearance=3, is_us_person=True)
for part in ("{MARKER}", "plain"):
    print(Series.objects.create(organization=organization, part_number=part, name=part).pk)
"""
ROWS = """
from designs.models import Design
import json
print(json.dumps(list(Design.objects.values("id", "error_code", "error_detail", "status")), default=str))
"""


@dataclass
class Left:
    """What a run left behind."""

    folder: Path
    records: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    keys_with_marker: list[str]
    envelopes: list[bytes]
    designs: dict[str, dict[str, Any]]
    codes: dict[str, str]
    plain: str
    quoting: list[str]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """Upload and finalize all files, quote two designs in a task of no care, and stop; Sentry is away meanwhile."""
    folder = Path(tmp_path_factory.mktemp("controlled"))
    dsn = f"http://public@127.0.0.1:{free_port()}/7"
    env = {"ENGINEL_ENVIRONMENT": "test", "REDIS_URL": "", "DATABASE_URL": "", "SENTRY_DSN": dsn}
    stack = LocalStack(folder, Ports(free_port(), free_port()), env, celery_app="tests.support.probe_tasks")
    try:
        stack.take_folder()
        stack.start_valkey()
        manage(stack, "migrate")
        running = RunningStack(stack, manage(stack, "create_admin_token"))
        controlled, plain = manage(stack, "shell", "--no-imports", "-c", SETUP).split()
        stack.start_services()
        codes = {}
        for content, code in FILES.values():
            for marks in CONTROLLED.values():
                codes[process(running, controlled, content, marks)] = code
        # Ready, with warnings that name parts.
        for marks in CONTROLLED.values():
            process(running, controlled, SOUND, marks)
        told = process(running, plain, FILES["cut"][0].replace(MARKER.encode(), OTHER.encode()), {}, OTHER)
        wait_for(lambda: {row["status"] for row in rows(stack)} <= {"failed", "ready"}, 60)
        quoting = [running.send("probe.quote_design", design) for design in [*list(codes)[:2], told]]
        for task_id in quoting:
            running.errors_of(task_id)
        running.marker()
        assert stack.valkey is not None
        client = redis.Redis(unix_socket_path=str(stack.valkey.socket))
        groups = [group["fingerprint"] for group in running.get("/api/monitoring/groups/")[1]["groups"]]
        left = Left(
            folder,
            running.errors(),
            [running.get(f"/api/monitoring/groups/{key}/")[1] for key in groups],
            redis_with(client, MARKER),
            list(waiting(client)),
            {row["id"]: row for row in rows(stack)},
            codes,
            told,
            quoting,
        )
        # What Sentry is to get while Redis is away, too, waits in files.
        stack.valkey.stop()
        refused = post(running, "/api/designs/upload/", upload_of(controlled, f"PK\x03\x04{MARKER}".encode(), "itar"))
        assert refused.status == 400, refused.data
        wait_for(lambda: spooled(folder))
        yield left
    finally:
        stack.stop()


def process(running: RunningStack, series: str, content: bytes, marks: dict[str, str], name: str = MARKER) -> str:
    fields = {"series": series, "file": (f"{name}.{'igs' if content[72:73] == b'S' else 'step'}", content), **marks}
    answer = post(running, "/api/designs/upload/", fields)
    assert answer.status == 201, answer.data
    design = str(json.loads(answer.data)["id"])
    answer = post(running, f"/api/designs/{design}/finalize/")
    assert answer.status == 202, answer.data
    return design


def upload_of(series: str, content: bytes, marks: str) -> dict[str, Any]:
    return {"series": series, "file": (f"{MARKER}.step", content), **CONTROLLED[marks]}


def post(running: RunningStack, path: str, fields: dict[str, Any] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {running.token}"}
    return running.http.request("POST", running.stack.url + path, fields=fields, headers=headers, timeout=30)


def spooled(folder: Path) -> list[Path]:
    return [path for path in (folder / "sentry").rglob("*") if path.is_file() and path.stat().st_size]


def rows(stack: LocalStack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(manage(stack, "shell", "--no-imports", "-c", ROWS))
    return found


def waiting(client: redis.Redis) -> Iterator[bytes]:
    for _, fields in client.xrange(f"{PREFIX}stream"):
        yield from (zlib.decompress(value) for name, value in fields.items() if name == b"envelope")


def test_each_file_fails_as_it_should(left: Left) -> None:
    assert {design: left.designs[design]["error_code"] for design in left.codes} == left.codes


def test_an_assembly_whose_parts_lie_elsewhere_is_ready(left: Left) -> None:
    ready = {design for design, row in left.designs.items() if row["status"] == "ready"}

    assert len(ready) == len(CONTROLLED)


def test_no_record_and_no_group_holds_content(left: Left) -> None:
    assert len(left.records) >= len(left.codes)
    assert [record for record in left.records if MARKER in json.dumps(record)] == []
    assert [group for group in left.groups if MARKER in json.dumps(group)] == []


def test_no_stored_error_holds_content(left: Left) -> None:
    assert [row for row in left.designs.values() if MARKER in json.dumps(row)] == []
    assert all(left.designs[design]["error_detail"] for design in left.codes)


def test_no_key_of_redis_holds_content(left: Left) -> None:
    assert left.keys_with_marker == []


def test_no_envelope_holds_content(left: Left) -> None:
    events = [item.payload.json for raw in left.envelopes for item in Envelope.deserialize(raw).items]

    assert len(events) >= len({*left.codes.values()})
    assert [raw for raw in left.envelopes if MARKER.encode() in raw] == []
    of_controlled = [event for event in events if event and "enginel.withheld" in event["tags"]]
    assert of_controlled
    assert all("vars" not in frame for event in of_controlled for frame in frames_of(event))


def frames_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    values = event.get("exception", {}).get("values", ())
    return [frame for value in values for frame in value["stacktrace"]["frames"]]


def test_no_log_and_no_other_file_holds_content(left: Left) -> None:
    assert spooled(left.folder)
    # The designs themselves, and the database that has their names.
    assert files_with(left.folder, MARKER, but=("media", "storage", "db.sqlite3", "db.sqlite3-wal")) == []


def test_messages_of_other_designs_quote_what_they_quoted(left: Left) -> None:
    (record,) = [
        record
        for record in left.records
        if record["task"] == "probe.quote_design" and left.plain in json.dumps(record["context"])
    ]

    assert OTHER in record["error_message"]
    assert OTHER in record["context"]["details"]["line"]
