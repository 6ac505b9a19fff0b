"""A master, its replica, and a sentinel that watches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.stack import wait_for
from tests.support.valkeys import DATA, Valkey

SERVICE = "enginel"


class Watched:
    """Two servers that take turns in being the master."""

    def __init__(self, folder: Path, password: str) -> None:
        auth = (f"requirepass {password}", f"primaryauth {password}")
        self.servers = [Valkey(folder / name, *DATA, *auth, password=password) for name in "ab"]
        first, second = self.servers
        second.client.replicaof("127.0.0.1", first.port)
        wait_for(lambda: second.client.info("replication")["master_link_status"] == "up")
        self.sentinel = Valkey(
            folder / "sentinel",
            f"sentinel monitor {SERVICE} 127.0.0.1 {first.port} 1",
            f"sentinel auth-pass {SERVICE} {password}",
            f"sentinel down-after-milliseconds {SERVICE} 1000",
            words=("--sentinel",),
        )
        self.url = f"redis+sentinel://:{password}@127.0.0.1:1,127.0.0.1:{self.sentinel.port}/{SERVICE}/0"
        wait_for(lambda: self._state()["num-slaves"] == 1)

    def master(self) -> Valkey:
        return next(server for server in self.servers if server.port == self._state()["port"])

    def replica(self) -> Valkey:
        master = self.master()
        return next(server for server in self.servers if server is not master)

    def fail_over(self) -> None:
        """Let the two take turns; connections to the old master stay open, with a replica at their end."""
        old, new = self.master(), self.replica()
        wait_for(self._is_ready)
        wait_for(old.has_handed_on)
        self.sentinel.client.execute_command("SENTINEL", "FAILOVER", SERVICE)
        wait_for(lambda: self.master() is new)
        # The sentinel would do it some ten seconds later.
        old.client.replicaof("127.0.0.1", new.port)
        wait_for(lambda: old.client.info("replication")["master_link_status"] == "up")

    def stop(self) -> None:
        for server in (self.sentinel, *self.servers):
            server.stop()

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sentinel.client.sentinel_masters()[SERVICE]
        return found

    def _is_ready(self) -> bool:
        replicas = self.sentinel.client.sentinel_slaves(SERVICE)
        flags = {flag for one in (self._state(), *replicas) for flag in one["flags"].split(",")}
        return len(replicas) == 1 and flags == {"master", "slave"}


@contextmanager
def watched(folder: Path, password: str) -> Iterator[Watched]:
    """Give a master, a replica and a sentinel."""
    made = Watched(folder, password)
    try:
        yield made
    finally:
        made.stop()
