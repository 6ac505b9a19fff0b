from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client

from designs.models import Membership, Organization, Role, Series, User
from tests.designs.conftest import ClientOf

pytestmark = pytest.mark.django_db

URL = "/api/series/"


def begin(client: Client, **body: Any) -> Any:
    return client.post(URL, {"part_number": "B2", "name": "Bracket", **body}, content_type="application/json")


def test_an_engineer_begins_a_series_in_the_only_own_organization(
    api: Client, acme: Organization, engineer: User
) -> None:
    answer = begin(api, description="Left\nhand")

    assert answer.status_code == 201
    series = Series.objects.get(pk=answer.json()["id"])
    assert (series.organization, series.part_number, series.created_by) == (acme, "B2", engineer)
    assert answer.json()["organization"] == str(acme.pk)
    assert series.description == "Left\nhand"


def test_a_member_of_two_organizations_must_name_one(
    api: Client, acme: Organization, rival: Organization, engineer: User
) -> None:
    Membership.objects.create(user=engineer, organization=rival, role=Role.ENGINEER)

    assert begin(api).status_code == 400
    assert begin(api, organization=str(rival.pk)).status_code == 201
    assert Series.objects.get().organization == rival


def test_a_series_without_an_organization_begins_in_the_primary_one(
    api: Client, rival: Organization, engineer: User
) -> None:
    Membership.objects.create(user=engineer, organization=rival, role=Role.ENGINEER, is_primary=True)

    assert begin(api).status_code == 201
    assert Series.objects.get().organization == rival


def test_a_member_of_no_organization_is_told_to_name_one(client_of: ClientOf) -> None:
    answer = begin(client_of(User.objects.create_user("lonely")))

    assert answer.status_code == 400
    assert "organization" in answer.json()["detail"]


def test_a_foreign_organization_is_404(api: Client, rival: Organization) -> None:
    assert begin(api, organization=str(rival.pk)).status_code == 404
    assert not Series.objects.exists()


def test_a_viewer_begins_nothing(client_of: ClientOf, viewer: User) -> None:
    answer = begin(client_of(viewer))

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_permissions")
    assert not Series.objects.exists()


def test_a_part_number_in_use_is_409_and_names_the_field(api: Client, series: Series) -> None:
    answer = begin(api, part_number=series.part_number)

    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate_part_number")
    assert answer.json()["field"] == "part_number"
    assert answer.json()["error_id"]
    assert Series.objects.count() == 1


def test_a_part_number_taken_between_look_and_insert_is_409(
    api: Client, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "exists", lambda self: False)

    assert begin(api, part_number=series.part_number).status_code == 409


def test_another_organization_may_use_the_same_part_number(client_of: ClientOf, stranger: User, series: Series) -> None:
    assert begin(client_of(stranger), part_number=series.part_number).status_code == 201


def test_list_and_detail_show_own_series_only(api: Client, series: Series, rival: Organization) -> None:
    foreign = Series.objects.create(organization=rival, part_number="X", name="foreign")

    assert [result["id"] for result in api.get(URL).json()["results"]] == [str(series.pk)]
    assert api.get(f"{URL}{series.pk}/").json()["part_number"] == "AS1"
    assert api.get(f"{URL}{foreign.pk}/").status_code == 404


def test_list_needs_the_same_queries_for_many_as_for_one(
    api: Client, acme: Organization, django_assert_max_num_queries: Any
) -> None:
    Series.objects.bulk_create(Series(organization=acme, part_number=f"P{number}", name="part") for number in range(20))

    with django_assert_max_num_queries(4):
        assert api.get(URL).json()["count"] == 20


@pytest.mark.parametrize(
    "body",
    [
        {"part_number": ""},
        {"part_number": "   "},
        {"part_number": "x" * 101},
        {"part_number": "a\nb"},
        {"part_number": "a\u202eb"},
        {"part_number": None},
        {"name": "x" * 201},
        {"name": {"a": 1}},
        {"description": "x" * 10_001},
        {"organization": "acme"},
        {"organization": -1},
        {"organization": None},
    ],
)
def test_unusable_fields_are_400_and_named(api: Client, body: dict[str, Any]) -> None:
    answer = begin(api, **body)

    assert answer.status_code == 400
    assert set(answer.json()["detail"]) == set(body)
    assert not Series.objects.exists()
