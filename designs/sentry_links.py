"""Links from our records to their issues in Sentry."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from designs.conf import conf

__all__ = ["issue_link", "with_issue_link"]


def issue_link(key: str) -> str:
    """Return the address of a search that finds the issue of a group; empty where no address of Sentry is set.

    Args:
        key: The group's fingerprint, which every event of it carries as a tag.
    """
    base = conf.sentry_issue_url
    if not base:
        return ""
    # Sentry and GlitchTip read `query`, Bugsink reads `q`; each ignores the other.
    search = urlencode({"query": f'tags[fingerprint]:"{key}"', "q": f'fingerprint:"{key}"'}, quote_via=quote)
    return f"{base.rstrip('/')}/?{search}"


def with_issue_link(key: str) -> dict[str, str]:
    """Return ``{"sentry_url": ...}``, to be added to what is told of a record or group; empty without an address."""
    link = issue_link(key)
    return {"sentry_url": link} if link else {}
