from __future__ import annotations

import io

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from designs import models
from designs.models import BOMItem, Clearance, Design, Membership, Organization, Role, Series
from designs.models.text import validate_one_line
from tests.designs.conftest import MakeDesign, MakeMember

pytestmark = pytest.mark.django_db


def test_migrations_hold_all_of_the_models() -> None:
    call_command("makemigrations", "designs", check=True, dry_run=True, stdout=io.StringIO())


def test_facade_exports_every_model_and_choice() -> None:
    public = {name for name, value in vars(models).items() if isinstance(value, type | tuple)}

    assert set(models.__all__) == public


@pytest.mark.parametrize(
    ("role", "other", "expected"),
    [
        (Role.OWNER, Role.ADMIN, True),
        (Role.ADMIN, Role.ADMIN, True),
        (Role.ENGINEER, Role.ADMIN, False),
        (Role.VIEWER, Role.ENGINEER, False),
        (Role.VIEWER, Role.VIEWER, True),
    ],
)
def test_roles_rank_from_viewer_to_owner(role: Role, other: Role, expected: bool) -> None:
    assert role.at_least(other) is expected


def test_organization_limits_have_the_documented_defaults(acme: Organization) -> None:
    assert (acme.max_users, acme.max_designs, acme.storage_quota_bytes) == (10, 1000, 10 * 1024**3)


def test_usage_counts_designs_of_all_series_and_of_no_other_organization(
    acme: Organization, rival: Organization, make_design: MakeDesign
) -> None:
    second = Series.objects.create(organization=acme, part_number="AS2", name="two")
    foreign = Series.objects.create(organization=rival, part_number="AS1", name="one")
    make_design(b"12345")
    make_design(b"123", series=second)
    make_design(b"1234567", series=foreign)

    assert (acme.design_count(), acme.storage_used_bytes()) == (2, 8)


def test_usage_of_an_empty_organization_is_zero(acme: Organization) -> None:
    assert (acme.design_count(), acme.storage_used_bytes()) == (0, 0)


def test_storage_name_is_made_of_ids_only(make_design: MakeDesign, acme: Organization) -> None:
    design = make_design(file_name="../../etc/passwd.step")

    assert design.stored_as == f"designs/{acme.pk}/{design.pk}.step"


def test_storage_name_of_iges_ends_in_igs(make_design: MakeDesign) -> None:
    assert make_design(kind="iges").stored_as.endswith(".igs")


def test_a_part_number_is_once_in_an_organization(series: Series, rival: Organization) -> None:
    Series.objects.create(organization=rival, part_number=series.part_number, name="elsewhere")

    with pytest.raises(IntegrityError), transaction.atomic():
        Series.objects.create(organization=series.organization, part_number=series.part_number, name="again")


def test_a_version_is_once_in_a_series(make_design: MakeDesign) -> None:
    make_design(version=1)

    with pytest.raises(IntegrityError), transaction.atomic():
        make_design(version=1)


def test_a_user_is_once_in_an_organization(make_member: MakeMember, acme: Organization) -> None:
    user = make_member()

    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=user, organization=acme)


@pytest.mark.parametrize("facts", [{"status": "lost"}, {"classification": 4}])
def test_the_database_refuses_unknown_choices_of_a_design(make_design: MakeDesign, facts: dict[str, object]) -> None:
    design = make_design()

    with pytest.raises(IntegrityError), transaction.atomic():
        Design.objects.filter(pk=design.pk).update(**facts)


@pytest.mark.parametrize("facts", [{"role": "king"}, {"clearance": 9}])
def test_the_database_refuses_unknown_choices_of_a_membership(
    make_member: MakeMember, facts: dict[str, object]
) -> None:
    user = make_member()

    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(user=user).update(**facts)


def test_what_holds_files_is_not_deleted_by_a_cascade(make_design: MakeDesign, acme: Organization) -> None:
    design = make_design()

    with pytest.raises(ProtectedError):
        design.series.delete()
    with pytest.raises(ProtectedError):
        acme.delete()


def test_a_design_outlives_the_user_who_made_it(make_design: MakeDesign, make_member: MakeMember) -> None:
    user = make_member()
    design = make_design(created_by=user)

    user.delete()

    design.refresh_from_db()
    assert design.created_by is None


def test_bom_quantity_holds_more_than_32_bits(make_design: MakeDesign) -> None:
    item = BOMItem.objects.create(design=make_design(), part="bolt", quantity=10**15, position=1)

    item.refresh_from_db()
    assert item.quantity == 10**15


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "\x1b[31m", "a\u202eb", "a\u200bb", "a\u2028b", "\ud800"])
def test_one_line_text_refuses_what_breaks_hides_or_turns_it(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_one_line(text)


@pytest.mark.parametrize("text", ["", "AS1-PE/203 (b)", "Plättchen", "部品"])
def test_one_line_text_may_be_of_any_script(text: str) -> None:
    validate_one_line(text)


def test_names_for_people(make_design: MakeDesign, acme: Organization, make_member: MakeMember) -> None:
    design = make_design()
    user = make_member()

    assert str(design) == "AS1 version 1"
    assert str(design.series) == "AS1 Assembly one"
    assert str(acme) == "Acme"
    assert str(Membership.objects.get(user=user)) == f"{user} in Acme: ENGINEER"
    assert str(Clearance.TOP_SECRET.label) == "Top secret"
