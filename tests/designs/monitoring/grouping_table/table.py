"""All cases of the table."""

from __future__ import annotations

from tests.designs.monitoring.grouping_table import (
    cases_async,
    cases_calls,
    cases_chains,
    cases_comprehensions,
    cases_django,
    cases_flow,
    cases_installs,
    cases_libraries,
    cases_messages,
    cases_names,
    cases_outages,
    cases_positions,
    cases_rules,
    cases_statements,
    cases_texts,
)
from tests.designs.monitoring.grouping_table.model import Case

__all__ = ["CASES"]

_MODULES = (
    cases_comprehensions, cases_statements, cases_texts, cases_positions, cases_names, cases_calls, cases_flow,
    cases_async, cases_chains, cases_installs, cases_libraries, cases_django, cases_rules,
    cases_outages, cases_messages,
)  # fmt: skip
CASES: tuple[Case, ...] = tuple(case for module in _MODULES for case in module.CASES)
