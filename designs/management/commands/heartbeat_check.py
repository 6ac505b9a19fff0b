"""``manage.py heartbeat_check``: liveness probe of a host's Celery worker or beat, by exit code."""

from __future__ import annotations

import socket
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from integrations.celery.heartbeats import BEATS_KEY, WORKERS_KEY
from integrations.redis import RedisUnavailable, redis_for

# Sorted sets of node names, scored by the time of the last heartbeat (clock of the Redis server).
_KEYS = {"worker": WORKERS_KEY, "beat": BEATS_KEY}


class Command(BaseCommand):
    help = (
        "Exit with 1 if this host's worker or beat sent no heartbeat for too long although Redis answers. "
        "While Redis is down the exit code is 0: the state is unknown, and a restart would not help."
    )

    # The others load URLs, models and the admin, which takes longer than the command itself.
    requires_system_checks = ["enginel"]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("process", choices=sorted(_KEYS))
        parser.add_argument(
            "--seconds", type=float, default=60, help="longest time without a heartbeat (default: %(default)s)"
        )
        parser.add_argument("--host", default=socket.gethostname(), help="host of the process (default: this one)")

    def handle(self, *args: Any, process: str, seconds: float, host: str, **options: Any) -> None:
        gateway = redis_for(settings.REDIS_URL)
        try:
            beats: Any = gateway.run(lambda client: client.zrange(_KEYS[process], 0, -1, withscores=True))
            now: Any = gateway.run(lambda client: client.time())
        except RedisUnavailable:
            self.stdout.write("Redis does not answer, so the state is unknown.")
            return
        silences = [
            now[0] + now[1] / 1_000_000 - at
            for name, at in beats
            # worker@HOST, or beat@HOST:PID
            if name.decode(errors="replace").rpartition("@")[2].partition(":")[0] == host
        ]
        if silences and min(silences) <= seconds:
            self.stdout.write(f"{process} sent a heartbeat {max(0.0, min(silences)):.1f} s ago.")
            return
        self.stderr.write(f"{process} has sent no heartbeat for {seconds:g} s.")
        sys.exit(1)
