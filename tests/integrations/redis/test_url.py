"""URLs of clusters and sentinels: read as a whole, or refused with a reason and without the password."""

from __future__ import annotations

import pytest
import redis

from integrations.redis import FailFastRedis
from integrations.redis.url import UnusableRedisURL, has_topology, parse_topology

SECRET = "hunter2"


def test_a_cluster_is_some_of_its_nodes() -> None:
    address = parse_topology("redis+cluster://user:p%40ss%2Fw@a:7000,b:7001,[::1]:7002")

    assert (address.kind, address.service, address.is_tls) == ("cluster", "", False)
    assert address.nodes == (("a", 7000), ("b", 7001), ("::1", 7002))
    assert address.options == {"username": "user", "password": "p@ss/w", "db": 0}


def test_sentinels_name_the_master_of_a_service() -> None:
    address = parse_topology("rediss+sentinel://:secret@a:26379,b:26380/enginel/3?ssl_cert_reqs=none")

    assert (address.kind, address.service, address.is_tls) == ("sentinel", "enginel", True)
    assert address.nodes == (("a", 26_379), ("b", 26_380))
    assert address.options == {"password": "secret", "db": 3, "ssl_cert_reqs": "none"}


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis+cluster://a", (("a", 6379),)),
        ("redis+cluster://a,[::1]/0", (("a", 6379), ("::1", 6379))),
        ("redis+cluster://user:pw@[::1]:7002,a:1", (("::1", 7002), ("a", 1))),
        ("redis+sentinel://a,b/x", (("a", 26_379), ("b", 26_379))),
    ],
)
def test_a_port_that_is_left_out_is_the_usual_one(url: str, nodes: tuple[tuple[str, int], ...]) -> None:
    assert parse_topology(url).nodes == nodes


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("redis+cluster://", "misses a host"),
        (f"redis+cluster://u:{SECRET}@", "misses a host"),
        (f"redis+cluster://u:{SECRET}@a:1,,b:1", "misses a host"),
        (f"redis+cluster://u:{SECRET}@a:1,:2", "misses a host"),
        (f"redis+cluster://u:{SECRET}@a:1,b:0", "port"),
        (f"redis+cluster://u:{SECRET}@a:1,b:65536", "port"),
        (f"redis+cluster://u:{SECRET}@a:port,b:1", "port"),
        (f"redis+cluster://u:{SECRET}@a:1/1", "only database 0"),
        (f"redis+cluster://u:{SECRET}@a:1?db=1", "only database 0"),
        (f"redis+cluster://u:{SECRET}@a:1/many", "no number"),
        (f"redis+cluster://u:{SECRET}@a:1?socket_timeout=long", "options"),
        (f"redis+sentinel://u:{SECRET}@a:1", "no service"),
        (f"redis+sentinel://u:{SECRET}@a:1/", "no service"),
        (f"redis+sentinel://u:{SECRET}@a:1//0", "no service"),
        (f"redis+sentinel://u:{SECRET}@a:1/x/y", "no number"),
    ],
)
def test_a_wrong_url_is_told_with_a_hint_and_no_password(url: str, what: str) -> None:
    with pytest.raises(UnusableRedisURL, match=what) as info:
        parse_topology(url)

    assert info.value.hint.startswith(f"Set {url.partition('://')[0]}://HOST")
    assert SECRET not in f"{info.value} {info.value.hint} {info.value.__cause__!r}"


def test_no_password_is_shown() -> None:
    assert SECRET not in repr(parse_topology(f"redis+cluster://:{SECRET}@a"))


def test_a_single_server_has_no_topology() -> None:
    assert not any(map(has_topology, ("", "redis://a/0", "rediss://a", "unix:///a")))


@pytest.mark.parametrize("base", ["redis", "rediss"])
def test_tls_is_spoken_to_whom_the_url_says(base: str) -> None:
    cluster = FailFastRedis(f"{base}+cluster://:{SECRET}@a")._wires._pool("a", 1)  # type: ignore[union-attr]
    master = FailFastRedis(f"{base}+sentinel://:{SECRET}@a/x")._wires.client.connection_pool  # type: ignore[union-attr]
    sentinel = master.sentinel_manager.sentinels[0].connection_pool

    for pool in (cluster, master, sentinel):
        assert issubclass(pool.connection_class, redis.SSLConnection) is (base == "rediss")
        assert pool.connection_kwargs["socket_timeout"] == 0.2
        assert pool.connection_kwargs["retry"].get_retries() == 0
    assert master.connection_kwargs["password"] == SECRET
    assert "password" not in {name for name, value in sentinel.connection_kwargs.items() if value}
