"""The schema of the error keys, compared with a real Redis after failures of every kind."""

from __future__ import annotations

import pytest

from designs.context import RunContext
from designs.monitoring.errors.event import build_event
from designs.monitoring.errors.keys import KEYS, PREFIX, Key, expiry_seconds
from designs.monitoring.errors.store import ErrorStore
from designs.monitoring.fingerprint import Fingerprint
from tests.support.error_stores import raw


def key_of(name: str) -> Key:
    (found,) = (key for key in KEYS if name == key.name or (key.name.endswith(":") and name.startswith(key.name)))
    return found


@pytest.fixture
def names() -> list[str]:
    store = ErrorStore()
    for number in range(3):
        event = build_event(ValueError("x"), RunContext(), user_id=number)
        fingerprint = Fingerprint("1:" + "a" * 32, "1", ("ValueError",), (f"1:alias{number}",), "shop.pay")
        store.record(event, fingerprint, operation=f"task:{number}", traceback="text", reason="syntax")
    store.merge(event.event_id, fingerprint.key, {"context": {"part": 1}})
    return sorted(name.decode().removeprefix(PREFIX) for name in raw("KEYS", PREFIX + "*"))


def test_every_key_in_redis_is_in_the_schema_and_the_other_way_round(names: list[str]) -> None:
    assert {key_of(name) for name in names} == set(KEYS)


def test_each_key_has_the_type_and_expiry_of_the_schema(names: list[str]) -> None:
    for name in names:
        key = key_of(name)
        assert raw("TYPE", PREFIX + name).decode() == key.kind, name
        assert 0 <= expiry_seconds(key.expiry) - raw("TTL", PREFIX + name) <= 2, name
