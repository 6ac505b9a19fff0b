"""Where a rule stands for the stack, and what an application, a library or a host may change without a new group."""

from __future__ import annotations

import functools
import linecache
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from celery.exceptions import MaxRetriesExceededError
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, OperationalError
from django.http import Http404
from django.test import override_settings
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from designs.exceptions import DesignNotReady
from designs.monitoring.fingerprint import (
    Fingerprint,
    fingerprint_exception,
    hook_failures,
    override,
)


def caught(act: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as info:  # noqa: PT011 - whatever it raises
        act()
    return info.value


def here(error: BaseException, cause: BaseException | None = None) -> Fingerprint:
    def raising() -> None:
        raise error from cause

    return fingerprint_exception(caught(raising))


def there(error: BaseException, cause: BaseException | None = None) -> Fingerprint:
    def otherwise() -> None:
        raise error from cause

    return fingerprint_exception(caught(otherwise))


def driver(module: str, name: str, **attributes: Any) -> BaseException:
    made: BaseException = type(name, (Exception,), {"__module__": module, **attributes})("driver")
    return made


def test_an_outage_is_one_group_wherever_it_strikes() -> None:
    lost = driver("psycopg", "OperationalError")

    first, second = here(OperationalError("connection failed"), lost), there(OperationalError("refused"), lost)

    assert first.key == second.key
    assert first.site != second.site
    assert first.parts == ("rule dependency outage", "family database", "dependency default")


@pytest.mark.parametrize("family", ["database", "default", "*"])
def test_an_outage_rule_can_be_switched_off(family: str) -> None:
    lost = driver("psycopg", "OperationalError")

    with override_settings(ENGINEL_FINGERPRINT_OUTAGE_OFF=(family,)):
        assert here(OperationalError("x"), lost).key != there(OperationalError("x"), lost).key


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("no such table: a", driver("sqlite3", "OperationalError")),
        ("deadlock", driver("psycopg.errors", "DeadlockDetected")),
        ("x", None),
    ],
)
def test_a_statement_that_failed_is_no_outage(text: str, cause: BaseException | None) -> None:
    assert here(OperationalError(text), cause).key != there(OperationalError(text), cause).key


def test_outages_of_different_servers_are_different_groups() -> None:
    def connection(host: str) -> Fingerprint:
        return here(requests.ConnectionError(f"HTTPSConnectionPool(host='{host}', port=443): Max retries exceeded"))

    redis = RedisConnectionError("Error 111 connecting to 10.0.0.1:6379. Connection refused.")

    assert connection("a.example").key != connection("b.example").key
    assert connection("a.example").parts[-1] == "dependency a.example"
    assert connection("127.0.0.1', port=8001").key != connection("127.0.0.1', port=8002").key
    with override_settings(ENGINEL_FINGERPRINT_OUTAGE_OFF=("127.0.0.1",)):
        assert connection("127.0.0.1', port=8001").parts[0].startswith("type ")
    assert here(redis).parts == ("rule dependency outage", "family redis", "dependency 10.0.0.1:6379")
    assert here(requests.ConnectionError("gone")).parts[0].startswith("type ")


def test_integrity_errors_differ_by_constraint_and_not_by_value() -> None:
    def violated(constraint: str, value: str) -> str:
        diag = SimpleNamespace(constraint_name=constraint)
        cause = driver("psycopg.errors", "UniqueViolation", sqlstate="23505", diag=diag)
        made = here(IntegrityError(f'duplicate key "{constraint}" Key (a)=({value})'), cause)
        assert "sqlstate 23505" in made.parts
        assert not any(value in part for part in made.parts)
        return made.key

    assert violated("part_number", "v-9001") == violated("part_number", "v-9002")
    assert violated("part_number", "v-9001") != violated("user_name", "v-9001")
    sqlite = here(IntegrityError("UNIQUE constraint failed: app_part.number, app_part.org"))
    assert "constraint UNIQUE constraint failed: app_part.number, app_part.org" in sqlite.parts


class Listing(APIView):
    error: BaseException = Exception()
    authentication_classes = permission_classes = throttle_classes = ()

    def get(self, request: Any) -> None:
        raise self.error

    def handle_exception(self, exc: Exception) -> Any:
        raise exc


class Detail(Listing):
    pass


def answered(view: type[Listing], error: BaseException) -> Fingerprint:
    return fingerprint_exception(caught(lambda: view.as_view(error=error)(APIRequestFactory().get("/"))))


@pytest.mark.parametrize("error", [NotFound("a"), Http404("a"), PermissionDenied("a"), ValidationError({"x": ["a"]})])
def test_client_errors_group_by_type_codes_and_view(error: BaseException) -> None:
    first = answered(Listing, error)

    assert first.parts[0] == "rule client error"
    assert first.parts[-1] == f"view {__name__}.Listing"
    assert first.key == answered(Listing, type(error)(*error.args or [{"x": ["other text"]}])).key
    assert first.key != answered(Detail, type(error)(*error.args)).key


def test_codes_of_client_errors_count_in_any_order() -> None:
    def codes(*fields: str) -> str:
        return answered(Listing, ValidationError({name: ["text"] for name in fields})).key

    assert codes("a", "b") == codes("b", "a")
    assert codes("a") != codes("b")


