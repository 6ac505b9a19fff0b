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
    """Records failures and reads them back. Never raises."""

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

        An exception that any hook has already recorded is the same occurrence: its record gets the new context, and no
        count increases.

        Args:
            error: The exception, or a message.
            context: Any value; stored scrubbed and bounded.
            user_id: Id of the affected user; the running request's user when omitted.
            request_path: Path of the request; the running request's path when omitted.
            severity: ``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``; case-insensitive. Aliases, all in
                `errors.severity.ALIASES`: ``TRACE`` is DEBUG, ``NOTICE`` INFO, ``WARN`` WARNING, ``ERR`` ERROR,
                ``FATAL``, ``CRIT``, ``ALERT``, ``EMERGENCY`` and ``PANIC`` are CRITICAL. A level of `logging`
                (30, ``logging.WARNING``) means the severity it reaches. Any other value is ERROR.
            source: The reporting hook.
            operation: Id of the failed operation; repeated reports of one id count once.

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
            limit: Maximum number; the ring holds 100.

        Returns:
            Dicts with ``timestamp``, ``error_type``, ``error_module``, ``error_message``, ``severity``, ``user_id``,
            ``request_path``, ``context``, ``traceback``, ``event_id``, ``fingerprint``, ``occurrences`` (current total
            of the group), ``request_id``, ``task``, ``release``, ``source``.
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
            limit: Maximum number; all (`conf.max_groups` at most) when omitted.

        Returns:
            Dicts with these texts: ``fingerprint``, ``total``, ``type`` (bare name), ``module``, ``message``,
            ``severity``, ``site``, ``parts`` (JSON list), ``first_seen_ms``, ``last_seen_ms``, ``last_event_id``,
            ``state`` (``new``, ``ongoing``, ``resolved``, ``regressed``), ``releases`` (one per line, oldest first).
            These are int: ``users`` (distinct, within 1 %), ``forwarded`` (occurrences that forwarded events
            represent) and ``pending`` (occurrences that the group's next event will represent). ``reasons`` is a list
            of ``{"reason", "count"}`` for the occurrences that state a reason, the most frequent first. The list of
            groups is empty while Redis is unavailable.
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
            The fields of `get_groups`, and ``first_seen``, ``last_seen`` (ISO, UTC), ``why`` (list of the fingerprint's
            parts), ``aliases`` (other keys that find the group, also as ``key`` here), ``joined`` (keys of the same bug
            whose occurrences count in this group; they find it as well), ``minutes`` (``[minute, count]`` of the last
            24 hours, oldest first, only minutes with occurrences), ``traceback`` (a sample), ``related`` (at most 49
            groups of the same site, as in `get_groups`). None for an unknown group or while Redis is unavailable.
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
            Whether the group is known; False also while Redis is unavailable.
        """
        with guarded("resolve_group"):
            try:
                return error_store.resolve(key)
            except RedisUnavailable:
                return False
        return False
