"""The scrubber of Sentry events, with the same rules as for records, and the account of delivered occurrences."""

from __future__ import annotations

from functools import lru_cache

from designs.conf import conf
from designs.monitoring.controlled.program_names import is_known_frame, is_known_type
from designs.monitoring.errors.delivery_counts import Account, account_of
from designs.monitoring.errors.store import error_store
from designs.monitoring.redaction import redact, redacted_str
from designs.monitoring.sentry.content_frames import first_with_content
from designs.monitoring.sentry.occurrence import inert_text_of
from designs.monitoring.withheld import ids_only, is_id, is_withheld, is_withheld_line, path_of_ids
from integrations.redis import RedisUnavailable
from integrations.sentry import Scrubber

__all__ = ["SCRUBBER", "sentry_account"]

_CACHED_CHARS = 512


def _text(text: str, max_chars: int) -> str:
    if len(text) > _CACHED_CHARS:
        return redacted_str(text, max_chars)
    return _cached(text, max_chars, conf.redact_email, conf.redact_ip)


@lru_cache(maxsize=4_096)
def _cached(text: str, max_chars: int, *settings: bool) -> str:
    # Cached because every event of a function repeats its source lines. The settings only extend the cache key.
    return redacted_str(text, max_chars)


SCRUBBER = Scrubber(
    text=_text,
    value=redact,
    text_of=inert_text_of,
    withholds=is_withheld,
    withholds_line=is_withheld_line,
    ids_only=ids_only,
    path_of_ids=path_of_ids,
    knows_type=is_known_type,
    knows_frame=is_known_frame,
    is_id=is_id,
    first_closed=first_with_content,
)


def sentry_account() -> Account | None:
    """Return the counts of delivered, pending and undelivered occurrences; None if Redis is unavailable."""
    try:
        return account_of(error_store.totals())
    except RedisUnavailable:
        return None
