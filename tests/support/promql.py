"""Which metrics an expression of PromQL names, and which there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from designs.monitoring.exposition.metrics_page import page_of
from tests.designs.monitoring.exposition.test_metrics_page import SCRAPE

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"

_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_SELECTORS = re.compile(r"\{[^}]*\}|\[[^\]]*\]")
_GROUPINGS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()\b")
_WORDS = frozenset({"and", "or", "unless", "offset", "bool", "inf", "nan", "sum", "count", "max", "min", "avg", "topk"})
# What Prometheus itself adds.
_OWN = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped"})


def rules(name: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules" / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def names_in(expression: str) -> set[str]:
    for pattern in (_QUOTED, _SELECTORS, _GROUPINGS):
        expression = pattern.sub(" ", expression)
    return {name for name in _NAME.findall(expression) if name not in _WORDS and not re.match(r"\d|[dhms]\b", name)}


def known_names() -> set[str]:
    """Return the names that a page, the recording rules and Prometheus itself have."""
    families = text_string_to_metric_families(page_of(SCRAPE).text().decode())
    on_page = {sample.name for family in families for sample in family.samples}
    return on_page | {rule["record"] for rule in rules("recording.yml")} | _OWN
