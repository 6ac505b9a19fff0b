"""The fail-fast client: an answer or a failure at once, and one caller in each breaker window that waits."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from freezegun import freeze_time

from integrations.redis import Script
from integrations.redis.client import BREAKER_SECONDS, FailFastRedis, RedisUnavailable, redis_for
from tests.support.imports import PACKAGES, ROOT
from tests.support.outage import REFUSED_URL, FrozenValkey, own_valkey


@pytest.fixture
def gateway() -> FailFastRedis:
    return FailFastRedis(settings.REDIS_URL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenValkey]:
    with own_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


def ping(gateway: FailFastRedis) -> Any:
    return gateway.run(lambda client: client.ping())


def failing(error: Exception) -> Any:
    def command(client: redis.Redis) -> None:
        raise error

    return command


def test_a_healthy_server_answers(gateway: FailFastRedis) -> None:
    assert ping(gateway) is True
    assert not gateway.is_open


def test_a_refused_connection_fails_at_once_and_opens_the_breaker() -> None:
    gateway = FailFastRedis(REFUSED_URL)
    began = time.perf_counter()
    with pytest.raises(RedisUnavailable) as info:
        ping(gateway)

    assert info.value.asked
    assert gateway.is_open
    assert time.perf_counter() - began < 0.2


def test_while_the_breaker_is_open_nothing_is_asked() -> None:
    gateway = FailFastRedis(REFUSED_URL)
    with pytest.raises(RedisUnavailable):
        ping(gateway)

    asked: list[object] = []
    for _ in range(5):
        with pytest.raises(RedisUnavailable, match="breaker open") as info:
            gateway.run(asked.append)
        assert not info.value.asked
    assert asked == []


def test_a_silent_server_costs_its_timeout_once(server: FrozenValkey) -> None:
    gateway = FailFastRedis(server.url)
    ping(gateway)
    with server.frozen():
        began = time.perf_counter()
        for _ in range(10):
            with pytest.raises(RedisUnavailable):
                ping(gateway)
        assert 0.15 < time.perf_counter() - began < 1


def test_after_the_window_one_caller_finds_out_and_the_others_go_on(server: FrozenValkey) -> None:
    with freeze_time("2026-01-01") as clock:
        gateway = FailFastRedis(server.url)
        ping(gateway)
        with server.frozen():
            with pytest.raises(RedisUnavailable):
                ping(gateway)
            clock.tick(BREAKER_SECONDS)

            outcomes: list[bool] = []

            def call() -> None:
                try:
                    ping(gateway)
                except RedisUnavailable as error:
                    outcomes.append(error.asked)

            threads = [threading.Thread(target=call) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    assert sorted(outcomes) == [False] * 7 + [True]


def test_a_server_that_is_back_is_used_after_the_window(server: FrozenValkey) -> None:
    with freeze_time("2026-01-01") as clock:
        gateway = FailFastRedis(server.url)
        with server.frozen(), pytest.raises(RedisUnavailable):
            ping(gateway)
        clock.tick(BREAKER_SECONDS - 0.1)
        with pytest.raises(RedisUnavailable):
            ping(gateway)
        clock.tick(0.2)
        assert ping(gateway) is True
        assert not gateway.is_open
        assert ping(gateway) is True


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (redis.ConnectionError("gone"), True),
        (redis.TimeoutError("slow"), True),
        (redis.BusyLoadingError("LOADING"), True),
        (redis.AuthenticationError("WRONGPASS"), True),
        (redis.ReadOnlyError("READONLY"), True),
        (redis.OutOfMemoryError("OOM"), True),
        (redis.ResponseError("MISCONF Valkey is configured to save RDB snapshots"), False),
        (redis.ResponseError("BUSY Valkey is busy running a script"), False),
        (redis.ResponseError("CLUSTERDOWN Hash slot not served"), False),
        (redis.ResponseError("MASTERDOWN Link with MASTER is down"), False),
        (redis.exceptions.NoPermissionError("NOPERM this user has no permissions"), False),
    ],
    ids=str,
)
def test_a_server_that_cannot_work_is_unavailable(gateway: FailFastRedis, error: Exception, asked: bool) -> None:
    with pytest.raises(RedisUnavailable) as info:
        gateway.run(failing(error))

    assert info.value.asked is asked
    assert info.value.__cause__ is error
    assert gateway.is_open


@pytest.mark.parametrize("error", [redis.ResponseError("WRONGTYPE Operation"), redis.DataError("x"), ValueError("x")])
def test_a_mistake_of_ours_is_no_outage(gateway: FailFastRedis, error: Exception) -> None:
    with pytest.raises(type(error)):
        gateway.run(failing(error))

    assert not gateway.is_open


def test_a_full_memory_is_an_outage(server: FrozenValkey) -> None:
    gateway = FailFastRedis(server.url)
    admin = redis.Redis.from_url(server.url)
    admin.config_set("maxmemory", "1")
    try:
        with pytest.raises(RedisUnavailable):
            gateway.run(lambda client: client.set("a", "b"))
    finally:
        admin.config_set("maxmemory", "0")
        admin.close()


def test_the_breaker_can_be_closed_by_hand(server: FrozenValkey) -> None:
    gateway = FailFastRedis(server.url)
    with server.frozen(), pytest.raises(RedisUnavailable):
        ping(gateway)
    gateway.close_breaker()

    assert ping(gateway) is True


def test_a_forgotten_script_is_loaded_again(gateway: FailFastRedis) -> None:
    read_errors, keys = Script("designs.monitoring.errors", "read_errors"), ["{errors}:ring", "{errors}:records"]
    assert gateway.script(read_errors, keys, [10, 0, "{errors}:"]) == [[], []]
    gateway.run(lambda client: client.script_flush())

    assert gateway.script(read_errors, keys, [10, 0, "{errors}:"]) == [[], []]


def test_each_script_is_a_file_that_loads() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.lua")]

    assert {"record_error", "read_errors", "merge_error"} <= {file.stem for file in files}
    assert {file.parent.name for file in files} == {"lua"}
    gateway = redis_for(settings.REDIS_URL)
    for source in [file.read_text() for file in files]:
        assert gateway.run(lambda client, source=source: client.script_load(source))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return a function that makes a package with the script ``one``, and returns the package's name."""

    def make(source: str) -> str:
        (tmp_path / "owner" / "lua").mkdir(parents=True)
        (tmp_path / "owner" / "__init__.py").touch()
        (tmp_path / "owner" / "lua" / "one.lua").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "owner", raising=False)
        return "owner"

    return make


def test_constants_are_written_into_a_script_by_name(package: Callable[[str], str]) -> None:
    owner = package("-- Adds.\nlocal prefix, most = ...\nreturn prefix .. most\n")

    script = Script(owner, "one", constants={"most": 5, "prefix": "p:"})

    assert script.text == "-- Adds.\nlocal prefix, most = 'p:', 5\nreturn prefix .. most\n"


@pytest.mark.parametrize("constants", [{}, {"most": 5}, {"most": 5, "prefix": "p:", "other": 1}])
def test_constants_that_a_script_does_not_name_are_refused(
    package: Callable[[str], str], constants: dict[str, int | str]
) -> None:
    script = Script(package("local prefix, most = ...\n"), "one", constants=constants)

    with pytest.raises(ValueError, match="takes the constants"):
        _ = script.text


def test_a_script_without_constants_is_its_file(gateway: FailFastRedis) -> None:
    script = Script("integrations.celery", "beat")

    assert script.text == (resources.files("integrations.celery") / "lua" / "beat.lua").read_text()
    assert gateway.run(lambda client: client.script_load(script.text)) == script.digest


def test_a_url_has_one_client_for_the_process() -> None:
    assert redis_for(settings.REDIS_URL) is redis_for(settings.REDIS_URL)
