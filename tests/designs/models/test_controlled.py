"""Whatever loads or writes rows of a controlled design notes it in the context; rows of others leave no mark."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers
from django.db import IntegrityError, transaction
from django.db.models import F, Value

from designs import context
from designs.models import BOMItem, Design, Geometry, Series
from tests.designs.conftest import MakeDesign

pytestmark = pytest.mark.django_db

MARKS: dict[str, dict[str, Any]] = {"export-controlled": {"is_itar": True}, "classified": {"classification": 1}}
NAME = "ZQX-Marker-7341"


@pytest.fixture(params=["ordinary", *MARKS])
def marks(request: pytest.FixtureRequest) -> dict[str, Any]:
    return MARKS.get(str(request.param), {})


@pytest.fixture
def design(make_design: MakeDesign, marks: dict[str, Any]) -> Design:
    design = make_design(file_name=NAME, **marks)
    BOMItem.objects.create(design=design, part=NAME, quantity=1, position=1)
    Geometry.objects.create(
        design=design, solids=1, faces=6, kernel_version="7", duration_seconds=1.0, peak_memory_bytes=1
    )
    forget()
    return design


def forget() -> None:
    context.start(context.RunContext(request_id="another-request"))


def facts(design: Design, **changed: Any) -> dict[str, Any]:
    fields = ("series_id", "file_name", "size_bytes", "sha256", "kind", "is_itar", "classification")
    return {**{name: getattr(design, name) for name in fields}, "version": 99, "file": "x", **changed}


def fixture_of(row: Any) -> Any:
    text = serializers.serialize("json", [row])
    forget()
    return next(iter(serializers.deserialize("json", text)))


def marked_later(design: Design) -> Design:
    late = Design(**facts(design, is_itar=False, classification=0))
    vars(late).update(is_itar=design.is_itar, classification=design.classification)
    return late


def part_of(design: Design) -> BOMItem:
    return BOMItem(design_id=design.pk, part=NAME, quantity=1, position=7)


LOADING: dict[str, Callable[[Design], object]] = {
    "design": lambda d: Design.objects.get(pk=d.pk),
    "pickled design": lambda d: pickle.loads(pickle.dumps(d)),
    "series": lambda d: Series.objects.get(pk=d.series_id),
    "series of an organization": lambda d: list(d.series.organization.series.all()),
    "series in bulk": lambda d: Series.objects.in_bulk([d.series_id]),
    "item": lambda d: BOMItem.objects.get(design_id=d.pk),
    "items": lambda d: list(BOMItem.objects.filter(part=NAME)),
    "iterated items": lambda d: list(BOMItem.objects.iterator()),
    "geometry": lambda d: Geometry.objects.first(),
}
WRITING: dict[str, Callable[[Design], object]] = {
    "built": lambda d: Design(**facts(d)),
    "created": lambda d: Design.objects.create(**facts(d)),
    "marked after it was built": lambda d: marked_later(d).save(),
    "in bulk": lambda d: Design.objects.bulk_create([marked_later(d)]),
    "changed in bulk": lambda d: Design.objects.bulk_update([marked_later(d)], ["unit"]),
    "fixture": lambda d: fixture_of(d).save(),
    "fixture of an item": lambda d: fixture_of(BOMItem.objects.get(design_id=d.pk)).save(),
    "marked by a query": lambda d: Design.objects.filter(pk=d.pk).update(
        is_itar=d.is_itar, classification=d.classification
    ),
    "item": lambda d: part_of(d).save(),
    "items in bulk": lambda d: BOMItem.objects.bulk_create([part_of(d)]),
}


@pytest.mark.parametrize("way", LOADING)
def test_what_loads_a_row_of_a_controlled_design_notes_it(design: Design, marks: dict[str, Any], way: str) -> None:
    design.series.organization  # noqa: B018 - loaded before
    forget()

    LOADING[way](design)

    assert context.is_controlled() is bool(marks)


@pytest.mark.parametrize("way", WRITING)
def test_what_writes_a_row_of_a_controlled_design_notes_it(design: Design, marks: dict[str, Any], way: str) -> None:
    WRITING[way](design)

    assert context.is_controlled() is bool(marks)


@pytest.mark.parametrize(
    ("rows", "column"), [(Design.objects, "file_name"), (Series.objects, "name"), (BOMItem.objects, "part")]
)
def test_an_update_that_fails_notes_a_controlled_design(design: Design, rows: Any, column: str) -> None:
    # Ordinary rows, too, within a transaction: it takes no more queries, so they are in doubt.
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**{column: Value(None)})

    assert context.is_controlled()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("marks", [{}], indirect=True)
def test_an_update_of_ordinary_rows_that_fails_leaves_no_mark(design: Design) -> None:
    with pytest.raises(IntegrityError):
        BOMItem.objects.update(part=Value(None))

    assert not context.is_controlled()


def test_an_expression_for_a_mark_is_in_doubt(design: Design) -> None:
    Design.objects.filter(pk=design.pk).update(classification=F("classification"))

    assert context.is_controlled()


def test_related_rows_of_a_loaded_design_ask_nothing_more(
    design: Design, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1) as queries:
        list(design.bom_items.all())

    assert "is_itar" not in queries[0]["sql"]
