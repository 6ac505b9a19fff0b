"""Base class of the health check plugins."""

from __future__ import annotations

import dataclasses
from typing import Any

from health_check.base import HealthCheck

__all__ = ["Plugin"]


@dataclasses.dataclass
class Plugin(HealthCheck):  # type: ignore[misc] # the base has no types
    """A check that adds a message and facts to its result.

    Attributes:
        message: Text for a healthy component.
        facts: Public facts.
        private_facts: Facts for admins, with full names of hosts and queues.
    """

    message: str = dataclasses.field(default="answers", init=False, repr=False)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict, init=False, repr=False)
    private_facts: dict[str, Any] = dataclasses.field(default_factory=dict, init=False, repr=False)
