"""Version 1 of the key is frozen: what it made of these inputs, it makes forever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from designs.monitoring.fingerprint import VERSION, fingerprint_event
from designs.monitoring.fingerprint.messages import normalize_message

FILE = Path(__file__).resolve().parents[3] / "golden" / f"fingerprints-v{VERSION}.json"
GOLDEN: Mapping[str, Any] = json.loads(FILE.read_text())
ADVICE = (
    "The grouping changed: groups that people know would come back as new ones. Undo the change; or, if it is wanted, "
    "raise VERSION, keep the old version's code beside the new for the keys in `aliases`, and write a new golden file."
)


@pytest.mark.parametrize("case", GOLDEN["events"], ids=lambda case: case["name"])
def test_keys_parts_and_sites_stay(case: dict[str, Any]) -> None:
    with override_settings(ENGINEL_IN_APP_ROOTS=("/srv/app",)):
        made = fingerprint_event(case["event"])

    assert {"key": made.key, "parts": [*made.parts], "site": made.site, "aliases": [*made.aliases]} == case["made"], (
        ADVICE
    )


@pytest.mark.parametrize("case", GOLDEN["messages"], ids=lambda case: case["message"][:40])
def test_cleaned_messages_stay(case: dict[str, str]) -> None:
    assert normalize_message(case["message"]) == case["cleaned"], ADVICE
