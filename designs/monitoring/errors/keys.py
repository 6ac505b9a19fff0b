"""The Redis keys of the error store: names, types, contents and expiry. Pure.

All keys share the hash tag ``{errors}``, so that one script call may touch several of them on a cluster. Redis's expiry
only bounds memory: the age of records is judged by Django's clock when they are read.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from designs.conf import conf

__all__ = ["GROUP_PREFIX", "GUARD_SECONDS", "KEYS", "PREFIX", "Key", "expiry_seconds"]

# The number is the layout version. Keys of other versions expire by themselves.
PREFIX = "enginel:{errors}:4:"
GROUP_PREFIX = f"{PREFIX}group:"

GUARD_SECONDS = 172_800
"""How long Redis can recognize the repetition of a command that got no answer: two days."""

Expiry = Literal["ring", "group", "guard"]


class Key(NamedTuple):
    """One key, or a family of keys.

    Attributes:
        name: Name behind `PREFIX`; a family ends in a colon, followed by a fingerprint, a site or a slot.
        kind: Type of the value in Redis.
        expiry: Which rule of `expiry_seconds` applies; each write to the group renews it, at most once a minute.
        content: What the value holds.
    """

    name: str
    kind: str
    expiry: Expiry
    content: str


KEYS = (
    Key("ring", "zset", "ring", "places of the newest records by time, at most `conf.ring_size`"),
    Key("records", "hash", "ring", "records by place, with their arrival (#) and merged context (+)"),
    Key("places", "zset", "ring", "fingerprints by the number of places that each holds in the ring"),
    Key("held:", "list", "ring", "places of one group in the ring, oldest first"),
    Key("groups", "zset", "group", "fingerprints by last occurrence, at most `conf.max_groups`"),
    Key("group:", "hash", "group", "one group: facts, counts, minutes, state, releases, reasons, traceback"),
    Key("users:", "string", "group", "HyperLogLog of the users of one group"),
    Key("site:", "zset", "group", "fingerprints of the groups of one site"),
    Key("totals", "hash", "group", "exact counts of all occurrences by kind, severity and delivery"),
    Key("pending", "hash", "group", "occurrences by group that the group's next event will represent"),
    Key("aliases", "hash", "group", "fingerprint by alias"),
    Key("names", "hash", "group", "aliases by fingerprint"),
    Key("operations", "hash", "group", "event id by operation id, at most 50,000"),
    Key("operations_order", "list", "group", "operation ids, oldest first"),
    Key("guard:", "string", "guard", "last sequence of one command slot of a process, with its result"),
)


def expiry_seconds(expiry: Expiry) -> int:
    """Return the seconds after the last write until Redis removes a key."""
    if expiry == "ring":
        return int(conf.ring_seconds) + int(conf.group_seconds)
    group = 2 * int(conf.group_seconds)
    return group if expiry == "group" else max(group, GUARD_SECONDS)
