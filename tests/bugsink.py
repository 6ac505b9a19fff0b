"""A real Sentry for tests: Bugsink on loopback, one server for the session and a project of its own for each test.

Its answer to an event says nothing: one it holds to be wrong gets 200 and is not stored. So tests read back. It holds
to Sentry's published schema, which knows ``logentry`` and no ``message``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from enginel.local.bugsink import Bugsink
from enginel.local.processes import LocalError
from enginel.local.stack import free_port
from tests.stack import wait_for

__all__ = ["SentryProject", "bugsink", "sentry_project"]

WAIT_SECONDS = 30.0
_numbers = itertools.count(1)


@dataclass
class SentryProject:
    """One project of the server, read back over its API."""

    server: Bugsink
    ident: int
    dsn: str

    def issues(self) -> list[dict[str, Any]]:
        """Return the issues, oldest first: ``id``, ``digested_event_count``, ``calculated_type``, ..."""
        return self._all(f"issues/?project={self.ident}")

    def events(self, issue: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the stored events in full, oldest first; of one issue or of all.

        ``event_id`` and ``data``, the event as it came.
        """
        found = [issue] if issue is not None else self.issues()
        listed = [event for one in found for event in self._all(f"events/?order=asc&issue={one['id']}")]
        return [get(self.server, f"events/{event['id']}/") for event in listed]

    def data(self, issue: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the events as they came."""
        return [event["data"] for event in self.events(issue)]

    def count(self) -> int:
        """Return how many events were stored."""
        return sum(int(issue["digested_event_count"]) for issue in self.issues())

    def wait_for_events(self, count: int, seconds: float = WAIT_SECONDS) -> list[dict[str, Any]]:
        """Wait until at least so many events are stored, and return them as they came."""
        wait_for(lambda: self.count() >= count, seconds)
        return self.data()

    def _all(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        url: str | None = path
        while url:
            page = get(self.server, url)
            found += page["results"]
            url = page["next"]
        return found


def get(server: Bugsink, path: str) -> Any:
    """Return an answer of the API; ``path`` may be a whole URL of it."""
    return _ask(server, "GET", path)


def new_project(server: Bugsink) -> SentryProject:
    """Make a project that holds nothing."""
    name = f"test{next(_numbers)}"
    made = _ask(server, "POST", "projects/", json={"team": server.team, "name": name, "visibility": "team_members"})
    found = get(server, f"projects/{made['id']}/")
    return SentryProject(server, int(found["id"]), found["dsn"])


def _ask(server: Bugsink, method: str, path: str, **options: Any) -> Any:
    url = path if path.startswith("http") else f"{server.url}/api/canonical/0/{path}"
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = urllib3.request(method, url, headers=headers, timeout=20, retries=False, **options)
    assert answer.status in {200, 201}, (answer.status, answer.data[:500])
    return answer.json()


@pytest.fixture(scope="session")
def bugsink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bugsink]:
    """The server; the test is skipped where it cannot be installed, and fails there if CI demands it."""
    server = Bugsink(Path(tmp_path_factory.mktemp("bugsink")), free_port())
    try:
        server.start()
    except LocalError as error:
        if os.environ.get("ENGINEL_REQUIRE_SERVICES"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def sentry_project(bugsink: Bugsink) -> SentryProject:
    """A project of this test alone."""
    return new_project(bugsink)
