"""Describing an object runs no query, opens no file and no connection, whatever wraps what would."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import logging
import socket
import sys
from collections import ChainMap, OrderedDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import attrs
import pytest
import sentry_sdk
from django import forms
from django.contrib.auth.models import Group, Permission
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, Prefetch
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject, lazy
from rest_framework import serializers

from designs.logs import JSONFormatter
from designs.models import User
from designs.monitoring import ErrorTracker
from designs.monitoring.untrusted.no_io import refusing_io
from designs.monitoring.untrusted.text import safe_repr, safe_str
from tests.support.sentry_capture import Collecting, transport

__all__ = ["transport"]

pytestmark = pytest.mark.django_db

log = logging.getLogger("designs.somewhere")


def users() -> Any:
    return User.objects.all()


class UserSerializer(serializers.ModelSerializer[User]):
    groups = serializers.PrimaryKeyRelatedField(queryset=Group.objects.all(), many=True)

    class Meta:
        model = User
        fields = ("id", "groups")


class Choice(forms.Form):
    user = forms.ModelChoiceField(queryset=User.objects.all())


@dataclasses.dataclass
class Job:
    name: str
    found: Any


@dataclasses.dataclass
class Batch:
    jobs: list[Job]


@attrs.define
class Attributes:
    found: Any


Named = namedtuple("Named", ["found"])  # noqa: PYI024


class Slotted:
    __slots__ = ("found",)

    def __init__(self, found: Any) -> None:
        self.found = found

    def __repr__(self) -> str:
        return f"Slotted({self.found!r})"


class Counting:
    """Asks when it is shown."""

    def __init__(self) -> None:
        self.note = "kept"

    def __repr__(self) -> str:
        return f"Counting({User.objects.count()})"


class Careful:
    """Catches what goes wrong when it is shown."""

    def __repr__(self) -> str:
        try:
            return f"Careful({User.objects.count()})"
        except Exception:
            return f"Careful({User.objects.exists()})"


class QueriedMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return User.objects.get(username=key)

    def __iter__(self) -> Iterator[str]:
        return iter([user.username for user in users()])

    def __len__(self) -> int:
        return User.objects.count()


class QueriedList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(users())

    def __len__(self) -> int:
        return User.objects.count()


class LoudUser(User):
    class Meta:
        proxy = True
        app_label = "inert"

    def __str__(self) -> str:
        return f"{self.username} in {self.groups.count()}"

    __repr__ = __str__


def partially_loaded() -> Model:
    return LoudUser.objects.only("id").get(username="ada")


def resolved() -> Any:
    found = SimpleLazyObject(lambda: LoudUser.objects.get(username="ada"))
    assert found.username == "ada"
    return found


def contained(*found: Any) -> Any:
    chain = itertools.chain(found)
    return {"a": [{"b": (found, deque(found))}], "c": chain}


def serializer(*, many: bool = False) -> Any:
    return UserSerializer(users() if many else User.objects.get(username="ada"), many=many)


WRAPPERS: dict[str, Callable[[], Any]] = {
    "a queryset": users,
    "a sliced queryset": lambda: users()[:5],
    "values": lambda: users().values("id"),
    "a raw queryset": lambda: User.objects.raw(f"select * from {User._meta.db_table}"),
    "a manager": lambda: User.objects,
    "a related manager": lambda: User.objects.get(username="ada").groups,
    "a prefetch": lambda: Prefetch("groups", Group.objects.all()),
    "a paginator": lambda: Paginator(users().order_by("id"), 10),
    "a page": lambda: Paginator(users().order_by("id"), 10).page(1),
    "a serializer": serializer,
    "a serializer of many": lambda: serializer(many=True),
    "a serializer without an instance": UserSerializer,
    "a field with a queryset": lambda: serializers.PrimaryKeyRelatedField(queryset=users()),
    "a form": Choice,
    "a bound field": lambda: Choice()["user"],
    "choices": lambda: Choice().fields["user"].choices,  # type: ignore[attr-defined]
    "a form field": lambda: Choice().fields["user"],
    "a dataclass": lambda: Job("scan", users()),
    "nested dataclasses": lambda: Batch([Job("scan", users())]),
    "attrs": lambda: Attributes(users()),
    "a named tuple": lambda: Named(users()),
    "a partial": lambda: functools.partial(print, users(), user=users()),
    "a bound method": lambda: users().count,
    "a bound method of an asking object": lambda: Counting().__init__,  # type: ignore[misc]
    "a namespace": lambda: SimpleNamespace(found=users()),
    "slots": lambda: Slotted(users()),
    "a user list": lambda: UserList([users()]),
    "a chain map": lambda: ChainMap({"a": users()}),
    "a proxy of a mapping": lambda: MappingProxyType({"a": users()}),
    "a default dict": lambda: defaultdict(list, a=users()),
    "an ordered dict": lambda: OrderedDict(a=users()),
    "a deque": lambda: deque([users()]),
    "a deque of deques": lambda: deque([deque([users()])]),
    "an iterator": lambda: iter(users().iterator()),
    "a generator": lambda: (user for user in users()),
    "a map": lambda: map(str, users().iterator()),
    "containers": lambda: contained(users(), Job("scan", users())),
    "a key": lambda: {("k", Named(1)): 1, Counting(): 2},
    "an exception": lambda: ValueError(users()),
    "an exception of two": lambda: ValueError("x", [users()]),
    "an exception in a list": lambda: [ValueError(users())],
    "an asking object": Counting,
    "a careful object": Careful,
    "an asking mapping": QueriedMapping,
    "an asking list": lambda: QueriedList([1]),
    "a model": partially_loaded,
    "a lazy user": lambda: SimpleLazyObject(lambda: User.objects.get(username="ada")),
    "a resolved lazy user": resolved,
    "lazy text": lazy(lambda: str(User.objects.count()), str),
    "permissions": lambda: Permission.objects.filter(group__in=Group.objects.all()),
}

wrapped = pytest.mark.parametrize("make", WRAPPERS.values(), ids=WRAPPERS.keys())


@pytest.fixture(autouse=True)
def ada() -> None:
    User.objects.create(username="ada")


@contextmanager
def no_query() -> Iterator[None]:
    with CaptureQueriesContext(connection) as captured:
        yield
    assert [query["sql"] for query in captured.captured_queries] == []


def failing(found: Any) -> Exception:
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        return error


@wrapped
def test_a_context_is_described_without_a_query(make: Callable[[], Any]) -> None:
    held = make()
    with no_query():
        record = ErrorTracker.log_error(failing(None), {"held": held, "list": [held]})
        json.dumps(record)

    assert record["event_id"]


@wrapped
def test_a_message_and_a_user_are_described_without_a_query(make: Callable[[], Any]) -> None:
    held = make()
    with no_query():
        record = ErrorTracker.log_error(held, user_id=held, request_path=held)

    assert record["error_message"]


@wrapped
def test_an_exception_that_holds_it_is_recorded_without_a_query(transport: Collecting, make: Callable[[], Any]) -> None:
    held = make()
    try:
        try:
            raise KeyError(held)
        except KeyError as error:
            raise ValueError("found", held) from error
    except ValueError as error:
        raised = error
    with no_query():
        record = ErrorTracker.log_error(raised)

    assert "ValueError" in record["traceback"]
    assert len(transport.events[0]["exception"]["values"]) == 2


@wrapped
def test_locals_are_described_without_a_query(transport: Collecting, make: Callable[[], Any]) -> None:
    error = failing(make())
    with no_query():
        ErrorTracker.log_error(error)

    (event,) = transport.events
    assert event["exception"]["values"][-1]["stacktrace"]["frames"][-1]["vars"]["found"]


@wrapped
def test_what_the_sdk_captures_itself_is_described_without_a_query(
    transport: Collecting, make: Callable[[], Any]
) -> None:
    held = make()
    with no_query(), sentry_sdk.new_scope() as scope:
        scope.set_extra("held", held)
        scope.set_context("application", {"held": held})
        sentry_sdk.add_breadcrumb(message="before", data={"held": held})
        log.error("broken", extra={"held": held})
        sentry_sdk.capture_exception(failing(held))

    assert len(transport.events) == 2


@wrapped
def test_a_log_line_is_written_without_a_query(make: Callable[[], Any]) -> None:
    record = logging.makeLogRecord(
        {"msg": "x", "held": make(), "exc_info": (ValueError, ValueError("found", make()), None)}
    )
    with no_query():
        line = json.loads(JSONFormatter().format(record))

    assert line["held"]
    assert "ValueError" in line["exception"]


def test_descriptions_stay_readable() -> None:
    ada = User.objects.get(username="ada")
    context = ErrorTracker.log_error(
        "x",
        {
            "job": Job("scan", users()),
            "partial": functools.partial(sorted, users(), key=len),
            "counting": Counting(),
            "plain": Job("scan", 5),
            "exception": ValueError("for", users()),
            "user": ada,
            "deque": deque([users(), "x"]),
        },
    )["context"]

    assert context == {
        "job": f"<{__name__}.Job name='scan', found=<UserQuerySet of User>>",
        "partial": "functools.partial(<built-in function sorted>, <UserQuerySet of User>, key=<built-in function len>)",
        "counting": f"<{__name__}.Counting note='kept'>",
        "plain": "Job(name='scan', found=5)",
        "exception": "ValueError('for', <UserQuerySet of User>)",
        "user": f"<{User.__module__}.User {ada.pk}>",
        "deque": "deque([<UserQuerySet of User>, 'x'])",
    }


class Reading:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Reading({self.path.read_text()})"


class Connecting:
    def __init__(self, port: int) -> None:
        self.port = port

    def __repr__(self) -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connected:
            return f"Connecting({connected.getpeername()})"


class Removing(Reading):
    def __repr__(self) -> str:
        self.path.unlink()
        return "Removing()"


def test_showing_an_object_reads_no_file_and_removes_none(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("content")

    for kind in (Reading, Removing):
        assert "content" not in safe_repr(kind(path))
        assert safe_str(kind(path)).startswith(f"<{__name__}.{kind.__name__} path=")
    assert path.exists()


def test_showing_an_object_connects_to_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        assert safe_repr(Connecting(server.getsockname()[1])).startswith(f"<{__name__}.Connecting port=")
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_profiler_that_runs_stays_and_keeps_what_it_sees() -> None:
    seen: list[str] = []

    def profile(frame: Any, event: str, arg: Any) -> None:
        seen.append(event)

    sys.setprofile(profile)
    try:
        text = safe_repr(Counting())
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(None)
    assert text == f"<{__name__}.Counting note='kept'>"
    assert "call" in seen


def test_nothing_is_refused_any_more_afterwards() -> None:
    safe_repr(Counting())

    assert sys.getprofile() is None
    assert User.objects.count() == 1
    assert Path(__file__).exists()


def test_an_object_thrown_away_meanwhile_may_finish(tmp_path: Path) -> None:
    path = tmp_path / "temporary"
    path.touch()

    class Temporary:
        def __del__(self) -> None:
            path.unlink()

    class Throwing:
        def __repr__(self) -> str:
            Temporary()
            return "Throwing()"

    assert safe_repr(Throwing()) == "Throwing()"
    assert not path.exists()


def test_what_is_recorded_while_an_object_is_shown_is_kept() -> None:
    class Recording:
        def __repr__(self) -> str:
            ErrorTracker.log_error("inside")
            return "Recording()"

    ErrorTracker.log_error("outside", {"held": Recording()})

    assert {record["error_message"] for record in ErrorTracker.get_recent_errors()} == {"inside", "outside"}


def test_the_guard_within_the_guard_changes_nothing() -> None:
    with refusing_io(), refusing_io():
        assert repr([1]) == "[1]"
    assert sys.getprofile() is None
