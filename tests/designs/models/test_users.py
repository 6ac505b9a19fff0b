"""The user model, and the organization a user works for."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from knox.models import get_token_model

from designs.models import Membership, Organization, Role, User
from tests.designs.conftest import MakeMember

pytestmark = pytest.mark.django_db


def test_the_user_model_is_the_projects_own() -> None:
    assert get_user_model() is User
    assert User._meta.db_table == "designs_user"
    assert get_token_model()._meta.get_field("user").related_model is User


def test_a_user_without_a_membership_has_no_organization() -> None:
    assert User.objects.create_user("newcomer").organization is None


def test_the_only_membership_gives_the_organization(engineer: User, acme: Organization) -> None:
    assert engineer.organization == acme


def test_the_primary_membership_gives_the_organization(engineer: User, acme: Organization, rival: Organization) -> None:
    Membership.objects.create(user=engineer, organization=rival, is_primary=True)

    assert engineer.organization == rival


def test_several_memberships_without_a_primary_one_give_no_organization(engineer: User, rival: Organization) -> None:
    Membership.objects.create(user=engineer, organization=rival)

    assert engineer.organization is None


def test_the_organization_follows_a_change_of_the_memberships(engineer: User, rival: Organization) -> None:
    other = Membership.objects.create(user=engineer, organization=rival)
    assert engineer.organization is None

    Membership.objects.filter(pk=other.pk).update(is_primary=True)

    assert engineer.organization == rival


@pytest.mark.parametrize("others", [0, 1, 20])
def test_the_organization_costs_one_query(engineer: User, others: int, django_assert_num_queries: Any) -> None:
    for number in range(others):
        organization = Organization.objects.create(name=f"Other {number}", slug=f"other-{number}")
        Membership.objects.create(user=engineer, organization=organization, is_primary=number == 0)

    with django_assert_num_queries(1):
        assert str(engineer.organization)


def test_a_user_has_at_most_one_primary_membership(make_member: MakeMember, rival: Organization) -> None:
    user = make_member(is_primary=True)

    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=user, organization=rival, is_primary=True)
    with pytest.raises(ValidationError, match="has a primary membership already"):
        Membership(user=user, organization=rival, is_primary=True).full_clean()


def test_many_users_of_an_organization_may_have_it_as_primary(make_member: MakeMember, acme: Organization) -> None:
    users = [make_member(Role.VIEWER, is_primary=True) for _ in range(3)]

    assert [user.organization for user in users] == [acme] * 3
