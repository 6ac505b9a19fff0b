"""Tasks in the queues of a Redis broker and at its workers, by the root id of each task.

These are all places of a task: it waits in a queue, or a live worker has it. A message that is delivered but not
acknowledged is at a worker. If that worker is dead, the broker delivers the message again only an hour later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.celery.heartbeats import read_beats
from integrations.redis import FailFastRedis

__all__ = ["BrokerQueues", "Undecided", "tasks_at_workers", "tasks_in_queues"]

_PAGE = 500
_MESSAGES_MAX = 20_000
_STEPS = (0, 3, 6, 9)
_SEPARATOR = "\x06\x16"


class Undecided(Exception):
    """The places of all tasks cannot be determined."""


@dataclass(frozen=True)
class BrokerQueues:
    """Names of the broker's queues.

    Attributes:
        names: The queues.
        options: Celery's ``broker_transport_options``, which change how a queue is stored.
    """

    names: Iterable[str]
    options: Mapping[str, Any] = field(default_factory=dict)

    def stored_as(self) -> Iterator[str]:
        """Yield the key of each queue's list, one for each priority."""
        prefix, separator = self.options.get("global_keyprefix", ""), self.options.get("sep", _SEPARATOR)
        for name in sorted(set(self.names)):
            for step in self.options.get("priority_steps", _STEPS):
                yield f"{prefix}{name}{separator}{step}" if step else f"{prefix}{name}"


def tasks_at_workers(store: FailFastRedis) -> tuple[set[str], set[str]]:
    """Return the tasks that live workers have, and the queues they take from.

    Raises:
        RedisUnavailable: The heartbeats cannot be read.
        Undecided: A worker does not list its tasks: it runs an earlier release, or has too many.
    """
    tasks: set[str] = set()
    queues: set[str] = set()
    for beat in read_beats(store):
        if not beat.is_live():
            continue
        if "tasks" not in beat.facts or beat.facts.get("tasks_cut"):
            raise Undecided(f"{beat.name} does not list its tasks")
        tasks.update(beat.facts["tasks"])
        queues.update(beat.facts.get("queues", ()))
    return tasks, queues


def tasks_in_queues(broker: FailFastRedis, queues: BrokerQueues, wanted: set[str]) -> set[str]:
    """Return the wanted tasks that wait in a queue.

    Raises:
        RedisUnavailable: The broker does not answer.
        Undecided: Too many messages wait to read them all.
    """
    found: set[str] = set()
    read = 0
    for key in queues.stored_as():
        # From the end that is written to: concurrent writes may repeat a message, but never hide one.
        begin = 0
        while wanted - found:
            page = _page(broker, key, begin)
            found |= wanted & {root for message in page for root in _roots(message)}
            begin, read = begin + len(page), read + len(page)
            if len(page) < _PAGE:
                break
            if read >= _MESSAGES_MAX:
                raise Undecided(f"more than {_MESSAGES_MAX} messages wait")
    return found


def _page(broker: FailFastRedis, key: str, begin: int) -> list[Any]:
    return broker.run(lambda client: client.lrange(key, begin, begin + _PAGE - 1))


def _roots(message: Any) -> tuple[str, ...]:
    try:
        headers = json.loads(message)["headers"]
        return str(headers.get("root_id")), str(headers.get("id"))
    except (AttributeError, KeyError, TypeError, ValueError):
        return ()
