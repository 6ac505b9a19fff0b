"""The feeds have one entry for each change, and readers see exactly the changes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import feedparser
import pytest
from django.conf import settings
from django.test import Client, override_settings
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from designs.monitoring import HealthChecker
from designs.monitoring.health import checker
from integrations.health import Plugin
from integrations.redis import redis_for
from tests.support.outage import REFUSED_URL

URL = "/api/health/detailed/"
KINDS = ("rss", "atom")
ATOM = "{http://www.w3.org/2005/Atom}"

pytestmark = pytest.mark.django_db


class Part(Plugin):
    """A component whose state the test sets."""

    error: Exception | None = None

    def run(self) -> None:
        if Part.error is not None:
            raise Part.error
        self.message = "answers"


class Well(Plugin):
    def run(self) -> None:
        self.message = "answers"


@pytest.fixture(autouse=True)
def only_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(checker, "_plugins", {"part": Part, "other": Well})
    monkeypatch.setattr(Part, "error", None)
    yield
    assert checker.runner.wait(10)


def find(error: Exception | None) -> None:
    """Have both components checked, one with this error."""
    Part.error = error
    checker.runner.reset()
    HealthChecker.report()
    assert checker.runner.wait(10)


def changed_twice() -> None:
    for error in (None, ServiceUnavailable("does not answer"), ServiceWarning("almost full")):
        find(error)


def read(client: Client, kind: str, **headers: str) -> Any:
    return client.get(URL, {"format": kind}, headers=headers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_that_never_changed_has_no_entry(client: Client, kind: str) -> None:
    find(None)

    feed = feedparser.parse(read(client, kind).content)

    assert (feed.bozo, feed.entries) == (False, [])


@pytest.mark.parametrize("kind", KINDS)
def test_each_change_is_an_entry_with_its_states_message_date_and_link(client: Client, kind: str) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    changed_twice()

    feed = feedparser.parse(read(client, kind).content)

    assert not feed.bozo
    assert [entry.title for entry in feed.entries] == ["part: unhealthy → degraded", "part: healthy → unhealthy"]
    assert "almost full" in feed.entries[0].description
    assert "does not answer" in feed.entries[1].description
    for entry in feed.entries:
        assert began <= datetime(*entry.published_parsed[:6], tzinfo=UTC) <= datetime.now(UTC)
        assert entry.link == f"http://testserver{URL}?format=html#part"
        assert entry.id.startswith("urn:uuid:")
    assert len({entry.id for entry in feed.entries}) == 2
    assert feed.feed.updated_parsed == feed.entries[0].published_parsed


def test_the_page_has_the_anchors_that_entries_link_to(client: Client) -> None:
    assert 'id="part"' in client.get(URL, {"format": "html"}).content.decode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_that_polls_sees_exactly_the_changes(client: Client, kind: str) -> None:
    seen: list[str] = []
    known: set[str] = set()
    etag = ""
    statuses = []
    for error in (None, None, ServiceUnavailable("x"), ServiceUnavailable("y"), None, None, ServiceWarning("z")):
        find(error)
        response = read(client, kind, **({"if-none-match": etag} if etag else {}))
        statuses.append(response.status_code)
        etag = response["ETag"]
        for entry in reversed(feedparser.parse(response.content).entries if response.content else []):
            if entry.id not in known:
                known.add(entry.id)
                seen.append(entry.title)

    assert seen == ["part: healthy → unhealthy", "part: unhealthy → healthy", "part: healthy → degraded"]
    assert statuses == [200, 304, 200, 304, 200, 304, 200]


def test_both_kinds_give_an_entry_the_same_id(client: Client) -> None:
    changed_twice()

    ids = [[entry.id for entry in feedparser.parse(read(client, kind).content).entries] for kind in KINDS]

    assert ids[0] == ids[1]


def test_rss_has_the_required_elements(client: Client) -> None:
    changed_twice()

    response = read(client, "rss")
    root = ET.fromstring(response.content)

    assert response["Content-Type"].startswith("application/rss+xml")
    assert (root.tag, root.attrib["version"]) == ("rss", "2.0")
    [channel] = root
    assert all((channel.findtext(name) or "").strip() for name in ("title", "link", "description"))
    [self_link] = channel.findall(f"{ATOM}link")
    assert self_link.attrib["rel"] == "self"
    items = channel.findall("item")
    dates = [parsedate_to_datetime(item.findtext("pubDate") or "") for item in items]
    assert parsedate_to_datetime(channel.findtext("lastBuildDate") or "") == max(dates)
    for item in items:
        assert item.findtext("title")
        assert (item.findtext("link") or "").startswith("http://")
        [guid] = item.findall("guid")
        assert (guid.attrib["isPermaLink"], (guid.text or "")[:9]) == ("false", "urn:uuid:")


def test_atom_has_the_required_elements(client: Client) -> None:
    changed_twice()

    response = read(client, "atom")
    feed = ET.fromstring(response.content)

    assert response["Content-Type"].startswith("application/atom+xml")
    assert feed.tag == f"{ATOM}feed"
    assert all(len(feed.findall(ATOM + name)) == 1 for name in ("id", "title", "updated"))
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "enginel"
    assert [link.attrib["rel"] for link in feed.findall(f"{ATOM}link")] == ["alternate", "self"]
    entries = feed.findall(f"{ATOM}entry")
    for entry in entries:
        assert all(len(entry.findall(ATOM + name)) == 1 for name in ("id", "title", "updated", "link"))
    updated = [datetime.fromisoformat(entry.findtext(f"{ATOM}updated") or "") for entry in entries]
    assert datetime.fromisoformat(feed.findtext(f"{ATOM}updated") or "") == max(updated)


@pytest.mark.parametrize("kind", KINDS)
def test_with_redis_away_the_feed_is_503_and_not_empty(client: Client, kind: str) -> None:
    find(None)
    with override_settings(REDIS_URL=REFUSED_URL):
        response = read(client, kind)

    assert response.status_code == 503
    assert set(response.json()) == {"detail", "code", "error_id"}


def test_changes_that_an_older_release_stored_are_entries_too(client: Client) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    redis_for(settings.REDIS_URL).run(
        lambda redis: redis.zadd(
            "{health}changes:part",
            {f"{now - 2000}:healthy": now - 2000, f"{now - 1000}:unhealthy": now - 1000},
        )
    )

    assert [entry.title for entry in feedparser.parse(read(client, "atom").content).entries] == [
        "part: healthy → unhealthy"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_characters_that_xml_forbids_are_left_out(client: Client, kind: str) -> None:
    find(None)
    find(ServiceUnavailable("odd \x00\x1b <b>&"))

    feed = feedparser.parse(read(client, kind).content)

    assert (feed.bozo, len(feed.entries)) == (False, 1)


def test_a_feed_of_some_components_links_to_their_page(client: Client) -> None:
    changed_twice()

    response = client.get(URL, {"format": "rss", "checks": "part"})
    other = client.get(URL, {"format": "rss", "checks": "other"})

    [first, _] = feedparser.parse(response.content).entries
    assert first.link == f"http://testserver{URL}?format=html&checks=part#part"
    assert feedparser.parse(other.content).entries == []
