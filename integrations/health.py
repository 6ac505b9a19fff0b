"""django-health-check plugins of what a process needs. Fixed vocabulary: no host, path or exception text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connections
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from integrations.redis import FailFastRedis, RedisUnavailable

__all__ = ["CADKernel", "Database", "Redis"]


@dataclasses.dataclass
class Database(HealthCheck):  # type: ignore[misc] # the base has no types
    """A database answers a query."""

    alias: str = "default"

    def run(self) -> None:
        """Raise `ServiceUnavailable` when it does not."""
        try:
            with connections[self.alias].cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError as error:
            raise ServiceUnavailable("does not answer") from error


@dataclasses.dataclass
class Redis(HealthCheck):  # type: ignore[misc] # the base has no types
    """Redis answers a ping."""

    client: FailFastRedis = dataclasses.field(repr=False)

    def run(self) -> None:
        """Raise `ServiceUnavailable` when it does not."""
        try:
            self.client.run(lambda client: client.ping())
        except RedisUnavailable as error:
            raise ServiceUnavailable("does not answer") from error


@dataclasses.dataclass
class CADKernel(HealthCheck):  # type: ignore[misc] # the base has no types
    """The CAD kernel can be used here; without it all but geometry works."""

    is_usable: Callable[[], bool] = dataclasses.field(repr=False)

    def run(self) -> None:
        """Raise `ServiceWarning` when it cannot."""
        if not self.is_usable():
            raise ServiceWarning("not installed: geometry cannot be extracted")
