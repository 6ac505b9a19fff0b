"""django-health-check plugins of what Enginel needs. Messages of a fixed vocabulary: no host, path or exception text.

What went wrong in detail is the ``__cause__`` of what a plugin raises, for the eyes of admins.
"""

from integrations.health.database import Database
from integrations.health.plugin import Plugin
from integrations.health.redis_server import Redis
from integrations.health.service import CADKernel, SentryDelivery
from integrations.health.storage import Storage
from integrations.health.workers import Beat, CeleryWorkers, broker_redis_url

__all__ = [
    "Beat",
    "CADKernel",
    "CeleryWorkers",
    "Database",
    "Plugin",
    "Redis",
    "SentryDelivery",
    "Storage",
    "broker_redis_url",
]
