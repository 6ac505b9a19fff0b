from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from designs.models import Organization, Series, User

pytestmark = pytest.mark.django_db

URL = "/api/series/"


@pytest.fixture
def many(acme: Organization, engineer: User) -> None:
    Series.objects.bulk_create(
        Series(organization=acme, part_number=f"P{number:03}", name="part") for number in range(120)
    )


def page(client: Client, **query: Any) -> list[str]:
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.content
    return [result["part_number"] for result in answer.json()["results"]]


@pytest.mark.usefixtures("many")
def test_a_page_has_fifty_items_unless_asked_otherwise(api: Client) -> None:
    assert page(api) == [f"P{number:03}" for number in range(50)]
    assert page(api, page=3) == [f"P{number:03}" for number in range(100, 120)]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("size", [1, 7, 100])
def test_page_size_is_the_clients_choice_up_to_a_hundred(api: Client, size: int) -> None:
    assert len(page(api, page_size=size)) == size


@pytest.mark.usefixtures("many")
def test_the_body_counts_all_and_links_to_the_neighbours(api: Client) -> None:
    body = api.get(URL, {"page": 2, "page_size": 50}).json()

    assert body["count"] == 120
    assert "page=3" in body["next"]
    assert "page_size=50" in body["previous"]


@pytest.mark.parametrize("size", ["0", "101", "-1", "1.5", "ten", "", " 5", "٣", "9" * 5000, "\x00"])
def test_a_page_size_that_cannot_be_given_is_400(api: Client, size: str) -> None:
    answer = api.get(URL, {"page_size": size})

    assert answer.status_code == 400
    assert set(answer.json()["detail"]) == {"page_size"}


@pytest.mark.parametrize("number", ["0", "2", "-1", "x", "1e9", "9" * 19, "9" * 5000, "\x00", "1.5"])
def test_a_page_there_is_not_is_404(api: Client, number: str) -> None:
    answer = api.get(URL, {"page": number})

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"
