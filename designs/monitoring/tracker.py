"""ErrorTracker: the public methods. `designs.monitoring.errors` does the work."""

from __future__ import annotations

from typing import Any

from designs.conf import conf
from designs.monitoring.errors.recorder import record
from designs.monitoring.errors.store import error_store
from designs.monitoring.guard import guarded
from integrations.redis import RedisUnavailable

__all__ = ["ErrorTracker"]


class ErrorTracker:
    """Records failures and reads them back. Never raises into its caller."""

    @staticmethod
    def log_error(
        error: object,
        context: Any = None,
        user_id: Any = None,
        request_path: Any = None,
        severity: str | int = "ERROR",
        *,
        source: str = "explicit",
        operation: str = "",
    ) -> dict[str, Any]:
        """Record a failure and return its record.

        An exception that was recorded before, by whichever hook, is the same occurrence: the new context is added to
        its record, and nothing is counted.

        Args:
            error: The exception, or a message.
            context: Any value; stored scrubbed and bounded.
            user_id: Whom it happened to; the running request's user when omitted.
            request_path: Where; the running request's path when omitted.
            severity: ``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``; in any case. Aliases, all of them in
                `errors.severity.ALIASES`: ``TRACE`` is DEBUG, ``NOTICE`` INFO, ``WARN`` WARNING, ``ERR`` ERROR,
                ``FATAL``, ``CRIT``, ``ALERT``, ``EMERGENCY`` and ``PANIC`` are CRITICAL. A level of `logging`
                (30, ``logging.WARNING``) means the severity it reaches. Anything else is ERROR.
            source: Which hook reports it.
            operation: Id of the operation that failed; reported twice, it counts once.

        Returns:
            The record (see `get_recent_errors`); an empty dict if recording itself failed.
        """
        return record(
            error,
            context=context,
            user_id=user_id,
            request_path=request_path,
            severity=severity,
            source=source,
            operation=operation,
        )

    @staticmethod
    def get_recent_errors(limit: int = 50) -> list[dict[str, Any]]:
        """Return the newest records of the last hour, newest first.

        Args:
            limit: At most this many; the ring holds 100.

        Returns:
            Dicts with ``timestamp``, ``error_type``, ``error_module``, ``error_message``, ``severity``, ``user_id``,
            ``request_path``,
            ``context``, ``traceback``, ``event_id``, ``fingerprint``, ``occurrences`` (of the group by now),
            ``request_id``, ``task``, ``release``, ``source``.
        """
        with guarded("get_recent_errors"):
            wanted = min(int(limit), conf.ring_size)
            if wanted > 0:
                return error_store.recent(wanted)
        return []

    @staticmethod
    def get_groups(limit: int | None = None) -> list[dict[str, Any]]:
        """Return groups, most recently seen first.

        Args:
            limit: At most this many; all (`conf.max_groups` at most) when omitted.

        Returns:
            Dicts with ``fingerprint``, ``total``, ``type`` (bare name), ``module``, ``message``, ``severity``,
            ``site``, ``parts`` (JSON list),
            ``first_seen_ms``, ``last_seen_ms``, ``last_event_id``, ``state`` (``new``, ``ongoing``, ``resolved``,
            ``regressed``), ``releases`` (one a line, oldest first), all text, and as int ``users`` (distinct, 1 %
            exact), ``forwarded`` (occurrences that forwarded events stand for) and ``pending`` (those that wait for
            the group's next event), and ``reasons``, a list of ``{"reason", "count"}``, the most frequent first, of
            the occurrences that state one; empty while Redis is away.
        """
        with guarded("get_groups"):
            try:
                return error_store.groups(None if limit is None else int(limit))
            except RedisUnavailable:
                return []
        return []

    @staticmethod
    def get_group(key: str) -> dict[str, Any] | None:
        """Return one group in full.

        Args:
            key: Its fingerprint, an alias or a joined key.

        Returns:
            What `get_groups` tells, and ``first_seen``, ``last_seen`` (ISO, UTC), ``why`` (list of the fingerprint's
            parts), ``aliases`` (other keys that find it, here too), ``joined`` (keys of the same bug whose occurrences
            count here; they find it as well), ``minutes`` (``[minute, count]`` of the last 24 hours, oldest first,
            only minutes with occurrences), ``traceback`` (a sample), ``related`` (groups of the same site, at most
            49, as `get_groups` tells them). None for an unknown group or while Redis is away.
        """
        with guarded("get_group"):
            try:
                return error_store.group(key)
            except RedisUnavailable:
                return None
        return None

    @staticmethod
    def resolve_group(key: str) -> bool:
        """Mark a group as resolved: its next occurrence is a regression and always passes the gate.

        Args:
            key: As for `get_group`.

        Returns:
            Whether the group is known; False also while Redis is away.
        """
        with guarded("resolve_group"):
            try:
                return error_store.resolve(key)
            except RedisUnavailable:
                return False
        return False