def test_own_and_server_errors_group_by_their_stack() -> None:
    assert answered(Listing, DesignNotReady()).parts[0].startswith("type ")
    assert answered(Listing, APIException()).parts[0].startswith("type ")


def test_used_up_retries_group_by_their_cause() -> None:
    cause = caught(lambda: int("x"))

    assert here(MaxRetriesExceededError(), cause).key == there(MaxRetriesExceededError(), cause).key
    assert here(MaxRetriesExceededError()).parts[0].startswith("type ")


SOURCE = """
import functools
def inner(n):
    raise ValueError(n)
def caller(n):
    return inner(n)
"""


def run(source: str, lib: str = "a", root: str = "/srv/app") -> Fingerprint:
    """Run a module of its own below a library's frame."""
    name = f"{root}/mod_{abs(hash(source))}.py"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "mod"}
    exec(compile(source, name, "exec"), space)
    outer: dict[str, Any] = {"__name__": "lib", "act": space["caller"]}
    exec(compile(f"def {lib}(n):\n    act(n)\n", "/usr/lib/site-packages/lib.py", "exec"), outer)
    with override_settings(ENGINEL_IN_APP_ROOTS=(root,)):
        return fingerprint_exception(caught(lambda: outer[lib](7)))


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (f"# moved\n\n{SOURCE}", True),
        (SOURCE.replace("    raise", "    x = 1\n    raise  "), True),
        (SOURCE.replace("return inner(n)", "return  inner( n)"), True),
        (SOURCE.replace("raise ValueError(n)", "raise ValueError(n + 1)"), False),
        (SOURCE.replace("inner", "renamed"), False),
        (SOURCE.replace("ValueError", "KeyError"), False),
    ],
    ids=["lines move", "a line before", "a caller's line", "the raising line", "a rename", "the type"],
)
def test_what_a_change_of_own_code_does(changed: str, same: bool) -> None:
    assert (run(SOURCE).key == run(changed).key) is same


def test_a_librarys_upgrade_does_not_split() -> None:
    first, second = run(SOURCE, "a"), run(SOURCE, "renamed")

    assert first.key == second.key
    assert first.aliases != second.aliases


def test_another_folder_does_not_split() -> None:
    assert run(SOURCE, root="/opt/new").key == run(SOURCE).key


def test_a_host_without_source_has_the_key_without_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(ENGINEL_FINGERPRINT_SOURCE_LINE=False):
        off = run(SOURCE)
    with monkeypatch.context() as patched:
        patched.setattr(linecache, "getlines", lambda *_: [])
        missing = run(SOURCE)

    assert missing.key == off.key
    assert missing.parts == (*off.parts, "note: the source line cannot be read here")


def test_a_librarys_decorator_does_not_split() -> None:
    cached = SOURCE.replace("def caller", "@functools.lru_cache\ndef caller")

    assert run(SOURCE).key == run(cached).key
    assert functools.lru_cache


@pytest.fixture
def hook() -> Iterator[dict[str, Any]]:
    told: dict[str, Any] = {}
    hook_failures.clear()
    override.forget_rest()
    yield told
    override.forget_rest()


def test_a_hook_may_name_the_group(hook: dict[str, Any]) -> None:
    def name(record: dict[str, Any]) -> list[str] | None:
        hook.update(record)
        return ["mine", "{{ default }}"]

    with override_settings(ENGINEL_FINGERPRINT_HOOK=name):
        made = fingerprint_exception(ValueError("row 5"), "scan")

    assert made.parts == ("custom mine", "type ValueError", "message row <number>")
    assert (hook["type"], hook["message"], hook["task"]) == ("ValueError", "row 5", "scan")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: 1 / 0, "raised"),
        (lambda _: 5, "unusable"),
        (lambda _: time.sleep(0.06), "slow"),
        ("no.such", "raised"),
    ],
)
def test_a_hook_that_fails_is_ignored_and_counted(hook: dict[str, Any], answer: Any, reason: str) -> None:
    with override_settings(ENGINEL_FINGERPRINT_HOOK=answer):
        assert fingerprint_exception(ValueError("x")).parts == ("type ValueError", "message x")

    assert hook_failures == {reason: 1}


class Hostile(Exception):
    def __str__(self) -> str:
        raise RuntimeError

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __bool__(self) -> bool:
        raise RuntimeError


def test_hostile_exceptions_have_keys() -> None:
    error: BaseException = Hostile()
    error.__cause__ = Hostile()
    for made in (here(error), fingerprint_exception(Hostile()), here(ExceptionGroup("x", [Hostile(), Hostile()]))):
        assert made.parts[0] == f"type {__name__}.Hostile"


def test_long_and_cyclic_chains_and_groups_have_keys() -> None:
    error: BaseException = ValueError()
    for _ in range(10_000):
        outer = ValueError()
        outer.__cause__, error = error, outer
    assert len(fingerprint_exception(error).parts) == 11
    leaf = ValueError("a")
    group = ExceptionGroup("x", [leaf, KeyError("b")])
    leaf.__cause__ = group
    assert "type KeyError" in fingerprint_exception(group).parts
    nested: Exception = ValueError("a")
    for _ in range(3_000):
        nested = ExceptionGroup("x", [nested])
    assert fingerprint_exception(nested).parts
