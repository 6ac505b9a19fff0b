"""The sample files and what is made of them."""

from __future__ import annotations

import hashlib
import re

import pytest

from designs.exceptions import EnginelBaseException
from enginel.sample.corpus import GOOD, GoodFile, sample_path
from enginel.sample.damage import DAMAGED, ODD, DamagedFile, OddFile
from enginel.sample.damage.edits import removed, replaced


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_samples_are_the_files_the_table_describes(good: GoodFile) -> None:
    table = sample_path("README.md").read_text()
    row = next(line for line in table.splitlines() if line.startswith(f"| {good.name} |"))

    assert hashlib.sha256(sample_path(good.name).read_bytes()).hexdigest()[:12] in row
    assert f" {good.solids} / {good.faces} " in row


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.name)
def test_every_sample_has_its_licence_text(good: GoodFile) -> None:
    texts = [path.read_text() for path in sample_path("LICENSES").iterdir()]

    assert sum(good.name in text for text in texts) == 1


def test_names_of_made_files_are_unique() -> None:
    names = [case.name for case in (*DAMAGED, *ODD)]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", [*DAMAGED, *ODD], ids=lambda case: case.name)
def test_made_files_are_the_same_each_time(case: DamagedFile | OddFile) -> None:
    assert case.build() == case.build()


def test_damage_covers_every_class_files_can_cause_and_hangs_are_few() -> None:
    expected = {case.expected.__name__ for case in DAMAGED}

    assert expected == {
        "BOMExtractionError", "CorruptedFile", "GeometryProcessingError", "InvalidFileFormat",
        "TaskTimeoutError", "UnitConversionError",
    }  # fmt: skip
    assert all(issubclass(case.expected, EnginelBaseException) for case in DAMAGED)
    assert sum(case.slow for case in DAMAGED) == 1


def test_an_edit_that_changes_nothing_is_an_error() -> None:
    with pytest.raises(LookupError):
        replaced(b"abc", re.escape(b"x"), b"y")
    with pytest.raises(LookupError):
        removed(b"#1=A();", b"B", count=0)
