"""An engineer uploads files to a running stack over HTTP, and a real worker processes them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.stack import RunningStack, manage, wait_for

__all__ = ["Engineer"]

_SETUP = """
from knox.models import AuthToken
from designs.models import Membership, Organization, Role, User
user = User.objects.create_user("{name}")
organization = Organization.objects.create(name="{name}", slug="{name}")
Membership.objects.create(user=user, organization=organization, role=Role.ENGINEER)
print(AuthToken.objects.create(user=user)[1])
"""


class Engineer:
    """A user with an organization and a series.

    Args:
        running: The stack.
        name: Name of the user, the organization and the part number; a slug.
    """

    def __init__(self, running: RunningStack, name: str) -> None:
        self.running = running
        setup = _SETUP.format(name=name)
        self.token = manage(running.stack, "shell", "--verbosity=0", "--command", setup).splitlines()[-1]
        self.series = self.post("/api/series/", json={"part_number": name, "name": name})["id"]

    def get(self, path: str) -> Any:
        """Return the JSON of a page."""
        return self.running.get(path, self.token)[1]

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Send a request that must succeed, and return its JSON."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.running.http.request("POST", self.running.stack.url + path, headers=headers, **body)
        assert answer.status < 300, answer.data
        return dict(json.loads(answer.data))

    def process(self, name: str, content: bytes) -> str:
        """Upload a file and start its processing; return the path of the design."""
        design = self.post("/api/designs/upload/", fields={"series": self.series, "file": (name, content)})["id"]
        self.post(f"/api/designs/{design}/finalize/")
        return f"/api/designs/{design}/"

    def outcome(self, path: str) -> dict[str, Any]:
        """Wait until a design is ready, or has failed and has the id of its record, which is stored last."""

        def ended() -> dict[str, Any] | None:
            design: dict[str, Any] = self.get(path)
            return design if design["status"] == "ready" or (design["error"] or {}).get("id") else None

        return dict(wait_for(ended, seconds=60))
