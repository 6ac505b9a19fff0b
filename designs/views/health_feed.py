"""RSS and Atom feeds of health changes: one entry for each change of a component within the last day."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed

from designs.conf import conf
from designs.monitoring import HealthReport

__all__ = ["render_feed"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Namespace of the entry ids. With another value, readers would show every change of the last day again.
_ENTRY_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://enginel.invalid/health/changes")


class _ChangeDatedFeed(SyndicationFeed):
    """Feed dated with its newest change. Django would date an empty feed with the time of the request."""

    def latest_post_date(self) -> datetime:
        return cast("datetime", self.feed["changed_at"])


class _Rss(_ChangeDatedFeed, Rss201rev2Feed):
    pass


class _Atom(_ChangeDatedFeed, Atom1Feed):
    pass


_KINDS: dict[str, type[SyndicationFeed]] = {"rss": _Rss, "atom": _Atom}


def render_feed(
    request: HttpRequest,
    kind: str,
    report: HealthReport,
    known: Mapping[str, Mapping[str, str]],
    changes: Iterable[Any],
) -> HttpResponse:
    """Return the feed, or 304 if the client has the current version already.

    Args:
        request: Its path and its ``checks`` parameter make the address of the page that entries link to.
        kind: ``rss`` or ``atom``.
        report: The health report with the components of the feed.
        known: Component -> facts with at least ``since``; see `HealthChecker.last_known`.
        changes: Changes of state, newest first; see `HealthChecker.transitions`.
    """
    page = _page_url(request)
    moments = [known[name]["since"] for name in report.outcomes if "since" in known.get(name, {})]
    changed_at = max(map(datetime.fromisoformat, moments), default=report.checked_at)
    feed = _KINDS[kind](
        title=f"{_text(conf.service)} health",
        link=page,
        description="Changes of the health of its components within the last day.",
        language="en",
        author_name=_text(conf.service),
        feed_url=request.build_absolute_uri(),
        feed_guid=page,
        changed_at=changed_at,
    )
    for change in changes:
        _add(feed, page, change)
    body = feed.writeString("utf-8")
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    response = HttpResponse(body, content_type=f"application/{kind}+xml; charset=utf-8", headers=headers)
    response.headers["Last-Modified"] = changed_at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    answer = get_conditional_response(request, etag, int(changed_at.timestamp()), response)
    return cast("HttpResponse", answer)


def _add(feed: SyndicationFeed, page: str, change: Mapping[str, str]) -> None:
    component, at = change["component"], datetime.fromisoformat(change["at"])
    message = _text(change["message"])
    feed.add_item(
        title=f"{component}: {change['previous']} → {change['status']}",
        link=f"{page}#{component}",
        description=f"{component} was {change['previous']} and is {change['status']} since {change['at']}."
        + (f" Message: {message}." if message else ""),
        unique_id=uuid.uuid5(_ENTRY_NAMESPACE, f"{component} {change['at']} {change['status']}").urn,
        unique_id_is_permalink=False,
        pubdate=at,
        updateddate=at,
        categories=[component, change["status"]],
    )


def _page_url(request: HttpRequest) -> str:
    """Return the URL of the status page for the same components."""
    checks = request.GET.get("checks")
    return request.build_absolute_uri(f"{request.path}?format=html" + (f"&checks={checks}" if checks else ""))


def _text(text: str) -> str:
    return _NOT_XML.sub("", text)
