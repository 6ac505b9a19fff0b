from __future__ import annotations

import io
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from rest_framework.exceptions import NotFound

from designs.exceptions import CorruptedFile, DesignNotReady, InvalidFileFormat
from designs.schema import error_responses
from designs.urls import urlpatterns
from designs.views.documentation import SchemaView


@pytest.fixture(scope="module")
def document() -> Any:
    out = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    return yaml.safe_load(out.getvalue())


def described_as(pattern: Any) -> str:
    return "/api/" + re.sub("<uuid:(.*?)>", r"{\1}", str(pattern.pattern))


OWN = [described_as(pattern) for pattern in urlpatterns if pattern.name not in {"schema", "docs"}]
OWN += ["/api/monitoring/errors/", "/api/monitoring/groups/", "/api/monitoring/groups/{key}/"]
OWN += ["/api/monitoring/dashboard/", "/api/monitoring/performance/"]


@pytest.mark.parametrize("path", OWN)
def test_every_endpoint_is_described_with_its_errors(document: Any, path: str) -> None:
    for method, operation in document["paths"][path].items():
        assert operation["summary"], method
        assert operation["tags"], method
        assert "401" in operation["responses"]
        for status, response in operation["responses"].items():
            if status >= "400":
                assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_the_error_body_is_that_of_the_handler(document: Any) -> None:
    error = document["components"]["schemas"]["Error"]

    assert set(error["properties"]) == {
        "detail", "code", "error_id", "field", "reason", "stage", "line", "entity", "section", "limit", "hint",
    }  # fmt: skip
    assert set(error["required"]) == {"detail", "code", "error_id"}


def test_an_upload_is_a_multipart_form_with_one_file(document: Any) -> None:
    content = document["paths"]["/api/designs/upload/"]["post"]["requestBody"]["content"]
    (name,) = content
    form = document["components"]["schemas"][content[name]["schema"]["$ref"].rpartition("/")[2]]

    assert name == "multipart/form-data"
    assert form["properties"]["file"]["format"] == "binary"
    assert set(form["required"]) == {"file", "series"}


def test_logging_in_needs_no_login_and_all_else_does(document: Any) -> None:
    assert not any(document["paths"]["/api/auth/login/"]["post"].get("security", [{}])[0])
    for path in OWN:
        for operation in document["paths"][path].values():
            if path != "/api/auth/login/":
                assert {"token": []} in operation["security"]


def test_filters_are_described_with_their_choices(document: Any) -> None:
    parameters = {p["name"]: p for p in document["paths"]["/api/designs/"]["get"]["parameters"]}

    assert set(parameters) == {
        "status", "kind", "series", "organization", "part_number", "is_itar", "created_after", "created_before",
        "ordering", "page", "page_size",
    }  # fmt: skip
    assert parameters["status"]["schema"]["enum"] == ["failed", "processing", "queued", "ready", "uploaded"]
    assert parameters["is_itar"]["schema"]["type"] == "boolean"


def test_responses_of_one_status_are_described_together() -> None:
    responses = error_responses(CorruptedFile, InvalidFileFormat, DesignNotReady, NotFound)

    assert list(responses) == [400, 401, 404, 409]
    assert responses[400].description == "`corrupted_file`, `invalid_file_format`"


def test_anybody_may_read_the_schema_and_the_docs(client: Client, db: None) -> None:
    assert client.get("/api/schema/").status_code == 200
    assert client.get("/api/docs/").status_code == 200


def test_the_docs_page_loads_nothing_from_elsewhere(client: Client, db: None) -> None:
    page = client.get("/api/docs/").content.decode()

    assert re.findall(r"https?://(?!testserver)[^\"' ]+", page) == []
    assets = re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page)
    assert len(assets) >= 3


def test_first_readers_at_the_same_time_get_one_schema(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(SchemaView.generator_class, "_schemas", {})
    together = threading.Barrier(8)
    interval = sys.getswitchinterval()

    def read(_: int) -> tuple[int, bytes]:
        together.wait(30)
        answer = Client(raise_request_exception=False).get("/api/schema/", headers={"accept": "application/json"})
        return answer.status_code, answer.content

    # Threads take turns so often that generations would meet.
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(read, range(8)))
    finally:
        sys.setswitchinterval(interval)

    assert {status for status, _ in answers} == {200}
    assert len({content for _, content in answers}) == 1


@pytest.mark.parametrize("query", ["version=9", "lang=de", "version=9&lang=xx"])
def test_a_query_does_not_change_the_schema(client: Client, db: None, query: str) -> None:
    assert client.get(f"/api/schema/?{query}").content == client.get("/api/schema/").content
