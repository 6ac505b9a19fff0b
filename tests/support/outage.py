"""Redis going away and coming back, for tests: a server of their own that can be stopped and continued."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from enginel.local.valkey import EmbeddedValkey
from integrations.redis import FailFastRedis, redis_for

REFUSED_URL = "redis://127.0.0.1:1/0"
"""Nobody listens on port 1."""


class FrozenValkey:
    """A server that takes connections and commands and answers nothing while it is frozen."""

    def __init__(self, server: EmbeddedValkey) -> None:
        self.server = server
        self.url = server.url

    @property
    def gateway(self) -> FailFastRedis:
        """The process's own client for this server."""
        return redis_for(self.url)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        assert self.server.pid is not None
        os.kill(self.server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.server.pid, signal.SIGCONT)
            self.gateway.close_breaker()


@contextmanager
def own_valkey(folder: Path) -> Iterator[FrozenValkey]:
    """Give a server of this test alone."""
    server = EmbeddedValkey(folder, persistent=False)
    server.start()
    try:
        yield FrozenValkey(server)
    finally:
        server.stop()
