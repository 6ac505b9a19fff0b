"""Links from our records to their issues in Sentry."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from designs.conf import conf

__all__ = ["issue_link", "with_issue_link"]


def issue_link(key: str) -> str:
    """Return the URL of a search that finds the issue of a group; empty if no Sentry address is configured.

    Args:
        key: Fingerprint of the group; each of its events carries it as a tag.
    """
    base = conf.sentry_issue_url
    if not base:
        return ""
    # Sentry and GlitchTip read `query`, Bugsink reads `q`; each ignores the other.
    search = urlencode({"query": f'tags[fingerprint]:"{key}"', "q": f'fingerprint:"{key}"'}, quote_via=quote)
    return f"{base.rstrip('/')}/?{search}"


def with_issue_link(key: str) -> dict[str, str]:
    """Return ``{"sentry_url": ...}`` for the description of a record or group; empty without an address."""
    link = issue_link(key)
    return {"sentry_url": link} if link else {}
