"""Parsing of settings from the environment: URLs of external services, and other settings that need more than a line.

A wrong value is reported to `enginel.env.Env`, and a harmless value is returned, so that the system checks report all
problems at once.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
from pathlib import Path
from typing import Any

import dj_database_url
import redis
from sentry_sdk.utils import BadDsn, Dsn

from enginel.env import Env
from integrations.redis.url import TOPOLOGY_SCHEMES, UnusableRedisURL, has_topology, parse_topology

__all__ = [
    "broker_url",
    "database",
    "development_secret_key",
    "metrics_allowed_ips",
    "redis_url",
    "sentry_dsn",
    "storage",
]


def development_secret_key(env: Env, state_dir: Path) -> str:
    """Return the secret key for development: created once per checkout and shared by web, worker and commands."""
    path = state_dir / "secret_key"
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Written to a temporary file and linked: if processes start together, one wins and all read the same key.
            draft = path.with_suffix(f".{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        return path.read_text()
    except OSError:
        env.report(
            "ENGINEL_STATE_DIR",
            "ENGINEL_STATE_DIR cannot be used.",
            "Name a directory this user can write to.",
        )
        return secrets.token_urlsafe(48)


def database(env: Env, state_dir: Path, *, local: bool) -> dict[str, Any]:
    """Return the database of ``DATABASE_URL``; without one, SQLite, outside of production only."""
    fallback = f"sqlite:///{state_dir / 'db.sqlite3'}"
    url = env.url("DATABASE_URL", ("postgres", "postgresql", "sqlite"))
    if not url and not local and not any(problem.name == "DATABASE_URL" for problem in env.problems):
        env.report("DATABASE_URL", "DATABASE_URL is not set.", "Set postgresql://USER:PASSWORD@HOST:PORT/NAME.")
    config: dict[str, Any] = dict(dj_database_url.parse(url or fallback, conn_max_age=60, conn_health_checks=True))
    if config["ENGINE"].endswith("sqlite3"):
        # With WAL the web reads while a worker writes; IMMEDIATE takes the lock at the start, so that the
        # timeout applies instead of "database is locked" on the upgrade of a read transaction.
        config["CONN_MAX_AGE"] = 0
        config["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    else:
        config["OPTIONS"] = {"connect_timeout": 5, **config.get("OPTIONS", {})}
    return config


def redis_url(env: Env) -> str:
    """Return ``REDIS_URL``; empty when it is not set or no client accepts it."""
    url = env.url("REDIS_URL", ("redis", "rediss", "unix"), TOPOLOGY_SCHEMES)
    try:
        if has_topology(url):
            address = parse_topology(url)
            # The class of all its connections.
            connection_class = redis.SSLConnection if address.is_tls else redis.Connection
            redis.ConnectionPool(connection_class, **address.options).make_connection()
        elif url:
            redis.ConnectionPool.from_url(url).make_connection()
    except UnusableRedisURL as error:
        env.report("REDIS_URL", f"REDIS_URL {error}", error.hint)
        return ""
    except (TypeError, ValueError):
        env.report("REDIS_URL", "REDIS_URL has options that no client knows.", "Set redis://HOST:6379/0.")
        return ""
    return url


def broker_url(env: Env, redis_url: str) -> str:
    """Return the broker's URL in Celery's spelling: Redis, unless the environment sets another."""
    url = env.url("CELERY_BROKER_URL", ("redis", "rediss", "unix", "redis+socket"))
    if not url and has_topology(redis_url):
        if not any(problem.name == "CELERY_BROKER_URL" for problem in env.problems):
            env.report(
                "CELERY_BROKER_URL",
                "CELERY_BROKER_URL is not set, and Celery cannot use the cluster or the Sentinel of REDIS_URL.",
                "Set redis://HOST:6379/0 of a single server.",
            )
        return ""
    url = url or redis_url
    return f"redis+socket://{url.removeprefix('unix://')}" if url.startswith("unix://") else url


def sentry_dsn(env: Env) -> str:
    """Return ``SENTRY_DSN``; empty when it is not set or invalid."""
    dsn = env.url("SENTRY_DSN", ("http", "https"))
    try:
        return str(Dsn(dsn)) if dsn else ""
    except BadDsn:
        env.report("SENTRY_DSN", "SENTRY_DSN is no DSN.", "Copy it from the project's settings in Sentry.")
        return ""


def storage(env: Env, state_dir: Path) -> dict[str, Any]:
    """Return the file storage as an entry of ``STORAGES``."""
    if env.choice("ENGINEL_STORAGE", "local", ("local", "s3")) == "s3":
        bucket = env.text("ENGINEL_S3_BUCKET")
        if not bucket:
            env.report(
                "ENGINEL_S3_BUCKET",
                "ENGINEL_S3_BUCKET is not set.",
                "Name the bucket, or ENGINEL_STORAGE=local.",
            )
        options: dict[str, Any] = {"bucket_name": bucket, "default_acl": "private", "file_overwrite": False}
        if endpoint := env.url("ENGINEL_S3_ENDPOINT_URL", ("http", "https")):
            options["endpoint_url"] = endpoint
        if region := env.text("ENGINEL_S3_REGION"):
            options["region_name"] = region
        if access_key := env.secret("ENGINEL_S3_ACCESS_KEY"):
            options["access_key"] = access_key
            options["secret_key"] = env.secret("ENGINEL_S3_SECRET_KEY")
            if not options["secret_key"]:
                env.report("ENGINEL_S3_SECRET_KEY", "ENGINEL_S3_SECRET_KEY is not set.", "Set both keys, or none.")
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    location = env.text("ENGINEL_STORAGE_DIR", str(state_dir / "storage"))
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": location,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }


def metrics_allowed_ips(env: Env, *, local: bool) -> list[str]:
    """Return the networks that may read ``/metrics`` without a token."""
    allowed = env.words("ENGINEL_METRICS_ALLOWED_IPS", ("127.0.0.0/8", "::1") if local else ())
    try:
        return [str(ipaddress.ip_network(address, strict=False)) for address in allowed]
    except ValueError:
        env.report(
            "ENGINEL_METRICS_ALLOWED_IPS",
            "ENGINEL_METRICS_ALLOWED_IPS names something that is no address.",
            "Use addresses or networks, for example 10.0.0.7, 10.1.0.0/16.",
        )
        return []
