"""A record names the bare class and its module, and its user in the type the user's key has."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken

from designs import context
from designs.context import RunContext
from designs.exceptions import GeometryProcessingError
from designs.monitoring import ErrorTracker
from designs.monitoring.errors import recorder
from designs.monitoring.errors.keys import GROUP_PREFIX, PREFIX
from tests.support.probe_views import doing, raising
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]

UUID = uuid.UUID("550e8400-e29b-41d4-a716-446655440000")


class Outer:
    class InnerError(Exception):
        """A nested class goes by its own name."""


def local_error() -> Exception:
    class LocalError(Exception):
        pass

    return LocalError("x")


class Message(Exception):
    pass


Message.__name__ = Message.__qualname__ = "message"


def newest() -> dict[str, Any]:
    return ErrorTracker.get_recent_errors(1)[0]


@pytest.mark.parametrize(
    ("error", "module", "name"),
    [
        (GeometryProcessingError("x"), "designs.exceptions", "GeometryProcessingError"),
        (KeyError("x"), "builtins", "KeyError"),
        (Outer.InnerError("x"), __name__, "InnerError"),
        (local_error(), __name__, "LocalError"),
        ("a text", "", "message"),
        (Message("x"), __name__, "message"),
    ],
)
def test_a_record_and_its_group_name_class_and_module(error: object, module: str, name: str) -> None:
    returned = ErrorTracker.log_error(error)

    for record in (returned, newest()):
        assert (record["error_module"], record["error_type"]) == (module, name)
    (group,) = ErrorTracker.get_groups()
    assert (group["module"], group["type"]) == (module, name)
    kind = "exception" if isinstance(error, Exception) else "message"
    assert recorder.error_store.totals()[f"by:{kind}|ERROR|explicit"] == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [(5, 5), ("5", "5"), (0, 0), (UUID, str(UUID)), (None, None), ("", None), (True, "True"), (2**64, str(2**64))],
)
def test_a_user_id_keeps_its_type(given: object, kept: object) -> None:
    returned = ErrorTracker.log_error(ValueError("x"), user_id=given)

    for record in (returned, newest()):
        assert (record["user_id"], type(record["user_id"])) == (kept, type(kept))
    assert ErrorTracker.get_groups()[0]["users"] == (0 if kept is None else 1)


@pytest.mark.parametrize("user_id", [5, "5", str(UUID)])
def test_a_user_id_keeps_its_type_in_the_headers_of_a_task(user_id: Any) -> None:
    headers = json.loads(json.dumps(context.to_headers(RunContext(request_id="r" * 32, user_id=user_id))))

    back = context.from_headers({context.HEADER: headers})
    with context.use(back):
        ErrorTracker.log_error(ValueError("x"))

    assert (back.user_id, newest()["user_id"]) == (user_id, user_id)


@pytest.mark.django_db
@pytest.mark.urls("tests.urls")
@pytest.mark.parametrize("kind", [RuntimeError, GeometryProcessingError])
def test_the_user_of_a_request_keeps_its_type(kind: type[Exception], admin_user: User) -> None:
    _, token = AuthToken.objects.create(user=admin_user)
    with doing(raising(kind("x"))):
        Client(raise_request_exception=False).get("/api/probe/closed/", headers={"authorization": f"Bearer {token}"})

    assert newest()["user_id"] == admin_user.pk
    assert type(newest()["user_id"]) is int


def test_a_second_hook_adds_a_user_in_its_type() -> None:
    error = ValueError("x")
    ErrorTracker.log_error(error)
    ErrorTracker.log_error(error, user_id=0)

    assert newest()["user_id"] == 0


def test_what_an_earlier_version_stored_is_read_in_the_new_form() -> None:
    ErrorTracker.log_error(GeometryProcessingError("x"), user_id="7")
    key = ErrorTracker.get_groups()[0]["fingerprint"]

    def age(client: Any) -> None:
        """Store record and group as the version before did: the type in one text, no module."""
        for place, stored in client.hgetall(f"{PREFIX}records").items():
            if not place.endswith((b"#", b"+")):
                record = json.loads(stored)
                record["error_type"] = f"{record.pop('error_module')}.{record['error_type']}"
                client.hset(f"{PREFIX}records", place, json.dumps(record))
        client.hset(GROUP_PREFIX + key, "type", "designs.exceptions.GeometryProcessingError")
        client.hdel(GROUP_PREFIX + key, "module")

    recorder.error_store.redis.run(age)

    assert (newest()["error_module"], newest()["error_type"]) == ("designs.exceptions", "GeometryProcessingError")
    for group in (ErrorTracker.get_groups()[0], ErrorTracker.get_group(key) or {}):
        assert (group["module"], group["type"]) == ("designs.exceptions", "GeometryProcessingError")
    assert newest()["user_id"] == "7"


def test_sentry_gets_the_user_as_text_and_the_class_by_module(transport: Collecting) -> None:
    ErrorTracker.log_error(GeometryProcessingError("x"), user_id=5)

    (event,) = transport.events
    assert event["user"]["id"] == "5"
    value = event["exception"]["values"][-1]
    assert (value["module"], value["type"]) == ("designs.exceptions", "GeometryProcessingError")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wanted", "found"),
    [("GeometryProcessingError", 1), ("designs.exceptions.GeometryProcessingError", 1), ("KeyError", 0)],
)
def test_the_lists_are_filtered_by_bare_and_by_full_name(admin_user: User, wanted: str, found: int) -> None:
    ErrorTracker.log_error(GeometryProcessingError("x"))
    _, token = AuthToken.objects.create(user=admin_user)
    client = Client(headers={"authorization": f"Bearer {token}"})

    for path in ("/api/monitoring/errors/", "/api/monitoring/groups/"):
        assert client.get(path, {"type": wanted}).json()["count"] == found
