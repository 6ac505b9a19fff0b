"""The guide's view: it adds context to an error and raises it on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from designs.models import Membership, Organization, Role, User
from designs.monitoring import ErrorTracker
from enginel.sample.damage import DAMAGED
from enginel.sample.damage.edits import sample
from tests.designs.conftest import MakeDesign

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.guide.documented_view")]


def bad_file() -> bytes:
    return next(case for case in DAMAGED if case.name == "empty_loop.step").build()


def test_a_good_file_is_answered_and_recorded_nowhere(api: Client, make_design: MakeDesign) -> None:
    design = make_design(sample("material.stp"))

    answer = api.post(f"/api/designs/{design.pk}/process/")

    assert (answer.status_code, answer.json()) == (200, {"solids": 1})
    assert ErrorTracker.get_recent_errors() == []


def test_a_bad_file_is_one_occurrence_with_the_context_of_the_view(
    api: Client, make_design: MakeDesign, engineer: User, acme: Organization
) -> None:
    design = make_design(bad_file())

    answer = api.post(f"/api/designs/{design.pk}/process/")

    assert answer.status_code == 422
    assert "Failed to parse" in answer.json()["detail"]
    [record] = ErrorTracker.get_recent_errors()
    assert (record["occurrences"], record["event_id"]) == (1, answer.json()["error_id"])
    assert record["error_type"] == "GeometryProcessingError"
    assert record["context"]["design_id"] == str(design.pk)
    assert str(acme.pk) in record["context"]["organization"]
    assert (record["user_id"], record["request_path"]) == (engineer.pk, f"/api/designs/{design.pk}/process/")


@pytest.mark.parametrize("primary", [True, False])
def test_the_organization_is_that_of_the_primary_membership(
    api: Client, make_design: MakeDesign, engineer: User, rival: Organization, primary: bool
) -> None:
    Membership.objects.create(user=engineer, organization=rival, role=Role.ENGINEER, is_primary=primary)

    assert api.post(f"/api/designs/{make_design(bad_file()).pk}/process/").status_code == 422

    shown: Any = ErrorTracker.get_recent_errors()[0]["context"]["organization"]
    assert (str(rival.pk) in shown) if primary else (shown is None)
