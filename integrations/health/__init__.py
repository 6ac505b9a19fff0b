"""django-health-check plugins for the components that Enginel needs.

Messages have a fixed vocabulary, without hosts, paths or exception texts. The details are in the ``__cause__`` of the
exception that a plugin raises; only admins see them.
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
