"""URLs of a Redis Cluster, and of a master behind Sentinel.

``redis+cluster://[user:password@]host:port[,host:port...]`` and
``redis+sentinel://[user:password@]host:port[,host:port...]/service_name[/database]``; ``rediss+...`` uses TLS. The
credentials are those of the Redis servers. The query holds options of redis-py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from redis.connection import parse_url

__all__ = ["TOPOLOGY_SCHEMES", "TopologyAddress", "UnusableRedisURL", "has_topology", "parse_topology"]

TOPOLOGY_SCHEMES = ("redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")

_DEFAULT_PORTS = {"cluster": 6379, "sentinel": 26_379}
_EXAMPLES = {
    "cluster": "redis+cluster://HOST:6379,HOST:6379",
    "sentinel": "redis+sentinel://HOST:26379,HOST:26379/SERVICE_NAME/0",
}


class UnusableRedisURL(ValueError):
    """A URL cannot be used. The message omits the URL, which may hold a password; ``hint`` has an example."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class TopologyAddress:
    """Addresses that know the servers, and options of the connections to these.

    Attributes:
        kind: ``cluster`` or ``sentinel``.
        nodes: Host and port of some cluster nodes, or of the sentinels.
        service: The master's name; empty for a cluster.
        is_tls: Whether all connections use TLS.
        options: Keyword arguments of redis-py's connections: credentials, database, options of the URL.
    """

    kind: str
    nodes: tuple[tuple[str, int], ...]
    service: str
    is_tls: bool
    options: dict[str, Any] = field(repr=False)


def has_topology(url: str) -> bool:
    """Return whether `parse_topology` reads this URL."""
    return url.partition("://")[0] in TOPOLOGY_SCHEMES


def parse_topology(url: str) -> TopologyAddress:
    """Read a URL with one of `TOPOLOGY_SCHEMES`.

    Raises:
        UnusableRedisURL: A part is missing, wrong or not allowed.
    """
    scheme, _, rest = url.partition("://")
    base, _, kind = scheme.partition("+")
    before_query, mark, query = rest.partition("?")
    authority, _, path = before_query.partition("/")
    credentials, at, hosts = authority.rpartition("@")
    nodes = tuple(_node(host.strip(), kind) for host in hosts.split(","))
    service, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    if kind == "sentinel" and not service:
        raise UnusableRedisURL("names no service.", _hint(kind))
    options = _options(f"{base}://{credentials}{at}any{mark}{query}", kind)
    options["db"] = _database(database or str(options.get("db", 0)), kind)
    return TopologyAddress(kind, nodes, service, base == "rediss", options)


def _node(host: str, kind: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, str(_DEFAULT_PORTS[kind])
    name = name.removeprefix("[").removesuffix("]")
    if not name:
        raise UnusableRedisURL("misses a host.", _hint(kind))
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise UnusableRedisURL("has a port that is no number from 1 to 65535.", _hint(kind))
    return name, int(port)


def _options(url: str, kind: str) -> dict[str, Any]:
    try:
        options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
    except ValueError:
        raise UnusableRedisURL("has options that no client knows.", _hint(kind)) from None
    for name in ("host", "port", "connection_class"):
        options.pop(name, None)
    return options


def _database(text: str, kind: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise UnusableRedisURL("has a database that is no number.", _hint(kind))
    if kind == "cluster" and int(text):
        raise UnusableRedisURL("names a database; a cluster has only database 0.", _hint(kind))
    return int(text)


def _hint(kind: str) -> str:
    return f"Set {_EXAMPLES[kind]}."
