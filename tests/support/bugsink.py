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
import requests

from enginel.local.bugsink import Bugsink
from enginel.local.processes import LocalError
from enginel.local.stack import free_port
from tests.support.stack import wait_for

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
        return self.server.issues(self.ident)

    def events(self, issue: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the stored events in full, oldest first; of one issue or of all.

        ``event_id`` and ``data``, the event as it came.
        """
        found = [issue] if issue is not None else self.issues()
        return [event for one in found for event in self.server.events(one)]

    def data(self, issue: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the events as they came."""
        return [event["data"] for event in self.events(issue)]

    def count(self) -> int:
        """Return how many events were stored."""
        return sum(int(issue["digested_event_count"]) for issue in self.issues())

    def resolve(self, issue: dict[str, Any]) -> None:
        """Mark an issue as resolved, as a person does on its page."""
        self.server.ask(f"issues/{issue['id']}/resolve/", "POST")

    def page(self, url: str) -> str:
        """Return a page as a person reads it who has logged in."""
        user, password = self.server.login.split(" / ")
        with requests.Session() as session:
            login = f"{self.server.url}/accounts/login/"
            session.get(login, timeout=10)
            form = {"username": user, "password": password, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
            session.post(login, form, headers={"Referer": login}, timeout=10).raise_for_status()
            answer = session.get(url, timeout=10)
            answer.raise_for_status()
            return answer.text

    def wait_for_events(self, count: int, seconds: float = WAIT_SECONDS) -> list[dict[str, Any]]:
        """Wait until at least so many events are stored, and return them as they came."""
        wait_for(lambda: self.count() >= count, seconds)
        return self.data()


def new_project(server: Bugsink) -> SentryProject:
    """Make a project that holds nothing."""
    wanted = {"team": server.team, "name": f"test{next(_numbers)}", "visibility": "team_members"}
    found = server.ask(f"projects/{server.ask('projects/', 'POST', json=wanted)['id']}/")
    return SentryProject(server, int(found["id"]), found["dsn"])


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
