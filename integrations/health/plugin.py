"""What all plugins have in common."""

from __future__ import annotations

import dataclasses
from typing import Any

from health_check.base import HealthCheck

__all__ = ["Plugin"]


@dataclasses.dataclass
class Plugin(HealthCheck):  # type: ignore[misc] # the base has no types
    """A check that also tells what it found.

    Attributes:
        message: What a healthy component is said to do.
        facts: What anyone may know.
        private_facts: The same names, in full, for admins.
    """

    message: str = dataclasses.field(default="answers", init=False, repr=False)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict, init=False, repr=False)
    private_facts: dict[str, Any] = dataclasses.field(default_factory=dict, init=False, repr=False)
