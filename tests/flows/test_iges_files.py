"""IGES files of unusual forms, uploaded over HTTP and measured by a real worker with the kernel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from designs.cad import FileKind
from enginel.sample.corpus import GOOD
from enginel.sample.damage import DAMAGED, ODD
from tests.stack import RunningStack, manage, wait_for

pytestmark = pytest.mark.timeout(120)

AREA_MM2 = next(good.area_mm2 for good in GOOD if good.kind == FileKind.IGES)
INCH = 25.4
SURFACES = "The file holds surfaces only, so there is no volume."
EXPECTED = {
    "no_last_line.igs": (AREA_MM2, ["The last line of the file (section T) is missing.", SURFACES]),
    "short_global.igs": (
        AREA_MM2 * INCH**2,
        ["The file states no unit of length; the inch is assumed, the default of IGES.", SURFACES],
    ),
    "padded_counts.igs": (AREA_MM2, [SURFACES]),
    "to_the_left.igs": (AREA_MM2, [SURFACES]),
    "comment.igs": (AREA_MM2, [SURFACES]),
}
SETUP = """
from knox.models import AuthToken
from designs.models import Membership, Organization, Role, User
user = User.objects.create_user("iges")
organization = Organization.objects.create(name="IGES", slug="iges")
Membership.objects.create(user=user, organization=organization, role=Role.ENGINEER)
print(AuthToken.objects.create(user=user)[1])
"""


class Engineer:
    """A user who uploads files."""

    def __init__(self, running: RunningStack) -> None:
        self.running = running
        self.token = manage(running.stack, "shell", "--verbosity=0", "--command", SETUP).splitlines()[-1]
        self.series = self.post("/api/series/", json={"part_number": "IGES-1", "name": "IGES"})["id"]

    def post(self, path: str, **body: Any) -> dict[str, Any]:
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
        """Wait until the processing of a design has ended."""
        return wait_for(lambda: self._ended(path), seconds=60)

    def _ended(self, path: str) -> dict[str, Any] | None:
        design = self.running.get(path, self.token)[1]
        # The status comes first, the id of the record once there is one.
        has_record = design["status"] == "failed" and design["error"]["id"]
        return design if design["status"] == "ready" or has_record else None


@pytest.fixture(scope="module")
def engineer(running: RunningStack) -> Engineer:
    return Engineer(running)


def test_unusual_forms_are_measured_and_what_is_odd_is_a_warning(engineer: Engineer) -> None:
    paths = {odd.name: engineer.process(odd.name, odd.build()) for odd in ODD if odd.name in EXPECTED}
    assert paths.keys() == EXPECTED.keys()

    for name, path in paths.items():
        area, warnings = EXPECTED[name]
        assert engineer.outcome(path)["status"] == "ready", name
        geometry = engineer.running.get(f"{path}geometry/?unit=mm", engineer.token)[1]
        assert geometry["area"] == pytest.approx(area, rel=1e-3), name
        assert geometry["warnings"] == warnings, name


def test_a_cut_file_is_one_failure(engineer: Engineer) -> None:
    case = next(case for case in DAMAGED if case.name == "no_last_lines.igs")
    path = engineer.process(case.name, case.build())

    design = engineer.outcome(path)

    assert (design["status"], design["error"]["code"]) == ("failed", "corrupted_file")
    [record] = wait_for(lambda: [one for one in engineer.running.errors() if one["event_id"] == design["error"]["id"]])
    assert record["context"]["details"]["reason"] == "truncated"
