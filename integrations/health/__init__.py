"""django-health-check plugins of what Enginel needs. Messages of a fixed vocabulary: no host, path or exception text.

What went wrong in detail is the ``__cause__`` of what a plugin raises, for the eyes of admins.
"""

from integrations.health.cad_kernel import CADKernel, SentryDelivery
from integrations.health.celery import Beat, CeleryWorkers, broker_redis_url
from integrations.health.database import Database
from integrations.health.plugin import Plugin
from integrations.health.redis import Redis
from integrations.health.storage import Storage

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
